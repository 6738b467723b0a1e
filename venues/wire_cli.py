"""`meridian wire decode`: what is in a capture, message by message.

Invariant: every byte of transport payload is in a printed message, in its framing, or in the total of uncovered bytes.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from meridian.console import BadInput, json_option, print_json

if TYPE_CHECKING:
    from meridian._native.wire import FieldEntry

PROTOCOLS = ("itch50", "ouch50", "soupbin", "moldudp64")
DAY_NS = 86_400_000_000_000
TAIL_BYTES_SHOWN = 32
"""Longer variable parts are told by their length; `--json` has them whole."""


@click.group("wire", help="Venue protocols: read captures.")
def wire() -> None:
    """The group of wire commands."""


@wire.command("decode", short_help="Print every message of a packet capture.")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--protocol", type=click.Choice(PROTOCOLS), help="Take messages for this protocol; else it is found out.")
@click.option("--totals", "totals_only", is_flag=True, help="Print the totals alone.")
@click.option("--bad", type=click.Path(path_type=Path), help="Write unknown and malformed messages to this file.")
@json_option
def decode(file: Path, protocol: str | None, totals_only: bool, bad: Path | None, as_json: bool) -> None:
    """Print every message of FILE (pcap, pcapng), then packets, messages, bytes, uncovered bytes, unknown messages."""
    from meridian.venues.wire import capture_totals

    if file.exists() and not (file.is_file() or file.is_fifo()):
        raise BadInput(f"FILE {file}: is neither a file nor a pipe; a capture has an end")
    samples: list[str] = []
    show = None if totals_only else _printer(as_json)

    def visit(found: dict[str, Any]) -> None:
        if show is not None:
            show(found)
        if "error" in found:
            samples.append(f"{found['packet']} {found['protocol']} {found['error']} {found['bytes'].hex()}")

    try:
        totals = capture_totals(file, protocol, visit)
    except (OSError, ValueError) as error:
        raise BadInput(f"FILE {file}: {getattr(error, 'strerror', None) or error}") from error
    if bad is not None:
        try:
            bad.write_text("".join(line + "\n" for line in samples))
        except OSError as error:
            raise BadInput(f"--bad {bad}: {error.strerror}; a file that can be written is needed") from error
    if as_json:
        print_json("wire.decode", dict(totals))
    else:
        print(", ".join(f"{count} {name.replace('_', ' ')}" for name, count in totals.items()))


def _printer(as_json: bool) -> Callable[[dict[str, Any]], None]:
    """Prints one message: a JSON object, or a line for people."""
    fields = _fields()

    def as_object(found: dict[str, Any]) -> None:
        print(json.dumps(found, default=lambda value: value.hex()))

    def as_line(found: dict[str, Any]) -> None:
        print(_line(found, fields))

    return as_object if as_json else as_line


def _fields() -> dict[tuple[str, str, str], FieldEntry]:
    """Every field's description by protocol, message ("" for optional fields) and name."""
    from meridian.venues.wire import describe

    found = {}
    for protocol in PROTOCOLS:
        table = describe(protocol)
        for message in table["messages"]:
            found.update({(protocol, message["name"], field["name"]): field for field in message["fields"]})
        found.update({(protocol, "", field["name"]): field for field in table["elements"]})
    return found


def _line(found: dict[str, Any], fields: dict[tuple[str, str, str], FieldEntry]) -> str:
    time = datetime.datetime.fromtimestamp(found["time_ns"] // 1_000_000_000, datetime.UTC)
    stamp = f"{time:%Y-%m-%dT%H:%M:%S}.{found['time_ns'] % 1_000_000_000:09d}Z"
    head = f"{found['packet']:>6} {stamp} {found['protocol']}"
    number = f" #{found['sequence']}" if found["sequence"] else ""
    if "error" in found:
        return f"{head}{number} UNKNOWN {found['error']}: {found['bytes'].hex()}"
    message = dict(found["message"])
    name = message.pop("type")
    appendage = message.pop("appendage", {})
    parts = [_value(key, value, fields.get((found["protocol"], name, key))) for key, value in message.items()]
    parts += [_value(key, value, fields.get((found["protocol"], "", key))) for key, value in appendage.items()]
    return f"{head}{number} {name} {' '.join(parts)}".rstrip()


def _value(name: str, value: Any, field: FieldEntry | None) -> str:
    """`name=value`, decimals set, codes explained."""
    if isinstance(value, bytes):
        return f"{name}={value.hex() or '-'}" if len(value) <= TAIL_BYTES_SHOWN else f"{name}={len(value)} bytes"
    text = str(value).strip()
    if field is None:
        return f"{name}={text}"
    decimals = int(field["kind"].partition(".")[2] or 0)
    if decimals:
        whole, part = divmod(abs(value), 10**decimals)
        text = f"{'-' if value < 0 else ''}{whole}.{part:0{decimals}d}"
    elif name == "timestamp" and 0 <= value < DAY_NS:
        seconds, part = divmod(value, 1_000_000_000)
        text = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{part:09d}"
    meaning = field["values"].get(text or " ")
    return f"{name}={text or '-'}" + (f"({meaning})" if meaning else "")
