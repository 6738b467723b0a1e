"""Random valid messages of any protocol, from the tables' own description."""

from __future__ import annotations

import random
import string
from typing import Any

from meridian.venues import wire

LETTERS = string.ascii_uppercase + string.digits


def random_value(kind: str, size: int, codes: dict[str, str], numbers: random.Random) -> Any:
    """A value that the kind allows; one of its codes where it is enumerated letters."""
    if kind == "char":
        return numbers.choice(sorted(codes)) if codes else numbers.choice(LETTERS)
    if kind.startswith("alpha"):
        return "".join(numbers.choices(LETTERS, k=numbers.randint(1, size)))
    if kind.startswith("digits"):
        return str(numbers.randrange(10**19)).rjust(size)
    if kind == "tail":
        return numbers.randbytes(numbers.randint(0, 40))
    bits = size * 8
    return numbers.randrange(-(1 << bits - 1), 1 << bits - 1) if kind[0] == "i" else numbers.getrandbits(bits)


def random_message(protocol: str, name: str, numbers: random.Random) -> dict[str, Any]:
    """A message as `wire.decode` would return it."""
    table = wire.describe(protocol)
    entry = next(each for each in table["messages"] if each["name"] == name)
    message: dict[str, Any] = {"type": name}
    for field in entry["fields"]:
        message[field["name"]] = random_value(field["kind"], field["size"], field["values"], numbers)
    if entry["tail"] == "appendage" or (entry["tail"] == "optional appendage" and numbers.random() < 0.5):
        chosen = [each for each in table["elements"] if numbers.random() < 0.4]
        message["appendage"] = {
            each["name"]: random_value(each["kind"], each["size"], each["values"], numbers) for each in chosen
        }
    return message


def group_of(protocol: str, name: str) -> str | None:
    """What `wire.decode` has to be told besides the bytes."""
    if protocol == "moldudp64":
        return "Request" if name == "Request" else None
    return next(each["group"] for each in wire.describe(protocol)["messages"] if each["name"] == name)
