"""`meridian fix certify`: a conformance run against a venue, and the report that a person hands to it.

Invariant: profile and cases are read and sound before anything is connected to; a report is written whole or not at all.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from meridian.console import (
    BadInput,
    CheckFailed,
    Unreachable,
    in_words,
    json_option,
    note,
    own_output,
    print_json,
    print_table,
)
from meridian.venues.fix_connect_cli import fix

if TYPE_CHECKING:
    from meridian.venues.fix.certify import Case, Result, Run

__all__ = ["fix"]

COLOURS = {"passed": "green", "failed": "red", "not offered": "yellow", "not played": "yellow"}


@fix.command("certify", short_help="Play a venue's conformance cases and write the report.")
@click.argument("profile", required=False)
@click.option(
    "--out", type=click.Path(path_type=Path), help="Write report.html, report.json and messages.log to this folder."
)
@click.option(
    "--only", multiple=True, metavar="CASE", help="A case's number or name, or a group: S3, logon, orders. Repeat it."
)
@click.option("--list", "listed", is_flag=True, help="List the cases, play none.")
@json_option
def certify(profile: str | None, out: Path | None, only: tuple[str, ...], listed: bool, as_json: bool) -> None:
    """Log on as PROFILE says and play numbered cases: the session's, then orders'. Exit code 1 when one failed.

    Orders are small and away from the market where they can be, but real: play it against a venue's test system.
    """
    from meridian.venues import fix_profile
    from meridian.venues.fix.certify.run import Run, chosen

    words = [word for part in only for word in part.split(",") if word.strip()]
    cases, unknown = chosen(words)
    errors = [f"--only {word}: no such case; --list shows all" for word in unknown]
    if only and not words:
        errors.append("--only: is empty; a case's number or name, or a group is needed, --list shows all")
    if profile is None and not listed:
        errors.append("PROFILE is missing: a TOML file or a venue such as house is needed")
    if errors:
        raise BadInput(errors)
    if listed:
        _list(cases, as_json)
        return
    assert profile is not None
    known = fix_profile.load(profile)
    if out is not None:
        try:
            out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise BadInput(f"--out {out}: {in_words(error)}; a folder that can be written is needed") from error
    known.make_folders()
    run = Run(known)
    _reached(known, as_json)
    with run, _interrupted_by_sigterm():
        lost: list[BaseException] = []

        def told(result: Result) -> None:
            try:
                _progress(result, as_json)
            except (SystemExit, Unreachable) as error:  # Nobody reads on; the report is written all the same.
                lost.append(error)

        run.play(cases, told)
        _end(run, out, as_json)
    if lost:
        raise lost[0]


@contextmanager
def _interrupted_by_sigterm() -> Iterator[None]:
    """Whoever ends the process gets the report of what was played, as a person with Ctrl-C does."""

    def interrupt(_: int, __: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _list(cases: list[Case], as_json: bool) -> None:
    keys = ("number", "group", "name", "title", "standard")
    rows = [{key: getattr(one, key) for key in keys} for one in cases]
    if as_json:
        print_json("fix.certify.cases", {"cases": rows})
    else:
        print_table("Cases", keys, [[row[key] for key in keys] for row in rows])


def _reached(profile: Any, as_json: bool) -> None:
    """Nobody there is no failure of a case. Raises Unreachable."""
    import socket

    errors = []
    for host, port in profile.addresses:
        try:
            socket.create_connection((host, port), 5.0).close()
        except OSError as error:
            errors.append(f"{profile.path}: {host}:{port}: {in_words(error)}")
        else:
            return
    raise Unreachable(errors)


@own_output()
def _progress(result: Result, as_json: bool) -> None:
    case, verdict = result.case, str(result.verdict)
    if as_json:
        found = {"number": case.number, "title": case.title, "verdict": verdict, "reason": result.reason}
        print_json("fix.certify.case", found)
        return
    seconds = (result.ended_ns - result.started_ns) / 1e9
    shown = click.style(f"{verdict:<11}", fg=COLOURS[verdict])
    click.echo(f"{case.number:>4} {shown} {case.title}: {result.reason} ({seconds:.1f} s)")


def _end(run: Run, out: Path | None, as_json: bool) -> None:
    """Writes the report and says how it went. Raises CheckFailed when a case failed."""
    from meridian.venues.fix.certify.report import describe, write

    facts = run.facts(describe(run))
    files: list[Path] = []
    if out is not None:
        try:
            files = write(facts, run, out)
        except OSError as error:
            raise Unreachable(f"--out {in_words(error)}") from error
    counts = facts["counts"]
    failed = [
        f"{one['number']} {one['title']}: {one['reason']}" for one in facts["cases"] if one["verdict"] == "failed"
    ]
    if run.interrupted:
        failed.insert(0, f"interrupted: {counts['not played']} of {len(facts['cases'])} cases were not played")
    failure = CheckFailed(failed, printed=as_json)
    if as_json:
        ending = {"errors": failure.errors, "exit_code": failure.exit_code} if failed else {}
        found = {"interrupted": run.interrupted, "counts": counts, "files": [str(file) for file in files]}
        with own_output():
            print_json("fix.certify", {**found, **ending})
    else:
        left = f", {counts['not played']} not played" if run.interrupted else ""
        note(f"{counts['passed']} passed, {counts['failed']} failed, {counts['not offered']} not offered{left}")
        for file in files:
            note(str(file))
    if failed:
        raise failure
