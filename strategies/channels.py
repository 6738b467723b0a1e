"""Channels: the names under which strategies and tiles publish numbers.

A channel's number follows from its name alone, so that the one who publishes and those who listen need nothing but the name.

Invariant: a name gives the same number everywhere; two names of one process that would share a number are refused.
"""

import zlib

__all__ = ["CHANNEL_MAX", "NAME_MAX", "channel"]

CHANNEL_MAX = 2**31 - 1
NAME_MAX = 64
_names: dict[int, str] = {}


def channel(name: str) -> int:
    """The number of a channel, for `orders.signal(channel, value)` and `signal.channel`.

    Raises ValueError for what is no name (1 to 64 printable ASCII characters), or when another name has the number.
    """
    if type(name) is not str or not 1 <= len(name) <= NAME_MAX or not name.isascii() or not name.isprintable():
        raise ValueError(f"channel({name!r}): a name of 1 to {NAME_MAX} printable ASCII characters is allowed.")
    number = zlib.crc32(name.encode()) & CHANNEL_MAX or CHANNEL_MAX
    known = _names.setdefault(number, name)
    if known != name:
        raise ValueError(f"channel({name!r}): has the number of channel({known!r}); choose another name.")
    return number
