"""The functions of floats: the same bits in both modes, and close to the C library's."""

import math as python_math
import random
from pathlib import Path

import pytest

from meridian.codes import Callback
from meridian.strategies import math
from meridian.strategies import probe as random_views
from tests.strategies.classes.functions import COUNT, Functions
from tests.strategies.pair import Pair


def test_modes_agree_to_the_bit_on_20000_values(code_directory: Path) -> None:
    pair = Pair(Functions, code_directory)
    rng = random.Random(2)
    for _ in range(20_000 // COUNT):
        orders = random_views.orders_view(rng, fuel=COUNT)
        assert pair.call(Callback.TIMER, random_views.event(rng, Callback.TIMER, orders), orders).status == 0


def ulps(ours: float, theirs: float) -> float:
    """Distance in units of the last place."""
    if ours == theirs or (python_math.isnan(ours) and python_math.isnan(theirs)):
        return 0.0
    return abs(ours - theirs) / python_math.ulp(theirs)


def test_close_to_the_c_library() -> None:
    rng = random.Random(4)
    for _ in range(5_000):
        x = rng.uniform(-700, 700)
        assert ulps(math.exp(x), python_math.exp(x)) <= 1
        y = python_math.exp(x)
        assert ulps(math.log(y), python_math.log(y)) <= 1
        assert math.sqrt(y) == python_math.sqrt(y)
        base, power = python_math.exp(rng.uniform(-20, 20)), rng.uniform(-30, 30)
        assert ulps(math.pow(base, power), base**power) <= 8


INF, NAN = python_math.inf, python_math.nan
SPECIAL = (0.0, -0.0, 1.0, -1.0, 2.0, -2.0, 0.5, -0.5, 3.0, -3.0, 1e300, -1e300, INF, -INF, NAN)


def same(ours: float, theirs: float) -> bool:
    """Equal, the sign of zero and NaN included."""
    if python_math.isnan(theirs):
        return python_math.isnan(ours)
    return ulps(ours, theirs) <= 1 and python_math.copysign(1, ours) == python_math.copysign(1, theirs)


@pytest.mark.parametrize("x", SPECIAL)
@pytest.mark.parametrize("y", SPECIAL)
def test_pow_of_special_values(x: float, y: float) -> None:
    try:
        expected = python_math.pow(x, y)
    except OverflowError:
        expected = -INF if x < 0 and y % 2 == 1 else INF
    except ValueError:
        expected = NAN if x != 0 else (-INF if python_math.copysign(1, x) < 0 and y % 2 == 1 else INF)
    assert same(math.pow(x, y), expected)


def test_outside_the_domain_is_no_error() -> None:
    assert math.log(0.0) == -INF
    assert math.isnan(math.log(-1.0)) and math.isnan(math.sqrt(-1.0))
    assert (math.exp(1e9), math.exp(-1e9), math.exp(-INF)) == (INF, 0.0, 0.0)
    assert math.exp(-745.1) == 5e-324
    assert math.isnan(math.mean([])) and math.sum([]) == 0.0
    with pytest.raises(OverflowError):
        math.floor(INF)
