"""Every function of `math` over a list of numbers, for comparing the modes."""

from meridian.strategies import Orders, Strategy, Timer, math, state

COUNT = 2_000


class Functions(Strategy):
    """Fills lists with results; each timer goes on with other numbers."""

    seed: int = state(88_172_645_463_325_252)
    values: list[float] = state([0.0] * COUNT)
    exps: list[float] = state([0.0] * COUNT)
    logs: list[float] = state([0.0] * COUNT)
    pows: list[float] = state([0.0] * COUNT)
    roots: list[float] = state([0.0] * COUNT)
    sums: list[float] = state([0.0] * 4)

    def on_timer(self, timer: Timer, orders: Orders) -> None:
        """One list's worth."""
        for index in range(COUNT):
            # Xorshift (Marsaglia 2003), its left shifts cut to stay inside 64 bits.
            self.seed ^= (self.seed & 2_251_799_813_685_247) << 12
            self.seed ^= (self.seed >> 25) & 549_755_813_887
            self.seed ^= (self.seed & 68_719_476_735) << 27
            x = (self.seed % 2_000_001 - 1_000_000) / (1_300 + self.seed % 97)
            self.values[index] = x
            self.exps[index] = math.exp(x)
            self.logs[index] = math.log(abs(x) + math.exp(-x / 2))
            self.pows[index] = math.pow(abs(x), x / 100)
            self.roots[index] = math.sqrt(abs(x))
        self.sums[0] = math.sum(self.values)
        self.sums[1] = math.mean(self.roots)
        self.sums[2] = math.variance(self.values)
        self.sums[3] = math.std(self.roots)
