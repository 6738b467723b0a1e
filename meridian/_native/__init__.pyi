"""The extension: one submodule a room. Each room re-exports its own part; import from the room."""

from meridian._native import alpha as alpha
from meridian._native import analytics as analytics
from meridian._native import book as book
from meridian._native import coordination as coordination
from meridian._native import engine as engine
from meridian._native import exchange as exchange
from meridian._native import journal as journal
from meridian._native import links as links
from meridian._native import records as records
from meridian._native import risk as risk
from meridian._native import strategies as strategies
from meridian._native import tiles as tiles
from meridian._native import venues as venues
from meridian._native import wire as wire

__version__: str
PROFILE: str
"""How it was built: `release`, or `dev` (too slow to measure)."""
