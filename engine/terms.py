"""Which of an engine and its standby leads, and since which epoch: `led.json` in the journal's folder of each that led.

It is written when one of both begins to lead, and stays through its restarts: a term is all that one journal holds of one
leader. A folder that is set aside takes it along; one that begins anew, to follow, has none.

Invariant: of two journals of a shard that led, the one with the greater epoch led later, wherever their folders are by now;
and all terms of one shard's history say one lineage, which no other history says.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from pathlib import Path

from meridian import files

__all__ = ["ASIDE", "FILE", "SUFFIX", "Term", "begin", "leader", "set_aside", "term_of"]

FILE = "led.json"
VERSION = 1
SUFFIX = "-standby"
"""Of the standby's tile, behind the engine's name."""
ASIDE = ".epoch-"
"""Between the name of a tile and the epoch with which it led last, in the name of a folder that is set aside."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """What such a file says."""

    epoch: int
    """With which the journal's engine began to lead."""
    lineage: str
    """The same in all terms of one history: 32 hexadecimal digits."""


def term_of(folder: Path) -> Term | None:
    """The term of the journal in a folder; None where it did not lead, or the file cannot be read."""
    try:
        said = json.loads((folder / FILE).read_text(encoding="utf-8"))
        epoch, lineage = said["epoch"], said["lineage"]
        if said["version"] == VERSION and type(epoch) is int and epoch > 0 and isinstance(lineage, str):
            return Term(epoch=epoch, lineage=lineage)
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return None


def set_aside(data: Path, tile: str) -> list[Path]:
    """The folders of a tile that were set aside because the other one led, below the run's data, in no order."""
    return [path for path in data.glob(f"{tile}{ASIDE}*") if path.is_dir()]


def begin(data: Path, engine: str, tile: str, epoch: int) -> Term:
    """Writes down that this tile's journal leads from this epoch on, unless it does already. Raises OSError."""
    folder = data / tile
    if (stands := term_of(folder)) is not None:
        return stands
    earlier = max(_terms(data, engine), key=lambda one: one.epoch, default=None)
    lineage = earlier.lineage if earlier is not None else secrets.token_hex(16)
    term = Term(epoch=epoch, lineage=lineage)
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"version": VERSION, "epoch": term.epoch, "lineage": term.lineage})
    files.write_whole(folder / FILE, text + "\n")
    return term


def leader(data: Path, engine: str) -> tuple[str, Term] | None:
    """Which of an engine and its standby leads, or led last, and since when; None where neither has said so."""
    found = [(tile, term) for tile in (engine, engine + SUFFIX) if (term := term_of(data / tile)) is not None]
    return max(found, key=lambda one: one[1].epoch, default=None)


def _terms(data: Path, engine: str) -> list[Term]:
    tiles = (engine, engine + SUFFIX)
    folders = [folder for tile in tiles for folder in (data / tile, *set_aside(data, tile), *_within(data / tile))]
    return [term for folder in folders if (term := term_of(folder)) is not None]


def _within(folder: Path) -> list[Path]:
    """What was set aside within a volume of its own."""
    return [path for path in folder.glob(f"{ASIDE[1:]}*") if path.is_dir()]
