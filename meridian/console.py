"""What every command shares: `--json`, tables, progress, errors and exit codes.

Invariant: exit code 0 means done, 1 a check failed, 2 bad input from a person, 3 something could not be reached. What a
program may read goes to standard output, what only a person reads goes to standard error. With `--json` a command prints one
document, also when it fails: what it found, with `errors` and `exit_code` where checks did not hold, or these alone.

    @click.command()
    @click.argument("file")
    @json_option
    def book(file: str, as_json: bool) -> None:
        ...
        show("book", {"levels": rows}, as_json, lambda: print_table("Book", ["price", "lots"], rows))
"""

from __future__ import annotations

import json
import math
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NoReturn, Protocol, TypeVar

import click

if TYPE_CHECKING:
    from rich.console import Console

EXIT_OK = 0
EXIT_CHECK_FAILED = 1
EXIT_BAD_INPUT = 2
EXIT_UNREACHABLE = 3
EXIT_INTERRUPTED = 130
TABLE_LETTERS_MAX = 1_000
"""Of a line of a table, without a terminal."""
SHOWN_MAX = 80
"""Characters of a value that a sentence shows."""
WORD_MAX = 240
"""Characters of one word of an error: paths are shown whole."""
ERROR_NUMBERS = re.compile(r"\[Errno -?\d+\] | \(os error \d+\)")
WORDS_TOO_LONG = re.compile(rf"\S{{{WORD_MAX + 1},}}")

Command = TypeVar("Command", bound=Callable[..., Any])


def cut(text: str, most: int = SHOWN_MAX) -> str:
    """A value as a sentence shows it: its beginning, where it is long."""
    return text if len(text) <= most else text[: most - 1] + "…"


def cut_words(sentence: str) -> str:
    """A sentence whose words are at most as long as a path may be; of a longer one both ends are kept."""
    half = WORD_MAX // 2
    return WORDS_TOO_LONG.sub(lambda word: f"{word[0][:half]}…{word[0][-half:]}", sentence)


def printable(text: str, letters_max: int = 300) -> str:
    """What somebody else said, on one line: so much of it, with what a terminal would obey escaped."""
    shown = text if len(text) <= letters_max else f"{text[:letters_max]}…"
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode("ascii") for one in shown)


class Failure(Exception):
    """Ends a command: one sentence an error, and the exit code of its kind."""

    exit_code = EXIT_CHECK_FAILED

    def __init__(self, errors: str | Iterable[str], *, printed: bool = False) -> None:
        """`printed`: a document that bears the errors has gone to standard output already."""
        self.errors = [cut_words(error) for error in ([errors] if isinstance(errors, str) else errors)]
        self.printed = printed
        super().__init__("\n".join(self.errors))


class CheckFailed(Failure):
    """A check that the command was asked for did not hold."""


class BadInput(Failure):
    """Input of a person, refused before anything started: all errors at once, each with key, value, what is allowed."""

    exit_code = EXIT_BAD_INPUT


class Unreachable(Failure):
    """A process, host or file system that the command needs does not answer."""

    exit_code = EXIT_UNREACHABLE


def json_option(command: Command) -> Command:
    """Adds `--json`; the command gets it as `as_json`."""
    option = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs instead of text for people.")
    return option(command)


class FiniteRange(click.FloatRange):
    """A range of numbers that has no place for `nan`."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number = float(super().convert(value, param, ctx))
        if math.isnan(number):
            self.fail(f"{value} is not in the range {self._describe_range()}.", param, ctx)
        return number


class OutDirectory(click.ParamType[Path]):
    """A directory that a command writes into: one that is there, or can be made. All else is refused before anything runs."""

    name = "directory"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """The path, absolute or not as it was given."""
        path = Path(value)
        there = next((one for one in (path, *path.absolute().parents) if os.path.lexists(one)), path)
        allowed = "allowed: a directory that may be written, or a path at which one can be made"
        if not str(value) or not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
            self.fail(f"{value!s:.200}: {allowed}" if str(value) else f"an empty path; {allowed}", param, ctx)
        return path


def out_directory(text: str | None, errors: list[str]) -> Path | None:
    """What `--out` names: a directory that may be written, or that can be made. All else is told in `errors`, before anything
    runs."""
    if text is None:
        return None
    path = Path(text)
    there = next(one for one in (path.absolute(), *path.absolute().parents) if os.path.lexists(one))
    if not text or not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        where = f"{there} is none that may be written; " if text else ""
        errors.append(f"--out {text!r}: {where}a directory that may be written, or can be made, is allowed")
    return path


def print_json(schema: str, value: dict[str, Any], *, version: int = 1, stream: IO[str] | None = None) -> None:
    """Prints one object on one line, headed by the schema's name and version. A changed schema is a new version."""
    document = {"schema": f"meridian.{schema}/{version}", **value}
    print(json.dumps(document, default=_as_plain, allow_nan=False), file=stream or sys.stdout, flush=True)


@contextmanager
def own_output() -> Iterator[None]:
    """Around what is printed beside other input and output, so that nothing else is blamed for standard output.

    Ends the command with 0 where its reader has enough. Raises Unreachable where standard output takes no more.
    """
    try:
        yield
    except OSError as error:
        # What is left in the buffer, and what is printed while the command ends, goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            raise SystemExit(EXIT_OK) from None
        raise Unreachable(f"standard output: {in_words(error)}; what is printed must have a place") from error


def show(
    schema: str,
    value: dict[str, Any],
    as_json: bool,
    for_people: Callable[[], None],
    *,
    version: int = 1,
    errors: Iterable[str] = (),
) -> None:
    """Prints `value` for programs or calls `for_people`. `errors`: checks that did not hold; they end the command.

    Raises CheckFailed when there are any; the document that was printed bears them then.
    """
    failed = CheckFailed(errors, printed=as_json)
    if as_json:
        print_json(schema, value | (_ending(failed) if failed.errors else {}), version=version)
    else:
        for_people()
    if failed.errors:
        raise failed


def _ending(failure: Failure) -> dict[str, Any]:
    return {"errors": failure.errors, "exit_code": failure.exit_code}


def in_words(error: Exception) -> str:
    """What the system refused, with the path and without its number; also of an error that only bears the system's words."""
    if not isinstance(error, OSError) or error.errno is None or error.strerror is None:
        return ERROR_NUMBERS.sub("", str(error))
    reason = error.strerror[:1].lower() + error.strerror[1:]
    return f"{error.filename}: {reason}" if error.filename else reason


def _as_plain(value: Any) -> Any:
    """numpy scalars and arrays, paths, dataclasses: anything that knows how to be a plain value."""
    for way in ("tolist", "model_dump", "__fspath__"):
        if hasattr(value, way):
            return getattr(value, way)()
    raise TypeError(f"{type(value).__name__} cannot be printed as JSON")


def console(*, stderr: bool = False, width: int = 160) -> Console:
    """A rich console; without a terminal it prints plain text, tables of at most so many letters."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    return Console(
        stderr=stderr, width=None if stream.isatty() else width, highlight=False, soft_wrap=not stream.isatty()
    )


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Prints rows under a title; numbers stand to the right. Says so when there is none."""
    from rich.table import Table
    from rich.text import Text

    held = [list(row) for row in rows]
    if not held:
        print(f"{title}: none")
        return
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for index, column in enumerate(columns):
        number = all(isinstance(row[index], int | float) or row[index] in (None, "") for row in held)
        table.add_column(column, justify="right" if number else "left", no_wrap=True)
    for row in held:
        table.add_row(*(Text(_cell(value)) for value in row))
    # A program, or a file, takes every letter: an id that is cut is none.
    console(width=TABLE_LETTERS_MAX).print(table)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.6g}" if isinstance(value, float) else str(value)


def note(sentence: str) -> None:
    """A sentence for a person, on standard error."""
    click.echo(sentence, err=True)


class Progress(Protocol):
    """What `progress` hands over."""

    def __call__(self, done: float) -> None:
        """So much of the total is done."""


@contextmanager
def progress(what: str, total: float) -> Iterator[Progress]:
    """A progress bar on standard error, when that is a terminal; nothing otherwise."""
    if not sys.stderr.isatty():
        yield lambda done: None
        return
    from rich.progress import Progress as Bar

    with Bar(console=console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda done: bar.update(task, completed=done)


def fail(failure: Failure, *, as_json: bool) -> NoReturn:
    """Prints every error on a line of its own and ends the process with the failure's code."""
    if as_json and not failure.printed:
        print_json("errors", _ending(failure))
    for error in failure.errors:
        note(f"error: {error}")
    sys.exit(failure.exit_code)
