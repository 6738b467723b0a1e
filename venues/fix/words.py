"""Messages in words: what an order, a report, a logon says.

Invariant: a word is the dictionary's; what has no word is shown as it stands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from meridian.venues.fix.message import Message

FRAME = {8, 9, 35, 49, 56, 34, 52, 10, 1128, 97, 43}
TOLD = {54, 38, 55, 40, 44, 59, 99}
ORDERS = {"D", "G"}


def spaced(name: str) -> str:
    """`PartiallyFilled` as `partially filled`; short words in capitals stay."""
    words: list[str] = []
    for letter in name:
        if words and (letter.islower() or letter.isdigit() or (letter.isupper() and words[-1][-1:].isupper())):
            words[-1] += letter
        else:
            words.append(letter)
    return " ".join(word if word.isupper() and len(word) > 1 else word.lower() for word in words)


def sentence(message: Message) -> str:
    """`HOUSE → VENUE #12 NewOrderSingle: buy 500 AAPL, limit 187.25, day; ClOrdID 17`."""
    head = f"{message.get(49, '?')} → {message.get(56, '?')} #{message.get(34, '?')} {message.name}"
    parts = []
    told = FRAME
    if message.type in ORDERS or (message.type == "8" and message.get(54)):
        parts.append(_order(message))
        told = FRAME | TOLD
    rest = [_field(message, tag, value) for tag, value in message if tag not in told]
    if message.get(43) == "Y":
        parts.insert(0, "possible duplicate")
    if message.get(97) == "Y":
        parts.insert(0, "possible resend")
    text = "; ".join(part for part in [*parts, ", ".join(rest)] if part)
    return f"{head}: {text}" if text else head


def _order(message: Message) -> str:
    words = [_word(message, 54), message.get(38, ""), message.get(55, "")]
    text = " ".join(word for word in words if word)
    kind = " ".join(word for word in (_word(message, 40), message.get(44, "")) if word)
    stop = message.get(99)
    return ", ".join(part for part in (text, kind, f"stop {stop}" if stop else "", _word(message, 59)) if part)


def _word(message: Message, tag: int) -> str:
    value = message.get(tag)
    if value is None:
        return ""
    word = message.dictionary.word(tag, value)
    return spaced(word) if word else value


def _field(message: Message, tag: int, value: str) -> str:
    word = message.dictionary.word(tag, value)
    shown = spaced(word) if word else value.encode("unicode_escape").decode()
    return f"{message.dictionary.name(tag)} {shown}"
