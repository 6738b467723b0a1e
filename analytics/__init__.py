"""After the trade: PnL, execution quality, reports."""
