"""The command line: one group that gathers the commands of every room.

A room offers commands by `COMMANDS`, a list of click commands in its `cli.py`. Rooms are looked at only when the
command line runs, and a room's `cli.py` imports what is heavy inside its functions: `meridian --help` answers in
under 150 ms. Two rooms may add to one group of commands (`bench`, say) by offering a group of the same name.

Invariant: help lists what exists and nothing else; one broken room does not take the others' commands away.
"""

from __future__ import annotations

import importlib
import io
import os
import sys
from pathlib import Path

import click

import meridian
from meridian.console import (
    EXIT_BAD_INPUT,
    EXIT_INTERRUPTED,
    EXIT_OK,
    Failure,
    Unreachable,
    cut_words,
    fail,
    in_words,
    note,
    print_json,
)

ROOMS = {
    "engine": "Trade",
    "strategies": "Strategies",
    "risk": "Risk",
    "venues": "Venues and their data",
    "exchange": "The house exchange",
    "coordination": "Regions together",
    "analytics": "After the trade",
    "web": "Pages",
    "deploy": "Run it",
    "bench": "Measure it",
}
"""Rooms in the order of the help, with their headings. A room that is not here comes last, under its own name."""


def rooms_with_commands() -> list[str]:
    """The rooms that have a `cli.py`, in the order of the help."""
    present = {path.parent.name for path in Path(meridian.__file__).parent.glob("*/cli.py")}
    known = [room for room in ROOMS if room in present]
    return known + sorted(present - set(known))


class Rooms(click.Group):
    """The commands of all rooms, loaded once when first asked for."""

    by_room: dict[str, list[click.Command]] | None = None

    def load(self) -> dict[str, list[click.Command]]:
        """Room → its commands; a group that an earlier room has offered takes in the later one's."""
        if self.by_room is None:
            self.by_room = {}
            for room in rooms_with_commands():
                self.by_room[room] = [command for command in room_commands(room) if self.take(command)]
        return self.by_room

    def take(self, command: click.Command) -> bool:
        """Adds one command; False when it went into a group that is listed already."""
        name = command.name or ""
        there = self.commands.get(name)
        if isinstance(there, click.Group) and isinstance(command, click.Group):
            for part in command.commands.values():
                there.add_command(part)
            return False
        if there is not None:
            note(f"meridian: two rooms offer the command {name}; the first is used")
            return False
        self.add_command(command)
        return True

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every name, for shell completion."""
        self.load()
        return sorted(self.commands)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name."""
        self.load()
        return self.commands.get(cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The commands under the headings of their rooms."""
        for room, commands in self.load().items():
            lines = [(command.name or "", command.get_short_help_str(90)) for command in commands if not command.hidden]
            if lines:
                with formatter.section(ROOMS.get(room, room.capitalize())):
                    formatter.write_dl(sorted(lines))


def room_commands(room: str) -> list[click.Command]:
    """What one room offers; a room that cannot be loaded is named on standard error and offers nothing."""
    try:
        commands: list[click.Command] = importlib.import_module(f"meridian.{room}.cli").COMMANDS
    except Exception as error:
        note(f"meridian: the commands of {room} cannot be loaded: {type(error).__name__}: {error}")
        return []
    return commands


@click.group(cls=Rooms, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(meridian.__version__, "--version", prog_name="meridian")
def cli() -> None:
    """Meridian: trade on many venues, from a packet in to an order out.

    Exit codes: 0 done, 1 a check failed, 2 bad input, 3 something cannot be reached.
    """


def main() -> None:
    """Runs the command line and ends the process with its exit code."""
    as_json = "--json" in sys.argv
    try:
        code = cli.main(prog_name="meridian", standalone_mode=False)
    except Failure as failure:
        fail(failure, as_json=as_json)
    except click.exceptions.Exit as ending:
        sys.exit(ending.exit_code)
    except click.ClickException as error:
        if as_json:
            print_json("errors", {"errors": [cut_words(error.format_message())], "exit_code": EXIT_BAD_INPUT})
        shown = io.StringIO()
        error.show(shown)
        note(cut_words(shown.getvalue().rstrip()))
        sys.exit(EXIT_BAD_INPUT)
    except (KeyboardInterrupt, click.Abort):
        note("interrupted")
        sys.exit(EXIT_INTERRUPTED)
    except BrokenPipeError:
        # Who reads has enough; what is left in the buffer goes nowhere, quietly.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(EXIT_OK)
    except OSError as error:
        fail(Unreachable(in_words(error)), as_json=as_json)
    sys.exit(code if isinstance(code, int) else EXIT_OK)
