"""A strategy of tests that does nothing until it is told how to end its engine's process. As a class it never does: its object
code is replaced by code of `poison.py` that no check of the plugin API stands before."""

from meridian.strategies import Book, Orders, Strategy, param


class Poison(Strategy):
    """Looks at books."""

    api = 1

    how: int = param(
        0, ge=0, le=3, live=True, help="0: not at all, 1: a null pointer, 2: an abort, 3: it never comes back."
    )

    def on_book(self, book: Book, orders: Orders) -> None:
        """Nothing."""
