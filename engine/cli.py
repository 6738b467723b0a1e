"""`meridian journal replay | cat | verify | export | snapshot | keep | fetch` and
`meridian orders | fills | positions`, from journals.

Invariant: exit code 0 means that what was asked for holds, 1 that hashes differ, a journal is damaged or that of a region
is gone, 2 that there is no journal to read, 3 that a table cannot be written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import click

from meridian.console import (
    BadInput,
    CheckFailed,
    Unreachable,
    cut,
    in_words,
    json_option,
    note,
    print_json,
    print_table,
    show,
)
from meridian.engine.keeping.cli import fetch_command, keep_command
from meridian.risk.cli import api_options, show_positions

if TYPE_CHECKING:
    from meridian._native.engine import Replayed
    from meridian._native.journal import Verified
    from meridian.risk.api.client import Client

P = ParamSpec("P")
R = TypeVar("R")

directory_argument = click.argument("directory", type=click.Path(file_okay=False), default=".")
libraries_option = click.option(
    "--libraries",
    type=click.Path(file_okay=False),
    help="Directory of the strategies' object code; else `libraries` beside the run, else the user's cache.",
)

SIDES = {1: "buy", 2: "sell"}


def _explained(command: Callable[P, R]) -> Callable[P, R]:
    """Turns what a journal raises into a sentence and an exit code."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        from meridian.engine.journals import JournalNotFound

        try:
            return command(*args, **kwargs)
        except JournalNotFound as error:
            raise BadInput(str(error).splitlines()) from None
        except FileNotFoundError as error:
            raise BadInput(in_words(error)) from None
        except ValueError as error:
            raise CheckFailed(str(error)) from None

    return run


def _journals(directory: str) -> list[Path]:
    from meridian.engine.journals import engines

    return engines(directory)


def _absent(directory: str) -> list[str]:
    """What keeps that which is told of a directory from being all: a sentence a region."""
    from meridian.engine.journals import absent

    return absent(directory)


def _time(time_ns: int) -> str:
    seconds, rest = divmod(time_ns, 1_000_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}.{rest:09d}"


def _price(price_nanos: int | None) -> str:
    """Nanos as a decimal without a float in between."""
    if price_nanos is None:
        return ""
    sign = "-" if price_nanos < 0 else ""
    whole, rest = divmod(abs(price_nanos), 1_000_000_000)
    text = f"{rest:09d}".rstrip("0")
    return f"{sign}{whole}.{text:0<2}"


TRADED = {name: name for name in ("venue", "instrument", "account", "side")} | {"price": "price_nanos", "lots": "lots"}
"""Heading → key of a row, of what orders and fills both have."""
ORDER_COLUMNS = {
    "sent": "sent_time_ns",
    "order": "order_id",
    **TRADED,
    "filled": "filled_lots",
    "open": "leaves_lots",
    "state": "state",
}
FILL_COLUMNS = {"time": "time_ns", "order": "order_id", "execution": "execution_id", **TRADED}
WORDS: dict[str, Callable[[Any], str]] = {
    "sent_time_ns": _time,
    "time_ns": _time,
    "side": lambda side: SIDES.get(side, "?"),
    "price_nanos": _price,
}
"""Key of a row → its value in words, where it is not shown as it is."""


def _print_rows(title: str, columns: dict[str, str], rows: list[dict[str, Any]]) -> None:
    shown = ([WORDS[key](row[key]) if key in WORDS else row[key] for key in columns.values()] for row in rows)
    print_table(title, list(columns), shown)


@click.group()
def journal() -> None:
    """Read, check and replay the journals of engines."""


def _verdict(found: Replayed) -> str:
    if found["agrees"] is None:
        return "nothing was recorded to compare with"
    if found["agrees"]:
        return "equal"
    if found["slots_refused"]:
        slots = ", ".join(map(str, found["slots_refused"]))
        return f"DIFFERENT: the object code of slot {slots} was not found; name its directory with --libraries"
    return "DIFFERENT"


@journal.command("replay")
@directory_argument
@libraries_option
@click.option(
    "--from",
    "from_input",
    type=click.IntRange(min=1),
    help="From the snapshot of this input on; else the whole journal.",
)
@json_option
@_explained
def replay_command(directory: str, libraries: str | None, from_input: int | None, as_json: bool) -> None:
    """Fold the journals at or below DIRECTORY again and compare state hashes with those of the live run."""
    from meridian.engine.journals import replay

    found = [(path, replay(path, libraries=libraries, from_input=from_input)) for path in _journals(directory)]
    entries = [{"journal": str(path), **result} for path, result in found]

    def for_people() -> None:
        for path, result in found:
            note(
                f"{path}: {result['records']} records, {result['segments']} segments, torn {result['torn_bytes']} bytes"
            )
            print(f"  live    {result['recorded_hash'] or '-':>16}  at input {result['recorded_input']}")
            print(f"  replay  {result['replayed_hash'] or '-':>16}  {_verdict(result)}")
            if result["replayed_hash"] != result["state_hash"]:
                print(f"  replay  {result['state_hash']:>16}  at the end, input {result['last_sequence']}")
            live = result["recorded_full_hash"]
            compared = "nothing to compare with" if live is None else f"live {live}"
            print(f"  whole   {result['full_hash']:>16}  the state at the end; {compared}")

    differ = [f"{path}: {_verdict(result)}" for path, result in found if result["agrees"] is False]
    show(
        "journal.replay",
        {"journals": entries, "agree": not differ},
        as_json,
        for_people,
        errors=[*differ, *_absent(directory)],
    )


def _recoverable(found: Verified) -> Iterator[str]:
    """What a person may want to know of a journal that is damaged, or was left open."""
    if found["torn_offset"] is not None:
        where = f"segment {found['torn_segment']}, byte {found['torn_offset']}"
        behind = found["torn_records"]
        whole_ones = f" and {behind} whole ones behind it, left by a lost host" if behind else ""
        yield f"{where}: {found['torn_bytes']} bytes of an unfinished record{whole_ones}; the engine cuts them when it starts"
    first = found["damage"]
    yield from (fault["what"] for fault in found["faults"] if fault["what"] != first)
    if not found["faults"]:
        return
    before, after = found["before"], found["after"]
    whole = f"{before['records']} records ({before['bytes']} bytes) to sequence {before['last_sequence']}"
    yield f"recoverable before the damage: {whole if before['records'] else 'no record'}"
    for rest in after:
        state = "whole" if rest["whole"] else "not whole"
        span = f"{rest['records']} records ({rest['bytes']} bytes), {rest['first_sequence']} to {rest['last_sequence']}"
        yield f"behind it: segment {rest['segment']} is {state}: {span if rest['records'] else 'no record'}"


@journal.command("snapshot")
@directory_argument
@libraries_option
@click.option("--keep", type=click.IntRange(1, 1000), default=3, show_default=True, help="So many of them stay.")
@json_option
@_explained
def snapshot_command(directory: str, libraries: str | None, keep: int, as_json: bool) -> None:
    """Put the state at the end of each engine's journal at or below DIRECTORY beside its segments, and of its standby's.

    An engine that starts again goes on from the newest snapshot that fits its journal. The engine may run meanwhile.
    """
    from meridian.engine.journals import followers, snapshot

    made, failed, found = [], [], _journals(directory)
    beside = followers(found) if found != [Path(directory)] else []
    for path in [*found, *beside]:
        try:
            made.append((path, snapshot(path, libraries=libraries, keep=keep)))
        except RuntimeError as error:
            failed.append(f"{path}: {error}")
        except FileNotFoundError:
            raise
        except OSError as error:
            raise Unreachable(in_words(error)) from None

    def for_people() -> None:
        rows = [
            [str(path), one.name, one.input, one.bytes, one.full_hash, "yes" if one.compared else "no"]
            for path, one in made
        ]
        print_table("Snapshots", ["journal", "file", "input", "bytes", "full hash", "compared"], rows)

    show(
        "journal.snapshot",
        {"snapshots": [{"journal": str(path), **asdict(one)} for path, one in made]},
        as_json,
        for_people,
        errors=[*failed, *_absent(directory)],
    )


@journal.command("verify")
@directory_argument
@json_option
@_explained
def verify_command(directory: str, as_json: bool) -> None:
    """Check every byte of the journals at or below DIRECTORY and of the snapshots beside them, and tell what of a damaged one is
    whole."""
    from meridian.engine.journals import snapshots, verify

    found = [(path, verify(path)) for path in _journals(directory)]
    beside = {path: snapshots(path) for path, _ in found}
    entries = [
        {
            "journal": str(path),
            **result,
            "snapshots": [{"file": file, "input": last, "damage": wrong} for file, last, wrong in beside[path]],
        }
        for path, result in found
    ]

    def for_people() -> None:
        columns = ["journal", "shard", "epoch", "records", "segments", "bytes", "closed", "torn bytes", "damage"]
        rows = [
            [
                str(path),
                result["shard"],
                result["epoch"],
                result["records"],
                result["segments"],
                result["bytes"],
                "yes" if result["closed"] else "no",
                result["torn_bytes"],
                result["damage"] or "none",
            ]
            for path, result in found
        ]
        print_table("Journals", columns, rows)
        for path, result in found:
            for line in _recoverable(result):
                print(f"{path}: {line}")
            if first := result["begins_at"]:
                where = f"; they were shipped to {result['shipped_to']}" if result["shipped_to"] else ""
                print(f"{path}: records 1 to {first - 1} were taken away to keep the journal small{where}")
            for file, last, wrong in beside[path]:
                print(f"{path}: {file}: {wrong or f'the state behind record {last}, whole'}")

    damaged = [f"{path}: {result['damage']}" for path, result in found if result["damage"]]
    damaged += [f"{path}: {file}: {wrong}" for path, files in beside.items() for file, _, wrong in files if wrong]
    show(
        "journal.verify",
        {"journals": entries, "whole": not damaged},
        as_json,
        for_people,
        errors=[*damaged, *_absent(directory)],
    )


def _plain(value: Any) -> Any:
    """Bytes as text without their padding; nested records as they are."""
    if isinstance(value, bytes):
        return value.rstrip(b"\0").decode("ascii", "replace")
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return value


def _cat(path: Path, kinds: frozenset[str], first: int, limit: int | None) -> Iterator[dict[str, Any]]:
    from meridian import records
    from meridian.engine.journals import records as read

    shown = 0
    for sequence, time_ns, data in read(path):
        if sequence < first:
            continue
        if limit is not None and shown >= limit:
            return
        name = records.name_of(data)
        if kinds and name not in kinds:
            continue
        shown += 1
        array = records.parse(data)
        fields = {field: _plain(array[field].tolist()) for field in array.dtype.names or () if field != "reserved"}
        header = fields.pop("header", None)
        names = array["header"].dtype.names or ()
        head = dict(zip(names, header, strict=False)) if isinstance(header, list | tuple) else {}
        yield {"sequence": sequence, "time_ns": time_ns, "record": name, "header": head, **fields}


@journal.command("cat")
@directory_argument
@click.option("--kind", "kinds", multiple=True, help="Only records of this kind, OrderEvent say; may be repeated.")
@click.option("--from", "first", type=click.IntRange(min=1), default=1, help="First input sequence.")
@click.option("--limit", type=click.IntRange(min=1), help="At most so many records.")
@json_option
@_explained
def cat_command(directory: str, kinds: tuple[str, ...], first: int, limit: int | None, as_json: bool) -> None:
    """Print the records of the journals at or below DIRECTORY, one a line."""
    from meridian import records

    known = sorted(name for name, layout in records.LAYOUTS.items() if layout.kind)
    unknown = [kind for kind in kinds if kind not in known]
    if unknown:
        raise BadInput([f"--kind {kind}: allowed are {', '.join(known)}" for kind in unknown])
    for path in _journals(directory):
        for entry in _cat(path, frozenset(kinds), first, limit):
            if as_json:
                print_json("journal.record", {"journal": str(path), **entry})
                continue
            head = entry.pop("header")
            sequence, time_ns, name = entry.pop("sequence"), entry.pop("time_ns"), entry.pop("record")
            where = f"venue {head.get('venue', 0)} instrument {head.get('instrument', 0)}"
            print(f"{sequence} {_time(time_ns)} {name} {where}", *(f"{key}={value}" for key, value in entry.items()))
    if gone := _absent(directory):
        raise CheckFailed(gone)


def time_ns_of(option: str, text: str | None, unless_told: int, wrong: list[str]) -> int:
    """A time as a person gives it: nanoseconds since 1970, or ISO 8601, UTC unless it says otherwise."""
    if text is None:
        return unless_told
    if text.isdecimal() and int(text) < 2**64:
        return int(text)
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.year < 1970:
        wrong.append(f"{option} {cut(text)}: must be nanoseconds since 1970 or a time like 2026-03-02T14:30:00")
        return unless_told
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    whole = at.replace(microsecond=0)
    return int(whole.timestamp()) * 1_000_000_000 + at.microsecond * 1_000


def _format_of(out: Path, form: str | None, kinds: tuple[str, ...], wrong: list[str]) -> str:
    """The format that is asked for, by its name or by the file's; what is wrong with the place is said."""
    from meridian.engine.export import FORMATS

    by_suffix = {suffix: name for name, suffix in FORMATS.items()}
    if out.suffix and out.suffix not in by_suffix:
        wrong.append(f"--out {out}: a file must end in {', '.join(by_suffix)}; a folder's name has no dot")
    elif out.suffix and form not in (None, by_suffix[out.suffix]):
        wrong.append(f"--format {form}: {out.name} is {by_suffix[out.suffix]} by its name")
    if out.suffix and len(set(kinds)) != 1:
        wrong.append(f"--out {out}: a file holds one kind, {len(set(kinds)) or 'all'} are asked for; name a folder")
    if not out.parent.is_dir():
        wrong.append(f"--out {out}: there is no folder {out.parent}")
    elif out.suffix and out.exists():
        wrong.append(f"--out {out}: is there already; name another file or take it away")
    elif not out.suffix and out.exists() and (not out.is_dir() or any(out.iterdir())):
        wrong.append(f"--out {out}: must be an empty folder, or not be there yet")
    return by_suffix.get(out.suffix, form or "parquet")


@journal.command("export")
@directory_argument
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), help="A file for one kind, a folder for several."
)
@click.option("--format", "form", help="parquet, csv or json; by the name of the file, else parquet.")
@click.option("--kind", "kinds", multiple=True, help="Only records of this kind, OrderEvent say; may be repeated.")
@click.option("--from", "first", type=click.IntRange(min=1), default=1, help="First input sequence.")
@click.option("--to", "last", type=click.IntRange(min=1), default=2**64 - 1, help="Last input sequence.")
@click.option("--since", help="First engine time: ns since 1970 or ISO 8601, UTC unless it says otherwise.")
@click.option("--until", help="Last engine time.")
@json_option
@_explained
def export_command(
    directory: str,
    out: Path,
    form: str | None,
    kinds: tuple[str, ...],
    first: int,
    last: int,
    since: str | None,
    until: str | None,
    as_json: bool,
) -> None:
    """Write records of the journals at or below DIRECTORY as tables, one a kind: Parquet, CSV or JSON lines."""
    from meridian import records
    from meridian.engine import export

    known = sorted(name for name, layout in records.LAYOUTS.items() if layout.kind)
    wrong = [f"--kind {cut(kind)}: allowed are {', '.join(known)}" for kind in kinds if kind not in known]
    if form is not None and form not in export.FORMATS:
        wrong.append(f"--format {cut(form)}: allowed are {', '.join(export.FORMATS)}")
        form = None
    form = _format_of(out, form, kinds, wrong)
    since_ns = time_ns_of("--since", since, 0, wrong)
    until_ns = time_ns_of("--until", until, 2**64 - 1, wrong)
    if first > last:
        wrong.append(f"--from {first}: must not be after --to {last}")
    if since_ns > until_ns:
        wrong.append(f"--since {since}: must not be after --until {until}")
    if wrong:
        raise BadInput(wrong)
    choice = export.Choice(kinds=kinds, sequences=(first, last), times_ns=(since_ns, until_ns))
    try:
        done = export.run(_journals(directory), choice, out, form)
    except OSError as error:
        if isinstance(error, FileNotFoundError):
            raise
        raise Unreachable(f"--out {out}: {in_words(error)}; nothing is left there") from None

    def for_people() -> None:
        rows = [[table["record"], table["rows"], table["bytes"], table["file"]] for table in done["tables"]]
        print_table("Tables", ["record", "rows", "bytes", "file"], rows)
        if done["records_unreadable"]:
            note(f"{done['records_unreadable']} inputs are no records of this release and stand in no table")

    show("journal.export", done, as_json, for_people, errors=_absent(directory))


def _collected(directory: str, libraries: str | None) -> list[tuple[Path, Replayed]]:
    from meridian.engine.journals import replay

    return [(path, replay(path, libraries=libraries, collect=True)) for path in _journals(directory)]


@click.command()
@directory_argument
@libraries_option
@click.option("--live", is_flag=True, help="Only orders that have not ended.")
@json_option
@_explained
def orders(directory: str, libraries: str | None, live: bool, as_json: bool) -> None:
    """Show the orders of the engines whose journals are at or below DIRECTORY."""
    ended = {"Filled", "Canceled", "Rejected", "NotSent"}
    rows: list[dict[str, Any]] = [
        {"journal": str(path), **order}
        for path, result in _collected(directory, libraries)
        for order in result.get("orders", [])
        if not (live and order["state"] in ended)
    ]
    gone = _absent(directory)
    show("orders", {"orders": rows}, as_json, lambda: _print_rows("Orders", ORDER_COLUMNS, rows), errors=gone)


@click.command()
@directory_argument
@libraries_option
@json_option
@_explained
def fills(directory: str, libraries: str | None, as_json: bool) -> None:
    """Show the fills that the engines at or below DIRECTORY booked."""
    rows: list[dict[str, Any]] = [
        {"journal": str(path), **fill}
        for path, result in _collected(directory, libraries)
        for fill in result.get("fills", [])
    ]
    gone = _absent(directory)
    show("fills", {"fills": rows}, as_json, lambda: _print_rows("Fills", FILL_COLUMNS, rows), errors=gone)


@click.command()
@directory_argument
@libraries_option
@click.option("--all-regions", is_flag=True, help="Ask the limits API instead: as they are now, added up over regions.")
@json_option
@api_options
@_explained
def positions(
    directory: str, libraries: str | None, all_regions: bool, as_json: bool, client: Callable[[], Client]
) -> None:
    """Show positions and profit of the engines at or below DIRECTORY, as they stood at the end of their journals."""
    if all_regions:
        show_positions(client, as_json)
        return
    rows: list[dict[str, Any]] = [
        {"journal": str(path), **position}
        for path, result in _collected(directory, libraries)
        for position in result.get("positions", [])
    ]
    columns = ["account", "instrument", "lots", "bought", "sold", "mark", "realised", "unrealised", "fees"]

    def for_people() -> None:
        print_table(
            "Positions",
            columns,
            (
                [
                    row["account"],
                    row["instrument"],
                    row["lots"],
                    row["bought_lots"],
                    row["sold_lots"],
                    _price(row["mark_nanos"]),
                    _price(row["realised_nanos"]),
                    _price(row["unrealised_nanos"]),
                    _price(row["fees_nanos"]),
                ]
                for row in rows
            ),
        )

    show("positions", {"positions": rows}, as_json, for_people, errors=_absent(directory))


journal.add_command(keep_command)
journal.add_command(fetch_command)

COMMANDS: list[click.Command] = [journal, orders, fills, positions]
