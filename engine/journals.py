"""Finding and reading the journals of a run.

Invariant: what is shown of orders, fills and positions is what the fold makes of the journal, never a second reckoning.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from meridian.engine import terms

if TYPE_CHECKING:
    from meridian._native.engine import Replayed
    from meridian._native.journal import Verified

__all__ = [
    "JournalNotFound",
    "absent",
    "engines",
    "find",
    "followers",
    "holds",
    "libraries_of",
    "packed_path",
    "plain_path",
    "records",
    "replay",
    "snapshot",
    "snapshots",
    "verify",
]

PLATFORM = "platform.json"
RECORD = "record.json"
RETAINED = "retained.json"
"""Beside a journal whose begin was taken away on purpose."""
SEGMENT = re.compile(r"journal-\d+\.segment(\.zst)?")
SEGMENT_NAMES = "journal-*.segment or journal-*.segment.zst"


class JournalNotFound(Exception):
    """There is no journal where one was looked for."""


def find(path: Path | str) -> list[Path]:
    """The journal directories at or below `path`, sorted; those of the regions that it names, where it describes several under
    one hand. Raises JournalNotFound when there is none."""
    top = Path(path)
    if not top.is_dir():
        raise JournalNotFound(f"{top}: no such directory; give a journal's directory or a run's")
    # Regions that were up with it before may lie there too; what is asked for is what it is about.
    places = list(_regions(top).values()) or [top]
    found = sorted({segment.parent for place in places for segment in segments_below(place)})
    if not found:
        raise JournalNotFound(
            "\n".join(absent(top)) or f"{top}: no journal here or below; its files are called {SEGMENT_NAMES}"
        )
    return found


def segments_below(place: Path) -> Iterator[Path]:
    """The segments of all journals at or below a directory, plain and compressed."""
    return (path for path in place.rglob("journal-*") if SEGMENT.fullmatch(path.name))


def holds(directory: Path) -> bool:
    """Whether a journal lies in this very directory."""
    return any(SEGMENT.fullmatch(path.name) for path in directory.glob("journal-*"))


def plain_path(journal: Path, segment: int) -> Path:
    """The file of a segment as its writer makes it."""
    return journal / f"journal-{segment:08}.segment"


def packed_path(journal: Path, segment: int) -> Path:
    """The file of a segment that was compressed."""
    return journal / f"journal-{segment:08}.segment.zst"


def absent(path: Path | str) -> list[str]:
    """A sentence for each region that a platform's directory names and of which no journal is there."""
    return [
        f"{name}: no journal is at {place}, where {PLATFORM} says that this region's lie"
        for name, place in _regions(Path(path)).items()
        if next(segments_below(place), None) is None
    ]


def _regions(top: Path) -> dict[str, Path]:
    """The regions of a platform's directory, wherever they lie."""
    try:
        regions = json.loads((top / PLATFORM).read_text(encoding="utf-8"))["regions"].items()
        return {str(name): top / str(place) for name, place in regions}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def engines(path: Path | str) -> list[Path]:
    """Those journals at or below `path` that are engines', not gateways', exchanges' or recorders'; of an engine and its standby
    that of the one that leads. A journal that is named itself is taken whatever it is. Raises JournalNotFound."""
    found = find(path)
    if found == [Path(path)]:
        return found
    kept = [journal for journal in found if _starts_an_engine(journal) and not _another_leads(journal)]
    if not kept:
        raise JournalNotFound(f"{path}: no engine's journal here or below")
    return kept


def _starts_an_engine(journal: Path) -> bool:
    """Whether its first record is an engine's start, or nobody can say: damage is told by whoever reads it. A keeper takes
    the begin of engines' alone."""
    from meridian import records as layouts

    if (journal / RETAINED).exists():
        return True
    try:
        return any(layouts.name_of(data) == "EngineStart" for _, _, data in islice(records(journal), 1))
    except (OSError, ValueError):
        return True


def _another_leads(journal: Path) -> bool:
    """Whether it is of one of a pair, or was set aside, and the run's record names another as the one that leads."""
    try:
        about = json.loads((journal.parent.parent / RECORD).read_text(encoding="utf-8"))["engine"]
        leads, pair = str(about["journal"]), [str(tile) for tile in about["pair"]]
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return journal.name.partition(".")[0] in pair and Path(leads).name != journal.name


def followers(leaders: list[Path]) -> list[Path]:
    """Of journals of engines that lead: those of the engines that follow them, where one has begun."""
    found = [path.with_name(_other(path.name)) for path in leaders if terms.term_of(path) is not None]
    return [path for path in found if terms.term_of(path) is None and holds(path)]


def _other(tile: str) -> str:
    engine = tile.removesuffix(terms.SUFFIX)
    return engine if engine != tile else tile + terms.SUFFIX


def libraries_of(journal: Path, given: Path | str | None = None) -> Path:
    """Where the strategies' object code of a journal lies: as given, `libraries` beside the run, else the user's cache."""
    if given is not None:
        return Path(given)
    for folder in (journal, *journal.resolve().parents[:3]):
        if (folder / "libraries").is_dir():
            return folder / "libraries"
    configured = os.environ.get("MERIDIAN_STRATEGIES_CACHE")
    if configured:
        return Path(configured)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "meridian" / "strategies"


def replay(
    journal: Path | str,
    *,
    libraries: Path | str | None = None,
    collect: bool = False,
    from_input: int | None = None,
) -> Replayed:
    """Folds a journal again; with `collect` also its orders, fills, positions and outputs; with `from_input` from the snapshot of
    that input on.

    Raises FileNotFoundError when there is no journal, ValueError when it is damaged or not an engine's, or when there is no such
    snapshot that can be gone on from.
    """
    from meridian._native import engine

    return engine.replay(journal, libraries_of(Path(journal), libraries), collect, from_input)


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A snapshot that was made."""

    name: str
    """Its file beside the segments."""
    input: int
    """The last input that it holds."""
    state_hash: str
    full_hash: str
    bytes: int
    compared: int
    """How often the rolling hash was compared with what the engine says of itself, and equal."""


def snapshot(journal: Path | str, *, libraries: Path | str | None = None, keep: int = 3) -> Made:
    """Folds a journal from its newest snapshot to its end, whether its engine runs or not, and puts the state there beside the
    segments; of all snapshots the newest `keep` stay.

    Raises FileNotFoundError when there is no journal, ValueError when it is damaged or not an engine's, RuntimeError when the
    engine's hash differs, OSError when the file cannot be written.
    """
    from meridian._native import engine

    # A follower takes what is damaged for what is not written yet.
    if damage := verify(journal)["damage"]:
        raise ValueError(damage)
    shadow = engine.Shadow.open(journal, libraries_of(Path(journal), libraries))
    if shadow is None:
        raise FileNotFoundError(f"{journal}: the journal has not begun")
    while shadow.poll() > 0:
        pass
    if (made := shadow.snapshot(keep)) is None:
        raise FileNotFoundError(f"{journal}: the journal has no record yet")
    name, full_hash, size = made
    return Made(
        name=name,
        input=shadow.input,
        state_hash=shadow.state_hash,
        full_hash=full_hash,
        bytes=size,
        compared=shadow.compared,
    )


def snapshots(journal: Path | str) -> list[tuple[str, int, str | None]]:
    """The snapshots beside a journal, the newest first: file, last input, and what is wrong with it (None: nothing).

    Raises OSError when the directory cannot be read.
    """
    from meridian._native import engine

    return engine.snapshots(journal)


def verify(journal: Path | str) -> Verified:
    """Reads every record and checks it. Raises FileNotFoundError when there is no journal, ValueError for a bad head."""
    from meridian._native import journal as native

    return native.verify(journal)


def records(journal: Path | str) -> Iterator[tuple[int, int, bytes]]:
    """Sequence, engine time in ns and bytes of each record. Raises ValueError where the journal is damaged."""
    from meridian._native import journal as native

    return iter(native.Reader(journal))
