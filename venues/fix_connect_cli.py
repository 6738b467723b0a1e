"""`meridian fix connect`: a FIX session in the terminal, or from a script.

Invariant: nothing is connected to before profile and script are read and sound.
"""

from __future__ import annotations

import os
import re
import stat
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from meridian.console import (
    BadInput,
    CheckFailed,
    Failure,
    Unreachable,
    in_words,
    json_option,
    note,
    own_output,
    print_json,
)
from meridian.venues.fix_log_cli import fix

if TYPE_CHECKING:
    from meridian.venues import fix_commands
    from meridian.venues.fix_terminal import Terminal

__all__ = ["fix"]


@fix.command("connect", short_help="Log on to a venue: watch, and send orders by hand or by script.")
@click.argument("profile")
@click.option("--raw", is_flag=True, help="Show messages as their bytes stand, not in words.")
@json_option
def connect(profile: str, raw: bool, as_json: bool) -> None:
    """Log on as PROFILE says (a TOML file, or a venue such as house) and show every message, either way, in words.

    On a terminal, lines are commands: help lists them. From a pipe or a file, commands are read line by line; the run fails with
    exit code 1 where a message that `expect` waits for does not come, and the session logs out after the last line.
    """
    from meridian.venues import fix_commands, fix_profile, fix_terminal

    known = fix_profile.load(profile)
    closed = [
        f"standard {name} is closed; allowed is a terminal, a file or a pipe"
        for name, stream in (("input", sys.stdin), ("output", sys.stdout))
        if stream is None
    ]
    if closed:
        raise BadInput(closed)
    known.make_folders()
    interactive = sys.stdin.isatty() and sys.stdout.isatty() and not as_json
    is_file = stat.S_ISREG(os.fstat(sys.stdin.fileno()).st_mode) if _has_descriptor() else False
    try:
        terminal = fix_terminal.Terminal(known, as_json=as_json, raw=raw, interactive=interactive)
        actions: Iterator[fix_commands.Action | str | None]
        if is_file:
            dictionary = terminal.dictionary
            actions = iter(fix_terminal.parsed(sys.stdin.readlines(), lambda line: fix_commands.read(line, dictionary)))
        else:
            actions = terminal.typed() if interactive else terminal.streamed()
    except ValueError as error:
        raise BadInput(str(error).splitlines()) from error
    except OSError as error:
        raise BadInput(f"{known.path}: {in_words(error)}") from error
    if interactive:
        note(f"{known.name}; help lists the commands, Ctrl-D logs out")
    _run(terminal, actions, as_json)


def _has_descriptor() -> bool:
    try:
        sys.stdin.fileno()
    except (OSError, ValueError):
        return False
    return True


def _run(terminal: Terminal, actions: Iterator[fix_commands.Action | str | None], as_json: bool) -> None:
    """Runs to its end; what failed decides the exit code."""
    from meridian.venues.fix_terminal import terminal_kept

    try:
        with terminal_kept():
            terminal.run(actions)
    except KeyboardInterrupt:
        terminal.leave()
    except (Failure, SystemExit):  # Standard output is gone; the session ends as it should all the same.
        terminal.leave()
        raise
    except ValueError as error:
        terminal.leave()
        raise BadInput(str(error).splitlines()) from error
    except OSError as error:
        host, port = terminal.session.connected_to or ("", 0)
        at = f"{host}:{port}: " if port else ""
        raise Unreachable(f"{terminal.profile.path}: {at}{in_words(error)}{_hint(terminal, error)}") from error
    failed = CheckFailed(terminal.errors, printed=as_json)
    if as_json:
        ending = {"errors": failed.errors, "exit_code": failed.exit_code} if failed.errors else {}
        with own_output():
            print_json("fix.connect", terminal.totals() | ending)
    elif not terminal.interactive:
        counts = terminal.counts
        note(f"{counts['out']} messages sent, {counts['in']} received")
    if failed.errors:
        raise failed


def _hint(terminal: object, error: OSError) -> str:
    """What a person may do about a logon that was not taken."""
    from meridian.venues.fix.ends import hint
    from meridian.venues.fix_terminal import Terminal

    assert isinstance(terminal, Terminal)
    if terminal.session.connected_to is None:
        house = terminal.profile.path.parent.name == "house" and "refused" in str(error)
        return (
            "; meridian exchange run starts it" if house else "; look at session.addresses, and whether the venue is up"
        )
    why = terminal.session.session.ended
    taken = why == "ours_too_low" and bool(terminal.profile.session.get("takes_expected"))
    if why == "not_authorized" and re.search(r"seq\w*num|sequence", str(error), re.IGNORECASE):
        why = "ours_too_low"
    return hint("no_logon" if why is None and isinstance(error, TimeoutError) else why, taken=taken)
