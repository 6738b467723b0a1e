"""The class that quants derive from.

Invariant: a class that exists has valid fields: types, names, bounds and defaults were checked when it was defined, and every
error was reported at once. Its callbacks are checked by `meridian strategy check` and at load.
"""

import inspect
from typing import Any, ClassVar

from meridian.strategies.api import negotiate
from meridian.strategies.fields import Field, ParameterError, Table, collect
from meridian.strategies.orders import Orders
from meridian.strategies.transform import Program, transform
from meridian.strategies.views import (
    Auction,
    Book,
    Consolidated,
    Fill,
    MultiLeg,
    Order,
    Risk,
    Signal,
    Status,
    Timer,
    Trade,
)

__all__ = ["Strategy", "program_of"]


class _Access:
    """A field of an instance: reads and writes the record; setting a parameter checks it."""

    def __init__(self, field: Field) -> None:
        self.field = field

    def __get__(self, instance: Any, owner: type) -> Any:
        return self.field if instance is None else getattr(instance._record, self.field.name)

    def __set__(self, instance: Any, value: Any) -> None:
        if self.field.is_parameter:
            value = type(instance).table.validate({self.field.name: value})[self.field.name]
        setattr(instance._record, self.field.name, value)


class Strategy:
    """A trading strategy: annotated fields by `param` and `state`, and the callbacks below; callbacks return nothing.

    `Class(size_lots=5)` makes an instance whose callbacks run as written, for a debugger; the engine never makes one.
    """

    api: ClassVar[int | tuple[int, int]] = 1
    table: ClassVar[Table] = Table("Strategy", [])
    _program: ClassVar[Program]

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        inherited = [
            field for base in cls.__mro__[1:2] if issubclass(base, Strategy) for field in base.table.fields.values()
        ]
        own, errors = collect(cls.__name__, inspect.get_annotations(cls), vars(cls))
        names = {field.name for field in own}
        taken = {name for name in vars(Strategy) if not name.startswith("__")}
        errors += [f"{cls.__name__}.{name}: this name is the base class's." for name in sorted(names & taken)]
        if errors:
            raise ParameterError(errors)
        cls.table = Table(cls.__name__, [*(field for field in inherited if field.name not in names), *own])
        for name, field in cls.table.fields.items():
            setattr(cls, name, _Access(field))

    def __init__(self, **parameters: Any) -> None:
        self._record = self.table.structure.from_buffer_copy(self.table.initial(parameters))

    def on_start(self, orders: Orders) -> None:
        """The slot starts."""

    def on_book(self, book: Book, orders: Orders) -> None:
        """The touch or the visible levels of a bound book changed."""

    def on_trade(self, trade: Trade, orders: Orders) -> None:
        """A trade printed."""

    def on_status(self, status: Status, orders: Orders) -> None:
        """Trading or feed state changed; sent by the engine's timer too when a feed falls silent."""

    def on_order(self, order: Order, orders: Orders) -> None:
        """An order of the slot changed state, or an intent was refused."""

    def on_fill(self, fill: Fill, orders: Orders) -> None:
        """An order of the slot traded."""

    def on_timer(self, timer: Timer, orders: Orders) -> None:
        """The slot's timer."""

    def on_stop(self, orders: Orders) -> None:
        """The slot stops."""

    def on_consolidated(self, consolidated: Consolidated, orders: Orders) -> None:
        """The best prices over venues changed, their lots or venues, their state, or which venues count.

        `orders` is bound to the first of the slot's listings of the instrument.
        """

    def on_risk(self, risk: Risk, orders: Orders) -> None:
        """What risk or the venue allow at a listing changed: new orders, a side, the limit that binds, the session.

        Called once for each listing after the start too, with how it stands.
        """

    def on_auction(self, auction: Auction, orders: Orders) -> None:
        """An auction says what it would give now."""

    def on_signal(self, signal: Signal, orders: Orders) -> None:
        """Another strategy, or a tile, published a number. `orders` is bound to the slot's first listing."""

    def on_multi_leg(self, multi_leg: MultiLeg, orders: Orders) -> None:
        """A multi-leg order of the slot, or a leg of it, changed its state. `orders` is bound to the listing of `leg`."""


def program_of(cls: type[Strategy]) -> Program:
    """The checked form of a class. Raises StrategyRefused with every error."""
    cached = cls.__dict__.get("_program")
    if isinstance(cached, Program):
        return cached
    negotiate(cls)
    cls._program = transform(cls, cls.table, Strategy)
    return cls._program
