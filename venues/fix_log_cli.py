"""`meridian fix log` and `meridian fix lint`: messages of a log in words, their latency, and faults of dictionaries.

Invariant: a log is read as a stream, however long it is; what was no message is counted in what is printed last.
"""

from __future__ import annotations

import datetime
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from meridian.console import BadInput, json_option, note, own_output, print_json, print_table, show
from meridian.venues.fix_cli import fix

if TYPE_CHECKING:
    from meridian.venues.fix.dictionary import Dictionary
    from meridian.venues.fix.log import Entry, Log, Logs

__all__ = ["fix"]

PERCENTILES = (50, 90, 99, 99.9)
LAST_MAX = 10**9


@fix.command("log", short_help="Show, filter and explain the messages of a log.")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--type", "types", help="MsgTypes or names of messages, parted by commas: D,8,Logon.")
@click.option(
    "--where", "conditions", multiple=True, metavar="TAG=VALUE", help="Only with this field; tag or name. Repeat it."
)
@click.option("--no-session", is_flag=True, help="Leave out heartbeats, logons and the like.")
@click.option("--last", "-n", type=click.IntRange(min=1, max=LAST_MAX), help="Only the last so many.")
@click.option("--follow", "-f", is_flag=True, help="Go on as the file grows.")
@click.option("--explain/--raw", "explained", default=True, help="In words, or as the bytes stand.")
@click.option("--pretty", is_flag=True, help="A field a line.")
@click.option(
    "--latency", is_flag=True, help="Times between requests and their first answers, instead of the messages."
)
@click.option(
    "--dictionary", type=click.Path(path_type=Path), help="Names from this file; else by each message's version."
)
@json_option
def log(
    file: Path, types: str | None, conditions: tuple[str, ...], no_session: bool, last: int | None, follow: bool,
    explained: bool, pretty: bool, latency: bool, dictionary: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Show the messages of FILE: a raw stream, or lines with a time before each message; or the folder of a session's own log."""
    from meridian.files import is_device
    from meridian.venues.fix.log import Log, Logs

    errors = []
    if latency and follow:
        errors.append("--latency --follow: the log has to end; allowed is one of both")
    if not file.exists():
        errors.append(f"FILE {file}: there is no such file")
    if is_device(file):
        errors.append(f"FILE {file}: is a device, which never ends; allowed is a file, a pipe or a folder")
    paths = _of_folder(file, follow, errors) if file.is_dir() else []
    known = _dictionary(dictionary, errors)
    keep = _filter(types, conditions, no_session, known, errors)
    if errors:
        raise BadInput(errors)
    source: Log | Logs = Logs(paths, known, follow=follow) if paths else Log(file, known, follow=follow)
    chosen = (entry for entry in source if keep(entry))
    try:
        if latency:
            _latency(chosen, source, as_json)
            return
        shown = deque(chosen, maxlen=last) if last and not follow else chosen
        for entry in shown:
            _print(entry, explained, pretty, as_json)
    except OSError as error:
        raise BadInput(f"FILE {file}: {error.strerror}") from error
    _totals(source, as_json)


def _of_folder(folder: Path, follow: bool, errors: list[str]) -> list[Path]:
    """The files of the logs in a folder."""
    from meridian.venues.fix.log import in_folder

    logs = in_folder(folder)
    if not logs:
        errors.append(
            f"FILE {folder}: is a folder without a session's log, NAME.00000001.log say; a file is needed, or such a one"
        )
    if follow and len(logs) > 1:
        errors.append(f"FILE {folder}: holds the logs {', '.join(logs)}; with --follow one file is needed")
    return [path for paths in logs.values() for path in paths]


def _dictionary(path: Path | None, errors: list[str]) -> Dictionary | None:
    from meridian.venues.fix.dictionary import Dictionary

    if path is None:
        return None
    try:
        return Dictionary.load(path)
    except (OSError, UnicodeDecodeError) as error:
        errors.append(f"--dictionary {path}: {getattr(error, 'strerror', None) or 'is no text'}")
    except ValueError as error:
        errors += [f"--dictionary {path}: {sentence}" for sentence in _sentences(error)]
    return None


def _sentences(error: ValueError) -> list[str]:
    """The sentences of a dictionary's faults."""
    first = error.args[0] if error.args else str(error)
    return [str(sentence) for sentence in first] if isinstance(first, list) else [str(first)]


def _filter(
    types: str | None, conditions: tuple[str, ...], no_session: bool, known: Dictionary | None, errors: list[str]
) -> Callable[[Entry], bool]:
    """What the options ask for, looked at in the bytes where that is enough."""
    from meridian.venues.fix.dictionary import VERSIONS, Dictionary

    latest = known or Dictionary.of(VERSIONS[-1])
    books = [latest, *(Dictionary.of(version) for version in VERSIONS[4:5])]
    names = {book.message_name(kind): kind for book in reversed(books) for kind in book.message_types()}
    wanted = set()
    for word in (types or "").split(","):
        if word and word not in names and (len(word) > 3 or not word.isascii()):
            errors.append(
                f"--type {word}: no message has this name; a MsgType or a name such as NewOrderSingle is allowed"
            )
        elif word:
            wanted.add(b"\x0135=" + names.get(word, word).encode("latin-1") + b"\x01")
    fields = []
    for condition in conditions:
        key, equals, value = condition.partition("=")
        try:
            fields.append(b"\x01%d=%b\x01" % (latest.tag(key), value.encode("latin-1")))
        except (KeyError, ValueError):  # No field, or letters that no message holds.
            equals = ""
        if not equals:
            errors.append(
                f"--where {condition}: TAG=VALUE is needed, with a tag's number or name: 55=AAPL, Symbol=AAPL"
            )
    session = [b"\x0135=%b\x01" % kind.encode() for kind in latest.message_types() if latest.is_session(kind)]

    def keep(entry: Entry) -> bool:
        raw = entry.raw
        if wanted and not any(kind in raw for kind in wanted):
            return False
        if no_session and any(kind in raw for kind in session):
            return False
        return all(field in raw for field in fields)

    return keep


def _clock(time_ns: int | None) -> str:
    if time_ns is None:
        return "-"
    moment = datetime.datetime.fromtimestamp(time_ns // 10**9, datetime.UTC)
    return f"{moment:%Y-%m-%d %H:%M:%S}.{time_ns % 10**9 // 1000:06d}"


@own_output()
def _print(entry: Entry, explained: bool, pretty: bool, as_json: bool) -> None:
    if as_json:
        message = entry.message
        fields = [{"tag": tag, "name": message.dictionary.name(tag), "value": value} for tag, value in message]
        print_json(
            "fix.log.message",
            {
                "offset": entry.offset, "time_ns": entry.time_ns, "way": entry.way, "type": message.type, "name": message.name,
                "text": message.explain(), "fields": fields,
            },
        )  # fmt: skip
    elif pretty:
        print(f"{_clock(entry.time_ns)} at byte {entry.offset}: {entry.message.pretty()}\n", flush=True)
    elif explained:
        print(f"{_clock(entry.time_ns)} {entry.message.explain()}", flush=True)
    else:
        print(f"{_clock(entry.time_ns)} {entry.message.text()}", flush=True)


@own_output()
def _totals(source: Log | Logs, as_json: bool) -> None:
    totals: dict[str, Any] = {"messages": source.messages, "bytes": source.bytes_read, "bad": source.bad}
    if as_json:
        print_json("fix.log", totals)
        return
    bad = ", ".join(f"{count} {reason}" for reason, count in source.bad.items())
    note(f"{source.messages} messages in {source.bytes_read} bytes" + (f"; no messages: {bad}" if bad else ""))


def _latency(entries: Iterator[Entry], source: Log | Logs, as_json: bool) -> None:
    from meridian.venues.fix.pairs import latencies

    rows, open_count = latencies(entries, PERCENTILES)

    def for_people() -> None:
        titles = ["request", "answer", "count", *(f"p{each:g} µs" for each in PERCENTILES), "max µs"]
        table = [
            [row["request"], row["answer"], row["count"], *(f"{row[f'p{each:g}_ns'] / 1000:.1f}" for each in PERCENTILES),
             f"{row['max_ns'] / 1000:.1f}"]
            for row in rows
        ]  # fmt: skip
        print_table("From request to first answer", titles, table)
        note(f"{open_count} requests without an answer; {source.messages} messages")

    document = {"pairs": rows, "unanswered": open_count, "messages": source.messages}
    with own_output():
        show("fix.latency", document, as_json, for_people)


@fix.command("lint", short_help="Find faults of a data dictionary.")
@click.argument("dictionary", type=click.Path(path_type=Path))
@click.option("--transport", type=click.Path(path_type=Path), help="The transport's file below it (FIXT).")
@click.option("--base", help="It is an overlay of this version: FIX.4.4.")
@json_option
def lint(dictionary: Path, transport: Path | None, base: str | None, as_json: bool) -> None:
    """Look for faults in DICTIONARY, a file in QuickFIX's form, and for what is no fault but hardly meant.

    Faults end with exit code 1; the rest are notes.
    """
    from meridian._native import wire
    from meridian.venues.fix.dictionary import VERSIONS, Dictionary, read_text

    if base is not None and base not in VERSIONS:
        raise BadInput(f"--base {base}: no such version; allowed are {', '.join(VERSIONS)}")
    if base is not None and transport is not None:
        raise BadInput(f"--transport {transport}: the base {base} brings its own; leave one of both out")
    facts: dict[str, Any] = {}
    faults: list[str] = []
    notes: list[str] = []
    try:
        found = Dictionary.of(base, [dictionary]) if base else Dictionary.load(dictionary, transport)
        facts = {"version": found.version, "messages": len(list(found.message_types())), "fields": found.field_count}
        notes = [] if base else wire.fix_lint(read_text(dictionary))
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"DICTIONARY {dictionary}: {getattr(error, 'strerror', None) or 'is no text'}") from error
    except ValueError as error:
        faults = _sentences(error)
    document = {"file": str(dictionary), **facts, "faults": faults, "notes": notes}

    def for_people() -> None:
        for sentence in notes:
            print(f"note: {sentence}")
        if facts:
            print(
                f"{facts['version']}: {facts['messages']} messages, {facts['fields']} fields, {len(notes)} notes, no fault"
            )

    show("fix.lint", document, as_json, for_people, errors=[f"{dictionary}: {fault}" for fault in faults])
