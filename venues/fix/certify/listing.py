"""How cases are written down: one function each, numbered by their place in the list.

Invariant: numbers follow from the order of the functions alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from meridian.venues.fix.certify.model import Case

if TYPE_CHECKING:
    from meridian.venues.fix.certify.run import Run

Play = Callable[["Run"], str]


class Listing:
    """The cases of a group, as they are defined."""

    def __init__(self, letter: str) -> None:
        self.letter = letter
        self.cases: list[Case] = []

    def case(self, name: str, title: str, *, standard: str, expected: str) -> Callable[[Play], Play]:
        """Makes the function below a case."""

        def add(play: Play) -> Play:
            number = f"{self.letter}{len(self.cases) + 1}"
            found = Case(number=number, title=title, name=name, standard=standard, expected=expected, play=play)
            self.cases.append(found)
            return play

        return add
