#!/usr/bin/env python3
"""Turns the tables of FIX (`venues/fix/tables/*.txt`) into data dictionaries, one a version, in QuickFIX's XML form, and
into the views of messages in Rust (`crates/wire/src/fix/generated/views.rs`).

Invariant: the committed dictionaries and views are what this program makes of the committed tables; `--check` fails where
they differ. Every member names a field or component that its version has. Only the standard library is used.

The tables' own heads say how they are read.
"""

from __future__ import annotations

import argparse
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path
from xml.sax.saxutils import quoteattr

ROOT = Path(__file__).resolve().parent.parent
TABLES = ROOT / "venues" / "fix" / "tables"
OUT = ROOT / "venues" / "fix" / "dictionaries"
VERSIONS = {
    "40": ("FIX40", 'type="FIX" major="4" minor="0"'),
    "41": ("FIX41", 'type="FIX" major="4" minor="1"'),
    "42": ("FIX42", 'type="FIX" major="4" minor="2"'),
    "43": ("FIX43", 'type="FIX" major="4" minor="3"'),
    "44": ("FIX44", 'type="FIX" major="4" minor="4"'),
    "50": ("FIX50", 'type="FIX" major="5" minor="0"'),
    "50SP1": ("FIX50SP1", 'type="FIX" major="5" minor="0" servicepack="1"'),
    "50SP2": ("FIX50SP2", 'type="FIX" major="5" minor="0" servicepack="2"'),
    "T11": ("FIXT11", 'type="FIXT" major="1" minor="1"'),
}
"""Word in the tables → file and the attributes of its outermost element. `42-` ends with the last before the transport."""

ORDER = list(VERSIONS)
LAST = "50SP2"
OTHERS = "*"


class TableError(Exception):
    """A table that cannot be what its author meant; the sentence names the line."""


@dataclass(slots=True)
class Node:
    """A member: a tag or a component, with the versions that have it and those that require it."""

    name: str
    versions: frozenset[str]
    required: frozenset[str]
    line: int
    entries: list[Node] = field(default_factory=list)


@dataclass(slots=True)
class Block:
    """A header, trailer, message or component with its members."""

    kind: str
    name: str
    type_letters: str
    category: str
    versions: frozenset[str]
    members: list[Node] = field(default_factory=list)


@dataclass(slots=True)
class FieldRow:
    """A field under one name: its type by version, and its values with their versions."""

    tag: int
    name: str
    types: dict[str, str]
    values: list[tuple[str, str, frozenset[str]]] = field(default_factory=list)


def versions_of(text: str, where: str) -> frozenset[str]:
    """The versions that `42-44,T11` names."""
    found: set[str] = set()
    for part in text.split(","):
        first, dash, last = part.partition("-")
        end = (last or LAST) if dash else first
        if first not in ORDER or end not in ORDER:
            raise TableError(f"{where}: version {part!r} is unknown; allowed are {', '.join(ORDER)}")
        found.update(ORDER[ORDER.index(first) : ORDER.index(end) + 1])
    return frozenset(found)


def read_fields(path: Path) -> list[FieldRow]:
    """The fields in the order of the table."""
    rows: list[FieldRow] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        where = f"{path.name}:{number}"
        if not line.strip() or line.startswith("#"):
            continue
        words = line.split()
        if not line.startswith(" "):
            types: dict[str, str] = {}
            for word in words[2:]:
                name, _, versions = word.partition("@")
                types.update(dict.fromkeys(sorted(versions_of(versions, where)), name))
            if len(words) < 3 or not words[0].isdigit():
                raise TableError(f"{where}: a field is `tag name TYPE@versions ...`")
            rows.append(FieldRow(int(words[0]), words[1], types))
            continue
        every = frozenset(rows[-1].types)
        held = versions_of(words[2].removeprefix("@"), where) if len(words) > 2 else every
        if not held <= every or len(words) < 2:
            raise TableError(f"{where}: value {words[0]} stands in versions that its field does not have")
        rows[-1].values.append((words[0], words[1], held))
    return rows


def read_blocks(path: Path) -> list[Block]:
    """The headers, trailers, messages and components in the order of the table."""
    blocks: list[Block] = []
    stack: list[tuple[frozenset[str], list[Node]]] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        where = f"{path.name}:{number}"
        if not line.strip() or line.startswith("#"):
            continue
        depth = len(line) - len(line.lstrip(" "))
        words = line.split()
        if depth == 0:
            blocks.append(_block(words, where))
            stack = [(blocks[-1].versions, blocks[-1].members)]
            continue
        if depth > len(stack):
            raise TableError(f"{where}: stands deeper than the line above by more than one")
        del stack[depth:]
        versions, siblings = stack[-1]
        node = _node(words, versions, number, where)
        siblings.append(node)
        stack.append((node.versions, node.entries))
    return blocks


def _block(words: list[str], where: str) -> Block:
    kind, versions = words[0], versions_of(words[-1].removeprefix("@"), where)
    if kind in ("header", "trailer") and len(words) == 2:
        return Block(kind, "", "", "", versions)
    if kind == "component" and len(words) == 3:
        return Block(kind, words[1], "", "", versions)
    if kind == "message" and len(words) == 5 and words[3] in ("app", "admin"):
        return Block(kind, words[2], words[1], words[3], versions)
    raise TableError(
        f"{where}: expected `header`, `trailer`, `component name` or `message type name app|admin`, and versions"
    )


def _node(words: list[str], parent: frozenset[str], number: int, where: str) -> Node:
    versions, required = parent, frozenset[str]()
    for word in words[1:]:
        if word.startswith("@"):
            versions = versions_of(word[1:], where)
        elif word.startswith("!"):
            required = versions_of(word[1:], where) if len(word) > 1 else versions
    if not versions <= parent or not required <= versions:
        raise TableError(f"{where}: {words[0]} stands, or is required, in versions that its parent does not have")
    if not (words[0].startswith("+") or words[0].isdigit()):
        raise TableError(f"{where}: {words[0]} is neither a tag nor a component")
    return Node(words[0], versions, required, number)


class Writer:
    """The dictionary of one version."""

    def __init__(self, version: str, rows: list[FieldRow], blocks: list[Block]) -> None:
        self.version = version
        self.rows = [row for row in rows if version in row.types]
        self.names = {row.tag: row.name for row in self.rows}
        self.blocks = [block for block in blocks if version in block.versions]
        self.components = {block.name for block in self.blocks if block.kind == "component"}
        self.lines: list[str] = []

    def text(self) -> str:
        """The whole file."""
        if len(self.names) != len(self.rows):
            raise TableError(f"fields.txt: a tag has two names in {self.version}")
        self.lines = ["<!-- Made by tools/gen_fix.py of venues/fix/tables: change those, then run make gen. -->"]
        self.lines.append(f"<fix {VERSIONS[self.version][1]}>")
        for part in ("header", "trailer"):
            members = [node for block in self.blocks if block.kind == part for node in block.members]
            self._open(part, part, members, " ")
        for part, title in (("message", "messages"), ("component", "components")):
            self.lines.append(f" <{title}>")
            for block in self.blocks:
                if block.kind == part:
                    letters = f' msgtype="{block.type_letters}" msgcat="{block.category}"' if part == "message" else ""
                    self._open(f'{part} name="{block.name}"{letters}', part, block.members, "  ")
            self.lines.append(f" </{title}>")
        self._fields()
        self.lines.append("</fix>")
        return "\n".join(self.lines) + "\n"

    def _open(self, head: str, name: str, nodes: list[Node], indent: str) -> None:
        here = [node for node in nodes if self.version in node.versions]
        if not here:
            self.lines.append(f"{indent}<{head}/>")
            return
        self.lines.append(f"{indent}<{head}>")
        for node in here:
            self._member(node, indent + " ")
        self.lines.append(f"{indent}</{name}>")

    def _member(self, node: Node, indent: str) -> None:
        required = "Y" if self.version in node.required else "N"
        if node.name.startswith("+"):
            name = node.name[1:]
            if name not in self.components:
                raise TableError(f"messages.txt:{node.line}: {self.version} has no component {name}")
            self.lines.append(f'{indent}<component name="{name}" required="{required}"/>')
            return
        known = self.names.get(int(node.name))
        if known is None:
            raise TableError(f"messages.txt:{node.line}: {self.version} has no field {node.name}")
        if any(self.version in entry.versions for entry in node.entries):
            self._open(f'group name="{known}" required="{required}"', "group", node.entries, indent)
        else:
            self.lines.append(f'{indent}<field name="{known}" required="{required}"/>')

    def _fields(self) -> None:
        self.lines.append(" <fields>")
        for row in self.rows:
            head = f'  <field number="{row.tag}" name="{row.name}" type="{row.types[self.version]}"'
            values = [value for value in row.values if self.version in value[2]]
            head += ' allowOtherValues="Y"' if any(letters == OTHERS for letters, _, _ in values) else ""
            self.lines.append(head + (">" if values else "/>"))
            for letters, word, _ in values:
                if letters != OTHERS:
                    self.lines.append(f'   <value enum={quoteattr(letters)} description="{word}"/>')
            if values:
                self.lines.append("  </field>")
        self.lines.append(" </fields>")


VIEWS_OUT = ROOT / "crates" / "wire" / "src" / "fix" / "generated" / "views.rs"
VIEWED = [
    *("0", "1", "2", "3", "4", "5", "A", "D", "F", "G", "H", "q", "8", "9", "r"),
    *("i", "b", "V", "W", "X", "Y", "d", "h", "j", "AE"),
]
"""MsgTypes with a view: sessions, orders, quotes, market data, trades."""
TAGS_MAX = 2_048
VIEW_TYPES = {
    "CHAR": "character", "BOOLEAN": "boolean", "UTCTIMESTAMP": "time", "TIME": "time",
    **dict.fromkeys(["INT", "SEQNUM", "LENGTH", "NUMINGROUP", "TAGNUM", "DAYOFMONTH"], "integer"),
    **dict.fromkeys(["PRICE", "AMT", "QTY", "FLOAT", "PRICEOFFSET", "PERCENTAGE"], "decimal"),
}  # fmt: skip
KEYWORDS = {"yield", "type", "match", "move", "final", "override", "message", "new"}


def snake(name: str) -> str:
    """`ClOrdID` as `cl_ord_id`."""
    name = re.sub(r"ID(s?)(?![a-z])", r"Id\1", name)
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()
    return parted + "_" if parted in KEYWORDS else parted


def views(rows: list[FieldRow], blocks: list[Block]) -> str:
    """The views of messages in Rust: fields of all versions together, the latest name and type of each."""
    latest = {row.tag: row for row in sorted(rows, key=lambda row: max(ORDER.index(version) for version in row.types))}
    components: dict[str, list[Node]] = {}
    for block in blocks:
        if block.kind == "component":
            components.setdefault(block.name, []).extend(block.members)
    out = ["// Made by tools/gen_fix.py of venues/fix/tables: change those, then run make gen.", ""]
    out += ["//! Views of messages, fields of all versions together.", ""]
    for kind in VIEWED:
        messages = [block for block in blocks if block.kind == "message" and block.type_letters == kind]
        tags: list[int] = []
        for block in messages:
            _lay(block.members, components, tags)
        out.append(f'view! {{\n    {messages[-1].name}, "{kind}", {len(tags)},')
        for slot, tag in enumerate(tags, 1):
            row = latest[tag]
            kind_of = VIEW_TYPES.get(row.types[max(row.types, key=ORDER.index)], "text")
            out.append(f'    {slot} {tag} {snake(row.name)} {kind_of} "{row.name} ({tag})."')
        out += ["}", ""]
    return "\n".join(out)


def _lay(nodes: list[Node], components: dict[str, list[Node]], tags: list[int]) -> None:
    """Tags of members, those of components in their place, each once."""
    for node in nodes:
        if node.name.startswith("+"):
            _lay(components[node.name[1:]], components, tags)
        elif int(node.name) not in tags and int(node.name) < TAGS_MAX:
            tags.append(int(node.name))


def outputs() -> dict[Path, str]:
    """Each file with its text."""
    rows, blocks = read_fields(TABLES / "fields.txt"), read_blocks(TABLES / "messages.txt")
    made = {VIEWS_OUT: views(rows, blocks)}
    return made | {OUT / f"{name}.xml": Writer(version, rows, blocks).text() for version, (name, _) in VERSIONS.items()}


def main() -> int:
    """Writes the dictionaries, or with `--check` says which are out of date."""
    parser = argparse.ArgumentParser(description="FIX data dictionaries from tables.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a file is out of date")
    check = parser.parse_args().check
    try:
        made = outputs()
    except TableError as error:
        print(f"gen_fix: {error}", file=sys.stderr)
        return 2
    stale = [path for path, text in made.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    for path in stale:
        if check:
            print(f"gen_fix: {path.relative_to(ROOT)} is out of date: run `make gen`", file=sys.stderr)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(made[path], encoding="utf-8")
            print(f"gen_fix: wrote {path.relative_to(ROOT)}")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
