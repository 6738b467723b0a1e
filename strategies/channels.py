"""Names as numbers: of channels, under which strategies and tiles publish, and of regions.

A number follows from its name alone, so that the one who publishes and those who listen need nothing but the name.

Invariant: a name gives the same number everywhere; two names of one process that would share a number are refused.
"""

import zlib

__all__ = ["CHANNEL_MAX", "NAME_MAX", "channel", "region_number"]

CHANNEL_MAX = 2**31 - 1
NAME_MAX = 64
FNV_START, FNV_PRIME = 0x811C_9DC5, 0x0100_0193
_names: dict[int, str] = {}
_regions: dict[int, str] = {}


def channel(name: str) -> int:
    """The number of a channel, for `orders.signal(channel, value)` and `signal.channel`.

    Raises ValueError for what is no name (1 to 64 printable ASCII characters), or when another name has the number.
    """
    _check("channel", name)
    return _only("channel", name, zlib.crc32(name.encode()) & CHANNEL_MAX or CHANNEL_MAX, _names)


def region_number(name: str) -> int:
    """The number of a region, as `region` of what `orders.regions` gives: its name's FNV-1a of 32 bits, never 0.

    Raises ValueError for what is no name (1 to 64 printable ASCII characters), or when another name has the number.
    """
    _check("region_number", name)
    number = FNV_START
    for byte in name.encode():
        number = (number ^ byte) * FNV_PRIME & 0xFFFF_FFFF
    return _only("region_number", name, number or 1, _regions)


def _check(word: str, name: str) -> None:
    if type(name) is not str or not 1 <= len(name) <= NAME_MAX or not name.isascii() or not name.isprintable():
        raise ValueError(f"{word}({name!r}): a name of 1 to {NAME_MAX} printable ASCII characters is allowed.")


def _only(word: str, name: str, number: int, names: dict[int, str]) -> int:
    known = names.setdefault(number, name)
    if known != name:
        raise ValueError(f"{word}({name!r}): has the number of {word}({known!r}); choose another name.")
    return number
