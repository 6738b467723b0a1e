"""Execution algorithms: strategies that work one parent order off, and trade nothing else.

    twap, vwap, pov            by a schedule: time, a volume curve, a share of the market's volume
    iceberg, pegged, sniper    at a price: a part shown at a time, beside the market, only when the price is there
    router                     over several venues, by what a fill costs in the end

Each is a plugin: `meridian strategy available` lists them, `meridian backtest twap --set side=1 --set lots=5000 …` tries one.
What all of them promise, and how, stands in `parent.py`.
"""
