"""A strategy whose timer fails in the way that a parameter chooses; the tests find the line by its comment."""

from meridian.strategies import Book, Orders, Side, Strategy, Timer, math, param, state


class Failing(Strategy):
    """Fails on the timer."""

    how: int = param(0)
    number: int = param(1)
    real: float = param(1.0)

    turns: int = state(0)
    whole: int = state(0)
    value: float = state(0.0)
    window: list[int] = state([0] * 4)

    def on_timer(self, timer: Timer, orders: Orders) -> None:
        """Each way to fail, after a step that leaves a mark in the state."""
        self.turns += 1
        orders.buy(1_000_000_000, 1)
        if self.how == 1:
            raise ValueError("anything")  # raise
        if self.how == 2:
            while True:  # forever
                self.whole += 1
        if self.how == 3:
            self.window[self.number] = 7  # write
        if self.how == 4:
            self.whole = self.window[self.number]  # read
        if self.how == 5:
            self.whole = 9_223_372_036_854_775_807 + self.number  # add
        if self.how == 6:
            self.whole = 4_000_000_000 * (self.number + 4_000_000_000)  # multiply
        if self.how == 7:
            self.whole = 10 // self.number  # floor
        if self.how == 8:
            self.value = self.real / self.number  # divide
        if self.how == 9:
            self.whole = 10 % self.number  # modulo
        if self.how == 10:
            self.whole = orders.to_price(math.log(self.real), Side.BUY)  # price
        if self.how == 11:
            for _ in range(100):
                orders.sell(1_000_000_000, 1)  # flood
        if self.how == 12:
            self.whole = int(self.real * 1e300)  # int
        if self.how == 13:
            self.deeper(orders)
        if self.how == 14:
            assert self.number > 100  # assert
        if self.how == 15:
            for index in range(1_000_000):  # range
                self.whole += index
        if self.how == 16:
            there = orders.on(99, 99)  # listing
            there.cancel_all()
        if self.how == 17:
            self.whole = -9_223_372_036_854_775_807 - self.number  # subtract
        if self.how == 18:
            self.whole = 1 << (self.number + 60)  # shift
        if self.how == 19:
            orders.cancel_side(self.number)  # side
        if self.how == 20:
            for _ in range(0, 10, self.number):  # step
                self.whole += 1
        self.turns += 1

    def deeper(self, orders: Orders) -> None:
        """A method that fails."""
        for index in range(5):
            self.whole += index
            self.window[index] = index  # deeper

    def on_book(self, book: Book, orders: Orders) -> None:
        """Fails on a level beyond those shown."""
        self.whole = book.bids[self.number].lots  # level
