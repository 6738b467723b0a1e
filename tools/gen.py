#!/usr/bin/env python3
"""Turns wire tables (`venues/*/wire/*.toml`) into Rust codecs (`crates/wire/src/generated/*.rs`).

Invariant: the committed codecs are what this program makes of the committed tables; `--check` fails where they differ.
Only the standard library and rustfmt are used.

A table has `[protocol]`, optional `[headers]` and `[values]`, an optional `[appendage]` and `[[message]]` entries. A
message's `size` counts everything up to its variable part and is checked against its fields. Kinds of fields:

    u8 u16 u32 u48 u64 i32    big-endian integers
    u32.4 u64.4 i32.4 u64.8   integers with that many implied decimals
    char                      one ASCII letter
    alphaN                    N ASCII letters, padded with spaces
    digitsN                   a number in N ASCII letters, padded with spaces on the left
    tail                      the bytes to the end of the message
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import textwrap
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "crates" / "wire" / "src" / "generated"
INTEGERS = {
    "u8": (1, "u8"),
    "u16": (2, "u16"),
    "u32": (4, "u32"),
    "u48": (6, "u64"),
    "u64": (8, "u64"),
    "i32": (4, "i32"),
}
"""Bytes on the wire and type in Rust."""


TAILS = {"": "None", "always": "Appendage", "optional": "OptionalAppendage"}
"""Variants of `Tail` by a message's `appendage`."""


class TableError(Exception):
    """A wire table that cannot be what its author meant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field of a message, or one optional field of an appendage."""

    name: str
    kind: str
    about: str
    values: str
    offset: int = 0
    tag: int = 0

    @property
    def size(self) -> int:
        """Bytes on the wire; 0 for the variable tail."""
        if self.kind == "tail":
            return 0
        if self.kind == "char":
            return 1
        for prefix in ("alpha", "digits"):
            if self.kind.startswith(prefix):
                return int(self.kind.removeprefix(prefix))
        return INTEGERS[self.kind.partition(".")[0]][0]

    @property
    def is_text(self) -> bool:
        """Whether the value is a fixed array of letters."""
        return self.kind.startswith(("alpha", "digits"))

    @property
    def rust(self) -> str:
        """Type of the value in Rust."""
        if self.kind == "tail":
            return "&'a [u8]"
        if self.kind == "char":
            return "u8"
        if self.is_text:
            return f"[u8; {self.size}]"
        return INTEGERS[self.kind.partition(".")[0]][1]

    @property
    def load(self) -> str:
        """Name of the function in `crate::load` that reads and writes it."""
        if self.kind == "char":
            return "u8"
        return "text" if self.is_text else self.kind.partition(".")[0]

    @property
    def default(self) -> str:
        """Value of an unset field: blank text, zero."""
        if self.kind == "tail":
            return "&[]"
        if self.kind == "char":
            return "b' '"
        return f"[b' '; {self.size}]" if self.is_text else "0"

    @property
    def describe(self) -> str:
        """The field's kind for the static description."""
        if self.kind == "tail":
            return "Kind::Tail"
        if self.kind == "char":
            return "Kind::Char"
        if self.is_text:
            return f"Kind::{'Alpha' if self.kind.startswith('alpha') else 'Digits'}({self.size})"
        base, _, places = self.kind.partition(".")
        return f"Kind::Number {{ bytes: {self.size}, signed: {str(base[0] == 'i').lower()}, decimals: {places or 0} }}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message."""

    name: str
    group: str
    code: str
    size: int
    about: str
    fields: list[Field]
    appendage: str

    @property
    def tail(self) -> Field | None:
        """The variable tail, if it has one."""
        return self.fields[-1] if self.fields and self.fields[-1].kind == "tail" else None

    @property
    def fixed(self) -> bool:
        """Whether every message of this kind has the same length."""
        return self.tail is None and not self.appendage

    @property
    def life(self) -> str:
        """Lifetime of the fields' struct."""
        return "" if self.fixed else "<'a>"


@dataclass(slots=True, kw_only=True)
class Table:
    """A whole protocol."""

    path: Path
    protocol: dict[str, Any]
    values: dict[str, dict[str, str]]
    messages: list[Message]
    elements: list[Field] = field(default_factory=list)

    @property
    def start(self) -> int:
        """Bytes before the first field: length prefix and type."""
        return (2 if self.protocol.get("prefix") else 0) + (0 if self.protocol.get("untyped") else 1)


def read_field(row: list[Any], where: str, values: dict[str, Any], offset: int, tag: int = 0) -> Field:
    """One row of a table as a field; refuses unknown kinds and value sets."""
    if not 3 <= len(row) <= 4:
        raise TableError(f"{where}: field {row} must be [name, kind, meaning] or [name, kind, meaning, values]")
    name, kind, about = row[:3]
    known = kind in ("tail", "char") or kind.startswith(("alpha", "digits")) or kind.partition(".")[0] in INTEGERS
    if not known:
        raise TableError(f"{where}: field {name}: kind {kind!r} is not one of those listed in tools/gen.py")
    chosen = row[3] if len(row) == 4 else ""
    if chosen and chosen not in values:
        raise TableError(f"{where}: field {name}: there is no value set {chosen!r}")
    return Field(name=name, kind=kind, about=about, values=chosen, offset=offset, tag=tag)


def read_table(path: Path) -> Table:
    """Reads one table and checks sizes, codes and names."""
    raw = tomllib.loads(path.read_text(encoding="utf-8"))
    values = raw.get("values", {})
    table = Table(path=path, protocol=raw["protocol"], values=values, messages=[])
    groups = [group["name"] for group in raw["protocol"]["group"]]
    seen: set[tuple[str, str]] = set()
    for entry in raw["message"]:
        where = f"{path.name}: message {entry['name']}"
        offset, fields = table.start, []
        for row in raw.get("headers", {}).get(entry.get("header", ""), []) + entry["fields"]:
            fields.append(read_field(row, where, values, offset))
            offset += fields[-1].size
        if offset != entry["size"]:
            raise TableError(f"{where}: its fields make {offset} bytes, its size says {entry['size']}")
        if any(each.kind == "tail" for each in fields[:-1]):
            raise TableError(f"{where}: a tail must be the last field")
        group = entry.get("group", groups[0] if groups else "")
        code = entry.get("code", "")
        if code and (group, code) in seen:
            raise TableError(f"{where}: code {code!r} is used twice in {group}")
        seen.add((group, code))
        appendage = entry.get("appendage", "")
        if appendage not in ("", "always", "optional"):
            raise TableError(f'{where}: appendage {appendage!r} must be "always" or "optional"')
        table.messages.append(
            Message(
                name=entry["name"],
                group=group,
                code=code,
                size=entry["size"],
                about=entry["about"],
                fields=fields,
                appendage=appendage,
            )
        )
    for row in raw.get("appendage", {}).get("elements", []):
        table.elements.append(read_field(row[1:], f"{path.name}: appendage", values, 0, row[0]))
    return table


def doc(text: str, mark: str = "///") -> str:
    """A doc comment, ended by a full stop and broken at the line width."""
    sentence = text if text.endswith(".") else text + "."
    return "\n".join(f"{mark} {line}" for line in textwrap.wrap(sentence, 110, break_on_hyphens=False))


def quoted(text: str) -> str:
    """A Rust string literal."""
    return json.dumps(text, ensure_ascii=False)


def truth(value: object) -> str:
    """A Rust boolean."""
    return "true" if value else "false"


def view(table: Table, message: Message) -> str:
    """The zero-copy view of one message. Type and length are checked by `new`, so that getters need no check."""
    name, size = message.name, message.size
    prefixed = bool(table.protocol.get("prefix"))
    code = "Self::TYPE" if message.code else "0"
    letter = f"/// Its type letter.\npub const TYPE: u8 = b'{message.code}';" if message.code else ""
    getters = "\n".join(getter(each, size) for each in message.fields)
    owned = "\n".join(f"{each.name}: self.{each.name}()," for each in message.fields)
    cut = "let bytes = check::prefixed(bytes)?;" if prefixed else ""
    typed = f"check::code(bytes, {2 if prefixed else 0}, {code})?;" if message.code else ""
    made = f"Ok(Self {{ fixed: check::exact(bytes, {code})? }})"
    if not message.fixed:
        made = f"let fixed = check::at_least(bytes, {code})?;\n"
        if message.appendage:
            made += f"check::appendage(bytes, {size}, {truth(message.appendage == 'optional')}, {code})?;\n"
        made += "Ok(Self { fixed, bytes })"
    if message.appendage:
        elements = f"self.bytes.get({size + 2}..)"
        owned += f"appendage: {elements}{'' if message.appendage == 'optional' else '.unwrap_or(&[])'},"
        getters += f"""
            /// Its optional fields; none where it ends before them.
            #[inline]
            pub fn appendage(self) -> Appendage<'a> {{ Appendage(Elements::new({elements}.unwrap_or(&[]))) }}"""
    if prefixed:
        getters = f"""
            /// The length bytes: how many bytes follow them.
            #[inline]
            pub fn length(self) -> u16 {{ load::u16(self.fixed, 0) }}
            {getters}"""
    return f"""
        {doc(message.about)}
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct {name}<'a> {{ fixed: &'a [u8; {size}], {"" if message.fixed else "bytes: &'a [u8]"} }}
        impl<'a> {name}<'a> {{
            {letter}
            /// Bytes up to its variable part.
            pub const SIZE: usize = {size};
            /// Reads one {"from the start of" if prefixed else "that fills"} `bytes`.
            ///
            /// # Errors
            /// [`WireError`] when the type or the length is another's.
            #[inline]
            pub fn new(bytes: &'a [u8]) -> Result<Self, WireError> {{ {cut} {typed} {made} }}
            /// The bytes it was read from.
            #[inline]
            pub fn bytes(self) -> &'a [u8] {{ self.{"fixed" if message.fixed else "bytes"} }}
            {getters}
            /// All fields by value.
            #[inline]
            pub fn fields(self) -> {name}Fields{message.life} {{ {name}Fields {{ {owned} }} }}
        }}
    """


def getter(each: Field, size: int) -> str:
    """One field of a view."""
    value = f"&self.bytes[{size}..]" if each.kind == "tail" else f"load::{each.load}(self.fixed, {each.offset})"
    made = f"{doc(each.about)}\n#[inline]\npub fn {each.name}(self) -> {each.rust} {{ {value} }}"
    if each.kind.startswith("digits"):
        made += f"""
            /// `{each.name}` as a number; `None` where it is none.
            pub fn {each.name}_value(self) -> Option<u64> {{ load::digits(&self.{each.name}()) }}"""
    return made


def fields_struct(table: Table, message: Message) -> str:
    """The owned form of one message, and its encoder."""
    name, prefixed = message.name, bool(table.protocol.get("prefix"))
    elided = "" if message.fixed else "<'_>"
    plain = all(each.default in ("0", "&[]") for each in message.fields)
    fields = "\n".join(f"{doc(each.about)}\npub {each.name}: {each.rust}," for each in message.fields)
    unset = "".join(f"{each.name}: {each.default}," for each in message.fields)
    if message.appendage == "always":
        fields += "\n/// The elements of its appendage; see [`AppendageBuffer`].\npub appendage: &'a [u8],"
        unset += "appendage: &[],"
    elif message.appendage:
        fields += """
            /// The elements of its appendage; `None` ends the message before the appendage's length.
            pub appendage: Option<&'a [u8]>,"""
        unset += "appendage: None,"
    default = (
        "" if plain else f"impl Default for {name}Fields{elided} {{ fn default() -> Self {{ Self {{ {unset} }} }} }}"
    )
    stores = [f"fixed[{2 if prefixed else 0}] = b'{message.code}';"] if message.code else []
    stores += [
        f"load::put_{each.load}(fixed, {each.offset}, self.{each.name});" for each in message.fields if each.size
    ]
    return f"""
        /// What a [`{name}`] says, to be encoded.
        #[derive(Clone, Copy, Debug, {"Default, " if plain else ""}PartialEq, Eq)]
        pub struct {name}Fields{message.life} {{ {fields} }}
        {default}
        impl {name}Fields{elided} {{
            /// Bytes up to its variable part.
            pub const SIZE: usize = {message.size};
            /// Writes the message to the start of `out` and returns its length.
            ///
            /// # Panics
            /// When `out` is shorter than the message.
            #[inline]
            pub fn encode(&self, out: &mut [u8]) -> usize {{
                let fixed = check::room::<{message.size}>(out);
                {" ".join(stores)}
                {ending(message, prefixed)}
            }}
        }}
    """


def ending(message: Message, prefixed: bool) -> str:
    """The end of an encoder: the variable part, the length bytes, the length returned."""
    end = str(message.size)
    if message.tail:
        end = f"check::append(out, {message.size}, self.{message.tail.name})"
    elif message.appendage:
        elements = "self.appendage" if message.appendage == "optional" else "Some(self.appendage)"
        end = f"check::append_appendage(out, {message.size}, {elements})"
    return f"let end = {end}; check::put_prefix(out, end); end" if prefixed else end


def group_enum(table: Table, group: dict[str, str]) -> str:
    """The enumeration over one group of messages, and its decoder."""
    members = [message for message in table.messages if message.group == group["name"]]
    name, prefixed = group["name"], bool(table.protocol.get("prefix"))
    variants = "\n".join(f"{doc(each.about)}\n{each.name}({each.name}<'a>)," for each in members)
    made = "".join(f"Some(b'{each.code}') => {each.name}::new(bytes).map({name}::{each.name})," for each in members)
    what = "packet at the start of `bytes`; what follows it is left alone" if prefixed else "message that fills `bytes`"
    return f"""
        {doc(group["about"])}
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum {name}<'a> {{ {variants} }}
        /// Reads the {what}.
        ///
        /// # Errors
        /// [`WireError`] when its type is unknown or its length is wrong; it says how many bytes to skip.
        #[inline]
        pub fn {group["decode"]}(bytes: &[u8]) -> Result<{name}<'_>, WireError> {{
            {"let bytes = check::prefixed(bytes)?;" if prefixed else ""}
            match bytes.{"get(2)" if prefixed else "first()"} {{
                {made}
                Some(&code) => Err(WireError::UnknownType {{ code, skip: bytes.len() }}),
                None => Err(WireError::Empty),
            }}
        }}
        impl<'a> {name}<'a> {{
            /// The message's name.
            pub fn name(self) -> &'static str {{
                match self {{ {"".join(f'Self::{each.name}(_) => "{each.name}",' for each in members)} }}
            }}
            /// The bytes it was read from.
            pub fn bytes(self) -> &'a [u8] {{
                match self {{ {"".join(f"Self::{each.name}(view) => view.bytes()," for each in members)} }}
            }}
            /// Writes it anew, field by field, and returns its length.
            ///
            /// # Panics
            /// When `out` is shorter than the message.
            pub fn encode(self, out: &mut [u8]) -> usize {{
                match self {{ {"".join(f"Self::{each.name}(view) => view.fields().encode(out)," for each in members)} }}
            }}
        }}
    """


def appendage(table: Table) -> str:
    """Typed access to optional fields, and the buffer that builds them."""
    if not table.elements:
        return ""
    getters, setters = "", ""
    for each in table.elements:
        value = "&value" if each.is_text else "&[value]" if each.size == 1 else "&value.to_be_bytes()"
        getters += f"""
            {doc(each.about)}
            pub fn {each.name}(self) -> Option<{each.rust}> {{
                let value: &[u8; {each.size}] = self.0.find({each.tag})?.try_into().ok()?;
                Some(load::{each.load}(value, 0))
            }}"""
        setters += f"""
            {doc(each.about)}
            pub fn {each.name}(&mut self, value: {each.rust}) -> &mut Self {{ self.put({each.tag}, {value}) }}"""
    room = sum(2 + each.size for each in table.elements)
    return f"""
        /// The optional fields of a message.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct Appendage<'a>(Elements<'a>);
        impl<'a> Appendage<'a> {{
            /// Tag and value of each, in the message's order.
            pub fn elements(self) -> Elements<'a> {{ self.0 }}
            {getters}
        }}
        /// Builds an appendage without allocation; each field is put at most once.
        #[derive(Clone, Copy)]
        pub struct AppendageBuffer {{ bytes: [u8; {room}], length: usize }}
        impl Default for AppendageBuffer {{
            fn default() -> Self {{ Self {{ bytes: [0; {room}], length: 0 }} }}
        }}
        impl AppendageBuffer {{
            /// The elements so far.
            pub fn bytes(&self) -> &[u8] {{ &self.bytes[..self.length] }}
            /// # Panics
            /// When the same field is put again and again.
            fn put(&mut self, tag: u8, value: &[u8]) -> &mut Self {{
                self.length = check::append_element(&mut self.bytes, self.length, tag, value);
                self
            }}
            {setters}
        }}
    """


def described(each: Field) -> str:
    """One field of the static description."""
    values = f"{each.values.upper()}_VALUES" if each.values else "&[]"
    return (
        f"Field {{ name: {quoted(each.name)}, offset: {each.offset}, tag: {each.tag}, kind: {each.describe}, "
        f"about: {quoted(each.about)}, values: {values} }},"
    )


def description(table: Table) -> str:
    """The static description that readable decoders, tests and Python use."""
    out = "pub use description::PROTOCOL;\nmod description {\n"
    out += "use crate::describe::{Field, Kind, Message, Protocol, Tail};\n\n"
    for name, values in table.values.items():
        rows = ", ".join(f"({quoted(code)}, {quoted(meaning)})" for code, meaning in values.items())
        out += f"const {name.upper()}_VALUES: &[(&str, &str)] = &[{rows}];\n"
    messages = ""
    for each in table.messages:
        tail = "Bytes" if each.tail else TAILS[each.appendage]
        code = f"Some(b'{each.code}')" if each.code else "None"
        messages += f"""Message {{
            name: {quoted(each.name)}, group: {quoted(each.group)}, code: {code}, size: {each.size}, tail: Tail::{tail},
            about: {quoted(each.about)}, fields: &[{"".join(map(described, each.fields))}],
        }},"""
    protocol = table.protocol
    return f"""{out}
        /// Every message and field, for people and for tests.
        pub static PROTOCOL: Protocol = Protocol {{
            name: {quoted(protocol["name"])}, title: {quoted(protocol["title"])}, about: {quoted(protocol["about"])},
            prefixed: {truth(protocol.get("prefix"))}, typed: {truth(not protocol.get("untyped"))},
            messages: &[{messages}],
            elements: &[{"".join(map(described, table.elements))}],
        }};
        }}
    """


def generate(table: Table) -> str:
    """The whole module, not yet formatted."""
    source = table.path.relative_to(ROOT)
    head = f"{table.protocol['title']}. Made by tools/gen.py from {source}: change the table, then run `make gen`."
    out = f"{doc(head, '//!')}\n//!\n{doc(table.protocol['about'], '//!')}\n\nuse crate::check;\n"
    out += "use crate::check::Elements;\n" if table.elements else ""
    out += "use crate::error::WireError;\nuse crate::load;\n"
    out += "".join(view(table, message) + fields_struct(table, message) for message in table.messages)
    out += "".join(group_enum(table, group) for group in table.protocol["group"])
    return out + appendage(table) + description(table)


def formatted(text: str) -> str:
    """The text as rustfmt leaves it."""
    command = ["rustfmt", "--edition", "2024", "--config-path", str(ROOT / "rustfmt.toml"), "--emit", "stdout"]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    if done.returncode:
        raise TableError(f"rustfmt refused the generated code:\n{done.stderr}")
    return done.stdout


def outputs() -> dict[Path, str]:
    """Every file to be made, with its text."""
    made: dict[Path, str] = {}
    for path in sorted(ROOT.glob("venues/*/wire/*.toml")):
        table = read_table(path)
        made[OUT / f"{table.protocol['module']}.rs"] = formatted(generate(table))
    modules = "\n".join(f"pub mod {path.stem};" for path in made)
    made[OUT / "mod.rs"] = formatted(
        f"//! Codecs made by tools/gen.py from the wire tables of `venues/*/wire`.\n\n{modules}\n"
    )
    return made


def main() -> int:
    """Writes the codecs, or with `--check` says which are out of date."""
    parser = argparse.ArgumentParser(description="Rust codecs from wire tables.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a file is out of date")
    check = parser.parse_args().check
    try:
        made = outputs()
    except (TableError, KeyError, tomllib.TOMLDecodeError) as error:
        print(f"gen: {error}", file=sys.stderr)
        return 2
    stale = [path for path, text in made.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    stale += [path for path in OUT.glob("*.rs") if path not in made]
    for path in stale:
        if check:
            print(f"gen: {path.relative_to(ROOT)} is out of date: run `make gen`", file=sys.stderr)
        elif path in made:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(made[path], encoding="utf-8")
            print(f"gen: wrote {path.relative_to(ROOT)}")
        else:
            path.unlink()
            print(f"gen: removed {path.relative_to(ROOT)}")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
