"""Meridian: a multi-venue trading platform.

The rooms (`meridian.strategies`, `meridian.risk`, `meridian.venues`, …) stand at the
top of the tree and are linked here.
Invariant: importing this package imports nothing else; `meridian._native` is the only extension.
"""

__version__ = "0.1.0"
