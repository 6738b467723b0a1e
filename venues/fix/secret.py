"""Messages without their passwords, for what is shown and kept.

Invariant: length and checksum are those of the bytes that are left: whatever frames a log finds the message.
"""

from __future__ import annotations

import re

PASSWORDS = re.compile(rb"(?<=\x01)(554|925|1402)=([^\x01]*)")
"""Password, NewPassword, EncryptedPassword."""


def masked(raw: bytes) -> bytes:
    """The message with stars for every password."""
    found = PASSWORDS.sub(lambda match: match[1] + b"=" + b"*" * len(match[2]), raw)
    if found == raw or not re.search(rb"\x0110=\d{3}\x01$", found):
        return found
    body = found[:-7]
    return b"%b10=%03d\x01" % (body, sum(body) % 256)
