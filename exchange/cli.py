"""Commands of the house exchange.

Invariant: nothing heavy is imported at the top, so that help stays quick.
"""

from __future__ import annotations

import json
import signal
from contextlib import ExitStack
from decimal import Decimal, InvalidOperation
from functools import partial
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING

import click

from meridian.console import BadInput, Unreachable, in_words, json_option, note, print_json
from meridian.exchange import operator_cli
from meridian.venues.fix_cli import tls_options, tls_settings

if TYPE_CHECKING:
    from meridian.exchange.alone import Alone

DEFAULT = ("AAPL=0.01", "ESM4=0.25")
VERSIONS = {
    "FIX.4.2": ("FIX.4.2", ""),
    "FIX.4.4": ("FIX.4.4", ""),
    "FIX.5.0SP2": ("FIXT.1.1", "9"),
}
"""Version → what its sessions begin with, and ApplVerID over FIXT."""
_SINCE = {"midnight": "midnight UTC, every day", "start": "the first start"}


@click.group("exchange", help="The house exchange: a venue of your own.")
def exchange() -> None:
    """The group of the exchange's commands."""


@exchange.command("run", short_help="Run the house exchange alone, with FIX, OUCH and ITCH.")
@click.option(
    "--listing", "listings", multiple=True, metavar="SYMBOL=TICK", help="List it. Repeat; else AAPL and ESM4."
)
@click.option(
    "--fix-port",
    type=click.IntRange(1, 65_532),
    default=9878,
    show_default=True,
    help="Orders here, a counterparty's, drop copy and market data at the next three.",
)
@click.option(
    "--fix-version", type=click.Choice(list(VERSIONS)), default="FIX.4.4", show_default=True, help="Of its sessions."
)
@click.option("--ouch-port", type=click.IntRange(1, 65_535), help="Take OUCH here, too; needs a password.")
@click.option("--password-file", type=click.Path(path_type=Path), help="Logons must bear what it holds; else nothing.")
@click.option("--cancel-on-disconnect", is_flag=True, help="A FIX session's orders end with its connection.")
@click.option(
    "--throttle", type=click.IntRange(0, 65_536), default=0, help="Orders a session may send in a second; 0: any."
)
@click.option(
    "--reports-waiting-max",
    type=click.IntRange(1_024, 1 << 20),
    default=1 << 16,
    show_default=True,
    help="Reports kept for a session that is away; one that missed more cannot return without room for all.",
)
@click.option(
    "--phase",
    "phases",
    multiple=True,
    metavar="PHASE=WHEN[,late=TIME[,too_late=WHAT]]",
    help="Begin it at WHEN: a time of day in UTC (09:28, 16:00:00) every day, or +30s since the first start. Repeat. A call "
    "(opening_call, closing_call, intraday_call, halt_call) ends by its auction with trading or closed; pre_open, halt and "
    "day_end are the other phases. late: so long after a call began cancels, increases or both are too late. "
    "Without: everything trades.",
)
@click.option(
    "--indicate-ms",
    type=click.IntRange(1, 3_600_000),
    default=1_000,
    show_default=True,
    help="A call says so often what it would give.",
)
@click.option(
    "--data", type=click.Path(path_type=Path), help="Keep journal, sessions and profiles here; else they are not kept."
)
@click.option("--log", is_flag=True, help="Write each FIX session's messages down; needs --data.")
@tls_options
@json_option
def run(
    listings: tuple[str, ...], fix_port: int, fix_version: str, ouch_port: int | None, password_file: Path | None,
    cancel_on_disconnect: bool, throttle: int, reports_waiting_max: int, phases: tuple[str, ...], indicate_ms: int,
    data: Path | None, log: bool,
    certificate: Path | None, key: Path | None, client_ca: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Run until interrupted. Beside the data stands a profile for each FIX session.

    With the default port `meridian fix connect house` logs on, else `meridian fix connect DATA/profiles/profile.toml`.
    """
    from meridian.exchange import timetable
    from meridian.exchange.alone import Alone
    from meridian.files import temporary_folder
    from meridian.ports import can_listen

    errors: list[str] = []
    listed = _listings(listings or DEFAULT, errors)
    timed = timetable.phases(phases, errors)
    if ouch_port is not None and password_file is None:
        errors.append(f"--ouch-port {ouch_port}: OUCH logs in with a password; --password-file FILE is needed, too")
    if password_file is not None and not password_file.is_file():
        errors.append(f"--password-file {password_file}: there is no such file")
    elif password_file is not None and password_file.stat().st_size == 0:
        errors.append(f"--password-file {password_file}: is empty; it must hold a password of 1 to 64 characters")
    if data is not None and not str(data).isprintable():
        errors.append(f"--data {str(data)!a}: a folder's name in printable letters is needed")
    if log and data is None:
        errors.append("--log: needs --data, where the logs stay")
    if errors:
        raise BadInput(errors)
    tls = tls_settings(certificate, key, client_ca)
    with ExitStack() as stack:
        directory = data or stack.enter_context(temporary_folder("meridian-house-"))
        begin_string, application = VERSIONS[fix_version]
        alone = Alone(
            directory=directory, listings=listed, fix_port=fix_port, version=begin_string, application=application,
            ouch_port=ouch_port, password_file=password_file, cancel_on_disconnect=cancel_on_disconnect, throttle=throttle,
            reports_waiting_max=reports_waiting_max, timetable=timed, indicate_ms=indicate_ms, tls=tls, log=log,
        )  # fmt: skip
        try:
            kept = stack.enter_context(alone.claimed())
        except OSError as error:
            raise BadInput(
                f"--data {alone.directory}: {in_words(error)}; a folder that can be written is needed"
            ) from error
        if not kept:
            raise Unreachable(
                [f"--data {alone.directory}: another exchange runs on it; end that one, or name another folder"]
            )
        if taken := [one for one in map(alone.port, alone.sessions) if not can_listen(one, alone.host)]:
            ports = ", ".join(map(str, taken))
            raise Unreachable(
                [
                    f"--fix-port {fix_port}: {alone.host} has {ports} in use; name another, the three after it are used, too"
                ]
            )
        try:
            alone.make_files()
        except OSError as error:
            raise BadInput(
                f"--data {alone.directory}: {in_words(error)}; a folder that can be written is needed"
            ) from error
        if found := alone.errors():
            raise BadInput(found)
        _run(alone, as_json)


def _run(alone: Alone, as_json: bool) -> None:
    """Says where what is, and runs."""
    from meridian._native import tiles
    from meridian.exchange import room

    facts = alone.facts()
    if as_json:
        print_json("exchange.run", {"event": "starting", **facts})
    else:
        for one in facts["fix"]:
            note(
                f"FIX {one['role'].replace('_', ' ')}: {one['sender']} at {one['listen']}, {one['version']}; {one['profile']}"
            )
        if facts["ouch"]:
            note(f"OUCH: {facts['ouch']}")
        for phase in facts["timetable"]:
            note(f"phase {phase['phase']}: {phase['at_ms'] / 1_000:.3f} s after {_SINCE[phase['since']]}")
        note(f"ITCH: {', '.join(facts['itch']['lines'])}; lists {', '.join(facts['listings'])}; end with Ctrl-C")
    stop, over = tiles.Stop(), Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.ask())
    looking = Thread(target=room.watch, args=(alone.counters, alone.data, partial(_tell_room, as_json), over))
    looking.start()
    try:
        tiles.run(json.dumps(alone.specification()), stop)
    except (RuntimeError, OSError) as error:
        raise Unreachable(str(error).splitlines()) from error
    finally:
        over.set()
        looking.join()


def _tell_room(as_json: bool, sentences: list[str]) -> None:
    """Says that there is no room to keep requests in, or that there is again."""
    if as_json:
        print_json("exchange.run", {"event": "no_room" if sentences else "room", "sentences": sentences})
        return
    for sentence in sentences or ["there is room again: orders are taken"]:
        note(sentence)


def _listings(words: tuple[str, ...], errors: list[str]) -> dict[str, Decimal]:
    """Symbol → tick; what is wrong goes to `errors`."""
    found: dict[str, Decimal] = {}
    for word in words:
        symbol, equals, text = word.partition("=")
        try:
            tick = Decimal(text)
        except InvalidOperation:
            tick = Decimal("nan")
        # A remainder of numbers far apart takes for ever.
        good = tick.is_finite() and -4 <= tick.adjusted() <= 3 and 0 < tick <= 1_000 and tick % Decimal("0.0001") == 0
        if (
            not equals
            or not good
            or not (1 <= len(symbol) <= 8 and symbol.isascii() and symbol.isprintable() and " " not in symbol)
        ):
            errors.append(
                f"--listing {word}: SYMBOL=TICK is needed, one to eight letters and a multiple of 0.0001 up to 1000: AAPL=0.01"
            )
        elif symbol in found:
            errors.append(f"--listing {word}: {symbol} stands twice")
        else:
            found[symbol] = tick
    return found


for one in operator_cli.COMMANDS:
    exchange.add_command(one)
COMMANDS: list[click.Command] = [exchange]
