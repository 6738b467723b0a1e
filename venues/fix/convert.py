"""Messages to and from simplefix and QuickFIX. Both are optional: what needs one imports it.

Invariant: fields keep their order and bytes on the way to simplefix and back. QuickFIX orders header and body its own way and
writes length and checksum anew.
"""

from __future__ import annotations

from typing import Any

from meridian.venues.fix.dictionary import Dictionary
from meridian.venues.fix.message import Message

ENCODING = "latin-1"


def to_simplefix(message: Message) -> Any:
    """A `simplefix.FixMessage` with the same fields in the same order. Raises ImportError without simplefix."""
    import simplefix

    made = simplefix.FixMessage()
    for tag, value in message.fields:
        made.append_pair(tag, value)
    return made


def from_simplefix(message: Any, dictionary: Dictionary | None = None) -> Message:
    """Of a `simplefix.FixMessage`: as it encodes itself, with its own length and checksum where it has them.

    Raises ValueError where it lacks BeginString or MsgType.
    """
    raw = message.get(9) is not None and message.get(10) is not None
    return Message(bytes(message.encode(raw)), dictionary)


def to_quickfix(message: Message, dictionary: Any = None) -> Any:
    """A `quickfix.Message`; `dictionary` is a `quickfix.DataDictionary`, which repeating groups need.

    Raises ImportError without quickfix, and quickfix's own errors where it cannot read the message.
    """
    import quickfix

    text = message.raw.decode(ENCODING)
    made = quickfix.Message()
    if dictionary is None:
        made.setString(text, False)
    else:
        made.setString(text, True, dictionary)
    return made


def from_quickfix(message: Any, dictionary: Dictionary | None = None) -> Message:
    """Of a `quickfix.Message`, as it writes itself."""
    return Message(message.toString().encode(ENCODING), dictionary)
