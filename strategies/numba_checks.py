"""The checked operations as numba is taught them; the rules are those of `checks`, one function there, one here.

Invariant: for values of the same types each gives the bits that `checks` gives, or fails with the same status. What has a
type that `checks` raises a TypeError for is refused when the class is built.
"""

import operator
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import types
from numba.core.errors import TypingError
from numba.extending import intrinsic, overload, register_jitable

from meridian.strategies import checks, orders, transform, views
from meridian.strategies import math as strategy_math
from meridian.strategies.checks import DIVISION_BY_ZERO, INT_EDGE, INT_MIN, OUT_OF_BOUNDS, OVERFLOW, fail
from meridian.strategies.numba_types import Fixed, Pointer, at, put

__all__ = ["OPTIONS", "REFUSED", "install"]

OPTIONS: dict[str, Any] = {
    "error_model": "numpy", "_nrt": False, "no_cpython_wrapper": True, "no_cfunc_wrapper": True, "forceinline": False,
}  # fmt: skip
REFUSED = "refused: "


def teach(function: Any) -> Any:
    """Registers how numba types and implements a function."""
    return overload(function, jit_options=OPTIONS, strict=False)


def refuse(words: str) -> Any:
    """Ends the typing with words for the quant."""
    raise TypingError(f"{REFUSED}{words}.")


def _is_int(kind: Any) -> bool:
    return isinstance(kind, (types.Integer, types.Boolean))


def _is_float(kind: Any) -> bool:
    return isinstance(kind, types.Float)


def _numbers(*kinds: Any) -> bool:
    """Whether a float is among numbers; refuses what is no number."""
    for kind in kinds:
        if not _is_int(kind) and not _is_float(kind):
            refuse(f"a number is needed here, not {describe(kind)}")
    return any(_is_float(kind) for kind in kinds)


def describe(kind: Any) -> str:
    """A type in the quant's words."""
    if isinstance(kind, Pointer):
        return {"BookView": "a book", "Level": "a level", "WorkingOrder": "an order"}.get(kind.kind, f"a {kind.kind}")
    if isinstance(kind, Fixed):
        return "a list"
    if isinstance(kind, types.NoneType):
        return "nothing"
    return "orders" if isinstance(kind, types.BaseTuple) else str(kind)


def _overflowing(name: str) -> Any:
    @intrinsic
    def operation(typing_context: Any, a: Any, b: Any) -> Any:
        signature = types.Tuple((types.int64, types.boolean))(types.int64, types.int64)

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            pair = getattr(builder, name)(*arguments)
            parts = [builder.extract_value(pair, 0), builder.extract_value(pair, 1)]
            return context.make_tuple(builder, signature.return_type, parts)

        return signature, generate

    return operation


_add, _sub, _mul = (
    _overflowing("sadd_with_overflow"),
    _overflowing("ssub_with_overflow"),
    _overflowing("smul_with_overflow"),
)


@intrinsic
def _bits(typing_context: Any, x: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.IntType(64))

    return types.int64(types.float64), generate


@intrinsic
def _float(typing_context: Any, x: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.DoubleType())

    return types.float64(types.int64), generate


@intrinsic
def _root(typing_context: Any, x: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        function = builder.module.declare_intrinsic("llvm.sqrt", [ir.DoubleType()])
        return builder.call(function, arguments)

    return types.float64(types.float64), generate


def _arithmetic(function: Any, checked: Any, plain: Callable[[Any, Any], Any]) -> None:
    @teach(function)
    def implement(ctx: Any, a: Any, b: Any, line: Any) -> Any:
        if _numbers(a, b):
            return lambda ctx, a, b, line: plain(float(a), float(b))

        def whole(ctx: Any, a: Any, b: Any, line: Any) -> Any:
            result, over = checked(types.int64(a), types.int64(b))
            if over:
                fail(ctx, OVERFLOW, line)
            return result

        return whole


def _install_arithmetic() -> None:
    plain_add = register_jitable(**OPTIONS)(lambda a, b: a + b)
    plain_sub = register_jitable(**OPTIONS)(lambda a, b: a - b)
    plain_mul = register_jitable(**OPTIONS)(lambda a, b: a * b)
    _arithmetic(checks.add, _add, plain_add)
    _arithmetic(checks.sub, _sub, plain_sub)
    _arithmetic(checks.mul, _mul, plain_mul)

    @teach(checks.div)
    def div(ctx: Any, a: Any, b: Any, line: Any) -> Any:
        _numbers(a, b)

        def implement(ctx: Any, a: Any, b: Any, line: Any) -> Any:
            divisor = float(b)
            if divisor == 0.0:
                fail(ctx, DIVISION_BY_ZERO, line)
            return float(a) / divisor

        return implement

    @teach(checks.floordiv)
    def floordiv(ctx: Any, a: Any, b: Any, line: Any) -> Any:
        if _numbers(a, b):
            refuse("// is for whole numbers; math.floor(a / b) is the float's")

        def implement(ctx: Any, a: Any, b: Any, line: Any) -> Any:
            dividend, divisor = types.int64(a), types.int64(b)
            if divisor == 0:
                fail(ctx, DIVISION_BY_ZERO, line)
            if divisor == -1 and dividend == INT_MIN:
                fail(ctx, OVERFLOW, line)
            return dividend // divisor

        return implement

    @teach(checks.mod)
    def mod(ctx: Any, a: Any, b: Any, line: Any) -> Any:
        if _numbers(a, b):
            refuse("% is for whole numbers; a - b * math.floor(a / b) is the float's")

        def implement(ctx: Any, a: Any, b: Any, line: Any) -> Any:
            dividend, divisor = types.int64(a), types.int64(b)
            if divisor == 0:
                fail(ctx, DIVISION_BY_ZERO, line)
            if divisor == -1:  # The machine's remainder of INT_MIN traps.
                return types.int64(0)
            return dividend % divisor

        return implement


def _install_bits() -> None:
    @teach(checks.lshift)
    def lshift(ctx: Any, a: Any, b: Any, line: Any) -> Any:
        if _numbers(a, b):
            refuse("<< is for whole numbers")

        def implement(ctx: Any, a: Any, b: Any, line: Any) -> Any:
            value, places = types.int64(a), types.int64(b)
            if places < 0 or places > 63:
                fail(ctx, OVERFLOW, line)
            result = value << places
            if (result >> places) != value:
                fail(ctx, OVERFLOW, line)
            return result

        return implement

    @teach(checks.rshift)
    def rshift(ctx: Any, a: Any, b: Any, line: Any) -> Any:
        if _numbers(a, b):
            refuse(">> is for whole numbers")

        def implement(ctx: Any, a: Any, b: Any, line: Any) -> Any:
            value, places = types.int64(a), types.int64(b)
            if places < 0 or places > 63:
                fail(ctx, OVERFLOW, line)
            return value >> places

        return implement

    def bitwise(function: Any, sign: str, implement: Any) -> None:
        @teach(function)
        def choose(a: Any, b: Any) -> Any:
            if _numbers(a, b):
                refuse(f"{sign} is for whole numbers")
            return implement

    bitwise(checks.bit_and, "&", lambda a, b: types.int64(a) & types.int64(b))
    bitwise(checks.bit_or, "|", lambda a, b: types.int64(a) | types.int64(b))
    bitwise(checks.bit_xor, "^", lambda a, b: types.int64(a) ^ types.int64(b))

    @teach(checks.invert)
    def invert(a: Any) -> Any:
        if _numbers(a):
            refuse("~ is for whole numbers")
        return lambda a: ~types.int64(a)


def _install_signs() -> None:
    @teach(checks.neg)
    def neg(ctx: Any, a: Any, line: Any) -> Any:
        if _numbers(a):
            return lambda ctx, a, line: -a

        def implement(ctx: Any, a: Any, line: Any) -> Any:
            value = types.int64(a)
            if value == INT_MIN:
                fail(ctx, OVERFLOW, line)
            return -value

        return implement

    @teach(checks.absolute)
    def absolute(ctx: Any, a: Any, line: Any) -> Any:
        if _numbers(a):
            return lambda ctx, a, line: abs(a)

        def implement(ctx: Any, a: Any, line: Any) -> Any:
            value = types.int64(a)
            if value == INT_MIN:
                fail(ctx, OVERFLOW, line)
            return -value if value < 0 else value

        return implement

    @teach(checks.pos)
    def pos(a: Any) -> Any:
        return (lambda a: a) if _numbers(a) else (lambda a: types.int64(a))


def _compare(function: Any, test: Callable[[Any, Any], bool]) -> None:
    @teach(function)
    def choose(a: Any, b: Any) -> Any:
        if _numbers(a, b):
            return lambda a, b: test(float(a), float(b))
        return lambda a, b: test(types.int64(a), types.int64(b))


def _install_comparisons() -> None:
    for function, test in (
        (checks.lt, operator.lt), (checks.le, operator.le), (checks.gt, operator.gt), (checks.ge, operator.ge),
        (checks.eq, operator.eq), (checks.ne, operator.ne),
    ):  # fmt: skip
        _compare(function, test)

    @teach(checks.minimum)
    def minimum(a: Any, b: Any) -> Any:
        if _numbers(a, b):
            return lambda a, b: float(b) if float(b) < float(a) else float(a)
        return lambda a, b: types.int64(b) if types.int64(b) < types.int64(a) else types.int64(a)

    @teach(checks.maximum)
    def maximum(a: Any, b: Any) -> Any:
        if _numbers(a, b):
            return lambda a, b: float(b) if float(b) > float(a) else float(a)
        return lambda a, b: types.int64(b) if types.int64(b) > types.int64(a) else types.int64(a)


def _whole(function: Any, adjust: Any) -> None:
    @teach(function)
    def choose(ctx: Any, a: Any, line: Any) -> Any:
        if not _numbers(a):
            return lambda ctx, a, line: types.int64(a)

        def implement(ctx: Any, a: Any, line: Any) -> Any:
            if not (-INT_EDGE <= a < INT_EDGE):
                fail(ctx, OVERFLOW, line)
            return adjust(a, types.int64(a))

        return implement


def _install_conversions() -> None:
    jitable = register_jitable(**OPTIONS)
    # Beyond 2**52 floats are whole, so that the adjustments never meet the ends of the range.
    _whole(checks.to_int, jitable(lambda a, towards_zero: towards_zero))
    _whole(checks.floor, jitable(lambda a, towards_zero: towards_zero - 1 if float(towards_zero) > a else towards_zero))
    _whole(checks.ceil, jitable(lambda a, towards_zero: towards_zero + 1 if float(towards_zero) < a else towards_zero))

    def nearest(a: Any, towards_zero: Any) -> Any:
        rest = a - float(towards_zero)
        odd = (towards_zero & 1) == 1
        if rest > 0.5 or (rest == 0.5 and odd):
            return towards_zero + 1
        if rest < -0.5 or (rest == -0.5 and odd):
            return towards_zero - 1
        return towards_zero

    _whole(checks.rounded, jitable(nearest))

    @teach(checks.to_float)
    def to_float(a: Any) -> Any:
        _numbers(a)
        return lambda a: float(a)

    @teach(checks.to_bool)
    def to_bool(a: Any) -> Any:
        return (lambda a: a != 0.0) if _numbers(a) else (lambda a: types.int64(a) != 0)

    @teach(checks.step)
    def step(ctx: Any, a: Any, line: Any) -> Any:
        def implement(ctx: Any, a: Any, line: Any) -> Any:
            if a == 0:
                fail(ctx, checks.RAISED, line)
            return a

        return implement

    def strict(function: Any, words: str) -> None:
        @teach(function)
        def choose(value: Any) -> Any:
            if _numbers(value):
                refuse(words)
            return lambda value: types.int64(value)

    strict(
        checks.store_int,
        "a whole number is needed and this is a float: int(…), math.floor(…) or round(…) makes it whole",
    )
    strict(checks.need_int, "a whole number is needed: orders.to_price(x, side) makes a price, int(…) a size")

    @teach(checks.store_float)
    def store_float(value: Any) -> Any:
        _numbers(value)
        return lambda value: float(value)

    @teach(checks.store_bool)
    def store_bool(value: Any) -> Any:
        if not isinstance(value, types.Boolean):
            refuse("the field is bool and the value is not: bool(…) makes it one")
        return lambda value: value


def _install_lists() -> None:
    @teach(len)
    def fixed_length(values: Any) -> Any:
        if isinstance(values, Fixed):
            count = values.length
            return lambda values: count
        return None

    @teach(operator.getitem)
    def unchecked(values: Any, place: Any) -> Any:  # For the functions of `views`, `orders` and `math` alone.
        return (lambda values, place: at(values, place)) if isinstance(values, Fixed) else None

    def need_list(values: Any) -> int:
        if not isinstance(values, Fixed):
            refuse(f"a list is needed here, not {describe(values)}")
        return int(values.length)

    @teach(checks.length)
    def length(a: Any) -> Any:
        count = need_list(a)
        return lambda a: count

    @teach(checks.get_item)
    def get_item(ctx: Any, values: Any, index: Any, line: Any) -> Any:
        count = need_list(values)
        if _numbers(index):
            refuse("an index is a whole number")

        def implement(ctx: Any, values: Any, index: Any, line: Any) -> Any:
            place = types.int64(index)
            if place < -count or place >= count:
                fail(ctx, OUT_OF_BOUNDS, line)
            return at(values, place + count if place < 0 else place)

        return implement

    @teach(checks.set_item)
    def set_item(ctx: Any, values: Any, index: Any, value: Any, line: Any) -> Any:
        count = need_list(values)
        if _numbers(index):
            refuse("an index is a whole number")

        def implement(ctx: Any, values: Any, index: Any, value: Any, line: Any) -> Any:
            place = types.int64(index)
            if place < -count or place >= count:
                fail(ctx, OUT_OF_BOUNDS, line)
            put(values, place + count if place < 0 else place, value)

        return implement


def _install_loops() -> None:
    def working(kind: Any) -> bool:
        if isinstance(kind, types.BaseTuple) and getattr(kind, "instance_class", None) is views.WorkingBound:
            return True
        if not isinstance(kind, Fixed):
            refuse(f"range(…), orders.working, levels and lists can be looped over, not {describe(kind)}")
        return False

    @teach(transform.first_place)
    def first_place(iterable: Any) -> Any:
        working(iterable)
        return lambda iterable: types.int64(-1)

    @teach(transform.next_place)
    def next_place(iterable: Any, place: Any) -> Any:
        if not working(iterable):
            count = iterable.length
            return lambda iterable, place: place + 1 if place + 1 < count else types.int64(-1)

        def search(iterable: Any, place: Any) -> Any:
            view = iterable.memory
            place += 1
            while place < view.working_count and view.working[place].listing != iterable.listing:
                place += 1
            return place if place < view.working_count else types.int64(-1)

        return search

    @teach(transform.element_at)
    def element_at(iterable: Any, place: Any) -> Any:
        if working(iterable):
            return lambda iterable, place: iterable.memory.working[place]
        return lambda iterable, place: at(iterable, place)


def _kind(value: Any) -> str:
    if isinstance(value, Pointer):
        return value.kind
    tuple_class: Any = getattr(value, "instance_class", None)
    return {views.OrdersBound: "Orders", views.WorkingBound: "Working"}.get(tuple_class, str(value))


def _install_getter(name: str) -> None:
    table = views.PROPERTIES[name]

    @teach(views.GETTERS[name])
    def choose(obj: Any) -> Any:
        function = table.get(_kind(obj))
        if function is not None:
            return lambda obj: function(obj)
        if not isinstance(obj, Pointer) or name not in obj.fields:
            refuse(f"{describe(obj)} has no {name}")
        namespace: dict[str, Any] = {}
        exec(f"def field(obj): return obj.{name}", namespace)
        return namespace["field"]


def _install_math() -> None:
    @teach(strategy_math.float_bits)
    def float_bits(x: Any) -> Any:
        return lambda x: _bits(x)

    @teach(strategy_math.bits_float)
    def bits_float(bits: Any) -> Any:
        return lambda bits: _float(bits)

    for function in strategy_math.SHARED:
        if function is not strategy_math.sqrt:
            register_jitable(**OPTIONS)(function)

    @teach(strategy_math.sqrt)
    def sqrt(x: Any) -> Any:
        return lambda x: _root(float(x)) if float(x) >= 0.0 else float("nan")


_installed = False


def install() -> None:
    """Teaches numba everything, once a process."""
    global _installed
    if _installed:
        return
    _installed = True
    jitable = register_jitable(**OPTIONS)
    for function in (checks.fail, checks.burn, *views.SHARED, *orders.SHARED):
        jitable(function)
    _install_arithmetic()
    _install_bits()
    _install_signs()
    _install_comparisons()
    _install_conversions()
    _install_lists()
    _install_loops()
    _install_math()
    for name in views.PROPERTIES:
        _install_getter(name)
