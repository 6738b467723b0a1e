"""`meridian journal keep`: what becomes of closed segments, once, by hand or by a timer.

Invariant: exit code 0 means that all that was due was done, 1 that something could not be, 2 that there is no journal.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import click

from meridian.console import BadInput, CheckFailed, in_words, json_option, print_table, progress, show

if TYPE_CHECKING:
    from meridian.engine.keeping.keeper import Pass, Step

QUIET_SECONDS = 2.0


@contextmanager
def told_after_a_while() -> Iterator[Step]:
    """Tells how far each thing is, once it has taken a while."""
    begun = time.monotonic()
    shown: dict[str, object] = {}
    with ExitStack() as stack:

        def step(what: str, done: int, total: int) -> None:
            if time.monotonic() - begun < QUIET_SECONDS:
                return
            if what not in shown:
                shown[what] = stack.enter_context(progress(what, total))
            bar = shown[what]
            assert callable(bar)
            bar(done)

        yield step


def _print(passes: list[Pass]) -> None:
    columns = ["journal", "compressed", "bytes before", "bytes after"]
    rows = [
        [one.journal, one.compressed.segments, one.compressed.bytes_before, one.compressed.bytes_after]
        for one in passes
    ]
    print_table("Journals", columns, rows)


@click.command("keep")
@click.argument("directory", type=click.Path(file_okay=False), default=".")
@json_option
def keep_command(directory: str, as_json: bool) -> None:
    """Compress the closed segments of the engines' journals at or below DIRECTORY.

    The engine may run meanwhile. A segment is compressed when it is closed and two later ones were begun: no restart changes
    it then.
    """
    from meridian.engine.journals import JournalNotFound, absent, engines
    from meridian.engine.keeping.keeper import Busy, Keeper

    try:
        found = engines(directory)
    except JournalNotFound as error:
        raise BadInput(str(error).splitlines()) from None
    passes = []
    with told_after_a_while() as step:
        for journal in found:
            try:
                passes.append(Keeper(journal=journal).once(step))
            except Busy as error:
                raise CheckFailed(str(error)) from None
            except OSError as error:
                raise CheckFailed(in_words(error)) from None
    errors = [error for one in passes for error in one.errors] + absent(directory)
    show("journal.keep", {"journals": [one.entry() for one in passes]}, as_json, lambda: _print(passes), errors=errors)
