"""Plain mode: a class's callbacks as Python over the slot's record and the engine's views, called at their addresses.

`mode="plain"` runs the checked form, which compiled mode runs too; `mode="debug"` runs the callbacks as written, with
objects for views, for a debugger: same orders where nothing fails, but without fuel and 64-bit checks.

Invariant: a call returns 0, or the status with the line shifted left by eight bits; no exception leaves it.
"""

from collections.abc import Callable
from types import TracebackType
from typing import Any, Literal

from meridian.codes import Callback
from meridian.strategies import checks, layouts, views
from meridian.strategies.checks import StrategyFailure
from meridian.strategies.entry import settable_code
from meridian.strategies.fields import SCALAR_CODES
from meridian.strategies.orders import Orders
from meridian.strategies.strategy import Strategy, program_of
from meridian.strategies.transform import CALLBACKS

__all__ = ["Mode", "Plain"]

Mode = Literal["plain", "debug"]
_CODES = {name: int(Callback[name.removeprefix("on_").upper()]) for name in CALLBACKS}
_OBJECTS: dict[str, type[views.View]] = {
    "BookView": views.Book, "TradeView": views.Trade, "StatusView": views.Status, "OrderView": views.Order,
    "FillView": views.Fill, "TimerView": views.Timer, "ConsolidatedView": views.Consolidated, "RiskView": views.Risk,
    "AuctionView": views.Auction, "SignalView": views.Signal, "MultiLegView": views.MultiLeg,
}  # fmt: skip


class Plain:
    """A class in plain mode."""

    def __init__(self, cls: type[Strategy], mode: Mode = "plain") -> None:
        if mode not in ("plain", "debug"):
            raise ValueError(f"mode = {mode!r}: plain or debug is allowed.")
        self.cls, self.mode = cls, mode
        self.program = program_of(cls)
        self.table = cls.table
        self._orders: Any = layouts.structure("OrdersView")
        functions = self.program.functions(lambda _name, function: function)
        self._calls: dict[int, tuple[Any, Callable[..., Any]]] = {}
        for name in self.program.callbacks:
            view = CALLBACKS[name]
            function = getattr(cls, name) if mode == "debug" else functions[name]
            self._calls[_CODES[name]] = (None if view is None else layouts.structure(view), function)

    @property
    def initial(self) -> bytes:
        """The bytes of a new record."""
        return self.table.initial()

    @property
    def state_offset(self) -> int:
        """Where the state begins in the record."""
        return self.table.state_offset

    @property
    def parameters(self) -> list[tuple[str, int, int]]:
        """Name, offset and scalar code (with whether it may be set while it runs) of each parameter, for a host."""
        return [(field.name, field.offset, settable_code(field)) for field in self.table.parameters.values()]

    @property
    def kept(self) -> list[tuple[str, int, int, int]]:
        """Name, offset, scalar code and length of each field of the state that outlives a stop."""
        return [(field.name, field.offset, SCALAR_CODES[field.scalar], field.length) for field in self.table.kept]

    @property
    def reads(self) -> int:
        """What the class looks at, as bits."""
        return self.program.reads

    @property
    def callbacks(self) -> list[int]:
        """The codes of the callbacks that it has."""
        return list(self._calls)

    def call(self, callback: int, record: int, event: int, orders: int) -> int:
        """Calls a callback by its code over memory at these addresses. A callback that the class lacks returns 0."""
        found = self._calls.get(callback)
        if found is None:
            return 0
        structure, function = found
        view = self._orders.from_address(orders)
        view.failure = 0
        view.intents_count = 0
        try:
            if self.mode == "debug":
                self._call_as_written(function, structure, record, event, view)
            else:
                mine = self.table.structure.from_address(record)
                bound = views.OrdersBound(view, view.current)
                if structure is None:
                    function(view, mine, bound)
                else:
                    function(view, mine, structure.from_address(event), bound)
        except StrategyFailure:
            status: int = view.failure
            return status
        except Exception as error:
            status = _status(error) | self._line(error.__traceback__) << 8
            view.failure = status
            return status
        return 0

    def _call_as_written(self, function: Any, structure: Any, record: int, event: int, view: Any) -> None:
        mine = self.cls.__new__(self.cls)
        mine._record = self.table.structure.from_address(record)
        orders = Orders(views.OrdersBound(view, view.current))
        if structure is None:
            function(mine, orders)
        else:
            function(mine, _OBJECTS[structure.__name__](structure.from_address(event)), orders)

    def _line(self, trace: TracebackType | None) -> int:
        line = 0
        while trace is not None:
            if trace.tb_frame.f_code.co_filename == self.program.file:
                line = trace.tb_lineno
            trace = trace.tb_next
        return line


def _status(error: Exception) -> int:
    for kind, status in (
        (ZeroDivisionError, checks.DIVISION_BY_ZERO),
        (IndexError, checks.OUT_OF_BOUNDS),
        (OverflowError, checks.OVERFLOW),
    ):
        if isinstance(error, kind):
            return status
    return checks.RAISED
