"""Classes written for other versions of the plugin API; the comment marks the line that a refusal names."""

# mypy: ignore-errors

from meridian.strategies import Book, Orders, Strategy


class Both(Strategy):
    api = (1, 3)

    def on_book(self, book: Book, orders: Orders) -> None:
        orders.cancel_all()


class Silent(Strategy):
    def on_book(self, book: Book, orders: Orders) -> None:
        orders.cancel_all()


class Future(Strategy):
    api = 7  # Future

    def on_book(self, book: Book, orders: Orders) -> None:
        orders.cancel_all()


class Ancient(Strategy):
    api = 0  # Ancient

    def on_book(self, book: Book, orders: Orders) -> None:
        orders.cancel_all()


class Wrong(Strategy):
    api = "one"  # Wrong

    def on_book(self, book: Book, orders: Orders) -> None:
        orders.cancel_all()
