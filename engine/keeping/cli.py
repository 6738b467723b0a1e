"""`meridian journal keep | fetch`: what becomes of closed segments, once, by hand or by a timer; and how they come back.

Invariant: exit code 0 means that all that was due was done, 1 that something could not be or is not whole, 2 that there is no
journal or the words are wrong, 3 that the storage does not answer.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from meridian.console import (
    BadInput,
    CheckFailed,
    FiniteRange,
    Unreachable,
    in_words,
    json_option,
    note,
    print_table,
    progress,
    show,
)

if TYPE_CHECKING:
    from meridian.engine.keeping.history import Part
    from meridian.engine.keeping.keeper import Pass, Step
    from meridian.engine.keeping.service import Ship

QUIET_SECONDS = 2.0
endpoint_option = click.option("--endpoint", help="https://HOST:PORT of the object storage, where it is not Amazon's.")
region_option = click.option("--region", help="The storage's region; us-east-1 unless told.")
credentials_option = click.option(
    "--credentials",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A file of mode 600 as Amazon's tools have it, section [default]; else AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.",
)


@contextmanager
def told_after_a_while() -> Iterator[Step]:
    """Tells how far each thing is, once it has taken a while."""
    begun = time.monotonic()
    shown: dict[str, Any] = {}
    with ExitStack() as stack:

        def step(what: str, done: int, total: int) -> None:
            if time.monotonic() - begun < QUIET_SECONDS:
                return
            if what not in shown:
                shown[what] = stack.enter_context(progress(what, total))
            shown[what](done)

        yield step


def _print(passes: list[Pass]) -> None:
    columns = ["journal", "compressed", "bytes before", "bytes after", "shipped", "to ship", "taken away", "held"]
    rows = [
        [
            one.journal,
            one.compressed.segments,
            one.compressed.bytes_before,
            one.compressed.bytes_after,
            one.shipped.segments if one.shipped else "-",
            one.shipped.waiting if one.shipped else "-",
            one.retained.segments if one.retained else "-",
            one.retained.held if one.retained else "-",
        ]
        for one in passes
    ]
    print_table("Journals", columns, rows)
    for one in passes:
        if one.retained and one.retained.held_why:
            note(f"{one.journal}: {one.retained.held} segments beyond the bounds stay: {one.retained.held_why}")


def _ship(to: str | None, **words: Any) -> Ship | None:
    """Where to ship to, as the options say. Raises BadInput with all that is wrong."""
    given = {key: str(value) for key, value in words.items() if value is not None}
    if to is None:
        if given:
            options = ", ".join(f"--{key}" for key in given)
            raise BadInput(
                f"{options}: says how to ship, and --ship-to not where; allowed is --ship-to s3://BUCKET/PREFIX."
            )
        return None
    from pydantic import ValidationError

    from meridian.deploy.topology import sentence
    from meridian.engine.keeping.service import Ship

    try:
        return Ship(to=to, **given)
    except ValidationError as error:
        told = [
            about["msg"].removeprefix("Value error, ") if about["type"] == "value_error" else f"--{sentence({}, about)}"
            for about in error.errors()
        ]
        raise BadInput(told) from None


@click.command("keep")
@click.argument("directory", type=click.Path(file_okay=False), default=".")
@click.option("--keep-days", type=FiniteRange(min=0, min_open=True), help="Segments older than this go.")
@click.option("--keep-bytes", type=click.IntRange(min=1), help="The oldest go while all take more than this.")
@click.option("--ship-to", help="s3://BUCKET/PREFIX: ship what is closed there; what is not there never goes.")
@click.option("--run", help="What this journal is called there, beside firm and shard: one journal, one name.")
@endpoint_option
@region_option
@credentials_option
@click.option(
    "--reference", type=click.Path(dir_okay=False, path_type=Path), help="The engine's reference data, shipped too."
)
@json_option
def keep_command(
    directory: str,
    keep_days: float | None,
    keep_bytes: int | None,
    ship_to: str | None,
    run: str | None,
    endpoint: str | None,
    region: str | None,
    credentials: Path | None,
    reference: Path | None,
    as_json: bool,
) -> None:
    """Compress the closed segments of the engines' journals at or below DIRECTORY; ship them; let the oldest go. Beside an
    engine that has a standby, of both and of what was set aside.

    The engine may run meanwhile. A segment is compressed when it is closed and two later ones were begun: no restart changes
    it then. None goes that the newest sound snapshot needs.
    """
    ship = _ship(ship_to, run=run, endpoint=endpoint, region=region, credentials=credentials, reference=reference)
    from meridian.engine.journals import JournalNotFound, absent, engines
    from meridian.engine.keeping.keeper import Busy
    from meridian.engine.keeping.retention import Bounds
    from meridian.engine.keeping.service import keep

    try:
        found = engines(directory)
    except JournalNotFound as error:
        raise BadInput(str(error).splitlines()) from None
    passes: list[Pass] = []
    bounds = Bounds(keep_days=keep_days, keep_bytes=keep_bytes)
    with told_after_a_while() as step:
        for journal in found:
            try:
                passes += keep(journal, bounds, ship, step)
            except Busy as error:
                raise CheckFailed(str(error)) from None
            except OSError as error:
                raise CheckFailed(in_words(error)) from None
    errors = [error for one in passes for error in one.errors] + absent(directory)
    show("journal.keep", {"journals": [one.entry() for one in passes]}, as_json, lambda: _print(passes), errors=errors)


@click.command("fetch")
@click.argument("place")
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path))
@endpoint_option
@region_option
@credentials_option
@click.option(
    "--whole",
    type=click.Path(path_type=Path),
    help="Of an engine that has a standby: a directory to make, with all that led as one journal.",
)
@json_option
def fetch_command(
    place: str,
    directory: Path,
    endpoint: str | None,
    region: str | None,
    credentials: Path | None,
    whole: Path | None,
    as_json: bool,
) -> None:
    """Bring the journal at PLACE (s3://BUCKET/PREFIX/firm-1/shard-1/RUN) into DIRECTORY, and check every byte of it.

    DIRECTORY may hold a part of the same journal: what is missing comes, nothing that is there is replaced. Of an engine that
    has a standby come the journals of all that led, into DIRECTORY/epoch-N, with what of each is the history.
    """
    from functools import partial

    from meridian.engine.journals import verify
    from meridian.engine.keeping import storage
    from meridian.engine.keeping.fetching import Unfit, fetch
    from meridian.engine.keeping.history import fetch_history

    connect = partial(storage.connect, endpoint=endpoint, region=region, key_file=credentials)
    there = connect(place)
    if whole is not None and whole.exists():
        raise BadInput(f"--whole = {whole}: is there already; name a directory that is to be made.")
    with told_after_a_while() as step:

        def fetching(done: int, total: int) -> None:
            step("segments fetched", done, total)

        try:
            parts = fetch_history(there, connect, directory, fetching)
            if whole is not None and not parts:
                raise BadInput(f"--whole = {whole}: {place} holds no terms of an engine with a standby; leave it out.")
            done = None if parts else fetch(there, directory, fetching)
        except Unfit as error:
            raise CheckFailed(str(error)) from None
        except storage.Away as error:
            raise Unreachable(str(error)) from None
        except OSError as error:
            raise Unreachable(in_words(error)) from None
    if done is None:
        _show_history(directory, parts, whole, as_json)
        return
    found = verify(directory)

    def for_people() -> None:
        columns = ["segments", "there already", "snapshots", "bytes", "records", "first", "last"]
        row = [done.segments, done.there_already, done.snapshots, done.bytes, found["records"]]
        print_table("Fetched", columns, [[*row, found["first_sequence"], found["last_sequence"]]])

    damaged = [f"{directory}: {found['damage']}"] if found["damage"] else []
    show(
        "journal.fetch",
        {"directory": str(directory), **asdict(done), "verified": found},
        as_json,
        for_people,
        errors=damaged,
    )


def _show_history(directory: Path, parts: list[Part], whole: Path | None, as_json: bool) -> None:
    from meridian.engine.keeping.history import gaps, join

    def for_people() -> None:
        columns = ["directory", "segments", "there already", "snapshots", "bytes", "first", "last", "counts to"]
        rows = [
            [str(one.directory), one.fetched.segments, one.fetched.there_already, one.fetched.snapshots, one.fetched.bytes,
             one.first, one.last, one.counts_to]
            for one in parts
        ]  # fmt: skip
        print_table("Fetched, a term each", columns, rows)

    errors = [f"{one.directory}: {one.damage}" for one in parts if one.damage] + gaps(parts)
    last = None
    if whole is not None and not errors:
        try:
            last = join(parts, whole)
        except ValueError as error:
            errors.append(f"{whole}: not made: {error}")
        except OSError as error:
            raise CheckFailed(in_words(error)) from None
    content: dict[str, Any] = {"directory": str(directory), "terms": [one.entry() for one in parts]}
    content["whole"] = None if last is None else {"directory": str(whole), "last": last}
    show("journal.fetch", content, as_json, for_people, errors=errors)
