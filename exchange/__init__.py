"""The house exchange: matching, market data, order entry."""
