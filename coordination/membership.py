"""What a region's agent says of itself in the store: its machine's words, and what only its process knows: clock and disk.

Invariant: the machine meets its own words alone. What is added when they are written is taken off when they are read back, so
that it never finds the store to hold anything but what it wanted.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Sequence

from meridian.coordination import keys

REMEMBERED = 8
"""Texts that may still come back from the store."""


class Membership:
    """The value under `regions/REGION` on its way out and back."""

    def __init__(self, region: str) -> None:
        self.key = keys.REGIONS.key(region)
        self._wanted: str | None = None
        """What the machine wanted last."""
        self._added: tuple[str, ...] | None = ()
        """What was added when it was written last; None when that write failed."""
        self._texts: OrderedDict[bytes, bytes] = OrderedDict()
        """What was written → what the machine knows of it."""

    def want(self, key: str, value: str | None) -> None:
        """The machine wants this written."""
        if key == self.key:
            self._wanted = value

    def again(self, sentences: Sequence[str]) -> str | None:
        """The machine's value, where it is to be written again since there is something else to add."""
        return self._wanted if tuple(sentences) != self._added else None

    def outgoing(self, key: str, value: str | None, sentences: Sequence[str]) -> str | None:
        """A value as it goes into the store."""
        if key != self.key or value is None:
            return value
        self._added = tuple(sentences)
        if not sentences:
            return value
        document = json.loads(value)
        document["status"] = [*document["status"], *sentences]
        text = json.dumps(document, separators=(",", ":"))
        self._texts[text.encode()] = value.encode()
        while len(self._texts) > REMEMBERED:
            self._texts.popitem(last=False)
        return text

    def failed(self) -> None:
        """What went out did not arrive."""
        self._added = None

    def incoming(self, key: str, value: bytes) -> bytes:
        """A value of the store as the machine is to meet it."""
        return self._texts.get(value, value) if key == self.key else value
