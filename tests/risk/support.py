"""Files that the tests of risk start from, and writing them."""

from __future__ import annotations

from pathlib import Path

REFERENCE = """
version = 1
[venues.XNAS]
id = 1
calendar = "daily"
replace_quantity = "total"
[venues.XBOS]
id = 2
calendar = "daily"
replace_quantity = "remaining"
[calendars.daily]
time_zone = "America/New_York"
open = 09:30:00
close = 16:00:00
holidays = [2026-12-25]
early_closes = { "2026-12-24" = 13:00:00 }
[tick_tables.cents]
id = 1
rows = [{ from = 0, tick = 0.0001 }, { from = 1, tick = 0.01 }]
[sectors.technology]
id = 1
[underlyings.ES]
id = 1
[instruments.AAPL]
id = 1
class = "equity"
prior_close = 100
sector = "technology"
[instruments.ES]
id = 2
class = "future"
units_per_lot = 50
prior_close = 100
underlying = "ES"
[[listings]]
instrument = "AAPL"
venue = "XNAS"
symbol = "AAPL"
tick_table = "cents"
[[listings]]
instrument = "AAPL"
venue = "XBOS"
symbol = "AAPL"
tick_table = "cents"
[[listings]]
instrument = "ES"
venue = "XNAS"
symbol = "ES"
tick_table = "cents"
"""

LIMITS = """
version = 1
limits = [
  { id = 1, node = "firm", metric = "order_quantity", lots = 40 },
  { id = 2, node = "firm", metric = "order_notional", money = 1_000_000 },
  { id = 3, node = "firm", metric = "price_collar", percent = 5, reference_age = "5s" },
  { id = 4, node = "firm", metric = "message_rate", count = 1_000_000, window = "1s", burst = 1_000_000 },
  { id = 5, node = "firm", metric = "open_orders", orders = 9 },
  { id = 6, node = "firm", metric = "position_long", lots = 100 },
  { id = 7, node = "firm", metric = "position_short", lots = 100, soft_percent = 70 },
  { id = 8, node = "firm", metric = "gross_exposure", money = 600_000 },
  { id = 11, node = "maker", metric = "order_quantity", lots = 40 },
  { id = 12, node = "maker", metric = "order_notional", money = 1_000_000 },
  { id = 13, node = "maker", metric = "price_collar", percent = 5, reference_age = "5s" },
  { id = 14, node = "maker", metric = "message_rate", count = 1_000_000, window = "1s", burst = 1_000_000 },
  { id = 15, node = "maker", metric = "open_orders", orders = 6, soft_percent = 50 },
  { id = 16, node = "maker", metric = "position_long", lots = 100 },
  { id = 17, node = "maker", metric = "position_short", lots = 100 },
  { id = 18, node = "maker", metric = "gross_exposure", money = 400_000 },
  { id = 21, node = "taker", metric = "order_quantity", lots = 40 },
  { id = 22, node = "taker", metric = "order_notional", money = 1_000_000 },
  { id = 23, node = "taker", metric = "price_collar", percent = 5, reference_age = "5s" },
  { id = 24, node = "taker", metric = "message_rate", count = 1_000_000, window = "1s", burst = 1_000_000 },
  { id = 25, node = "taker", metric = "open_orders", orders = 100 },
  { id = 26, node = "taker", metric = "position_long", lots = 60 },
  { id = 27, node = "taker", metric = "position_short", lots = 60 },
  { id = 28, node = "taker", metric = "gross_exposure", money = 600_000 },
  { id = 31, node = "mm-1", metric = "position_long", lots = 70 },
  { id = 32, node = "mm-1", metric = "position_short", lots = 70 },
  { id = 33, node = "desk", metric = "position_long", lots = 45, venue = "XBOS" },
  { id = 35, node = "tk-1", metric = "daily_value", money = 150_000 },
  { id = 36, node = "taker", metric = "daily_quantity", lots = 180 },
  { id = 37, node = "desk", metric = "daily_quantity", lots = 120, venue = "XBOS" },
  { id = 34, node = "desk", metric = "position_short", lots = 45, venue = "XBOS" },
]
[nodes.firm]
id = 1
level = "firm"
[nodes.region]
id = 2
level = "region"
parent = "firm"
[nodes.desk]
id = 3
level = "desk"
parent = "region"
[nodes.maker]
id = 4
level = "strategy"
parent = "desk"
[nodes.mm-1]
id = 5
level = "account"
parent = "maker"
[nodes.taker]
id = 6
level = "strategy"
parent = "desk"
[nodes.tk-1]
id = 7
level = "account"
parent = "taker"
"""


def write(folder: Path, name: str, text: str) -> Path:
    """Writes a file; returns its path."""
    path = folder / name
    path.write_text(text)
    return path
