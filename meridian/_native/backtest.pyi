from collections.abc import Callable
from os import PathLike
from typing import Any

from meridian._native.strategies import StrategyHosts

HORIZONS_NS: list[int]

class Scan:
    """A look through a whole file of recorded flow, or a venue of an engine's journal; ValueError in words for what is none."""

    def __init__(self, path: str | PathLike[str], venue: int | None = None) -> None: ...
    def read(self) -> bool: ...
    @property
    def format(self) -> str: ...
    @property
    def by_level(self) -> bool: ...
    @property
    def records(self) -> int: ...
    @property
    def venue_states(self) -> int: ...
    def symbols(self) -> list[dict[str, Any]]: ...

class Run:
    """A run over recorded flow; `config` is a JSON document, `bootstrap` the engine's first inputs, `score` makes `Signal`
    records of an alpha tile's rows."""

    def __init__(
        self, config: str, bootstrap: bytes, hosts: StrategyHosts, score: Callable[[bytes], bytes] | None = None
    ) -> None: ...
    def run(self, records_max: int) -> bool: ...
    @property
    def records(self) -> int: ...
    @property
    def time_ns(self) -> int: ...
    def summary(self) -> dict[str, Any]: ...
    def table(self, name: str) -> dict[str, tuple[str, bytes]]: ...

def parity(
    directory: str | PathLike[str],
    replay_hosts: StrategyHosts,
    hosts: StrategyHosts,
    *,
    latency_ns: tuple[int, int] | None = None,
    parameters: list[tuple[int, int, int]] | None = None,
) -> dict[str, Any]:
    """A live run's journal through the backtest, step by step beside what the live run did.

    Raises FileNotFoundError when there is no journal, ValueError when it is damaged or not an engine's.
    """
