"""From the demo's market to files that a region starts from, written into the run's own directory.

Invariant: everything is validated as `meridian up` validates it before a process starts; the files beside the run are what ran.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from meridian.deploy import region
from meridian.deploy.demo.documents import documents
from meridian.deploy.demo.market import Market
from meridian.deploy.demo.toml_text import dumps
from meridian.deploy.region import Region, Slot
from meridian.deploy.topology import Topology
from meridian.records import Metric
from meridian.risk.limits import METRICS


@dataclass(slots=True, kw_only=True)
class Plan:
    """All that a demo run starts from, in its own directory."""

    directory: Path
    market: Market
    region: Region = field(init=False)
    started_ns: int = 0

    def make(self) -> None:
        """Writes every file and reads them back. Raises BadInput with all errors of all of them."""
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        for name, document in documents(self.market, self.directory / "data").items():
            text = f"# Written by the demo from New York's files.\n{dumps(document)}"
            (self.directory / f"{name}.toml").write_text(text, encoding="utf-8")
        loaded = region.load(self.directory / "topology.toml")
        assert loaded.region is not None, "New York is a region"
        self.region = loaded.region

    @property
    def topology(self) -> Topology:
        """What runs."""
        return self.region.topology

    @property
    def venues(self) -> list[str]:
        """The venues, by name."""
        return list(self.topology.venues)

    @property
    def slots(self) -> list[Slot]:
        """The strategies."""
        return self.region.slots

    def position_lots_max(self, strategy: str) -> int | None:
        """The tightest limit on the long position of a strategy's node, whatever it selects; None without one."""
        found = [
            limit.hard
            for limit in self.region.limits.limits
            if limit.node == strategy and METRICS[limit.metric] is Metric.POSITION_LONG
        ]
        return min(found, default=None)

    def write_record(self, ended_ns: int | None = None, failures: Sequence[str] = ()) -> None:
        """What reports read: where everything lies, what ran."""
        self.region.write_record(
            self.directory,
            started_ns=self.started_ns,
            ended_ns=ended_ns,
            failures=failures,
            skipped=self.market.skipped,
        )
