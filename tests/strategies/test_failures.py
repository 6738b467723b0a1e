"""A callback that fails does so at the same step in both modes: status, line, state and intents are the same."""

import random
from pathlib import Path

import pytest

from meridian.codes import Callback, CallStatus
from meridian.strategies import probe as random_views
from tests.strategies.classes import failing
from tests.strategies.classes.failing import Failing
from tests.strategies.pair import Answer, Pair

SOURCE = Path(failing.__file__).read_text().splitlines()
NAN_LOG = -1.0

CASES = [
    (1, {}, CallStatus.RAISED, "raise"),
    (2, {}, CallStatus.OUT_OF_FUEL, "forever"),
    (3, {"number": 4}, CallStatus.OUT_OF_BOUNDS, "write"),
    (3, {"number": -5}, CallStatus.OUT_OF_BOUNDS, "write"),
    (4, {"number": 2**40}, CallStatus.OUT_OF_BOUNDS, "read"),
    (5, {"number": 1}, CallStatus.OVERFLOW, "add"),
    (6, {"number": 1}, CallStatus.OVERFLOW, "multiply"),
    (7, {"number": 0}, CallStatus.DIVISION_BY_ZERO, "floor"),
    (8, {"number": 0}, CallStatus.DIVISION_BY_ZERO, "divide"),
    (9, {"number": 0}, CallStatus.DIVISION_BY_ZERO, "modulo"),
    (10, {"real": -1.0}, CallStatus.BAD_PRICE, "price"),
    (10, {"real": 0.0}, CallStatus.BAD_PRICE, "price"),
    (10, {"real": 0.5}, CallStatus.BAD_PRICE, "price"),
    (11, {}, CallStatus.TOO_MANY_INTENTS, "flood"),
    (12, {"real": 1e10}, CallStatus.OVERFLOW, "int"),
    (13, {}, CallStatus.OUT_OF_BOUNDS, "deeper"),
    (14, {"number": 100}, CallStatus.RAISED, "assert"),
    (15, {}, CallStatus.OUT_OF_FUEL, "range"),
    (16, {}, CallStatus.OUT_OF_BOUNDS, "listing"),
    (17, {"number": 2}, CallStatus.OVERFLOW, "subtract"),
    (18, {"number": 3}, CallStatus.OVERFLOW, "shift"),
    (19, {"number": 3}, CallStatus.RAISED, "side"),
    (20, {"number": 0}, CallStatus.RAISED, "step"),
]


def line_of(comment: str) -> int:
    """The line that ends with a comment."""
    return next(number for number, line in enumerate(SOURCE, 1) if line.endswith(f"# {comment}"))


def call(pair: Pair, callback: Callback = Callback.TIMER, fuel: int = 1_000) -> Answer:
    """One call on fixed views."""
    rng = random.Random(1)
    orders = random_views.orders_view(rng, fuel=fuel)
    return pair.call(callback, random_views.event(rng, callback, orders), orders)


@pytest.mark.parametrize(("how", "values", "status", "comment"), CASES, ids=lambda value: str(value))
def test_a_failure_has_the_same_status_and_line(
    how: int, values: dict[str, float], status: CallStatus, comment: str, code_directory: Path
) -> None:
    pair = Pair(Failing, code_directory)
    pair.set(how=how, **values)
    answer = call(pair)
    assert CallStatus(answer.status) is status
    assert answer.line == line_of(comment)


def test_fuel_ends_at_the_same_turn(code_directory: Path) -> None:
    pair = Pair(Failing, code_directory)
    pair.set(how=2)
    for fuel in (0, 1, 2, 77):
        assert call(pair, fuel=fuel).status == CallStatus.OUT_OF_FUEL
    pair.set(how=15)
    assert call(pair, fuel=999_999).status == CallStatus.OUT_OF_FUEL
    assert call(pair, fuel=1_000_000).status == 0


def test_a_level_beyond_the_view_is_out_of_bounds(code_directory: Path) -> None:
    pair = Pair(Failing, code_directory)
    for number, status in ((4, 0), (-5, 0), (5, CallStatus.OUT_OF_BOUNDS), (-6, CallStatus.OUT_OF_BOUNDS)):
        pair.set(number=number)
        assert call(pair, Callback.BOOK).status == status


def test_a_callback_that_does_not_fail_is_done(code_directory: Path) -> None:
    pair = Pair(Failing, code_directory)
    answer = call(pair)
    assert (answer.status, len(answer.intents)) == (0, 1)
