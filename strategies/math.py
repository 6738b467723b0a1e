"""Functions of floats for strategies: one implementation, the same bits in plain and compiled mode.

Source of the forms of `exp` and `log` and of their coefficients: the minimax approximations of Sun's fdlibm (e_exp, e_log),
within 1 ulp; `pow` takes the logarithm in two words and is within 8 ulp. Every step is one IEEE 754 operation in the order
written; `sqrt` is correctly rounded by IEEE 754.

Invariant: outside its domain a function gives NaN or an infinity and never raises, so that neither mode can differ;
`floor`, `ceil` and `trunc` give whole numbers and fail when there is none of 64 bits.
"""

import math as _math
import struct as _struct
from collections.abc import Sequence
from typing import Any

__all__ = ["ceil", "exp", "floor", "isfinite", "isnan", "log", "mean", "pow", "sqrt", "std", "sum", "trunc", "variance"]

_NAN = float("nan")
_INF = float("inf")
_LN2_HIGH = 6.93147180369123816490e-01
_LN2_LOW = 1.90821492927058770002e-10
_INVERSE_LN2 = 1.44269504088896338700e00
_EXP_MAX = 7.09782712893383973096e02
_EXP_MIN = -7.45133219101941108420e02
_P1, _P2, _P3 = 1.66666666666666019037e-01, -2.77777777770155933842e-03, 6.61375632143793436117e-05
_P4, _P5 = -1.65339022054652515390e-06, 4.13813679705723846039e-08
_L1, _L2, _L3 = 6.666666666666735130e-01, 3.999999999940941908e-01, 2.857142874366239149e-01
_L4, _L5, _L6, _L7 = (
    2.222219843214978396e-01,
    1.818357216161805012e-01,
    1.531383769920937332e-01,
    1.479819860511658591e-01,
)
_SQRT_HALF_BITS = 0x3FE6A09E667F3BCD
_ONE_BITS = 0x3FF0000000000000
_FRACTION = 0x000FFFFFFFFFFFFF
_SPLIT = 134217729.0  # 2**27 + 1: splits a float into two halves that multiply exactly (Dekker 1971).
_TWO_54 = 18014398509481984.0


def float_bits(x: float) -> int:
    """The bits of a float as a signed whole number."""
    return int(_struct.unpack("<q", _struct.pack("<d", x))[0])


def bits_float(bits: int) -> float:
    """The float that has these bits."""
    return float(_struct.unpack("<d", _struct.pack("<q", bits))[0])


def sqrt(x: float) -> float:
    """Square root; NaN below zero."""
    return _math.sqrt(x) if x >= 0.0 else _NAN


def isnan(x: float) -> bool:
    """Whether it is no number."""
    return x != x


def isfinite(x: float) -> bool:
    """Whether it is a number and no infinity."""
    return x - x == 0.0


def _scaled(y: float, k: int) -> float:
    # In two steps, each an exact power of two, so that the ends of the range are reached.
    half = k >> 1
    return y * bits_float((half + 1023) << 52) * bits_float((k - half + 1023) << 52)


def _exp_reduced(high: float, low: float, k: int) -> float:
    r = high - low
    t = r * r
    c = r - t * (_P1 + t * (_P2 + t * (_P3 + t * (_P4 + t * _P5))))
    return _scaled(1.0 - ((low - (r * c) / (2.0 - c)) - high), k)


def exp(x: float) -> float:
    """e to the power x."""
    x = float(x)
    if x != x:
        return x
    if x > _EXP_MAX:
        return _INF
    if x < _EXP_MIN:
        return 0.0
    k = int(_INVERSE_LN2 * x + (0.5 if x >= 0.0 else -0.5))
    return _exp_reduced(x - float(k) * _LN2_HIGH, float(k) * _LN2_LOW, k)


def _exponent(x: float) -> int:
    # x = m * 2**k with m in [sqrt(1/2), sqrt(2)); x is positive and finite.
    shift = 0
    if x < 2.2250738585072014e-308:
        x = x * _TWO_54
        shift = 54
    return ((float_bits(x) - _SQRT_HALF_BITS) >> 52) - shift


def _fraction(x: float, k: int) -> float:
    return _scaled(x, -k)


def log(x: float) -> float:
    """Natural logarithm; minus infinity of zero, NaN below."""
    x = float(x)
    if x != x or x == _INF:
        return x
    if x <= 0.0:
        return -_INF if x == 0.0 else _NAN
    k = _exponent(x)
    f = _fraction(x, k) - 1.0
    s = f / (2.0 + f)
    z = s * s
    w = z * z
    odd = z * (_L1 + w * (_L3 + w * (_L5 + w * _L7)))
    even = w * (_L2 + w * (_L4 + w * _L6))
    half = 0.5 * f * f
    return float(k) * _LN2_HIGH - ((half - (s * (half + (odd + even)) + float(k) * _LN2_LOW)) - f)


def _product_error(a: float, b: float, product: float) -> float:
    # What a * b lost by rounding (Dekker 1971); operands are below 2**900.
    t = _SPLIT * a
    a_high = t - (t - a)
    a_low = a - a_high
    t = _SPLIT * b
    b_high = t - (t - b)
    b_low = b - b_high
    return ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low


def _pow_positive(x: float, y: float) -> float:
    # exp(y * log x) with the logarithm in two words. log m = 2 s + 2 s**3 / 3 + …, s = (m - 1) / (m + 1).
    k = _exponent(x)
    m = _fraction(x, k)
    below, above = m - 1.0, m + 1.0
    above_error = (m - above) + 1.0
    s = below / above
    product = s * above
    s_low = ((below - product) - _product_error(s, above, product) - s * above_error) / above
    z = s * s
    tail = 0.0
    for n in range(21, 3, -2):
        tail = z * (tail + 1.0 / float(n))
    cube = s * z
    cube_error = _product_error(s, z, cube) + s * (_product_error(s, s, z) + 2.0 * s * s_low)
    third = cube / 3.0
    third_product = third * 3.0
    third_low = ((cube - third_product) - _product_error(third, 3.0, third_product) + cube_error) / 3.0
    log_high = s + third
    log_low = ((s - log_high) + third) + (s_low + third_low + cube * tail)
    log_high, log_low = 2.0 * log_high, 2.0 * log_low
    # k * ln 2: the first word has enough trailing zeros for the product to be exact.
    whole = float(k) * _LN2_HIGH
    high = whole + log_high if k != 0 else log_high
    low = ((whole - high) + log_high) + (log_low + float(k) * _LN2_LOW) if k != 0 else log_low
    product = y * high
    if product > 800.0:
        return _INF
    if product < -800.0:
        return 0.0
    rest = _product_error(y, high, product) + y * low
    n = int(_INVERSE_LN2 * product + (0.5 if product >= 0.0 else -0.5))
    if n > 1024:
        return _INF
    if n < -1075:
        return 0.0
    return _exp_reduced(product - float(n) * _LN2_HIGH, float(n) * _LN2_LOW - rest, n)


def pow(x: float, y: float) -> float:
    """x to the power y, the special cases of IEEE 754 9.2.1."""
    x = float(x)
    y = float(y)
    if y == 0.0 or x == 1.0:
        return 1.0
    if x != x or y != y:
        return _NAN
    size = x if x >= 0.0 else -x
    negative = x < 0.0 or (x == 0.0 and float_bits(x) < 0)
    large = 9007199254740992.0
    y_size = y if y >= 0.0 else -y
    whole = y_size >= large or float(int(y_size)) == y_size
    odd = whole and y_size < large and int(y_size) & 1 == 1
    if x < 0.0 and not whole and size != _INF:
        return _NAN
    if y_size == _INF:
        if size == 1.0:
            return 1.0
        result = _INF if (size > 1.0) == (y > 0.0) else 0.0
    elif size == 0.0 or size == _INF:
        result = _INF if (size == _INF) == (y > 0.0) else 0.0
    elif size == 1.0:
        result = 1.0
    elif y == 2.0:
        result = size * size
    elif y == 0.5:
        result = sqrt(size)
    elif y_size > 1e200:
        result = _INF if (size > 1.0) == (y > 0.0) else 0.0
    else:
        result = _pow_positive(size, y)
    return -result if negative and odd else result


def sum(values: Sequence[float]) -> float:
    """The sum, added from the first to the last."""
    total = 0.0
    for index in range(len(values)):
        total += float(values[index])
    return total


def mean(values: Sequence[float]) -> float:
    """The sum over the count; NaN of nothing."""
    count = len(values)
    return sum(values) / float(count) if count > 0 else _NAN


def variance(values: Sequence[float]) -> float:
    """The mean square distance from the mean (of the whole, not of a sample); NaN of nothing."""
    centre = mean(values)
    count = len(values)
    total = 0.0
    for index in range(count):
        distance = float(values[index]) - centre
        total += distance * distance
    return total / float(count) if count > 0 else _NAN


def std(values: Sequence[float]) -> float:
    """The root of the variance."""
    return sqrt(variance(values))


def floor(x: float) -> int:
    """The largest whole number not above; fails without one of 64 bits."""
    return _bounded(x, _math.floor)


def ceil(x: float) -> int:
    """The smallest whole number not below; fails without one of 64 bits."""
    return _bounded(x, _math.ceil)


def trunc(x: float) -> int:
    """Towards zero; fails without a whole number of 64 bits."""
    return _bounded(x, _math.trunc)


def _bounded(x: float, function: Any) -> int:
    if not -9223372036854775808.0 <= x < 9223372036854775808.0:
        raise OverflowError(f"{x!r} has no whole number of 64 bits")
    return int(function(x))


SHARED = (sqrt, isnan, isfinite, _scaled, _exp_reduced, exp, _exponent, _fraction, log, _product_error, _pow_positive, pow,
          sum, mean, variance, std)  # fmt: skip
