"""The checked operations that both modes run: plain Python here, the same rules for numba in `compiled.py`.

Invariant: an operation gives the same result, or fails with the same status at the same line, in both modes. Whole numbers
have 64 bits and fail instead of wrapping; a whole number that meets a float becomes one first; division by zero fails.
"""

import math
from typing import Any, NoReturn

from meridian.codes import CallStatus

__all__ = ["StrategyFailure", "fail"]

RAISED = int(CallStatus.RAISED)
OUT_OF_FUEL = int(CallStatus.OUT_OF_FUEL)
OUT_OF_BOUNDS = int(CallStatus.OUT_OF_BOUNDS)
OVERFLOW = int(CallStatus.OVERFLOW)
DIVISION_BY_ZERO = int(CallStatus.DIVISION_BY_ZERO)
BAD_PRICE = int(CallStatus.BAD_PRICE)
TOO_MANY_INTENTS = int(CallStatus.TOO_MANY_INTENTS)
BAD_NUMBER = int(CallStatus.BAD_NUMBER)

INT_MIN, INT_MAX = -(2**63), 2**63 - 1
INT_EDGE = 9223372036854775808.0  # The first float that no whole number of 64 bits reaches.


class StrategyFailure(Exception):
    """A callback failed; its status and line stand in the orders view."""


def fail(ctx: Any, status: int, line: int) -> NoReturn:
    """Leaves status and line in the view and ends the callback."""
    ctx.failure = status | line << 8
    raise StrategyFailure


def burn(ctx: Any, line: int) -> None:
    """One turn of a loop."""
    ctx.fuel -= 1
    if ctx.fuel < 0:
        fail(ctx, OUT_OF_FUEL, line)


def _whole(ctx: Any, value: int, line: int) -> int:
    if INT_MIN <= value <= INT_MAX:
        return value
    fail(ctx, OVERFLOW, line)


def _floats(a: Any, b: Any) -> bool:
    if not isinstance(a, (int, float)) or not isinstance(b, (int, float)):
        raise TypeError(f"a number is needed, not {type(a).__name__} and {type(b).__name__}")
    return type(a) is float or type(b) is float


def add(ctx: Any, a: Any, b: Any, line: int) -> Any:
    return float(a) + float(b) if _floats(a, b) else _whole(ctx, a + b, line)


def sub(ctx: Any, a: Any, b: Any, line: int) -> Any:
    return float(a) - float(b) if _floats(a, b) else _whole(ctx, a - b, line)


def mul(ctx: Any, a: Any, b: Any, line: int) -> Any:
    return float(a) * float(b) if _floats(a, b) else _whole(ctx, a * b, line)


def div(ctx: Any, a: Any, b: Any, line: int) -> float:
    _floats(a, b)
    if b == 0:
        fail(ctx, DIVISION_BY_ZERO, line)
    return float(a) / float(b)


def floordiv(ctx: Any, a: Any, b: Any, line: int) -> int:
    if _floats(a, b):
        raise TypeError("// is for whole numbers; math.floor(a / b) is the float's")
    if b == 0:
        fail(ctx, DIVISION_BY_ZERO, line)
    return _whole(ctx, a // b, line)


def mod(ctx: Any, a: Any, b: Any, line: int) -> int:
    if _floats(a, b):
        raise TypeError("% is for whole numbers; a - b * math.floor(a / b) is the float's")
    if b == 0:
        fail(ctx, DIVISION_BY_ZERO, line)
    return int(a % b)


def lshift(ctx: Any, a: Any, b: Any, line: int) -> int:
    if not 0 <= b <= 63:
        fail(ctx, OVERFLOW, line)
    return _whole(ctx, a << b, line)


def rshift(ctx: Any, a: Any, b: Any, line: int) -> int:
    if not 0 <= b <= 63:
        fail(ctx, OVERFLOW, line)
    return int(a >> b)


def bit_and(a: Any, b: Any) -> int:
    return int(a) & int(b)


def bit_or(a: Any, b: Any) -> int:
    return int(a) | int(b)


def bit_xor(a: Any, b: Any) -> int:
    return int(a) ^ int(b)


def invert(a: Any) -> int:
    return ~int(a)


def neg(ctx: Any, a: Any, line: int) -> Any:
    return -a if type(a) is float else _whole(ctx, -a, line)


def pos(a: Any) -> Any:
    return a if type(a) is float else int(a)


def absolute(ctx: Any, a: Any, line: int) -> Any:
    return abs(a) if type(a) is float else _whole(ctx, abs(a), line)


def lt(a: Any, b: Any) -> bool:
    return float(a) < float(b) if _floats(a, b) else bool(a < b)


def le(a: Any, b: Any) -> bool:
    return float(a) <= float(b) if _floats(a, b) else bool(a <= b)


def eq(a: Any, b: Any) -> bool:
    return float(a) == float(b) if _floats(a, b) else bool(a == b)


def gt(a: Any, b: Any) -> bool:
    return lt(b, a)


def ge(a: Any, b: Any) -> bool:
    return le(b, a)


def ne(a: Any, b: Any) -> bool:
    return not eq(a, b)


def minimum(a: Any, b: Any) -> Any:
    if _floats(a, b):
        a, b = float(a), float(b)
    return b if b < a else a


def maximum(a: Any, b: Any) -> Any:
    if _floats(a, b):
        a, b = float(a), float(b)
    return b if b > a else a


def to_int(ctx: Any, a: Any, line: int) -> int:
    """Towards zero; NaN, infinities and what has no 64-bit value fail."""
    if type(a) is float and not -INT_EDGE <= a < INT_EDGE:
        fail(ctx, OVERFLOW, line)
    return int(a)


def floor(ctx: Any, a: Any, line: int) -> int:
    if type(a) is float and not -INT_EDGE <= a < INT_EDGE:
        fail(ctx, OVERFLOW, line)
    return math.floor(a)


def ceil(ctx: Any, a: Any, line: int) -> int:
    if type(a) is float and not -INT_EDGE <= a < INT_EDGE:
        fail(ctx, OVERFLOW, line)
    return math.ceil(a)


def rounded(ctx: Any, a: Any, line: int) -> int:
    """To the nearest, halves to the even one."""
    if type(a) is float and not -INT_EDGE <= a < INT_EDGE:
        fail(ctx, OVERFLOW, line)
    return round(a)


def to_float(a: Any) -> float:
    return float(a)


def to_bool(a: Any) -> bool:
    return bool(a)


def step(ctx: Any, a: Any, line: int) -> int:
    """The step of a range."""
    if a == 0:
        fail(ctx, RAISED, line)
    return int(a)


def length(a: Any) -> int:
    return len(a)


def _place(ctx: Any, values: Any, index: Any, line: int) -> int:
    if type(index) is float:
        raise TypeError("an index is a whole number")
    count = len(values)
    place = index + count if index < 0 else index
    if not 0 <= place < count:
        fail(ctx, OUT_OF_BOUNDS, line)
    return int(place)


def get_item(ctx: Any, values: Any, index: Any, line: int) -> Any:
    return values[_place(ctx, values, index, line)]


def set_item(ctx: Any, values: Any, index: Any, value: Any, line: int) -> None:
    values[_place(ctx, values, index, line)] = value


def store_int(value: Any) -> int:
    """A value for a field of whole numbers."""
    if type(value) is float:
        raise TypeError("the field is int and the value a float: int(…), math.floor(…) or round(…) makes it whole")
    return int(value)


def store_float(value: Any) -> float:
    return float(value)


def store_bool(value: Any) -> bool:
    if type(value) is not bool:
        raise TypeError("the field is bool and the value is not: bool(…) makes it one")
    return value


def need_int(value: Any) -> int:
    """A price or a size for an order."""
    if type(value) is float:
        raise TypeError("a whole number is needed: orders.to_price(x, side) makes a price, int(…) a size")
    return int(value)
