"""An OUCH 5.0 decoder that shares nothing with ours: it reads the published layout, row by row, at run time.

The layout is a CSV of message, type code, field, offset (from the byte after the type), length, type, byte order.
Invariant: nothing here comes from `tools/gen.py`, `venues/nasdaq/wire` or the extension.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from pathlib import Path

SIDES = {"unsequenced_message": "Inbound", "sequenced_message": "Outbound"}
"""Who sends, by what the layout calls the place a message stands in."""


@dataclass(slots=True)
class Layout:
    """One message: its fields as (name, offset, length, type), and where its appendage's length stands."""

    name: str
    fields: list[tuple[str, int, int, str]] = field(default_factory=list)
    appendage_at: int | None = None


@dataclass(slots=True)
class Decoded:
    """One message taken apart: values by offset from the type letter, elements of its appendage in order."""

    name: str
    values: dict[int, int | bytes]
    elements: list[tuple[int, bytes]] | None


class Published:
    """The published layout of every message and optional field."""

    def __init__(self, path: Path) -> None:
        self.messages: dict[tuple[str, str], Layout] = {}
        self.element_sizes: dict[int, int] = {}
        lines = [line for line in path.read_text().splitlines() if not line.startswith("#")]
        for row in csv.DictReader(lines):
            self._row(row)

    def _row(self, row: dict[str, str]) -> None:
        for code in filter(None, row["type_code"].split(";")):
            letter, _, place = code.partition("@")
            if place.endswith("_optional_value") and row["field"] == "=size":
                self.element_sizes[int(letter)] = int(row["length"])
            if place not in SIDES:
                continue
            layout = self.messages.setdefault((SIDES[place], letter), Layout(row["message"]))
            name = row["field"]
            if name == "appendage_length":
                layout.appendage_at = 1 + int(row["offset"])
            elif name != "=size" and "appendage." not in name:
                layout.fields.append((name, 1 + int(row["offset"]), int(row["length"]), row["type"]))

    def decode(self, side: str, data: bytes) -> Decoded:
        """One message of "Inbound" or "Outbound". Raises KeyError for a letter that the layout does not have."""
        layout = self.messages[side, chr(data[0])]
        values: dict[int, int | bytes] = {}
        for name, offset, length, kind in layout.fields:
            part = data[offset : offset + length]
            if len(part) != length:
                raise ValueError(f"{layout.name}.{name} is cut")
            values[offset] = part if kind == "ascii" else int.from_bytes(part, "big")
        elements = None if layout.appendage_at is None else self._elements(data, layout.appendage_at)
        return Decoded(layout.name, values, elements)

    def _elements(self, data: bytes, at: int) -> list[tuple[int, bytes]]:
        end = at + 2 + int.from_bytes(data[at : at + 2], "big")
        if end != len(data):
            raise ValueError(f"the appendage ends at {end}, the message at {len(data)}")
        at += 2
        elements = []
        while at < end:
            size, tag = data[at], data[at + 1]
            elements.append((tag, data[at + 2 : at + 1 + size]))
            at += 1 + size
        return elements
