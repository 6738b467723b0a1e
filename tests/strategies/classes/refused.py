"""Classes that may not be loaded; the comment at a line says a part of the sentence that refuses it."""

# mypy: ignore-errors
# ruff: noqa: F401

import math as python_math

from meridian.strategies import Book, Orders, Side, Strategy, param, state


class Allocates(Strategy):
    total: float = state(0.0)

    def on_book(self, book: Book, orders: Orders) -> None:
        prices = [book.bid_nanos, book.ask_nanos]  # expect: a list allocates
        self.total = sum(prices)  # expect: sum(…) is not known here
        self.total = max(level.lots for level in book.bids)  # expect: takes two or more
        text = f"{self.total}"  # expect: text allocates
        print(text)  # expect: print(…) is not known here


class Objects(Strategy):
    total: float = state(0.0)
    whole: int = state(0)
    size: int = param(1)

    def on_book(self, book: Book, orders: Orders) -> None:
        try:  # expect: errors are not caught here
            self.total = 1.0
        except ValueError:
            self.total = 2.0
        self.size = 2  # expect: self.size is a parameter
        self.other = 2  # expect: self.other is no state field
        book.age_ns = 3  # expect: views cannot
        self.total = python_math.sqrt(2.0)  # expect: is not known here
        orders.market(5)  # expect: orders.market(…) is not known
        self.total = self.missing  # expect: self.missing is no field
        import os  # expect: import at the top

        return 5  # expect: on_book returns nothing


class Kinds(Strategy):
    whole: int = state(0)

    def on_book(self, book: Book, orders: Orders) -> None:
        self.whole = book.microprice_nanos  # expect: a whole number is needed and this is a float


class Prices(Strategy):
    def on_book(self, book: Book, orders: Orders) -> None:
        orders.buy(book.mid_nanos, 1)  # expect: orders.to_price(x, side) makes a price


class Mixed(Strategy):
    total: float = state(0.0)

    def on_book(self, book: Book, orders: Orders) -> None:
        value = 0  # expect: value is sometimes
        if book.two_sided:
            value = 1.5
        self.total = value


class Unset(Strategy):
    total: float = state(0.0)

    def on_book(self, book: Book, orders: Orders) -> None:
        if book.two_sided:
            value = 1.5
        self.total = value  # expect: value may not be set here


class Recursive(Strategy):
    def on_book(self, book: Book, orders: Orders) -> None:
        self.again(book.age_ns, orders)

    def again(self, count: int, orders: Orders) -> None:
        if count > 0:
            self.again(count - 1, orders)  # expect: calls itself


class Unknown(Strategy):
    total: int = state(0)

    def on_book(self, book: Book, orders: Orders) -> None:
        self.total = book.bid_price  # expect: book has no bid_price


class Arguments(Strategy):
    def on_book(self, book: Book, orders: Orders) -> None:
        orders.quote(1, 2, 3, price=5)  # expect: the call does not fit


class Rebinds(Strategy):
    def on_book(self, book: Book, orders: Orders) -> None:
        orders = orders.on(1, 1)  # expect: orders is an argument of the callback
        orders.cancel_side(Side.BUY)
