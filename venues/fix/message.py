"""A FIX message for people: fields by tag or name, values with their types, groups, words, differences.

Invariant: a message keeps its bytes as they came; `parse(message.raw)` gives an equal message.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import cached_property
from typing import Any

from meridian._native import wire as _native
from meridian.venues.fix.dictionary import Dictionary, Finding, for_message

SOH = "\x01"
Value = str | bytes | int | Decimal | bool | datetime.datetime
Fields = Mapping[str, Value] | Mapping[int, Value] | Mapping[int | str, Value] | Iterable[tuple[int | str, Value]]


class Message:
    """A message's bytes and its fields, in order."""

    __slots__ = ("__dict__", "_dictionary", "fields", "raw")

    def __init__(self, raw: bytes, dictionary: Dictionary | None = None, *, tolerant: bool = False) -> None:
        """Of bytes whose fields end with SOH. Raises ValueError with the first fault unless `tolerant`."""
        self.raw = raw
        self._dictionary = dictionary
        native = None if dictionary is None else dictionary.native
        self.fields: tuple[tuple[int, bytes], ...] = tuple(_native.fix_fields(raw, native, tolerant))

    @property
    def dictionary(self) -> Dictionary:
        """The dictionary that was given, else the one of the message's version."""
        if self._dictionary is None:
            self._dictionary = for_message(self.get(8) or "", self.get(1128) or "")
        return self._dictionary

    @property
    def type(self) -> str:
        """MsgType (35); empty where there is none."""
        return self.get(35) or ""

    @property
    def name(self) -> str:
        """The name of the MsgType."""
        return self.dictionary.message_name(self.type)

    @cached_property
    def _first(self) -> dict[int, bytes]:
        return dict(reversed(self.fields))

    def get(self, tag: int | str, default: str | None = None) -> str | None:
        """The first value of a tag or name, as text."""
        number = tag if isinstance(tag, int) else self.dictionary.tag(tag)
        value = self._first.get(number)
        return default if value is None else value.decode("latin-1")

    def __getitem__(self, tag: int | str) -> str:
        found = self.get(tag)
        if found is None:
            raise KeyError(tag)
        return found

    def __contains__(self, tag: int | str) -> bool:
        return self.get(tag) is not None

    def __iter__(self) -> Iterator[tuple[int, str]]:
        return ((tag, value.decode("latin-1")) for tag, value in self.fields)

    def __len__(self) -> int:
        return len(self.fields)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Message) and self.raw == other.raw

    def __hash__(self) -> int:
        return hash(self.raw)

    def integer(self, tag: int | str) -> int:
        """A value as a number. Raises KeyError where it is absent, ValueError where it is no integer."""
        return int(self[tag])

    def decimal(self, tag: int | str) -> Decimal:
        """A price, quantity or amount, exactly. Raises KeyError where it is absent, ValueError where it is no number."""
        try:
            return Decimal(self[tag])
        except InvalidOperation as error:
            raise ValueError(f"{tag}: {self[tag]!r} is no number") from error

    def time(self, tag: int | str) -> datetime.datetime:
        """A UTCTimestamp, to the microsecond. Raises KeyError where it is absent, ValueError where it is none."""
        return read_time(self[tag])

    def groups(self, count: int | str) -> list[list[tuple[int, str]]]:
        """The entries behind a counting tag or name, each with its fields in order, those of groups inside among them."""
        number = count if isinstance(count, int) else self.dictionary.tag(count)
        known = self.dictionary.groups(self.type)
        if number not in known:
            raise KeyError(f"{self.name} has no group that {count} counts")
        members = _within(number, known)
        tags = [tag for tag, _ in self.fields]
        entries: list[list[tuple[int, str]]] = []
        at = tags.index(number) + 1 if number in tags else len(tags)
        while at < len(tags) and tags[at] in members:
            if tags[at] == known[number][0] or not entries:
                entries.append([])
            entries[-1].append((tags[at], self.fields[at][1].decode("latin-1")))
            at += 1
        return entries

    def validate(self, off: Iterable[str] = ()) -> Finding | None:
        """The first fault by the message's dictionary, or None; `off` names checks that are left out."""
        return self.dictionary.validate(self.raw, list(off))

    def text(self, separator: str = "|") -> str:
        """The message on one line, its SOH shown as `separator`."""
        return self.raw.decode("latin-1").replace(SOH, separator)

    def pretty(self) -> str:
        """A field a line: tag, name, value, and the word for the value; entries of groups stand deeper."""
        lines = [f"{self.name} ({self.type}), {self.dictionary.version}, {len(self.raw)} bytes"]
        known = self.dictionary.groups(self.type)
        open_groups: list[int] = []
        for tag, value in self:
            while open_groups and tag not in known[open_groups[-1]]:
                open_groups.pop()
            indent = "  " * len(open_groups)
            starts = bool(open_groups) and tag == known[open_groups[-1]][0]
            word = self.dictionary.word(tag, value)
            shown = value.encode("unicode_escape").decode()
            mark = "- " if starts else "  "
            lines.append(
                f"{indent}{mark}{tag:>5} {self.dictionary.name(tag)} = {shown}" + (f" ({word})" if word else "")
            )
            if tag in known:
                open_groups.append(tag)
        return "\n".join(lines)

    def explain(self) -> str:
        """The message in a sentence: who to whom, what, and what its values mean."""
        from meridian.venues.fix.words import sentence

        return sentence(self)

    def __repr__(self) -> str:
        return f"Message({self.text()!r})"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """How a notebook shows it."""
        printer.text("Message(...)" if cycle else self.pretty())


def _within(count: int, known: Mapping[int, list[int]]) -> set[int]:
    """Every tag that an entry may have, those of groups inside it among them."""
    members: set[int] = set()
    left = [count]
    while left:
        tags = known[left.pop()]
        left.extend(tag for tag in tags if tag in known and tag not in members)
        members.update(tags)
    return members


def to_bytes(text: str | bytes) -> bytes:
    """Bytes of a message given as text: `|` and `^A` stand for SOH where there is none."""
    data = text.encode("latin-1") if isinstance(text, str) else text
    if b"\x01" in data:
        return data
    if b"^A" in data:
        return data.replace(b"^A", b"\x01")
    return data.strip().replace(b"|", b"\x01")


def parse(message: str | bytes, dictionary: Dictionary | None = None, *, tolerant: bool = False) -> Message:
    """A message of its bytes or of a line of a log. Length and checksum are not asked for: `Message.validate` and the
    framing of `read_log` do that. Raises ValueError with the first fault unless `tolerant`, which reads what can be read.
    """
    return Message(to_bytes(message), dictionary, tolerant=tolerant)


def read_time(text: str) -> datetime.datetime:
    """A UTCTimestamp, to the microsecond. Raises ValueError where it is none."""
    whole, _, part = text.partition(".")
    moment = datetime.datetime.strptime(whole, "%Y%m%d-%H:%M:%S").replace(tzinfo=datetime.UTC)
    if part and not part.isdigit():
        raise ValueError(f"{text!r} is no time")
    return moment.replace(microsecond=int(part[:6].ljust(6, "0")) if part else 0)


def write_value(value: Value) -> bytes:
    """A value's letters: times in UTC to the millisecond, or to the microsecond where it has some; flags as Y and N.

    Raises ValueError for a time without a zone, a number that is not finite, or text with a SOH inside.
    """
    if isinstance(value, bool):
        return b"Y" if value else b"N"
    if isinstance(value, datetime.datetime):
        if value.tzinfo is None:
            raise ValueError(f"{value.isoformat()}: a time needs its zone, datetime.UTC say")
        utc = value.astimezone(datetime.UTC)
        fraction = f"{utc.microsecond:06d}"
        return f"{utc:%Y%m%d-%H:%M:%S}.{fraction[:3] if fraction.endswith('000') else fraction}".encode()
    if isinstance(value, Decimal):
        if not value.is_finite():
            raise ValueError(f"{value} is no number that can be sent")
        return f"{value:f}".encode()
    if isinstance(value, bytes):
        return value
    letters = str(value).encode("latin-1")
    if b"\x01" in letters:
        raise ValueError(f"{value!r} holds a field's end; give bytes, behind the field of their length")
    return letters


def build(
    kind: str,
    fields: Fields,
    *,
    sender: str,
    target: str,
    sequence: int,
    version: str = "FIX.4.4",
    time: datetime.datetime | None = None,
    header: Fields = (),
    dictionary: Dictionary | None = None,
) -> Message:
    """A whole message: header, the fields given in their order, length and checksum. Keys are tags or names.

    `time` is SendingTime, now unless given; `header` has further header fields. Raises KeyError for an unknown name and
    ValueError for a value that cannot stand in a message.
    """
    known = dictionary or Dictionary.of(version)
    moment = time or datetime.datetime.now(datetime.UTC)
    top: list[tuple[int, bytes]] = [
        (34, str(sequence).encode()),
        (49, write_value(sender)),
        (52, write_value(moment)),
        (56, write_value(target)),
    ]
    top += _pairs(header, known)
    body = [(35, write_value(kind)), *sorted(top, key=lambda pair: pair[0]), *_pairs(fields, known)]
    joined = b"".join(b"%d=%b\x01" % pair for pair in body)
    return Message(_native.fix_seal(known.begin_string.encode(), joined), known)


def _pairs(fields: Fields, known: Dictionary) -> list[tuple[int, bytes]]:
    if isinstance(fields, Mapping):
        return [(known.tag(key), write_value(value)) for key, value in fields.items()]
    return [(known.tag(key), write_value(value)) for key, value in fields]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A field that two messages do not have alike; None where one lacks it."""

    tag: int
    name: str
    left: str | None
    right: str | None

    def __str__(self) -> str:
        left = "absent" if self.left is None else repr(self.left)
        right = "absent" if self.right is None else repr(self.right)
        return f"{self.tag} {self.name}: {left} → {right}"


def diff(left: Message, right: Message, *, ignore: Iterable[int] = (9, 10, 34, 52)) -> list[Difference]:
    """What differs, in order of the fields of `left`, then of what only `right` has; the n-th field of a tag is compared with
    the n-th there. Length, checksum, number and sending time are left out unless `ignore` says otherwise.
    """
    left_values, right_values = _by_place(left, set(ignore)), _by_place(right, set(ignore))
    places = list(left_values) + [place for place in right_values if place not in left_values]
    return [
        Difference(
            tag=place[0],
            name=left.dictionary.name(place[0]),
            left=left_values.get(place),
            right=right_values.get(place),
        )
        for place in places
        if left_values.get(place) != right_values.get(place)
    ]


def _by_place(message: Message, ignored: set[int]) -> dict[tuple[int, int], str]:
    counts: dict[int, int] = {}
    found = {}
    for tag, value in message:
        counts[tag] = counts.get(tag, 0) + 1
        if tag not in ignored:
            found[tag, counts[tag]] = value
    return found
