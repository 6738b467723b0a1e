"""Counters, latency histograms and memory of a run's processes: live from shared memory, later from the copies kept.

Invariant: reading never disturbs a process; what is gone is absent, never zero.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from meridian._native import links
from meridian.analytics.run import Run

if TYPE_CHECKING:
    from meridian.deploy.runs import Run as LiveRun

COUNTERS = "counters"
WARM = "counters-warm"
"""Counters as they stood once the books were set up: latencies are told from there on."""
PROCESSES = "processes.json"
Readings = dict[str, dict[str, int | links.Histogram]]


def readings(run: Run) -> Readings:
    """Process → its counters and histograms, of the live run or as they were kept; histograms since the warm-up."""
    live = live_run(run)
    paths = [live.counters(name) for name in live.processes] if live else sorted((run.directory / COUNTERS).glob("*"))
    found = _read(paths)
    for process, counters in _read(sorted((run.directory / WARM).glob("*"))).items():
        for name, warm in counters.items():
            value = found.get(process, {}).get(name)
            if isinstance(value, links.Histogram) and isinstance(warm, links.Histogram):
                found[process][name] = value.since(warm)
    return found


def _read(paths: Iterable[Path]) -> Readings:
    found: Readings = {}
    for path in paths:
        try:
            found[path.name] = dict(links.Counters(path).read())
        except OSError:
            continue
    return found


def processes(run: Run) -> list[dict[str, Any]]:
    """Each process with its memory (PSS, bytes) and restarts."""
    if live := live_run(run):
        return _processes(live)
    try:
        kept: list[dict[str, Any]] = json.loads((run.directory / PROCESSES).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    return kept


def live_run(run: Run) -> LiveRun | None:
    """The supervisor's run that writes into this directory, while it is up."""
    from meridian.deploy import runs

    for live in runs.runs():
        if Path(live.data_directory).resolve().is_relative_to(run.directory.resolve()):
            return live
    return None


def counter(run: Run, name: str) -> int | None:
    """A counter of a run that is up, as TILE.NAME; None where none of its processes has it. No lock is touched, so that it may be
    asked as often as one likes."""
    from meridian.deploy import runs

    for description in sorted(runs.root().glob(f"*/{runs.DESCRIPTION}")):
        try:
            about = json.loads(description.read_text(encoding="utf-8"))
            ours = Path(about["data_directory"]).resolve().is_relative_to(run.directory.resolve())
            shared = Path(about["shared_directory"])
        except (OSError, ValueError, KeyError, TypeError):
            continue
        for path in sorted((shared / COUNTERS).glob("*")) if ours else ():
            try:
                value = links.Counters(path).value(name)
            except OSError:
                continue
            if value is not None:
                return value
    return None


def keep(directory: Path, live: LiveRun, *, warm: bool = False, supervisor: bool = False) -> None:
    """Copies what lies in shared memory beside the journals, before it is taken away with the processes.

    `warm`: as it stands now is where latencies begin to count. `supervisor`: its own process is told of too.
    """
    kept = directory / (WARM if warm else COUNTERS)
    kept.mkdir(exist_ok=True)
    for name in live.processes:
        if live.counters(name).is_file():
            making = kept / f".{name}.making"
            shutil.copyfile(live.counters(name), making)
            making.replace(kept / name)
    about = _processes(live)
    if supervisor:
        about.append({"name": "supervisor", "pss_bytes": pss_bytes(live.supervisor_pid), "restarts": 0})
    (directory / PROCESSES).write_text(json.dumps(about, indent=1), encoding="utf-8")


def _processes(live: LiveRun) -> list[dict[str, Any]]:
    return [
        {"name": name, "pss_bytes": pss_bytes(int(about["pid"])), "restarts": int(about["restarts"])}
        for name, about in live.processes.items()
    ]


def pss_bytes(pid: int) -> int | None:
    """Memory of a process, pages that it shares counted by their share; None when it cannot be read."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    except OSError:
        return None
    for line in text.splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return None
