"""Slots of a running engine that are in quarantine: which, since which input, why, and what a person may do.

Invariant: as long as an engine does not call a slot for a mark beside its journal, there is a sentence that says so.
"""

from __future__ import annotations

import contextlib
import json
import signal
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from meridian import records
from meridian._native import engine as native

QUARANTINED = ".quarantined_slots"
"""The counter of an engine: its slots in quarantine, by bit."""
MARKS = "quarantine.marks"
"""Beside a journal (crates/engine/src/marks.rs)."""
CAUSES = {
    int(records.QuarantineCause.CRASHED): "its process ended within",
    int(records.QuarantineCause.HUNG): "its process was ended for not coming back from",
    int(records.QuarantineCause.KILLED_TWICE): "its process was killed twice within",
}


def callback(code: int) -> str:
    """A callback's name, as classes spell it."""
    try:
        return f"on_{records.Callback(code).name.lower()}"
    except ValueError:
        return f"callback {code}"


def sentences(counters: Mapping[str, object], data: Path) -> Iterator[str]:
    """One for each slot of these counters' engines that is in quarantine; `data`: where their journals lie."""
    for name, slots in counters.items():
        if name.endswith(QUARANTINED) and isinstance(slots, int) and slots:
            tile = name.removesuffix(QUARANTINED)
            marks, names = _marks(data / tile), _names(data.parent)
            for slot in (slot for slot in range(64) if slots >> slot & 1):
                yield f"{tile}: {_sentence(slot, names.get(slot), marks.get(slot))}"


def _sentence(slot: int, name: str | None, mark: Any) -> str:
    who = f"slot {slot}" + (f", {name}," if name else "")
    why = ""
    if mark is not None:
        by = int(mark["signal"])
        ended = f" ({signal.Signals(by).name})" if by in {int(one) for one in signal.Signals} else ""
        what = CAUSES.get(int(mark["cause"]), "its process ended within")
        why = f": {what} {callback(int(mark['callback']))} at input {int(mark['input']):,}{ended}"
    start = f"`meridian strategy start {name or 'NAME'} --quarantined` calls it again as it is"
    return f"{who} is in quarantine{why}; its orders are cancelled, the others trade on; start it with other code, or {start}"


def _marks(folder: Path) -> dict[int, Any]:
    """The last mark of each slot; none where the file cannot be read: the engine has read it."""
    with contextlib.suppress(OSError, ValueError):
        found = map(records.parse, native.marks((folder / MARKS).read_bytes()))
        return {int(mark["slot"]): mark for mark in found}
    return {}


def _names(directory: Path) -> dict[int, str]:
    """Slot → name of its strategy, by the run's record; none where it has none."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        document = json.loads((directory / "record.json").read_text(encoding="utf-8"))
        return {int(about["slot"]): str(about["name"]) for about in document["slots"]}
    return {}
