"""From the demo's market to files that its regions start from, written into the run's own directory.

Invariant: everything is validated as `meridian up --regions` validates it before a process starts; the files beside the run
are what ran.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from meridian.deploy import platform
from meridian.deploy.demo.documents import REGIONS, documents
from meridian.deploy.demo.market import Market
from meridian.deploy.demo.toml_text import dumps
from meridian.deploy.region import Region
from meridian.records import Metric
from meridian.risk.limits import METRICS, Limit


@dataclass(slots=True, kw_only=True)
class Plan:
    """All that a demo run starts from, in its own directory."""

    directory: Path
    market: Market
    scenario: str = "plain"
    regions: dict[str, Region] = field(init=False)

    def make(self) -> None:
        """Writes every file and reads them back. Raises BadInput with all errors of all of them."""
        for name, document in documents(self.market, self.directory, self.scenario).items():
            path = self.directory / f"{name}.toml"
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            text = f"# Written by the demo from the files of New York and Chicago.\n{dumps(document)}"
            path.write_text(text, encoding="utf-8")
        found = platform.load([str(self.directory / region / "topology.toml") for region in REGIONS])
        self.regions = {one.topology.name: one for one in found}

    @property
    def venues(self) -> list[str]:
        """The venues of all regions, by name."""
        return [venue for region in self.regions.values() for venue in region.topology.venues]

    @property
    def _limits(self) -> list[Limit]:
        return next(iter(self.regions.values())).limits.limits

    @property
    def global_limit(self) -> Limit:
        """The bound on the long position of the future that both regions trade."""
        return next(
            one for one in self._limits if one.enforcement == "global" and METRICS[one.metric] is Metric.POSITION_LONG
        )

    def position_lots_max(self, strategy: str) -> int | None:
        """The tightest limit on the long position of a strategy's node, whatever it selects; None without one."""
        found = [
            limit.hard
            for limit in self._limits
            if limit.node == strategy and METRICS[limit.metric] is Metric.POSITION_LONG
        ]
        return min(found, default=None)
