"""The limit tree, its controls and the kill switches.

Invariant: importing this package imports nothing heavy; a name is loaded when it is first asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from meridian.risk.limits import Limits
    from meridian.risk.tree import Exposure, Hold, LimitTree, Line, Prices, Refusal, code_of

__all__ = ["Exposure", "Hold", "LimitTree", "Limits", "Line", "Prices", "Refusal", "code_of"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = import_module("meridian.risk.limits" if name == "Limits" else "meridian.risk.tree")
    return getattr(module, name)
