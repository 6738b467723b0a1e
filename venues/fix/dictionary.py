"""Data dictionaries for people: names of tags, values and messages, validation with the standard's reasons.

Invariant: a dictionary that was made is sound; every fault of a file is told at once, one sentence each.
"""

from __future__ import annotations

import errno
import re
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from meridian._native import wire as _native

VERSIONS = ("FIX.4.0", "FIX.4.1", "FIX.4.2", "FIX.4.3", "FIX.4.4", "FIX.5.0", "FIX.5.0SP1", "FIX.5.0SP2")
"""Versions with a dictionary of ours, oldest first; those from 5.0 on are over FIXT 1.1."""

EXTENSION_PACKS = {"FIX.5.0": 40, "FIX.5.0SP1": 75, "FIX.5.0SP2": 97}
"""Version → the last extension pack that it took in; later ones are laid over it (FIX Trading Community, "FIX versions")."""
EXTENSION_PACK = re.compile(r"""<fix\b[^>]*?\bextensionpack\s*=\s*["']([^"']*)["']""")
EXTENSION_PACK_MAX = 65_535

FILE_BYTES_MAX = 64 << 20


def read_text(path: Path | str) -> str:
    """A dictionary's file. Raises OSError for one that cannot be read or has no end, UnicodeDecodeError for what is no text."""
    if not stat.S_ISREG(Path(path).stat().st_mode):
        raise OSError(errno.EINVAL, "is no regular file; allowed is one of at most 64 MiB", str(path))
    with Path(path).open("rb") as file:
        raw = file.read(FILE_BYTES_MAX + 1)
    if len(raw) > FILE_BYTES_MAX:
        raise OSError(errno.EFBIG, "is too long; allowed is a file of at most 64 MiB", str(path))
    return raw.decode("utf-8")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Why a message is refused: the standard's reason (373), the tag it is about (371), its words."""

    reason: int
    tag: int
    text: str


class Dictionary:
    """What each message of a version may hold."""

    def __init__(self, native: _native.FixDictionary, extension_pack: int = 0) -> None:
        self.native = native
        self.extension_pack = extension_pack or EXTENSION_PACKS.get(native.version, 0)
        """The last extension pack that it holds: the version's, or what a file says (`<fix extensionpack="259">`).
        0: of a version before 5.0."""
        self._fields = native.fields()
        self._messages = native.messages()
        self._tags = {name: tag for tag, (name, _, _) in self._fields.items()}

    @classmethod
    def of(cls, version: str, overlays: Sequence[Path | str] = ()) -> Dictionary:
        """Ours of a version (`FIX.4.4`), with the overlays of files laid onto it, the first one first.

        Raises ValueError for an unknown version or what an overlay has wrong, OSError for a file that cannot be read.
        """
        if not overlays:
            return _of_version(version)
        texts = [read_text(path) for path in overlays]
        return cls(_native.FixDictionary.of_version(version, texts), _extension_pack(texts))

    @classmethod
    def load(cls, path: Path | str, transport: Path | str | None = None) -> Dictionary:
        """Of a file in QuickFIX's form, over the file of a transport where there is one.

        Raises ValueError with a sentence for every fault, OSError for a file that cannot be read.
        """
        below = None if transport is None else read_text(transport)
        text = read_text(path)
        return cls(_native.FixDictionary.from_xml(text, below), _extension_pack([text]))

    @property
    def version(self) -> str:
        """`FIX.4.4`."""
        return self.native.version

    @property
    def begin_string(self) -> str:
        """BeginString of its messages: the transport's where there is one."""
        return self.native.begin_string

    @property
    def field_count(self) -> int:
        """How many fields it has."""
        return len(self._fields)

    def tag(self, name: int | str) -> int:
        """The tag of a name, or a tag itself. Raises KeyError for a name that no field has."""
        if isinstance(name, int):
            return name
        if name.isascii() and name.isdigit() and len(name) <= 9:
            return int(name)
        return self._tags[name]

    def name(self, tag: int) -> str:
        """The name of a tag; the tag's digits where it has none."""
        return self._fields[tag][0] if tag in self._fields else str(tag)

    def type(self, tag: int) -> str:
        """The type of a tag's values, as the file says it; nothing where the tag is unknown."""
        return self._fields[tag][1] if tag in self._fields else ""

    def values(self, tag: int) -> dict[str, str]:
        """The values of a tag, with a word for each."""
        return self._fields[tag][2] if tag in self._fields else {}

    def word(self, tag: int, value: str) -> str:
        """The word for a value; of several values parted by spaces, all words; nothing where there is none."""
        words = self.values(tag)
        if value in words:
            return words[value]
        if " " in value and all(part in words for part in value.split()):
            return ", ".join(words[part] for part in value.split())
        return ""

    def message_name(self, kind: str) -> str:
        """The name of a MsgType; the MsgType itself where it has none."""
        return self._messages[kind][0] if kind in self._messages else kind

    def message_types(self) -> Iterable[str]:
        """Every MsgType."""
        return self._messages.keys()

    def is_session(self, kind: str) -> bool:
        """Whether a MsgType belongs to the session."""
        return kind in self._messages and self._messages[kind][1]

    def groups(self, kind: str) -> dict[int, list[int]]:
        """Counting tag → tags of an entry, the first one first, for every group of a message."""
        return self.native.groups(kind.encode("latin-1"))

    def validate(self, message: bytes, off: Sequence[str] = ()) -> Finding | None:
        """The first fault of a message, or None. `off` names checks that are left out: `order`, `have_values`, `group_order`,
        `user_defined`, `unknown`, `required`, `formats`, `values`. Raises ValueError where the bytes are no fields at all.
        """
        found = self.native.validate(message, list(off))
        return None if found is None else Finding(reason=found[0], tag=found[1], text=found[2])

    def __repr__(self) -> str:
        pack = f" EP{self.extension_pack}" if self.extension_pack else ""
        return f"Dictionary({self.version!r}{pack}, {len(self._messages)} messages, {len(self._fields)} fields)"


def _extension_pack(texts: Sequence[str]) -> int:
    """The highest that the files say; 0: none does. Raises ValueError for what is no extension pack."""
    said = [found[1] for text in texts if (found := EXTENSION_PACK.search(text))]
    for one in said:
        if not (one.isascii() and one.isdigit() and len(one) <= 5 and 0 < int(one) <= EXTENSION_PACK_MAX):
            raise ValueError(f"extensionpack = {one!r}: a number from 1 to {EXTENSION_PACK_MAX} is needed")
    return max(map(int, said), default=0)


@cache
def _of_version(version: str) -> Dictionary:
    return Dictionary(_native.FixDictionary.of_version(version))


APPLICATION_VERSIONS = {str(number): version for number, version in enumerate(VERSIONS, 2)}
"""ApplVerID (1128) → version."""


@cache
def for_message(begin_string: str, application: str) -> Dictionary:
    """The dictionary for a message of this BeginString and ApplVerID; the latest where neither tells."""
    if begin_string in VERSIONS:
        return Dictionary.of(begin_string)
    return Dictionary.of(APPLICATION_VERSIONS.get(application, VERSIONS[-1]))
