"""FIX from Python: messages read, built, shown, compared; logs of any size; other libraries' messages to and from ours.

    from meridian.venues import fix

    message = fix.parse("8=FIX.4.4|9=...|35=D|...|10=123|")
    message["Symbol"], message.decimal("Price"), message.type
    print(message.pretty())
    fix.build("D", {"ClOrdID": "1", "Side": "1"}, sender="A", target="B", sequence=7)

Invariant: what reads, frames and checks here is the code that trades (`crates/wire/src/fix`).
"""

from meridian.venues.fix.convert import from_quickfix, from_simplefix, to_quickfix, to_simplefix
from meridian.venues.fix.dictionary import VERSIONS, Dictionary, Finding
from meridian.venues.fix.log import Entry, Log, read_log
from meridian.venues.fix.message import Difference, Message, build, diff, parse

__all__ = [
    "VERSIONS",
    "Dictionary",
    "Difference",
    "Entry",
    "Finding",
    "Log",
    "Message",
    "build",
    "diff",
    "from_quickfix",
    "from_simplefix",
    "parse",
    "read_log",
    "to_quickfix",
    "to_simplefix",
]
