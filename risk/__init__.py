"""The limit tree, its controls and the kill switches."""

from meridian.risk.limits import Limits
from meridian.risk.tree import Exposure, Hold, LimitTree, Line, Prices, Refusal, code_of

__all__ = ["Exposure", "Hold", "LimitTree", "Limits", "Line", "Prices", "Refusal", "code_of"]
