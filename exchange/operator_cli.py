"""`meridian exchange bust`, `correct` and `phase`: what an operator does to trades, and to what trades.

Invariant: nothing heavy is imported at the top, so that help stays quick.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, TypeVar

import click

from meridian.console import BadInput, CheckFailed, json_option, show

NANOS = 10**9
NUMBER_MAX = 2**63
Command = TypeVar("Command", bound=Callable[..., Any])


PHASES = ("pre_open", "opening_call", "closing_call", "intraday_call", "halt", "halt_call", "trading", "closed")


def trade_arguments(command: Command) -> Command:
    """Adds what every command about a trade takes."""
    return operator_arguments(click.argument("trade")(command))


def operator_arguments(command: Command) -> Command:
    """Adds what every command of an operator takes."""
    command = json_option(command)
    option = click.option(
        "--data", required=True, type=click.Path(path_type=Path), help="The --data of `meridian exchange run`."
    )
    return option(command)


@click.command("bust", short_help="Break a trade of a running house exchange.")
@trade_arguments
def bust(trade: str, data: Path, as_json: bool) -> None:
    """Break TRADE, a match number (17) or an ExecID (M17A): both sides are told (ExecType H), and their drop copies."""
    from meridian.exchange import operator

    match = _match(trade)
    if isinstance(match, str):
        raise BadInput(match)
    _ask(data, match, operator.bust(match), as_json)


@click.command("correct", short_help="Give a trade of a running house exchange another price, or fewer lots.")
@click.option("--price", help="Its price from now on.")
@click.option("--lots", type=click.IntRange(1, 2**40), help="Its lots from now on, at most those that it has.")
@trade_arguments
def correct(trade: str, price: str | None, lots: int | None, data: Path, as_json: bool) -> None:
    """Correct TRADE, a match number (17) or an ExecID (M17A): both sides are told (ExecType G), and their drop copies."""
    from meridian.exchange import operator

    match, price_nanos = _match(trade), _price(price)
    errors = [one for one in (match, price_nanos) if isinstance(one, str)]
    if price is None and lots is None:
        errors.append("--price, --lots: one of them is needed, or both")
    if errors or isinstance(match, str) or isinstance(price_nanos, str):
        raise BadInput(errors)
    _ask(data, match, operator.correction(match, price_nanos=price_nanos, lots=lots or 0), as_json)


@click.command("phase", short_help="Begin a phase of a running house exchange: a call, trading, a halt, the close.")
@click.option("--instrument", type=click.IntRange(0, 65_535), default=0, show_default=True, help="Its number; 0: all.")
@click.argument("phase", type=click.Choice(PHASES))
@operator_arguments
def phase(phase: str, instrument: int, data: Path, as_json: bool) -> None:
    """Begin PHASE. A call collects orders without trading; `trading` and `closed` end it by its auction."""
    from meridian.exchange.operator import PHASES as ASKED
    from meridian.exchange.operator import Operator
    from meridian.records import TradingState

    with Operator(data) as operator:
        event = operator.phase(ASKED[phase](instrument))
    state = TradingState(int(event["state"])).name.lower()
    found = {"phase": phase, "instrument": instrument, "state": state}
    whose = f"instrument {instrument}" if instrument else "every instrument"
    show("exchange.phase", found, as_json, lambda: click.echo(f"{whose}: {state.replace('_', ' ')}"))


def _match(trade: str) -> int | str:
    """The match number, or what is wrong."""
    digits = trade[1:-1] if trade[:1] == "M" and trade[-1:] in ("A", "R") else trade
    if digits.isascii() and digits.isdigit() and 0 < int(digits[:20]) < NUMBER_MAX:
        return int(digits[:20])
    return f"TRADE = {trade}: a match number such as 17, or an ExecID such as M17A, is needed"


def _price(price: str | None) -> int | str | None:
    """In nanos, or what is wrong."""
    if price is None:
        return None
    try:
        value = Decimal(price)
    except InvalidOperation:
        value = Decimal("nan")
    # A product of numbers far apart takes for ever.
    if value.is_finite() and abs(value.adjusted()) <= 9 and value * NANOS % 1 == 0:
        return int(value * NANOS)
    return f"--price {price}: a price with at most nine decimals is needed"


def _ask(data: Path, match: int, command: bytes, as_json: bool) -> None:
    """Asks, and tells what the exchange said."""
    from meridian.exchange.operator import Operator
    from meridian.records import ExchangeEventKind, Reason

    with Operator(data) as operator:
        event = operator.ask(command)
    kind = ExchangeEventKind(int(event["event"]))
    if kind == ExchangeEventKind.CORRECTION_REJECTED and int(event["reason"]) != Reason.UNKNOWN_ORDER:
        what = "price" if int(event["reason"]) == Reason.INVALID_PRICE else "number of lots"
        raise CheckFailed(f"trade {match} stays as it is: it cannot have this {what}")
    if kind in (ExchangeEventKind.BUST_REJECTED, ExchangeEventKind.CORRECTION_REJECTED):
        raise CheckFailed(f"trade {match} is none of today that still stands: it is unknown, or was broken")
    lots, price = int(event["lots"]), Decimal(int(event["price_nanos"])) / NANOS
    found = {"trade": match, "outcome": kind.name.lower(), "lots": lots, "price": f"{price:f}"}
    sentence = f"trade {match} is broken: {lots} at {price:f}"
    if kind == ExchangeEventKind.CORRECTED:
        former = lots + int(event["shown_change_lots"]), Decimal(int(event["former_price_nanos"])) / NANOS
        found |= {"former_lots": former[0], "former_price": f"{former[1]:f}"}
        sentence = f"trade {match} is {lots} at {price:f} from now on, it was {former[0]} at {former[1]:f}"
    show("exchange.trade", found, as_json, lambda: click.echo(sentence))


COMMANDS = [bust, correct, phase]
