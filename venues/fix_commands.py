"""What a person can type into a FIX session: each line a command, read before anything is done.

Invariant: a line that is not understood is a sentence that says what is allowed, and nothing was sent for it; help is made
from the table that the lines are read by.
"""

from __future__ import annotations

import difflib
import re
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Protocol

from meridian.venues.fix.orders import SIDES, TIMES_IN_FORCE, Order

if TYPE_CHECKING:
    from meridian.venues.fix.dictionary import Dictionary
    from meridian.venues.fix.orders import OrderEntry, Request
    from meridian.venues.fix_session import Initiator

FIELD = re.compile(r"([A-Za-z0-9]+)=(.*)", re.DOTALL)
NAME = re.compile(r"[!-~]{1,64}")
WAIT_S_MAX = 3_600.0
NUMBER_MAX = 2**53
PRICE_DIGITS = 18
"""Before the point, and after it."""


class Desk(Protocol):
    """What commands act on."""

    session: Initiator
    entry: OrderEntry
    dictionary: Dictionary

    def tell(self, text: str) -> None:
        """Says something to the person."""

    def send(self, request: Request) -> None:
        """Sends a message of the application."""

    def log_on(self) -> None:
        """Connects and logs on, unless the session is up."""

    def log_out(self) -> None:
        """Says goodbye and waits for the answer."""

    def wait(self, seconds: float) -> None:
        """Lets time pass, the session alive."""

    def expect(self, kind: str, fields: Sequence[tuple[int, str]], seconds: float) -> None:
        """Waits for a message that has come since the last one expected; it counts as a failure where none comes."""

    def quit(self) -> None:
        """Ends."""


Action = Callable[[Desk], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A word that lines begin with."""

    usage: str
    about: str
    read: Callable[[list[str], Dictionary], Action]


def read(line: str, dictionary: Dictionary) -> Action | None:
    """What a line asks for; None: nothing. Raises ValueError with a sentence."""
    try:
        words = shlex.split(line, comments=True)
    except ValueError as error:
        raise ValueError(f"{line.strip()!r}: {str(error).lower()}; a quote has two ends") from None
    if not words:
        return None
    name = words[0].lower()
    if (name == "mass" and len(words) > 1) or (name == "quote" and words[1:2] == ["cancel"]):
        name, words = f"{name}-{words[1].lower()}", words[1:]
    if name not in COMMANDS:
        near = difflib.get_close_matches(name, COMMANDS, 1)
        hint = f"did you mean {near[0]}?" if near else "allowed: help shows all"
        raise ValueError(f"{name}: no such command; {hint}")
    try:
        return COMMANDS[name].read(words[1:], dictionary)
    except ValueError as error:
        raise ValueError(f"{name}: {error}; usage: {COMMANDS[name].usage}") from None


def help_lines() -> list[str]:
    """Usage and meaning of every command."""
    width = max(len(command.usage) for command in COMMANDS.values())
    return [f"{command.usage:<{width}}  {command.about}" for command in COMMANDS.values()]


def _count(words: list[str], least: int, most: int) -> None:
    if not least <= len(words) <= most:
        given = "nothing is given" if not words else f"{len(words)} words are given"
        raise ValueError(f"{given}, {least if least == most else f'{least} to {most}'} are needed")


def _fields(words: list[str], dictionary: Dictionary) -> list[tuple[int, str]]:
    """`Symbol=AAPL`, `55=AAPL`."""
    found = []
    for word in words:
        match = FIELD.fullmatch(word)
        if match is None:
            raise ValueError(f"{word!r} is no field; TAG=VALUE is, with a tag's number or name")
        try:
            found.append((dictionary.tag(match[1]), _sendable(match[2])))
        except KeyError:
            raise ValueError(f"{match[1]} is no field of {dictionary.version}") from None
    return found


def _whole(word: str) -> int | None:
    """A whole number up to 2^53, in plain digits."""
    plain = word.isascii() and word.isdigit() and len(word) <= len(str(NUMBER_MAX))
    return int(word) if plain and int(word) <= NUMBER_MAX else None


def _lots(word: str) -> int:
    if not (lots := _whole(word)):
        raise ValueError(f"QUANTITY {word[:40]!r}: must be a whole number above 0")
    return lots


def _sendable(text: str) -> str:
    """Letters that a message can hold. Raises ValueError."""
    try:
        text.encode("latin-1")
    except UnicodeEncodeError:
        raise ValueError(
            f"{text[:40]!r}: holds letters that a FIX message cannot; those of Latin-1 are allowed"
        ) from None
    return text


def _price(word: str) -> Decimal | None:
    if word.lower() in ("market", "mkt"):
        return None
    try:
        price = Decimal(word)
    except InvalidOperation:
        price = Decimal("nan")
    exponent = price.as_tuple().exponent
    if not isinstance(exponent, int) or price.adjusted() >= PRICE_DIGITS or exponent < -PRICE_DIGITS:
        raise ValueError(f"PRICE {word[:40]!r}: must be a number of at most {PRICE_DIGITS} digits, or market")
    return price


def _order(words: list[str], dictionary: Dictionary) -> Action:
    plain = [word for word in words if not FIELD.fullmatch(word)]
    more = _fields([word for word in words if FIELD.fullmatch(word)], dictionary)
    _count(plain, 4, 5)
    side, lots, symbol, price = plain[0].lower(), _lots(plain[1]), plain[2], _price(plain[3])
    tif = plain[4].lower() if len(plain) > 4 else "day"
    if side not in SIDES:
        raise ValueError(f"SIDE {plain[0]!r}: must be {', '.join(SIDES)}")
    if tif not in TIMES_IN_FORCE:
        raise ValueError(f"TIME-IN-FORCE {plain[4]!r}: must be {', '.join(TIMES_IN_FORCE)}")

    def act(desk: Desk) -> None:
        extra = {str(tag): value for tag, value in more}
        order = desk.entry.order(side, lots, symbol, price, tif, **extra)
        desk.send(desk.entry.new(order))
        desk.tell(f"order {order.cl_ord_id}")

    return act


def _known(desk: Desk, name: str) -> Order:
    """The order of a ClOrdID; `last`: the latest. Raises ValueError."""
    orders = desk.entry.orders
    if name.lower() == "last" and orders:
        return next(reversed(orders.values()))
    if name not in orders:
        shown = ", ".join(order.cl_ord_id for order in desk.entry.open_orders()) or "none is open"
        raise ValueError(f"CLORDID {name}: no order of this session has it; open: {shown}")
    return orders[name]


def _cancel(words: list[str], dictionary: Dictionary) -> Action:
    _count(words, 1, 1)

    def act(desk: Desk) -> None:
        for order in desk.entry.open_orders() if words[0].lower() == "all" else [_known(desk, words[0])]:
            desk.send(desk.entry.cancel(order))

    return act


def _replace(words: list[str], dictionary: Dictionary) -> Action:
    _count(words, 2, 3)
    lots = _lots(words[1])
    price = _price(words[2]) if len(words) > 2 else None

    def act(desk: Desk) -> None:
        order = _known(desk, words[0])
        desk.send(desk.entry.replace(order, lots, price if len(words) > 2 else order.price))

    return act


def _status(words: list[str], dictionary: Dictionary) -> Action:
    _count(words, 0, 1)

    def act(desk: Desk) -> None:
        if words and words[0].lower() != "all":
            desk.send(desk.entry.status(_known(desk, words[0])))
        else:
            desk.send(desk.entry.mass_status())

    return act


def _mass_cancel(words: list[str], dictionary: Dictionary) -> Action:
    _count(words, 0, 1)
    return lambda desk: desk.send(desk.entry.mass_cancel(words[0] if words else None))


def _quote(words: list[str], dictionary: Dictionary) -> Action:
    _count(words, 4, 4)
    bid, offer = _price(words[1]), _price(words[2])
    lots = 0 if words[3] == "0" else _lots(words[3])
    if bid is None or offer is None:
        raise ValueError("BID and OFFER must be numbers")
    return lambda desk: desk.send(desk.entry.quote(words[0], bid, offer, lots))


def _quote_cancel(words: list[str], dictionary: Dictionary) -> Action:
    _count(words, 0, 1)
    return lambda desk: desk.send(desk.entry.quote_cancel(words[0] if words else None))


def _subscribe(words: list[str], dictionary: Dictionary) -> Action:
    _count(words, 1, 2)
    depth = _whole(words[1]) if len(words) > 1 else 1
    if depth is None:
        raise ValueError(f"DEPTH {words[1][:40]!r}: must be a whole number, 0 for the whole book")
    return lambda desk: desk.send(desk.entry.market_data(desk.entry.name(), words[0], depth))


def _orders(words: list[str], dictionary: Dictionary) -> Action:
    _count(words, 0, 0)

    def act(desk: Desk) -> None:
        seen = list({id(order): order for order in desk.entry.orders.values()}.values())
        desk.tell("\n".join(str(order) for order in seen) or "no orders")

    return act


def _test(words: list[str], dictionary: Dictionary) -> Action:
    name = _sendable(" ".join(words))
    return lambda desk: desk.session.ask_whether_there(name or desk.entry.name())


def _resend(words: list[str], dictionary: Dictionary) -> Action:
    _count(words, 1, 2)
    begin, end = _whole(words[0]), _whole(words[1]) if len(words) > 1 else 0
    if not begin or end is None:
        raise ValueError(f"FROM and TO must be whole numbers up to {NUMBER_MAX}, FROM above 0, TO 0 for all")
    return lambda desk: desk.session.ask_for(begin, end)


def _raw(words: list[str], dictionary: Dictionary) -> Action:
    text = " ".join(words).replace("\x01", "|").strip("|")
    fields = _fields([part for part in text.split("|") if part], dictionary)
    if not fields or fields[0][0] != 35 or not fields[0][1]:
        raise ValueError("MESSAGE must begin with 35=TYPE; header and trailer are the session's")
    own = [tag for tag, _ in fields[1:] if tag in (8, 9, 10, 34, 35, 49, 52, 56)]
    if own:
        raise ValueError(f"field {own[0]} is the session's own; leave it out")
    return lambda desk: desk.send((fields[0][1], fields[1:]))


def _sequence(words: list[str], dictionary: Dictionary) -> Action:
    numbers = [_whole(word) for word in words]
    if len(words) not in (0, 2) or not all(numbers):
        raise ValueError(f"IN and OUT must be whole numbers from 1 to {NUMBER_MAX}, or both left out")

    def act(desk: Desk) -> None:
        if words:
            desk.session.set_numbers(*(number or 1 for number in numbers))
        incoming, outgoing = desk.session.session.numbers
        desk.tell(f"expected next from them: {incoming}; sent next by us: {outgoing}")

    return act


def _plain(act: Action) -> Callable[[list[str], Dictionary], Action]:
    def read_plain(words: list[str], dictionary: Dictionary) -> Action:
        _count(words, 0, 0)
        return act

    return read_plain


def _seconds(word: str) -> float:
    try:
        seconds = float(word)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= WAIT_S_MAX:
        raise ValueError(f"SECONDS {word!r}: must be a number from 0 to {WAIT_S_MAX:g}")
    return seconds


def _wait(words: list[str], dictionary: Dictionary) -> Action:
    _count(words, 1, 1)
    seconds = _seconds(words[0])
    return lambda desk: desk.wait(seconds)


def _expect(words: list[str], dictionary: Dictionary) -> Action:
    seconds = 10.0
    if len(words) > 1 and words[-2].lower() == "within":
        seconds, words = _seconds(words[-1]), words[:-2]
    if not words:
        raise ValueError("TYPE is missing")
    kinds = {dictionary.message_name(kind): kind for kind in dictionary.message_types()}
    kind = kinds.get(words[0], words[0])
    if kind not in kinds.values():
        raise ValueError(f"TYPE {words[0]!r}: is no message of {dictionary.version}")
    fields = _fields(words[1:], dictionary)
    return lambda desk: desk.expect(kind, fields, seconds)


COMMANDS: dict[str, Command] = {
    "order": Command(
        usage="order SIDE QUANTITY SYMBOL PRICE [day|ioc|fok|gtd|gtc] [TAG=VALUE ...]",
        about="send an order; PRICE may be market", read=_order,
    ),
    "cancel": Command(usage="cancel CLORDID|last|all", about="ask for its cancel", read=_cancel),
    "replace": Command(
        usage="replace CLORDID|last QUANTITY [PRICE]", about="change it; QUANTITY in all, executed included", read=_replace
    ),
    "status": Command(usage="status [CLORDID|last|all]", about="ask what has become of it, or of all", read=_status),
    "mass-cancel": Command(usage="mass cancel [SYMBOL]", about="cancel all orders, or those of a symbol", read=_mass_cancel),
    "quote": Command(usage="quote SYMBOL BID OFFER QUANTITY", about="quote both sides; 0 pulls", read=_quote),
    "quote-cancel": Command(
        usage="quote cancel [SYMBOL]", about="pull all quotes, or those of a symbol", read=_quote_cancel
    ),
    "subscribe": Command(usage="subscribe SYMBOL [DEPTH]", about="ask for market data", read=_subscribe),
    "orders": Command(usage="orders", about="what reports said of the orders of this run", read=_orders),
    "test": Command(usage="test [TEXT]", about="ask whether they are there", read=_test),
    "resend": Command(usage="resend FROM [TO]", about="ask for messages once more", read=_resend),
    "raw": Command(usage="raw 35=TYPE|TAG=VALUE|...", about="send any message; the session writes its header", read=_raw),
    "sequence": Command(usage="sequence [IN OUT]", about="show the numbers, or set them while logged out", read=_sequence),
    "reset": Command(
        usage="reset", about="begin both numbers at 1 without leaving", read=_plain(lambda desk: desk.session.reset_numbers())
    ),
    "logon": Command(usage="logon", about="connect and log on again", read=_plain(lambda desk: desk.log_on())),
    "logout": Command(usage="logout", about="say goodbye; the numbers stay", read=_plain(lambda desk: desk.log_out())),
    "disconnect": Command(
        usage="disconnect", about="drop the connection without a word", read=_plain(lambda desk: desk.session.lose())
    ),
    "wait": Command(usage="wait SECONDS", about="let time pass", read=_wait),
    "expect": Command(
        usage="expect TYPE [TAG=VALUE ...] [within SECONDS]", about="wait for a message; without it the run fails", read=_expect
    ),
    "help": Command(usage="help", about="this", read=_plain(lambda desk: desk.tell("\n".join(help_lines())))),
    "quit": Command(usage="quit", about="log out and end", read=_plain(lambda desk: desk.quit())),
}  # fmt: skip
