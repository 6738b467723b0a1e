"""What could not be checked on this machine, because a program or data set is not there.

Invariant: a check that did not run is named at the end of `make test`; where CI=true such a line fails.
"""

from __future__ import annotations

import os
from pathlib import Path

VARIABLE = "MERIDIAN_NOT_CHECKED"
"""Names the file that collects the lines; Rust tests append to it as well."""


def not_checked(what: str) -> None:
    """Notes one thing that was not checked and why: `MoldUDP64 framing by tshark (tshark is not installed)`."""
    target = os.environ.get(VARIABLE)
    if target:
        with Path(target).open("a") as file:
            file.write(what.replace("\n", " ") + "\n")


def collected() -> list[str]:
    """Everything noted so far, each line once."""
    target = os.environ.get(VARIABLE)
    if not target or not Path(target).exists():
        return []
    return sorted(set(Path(target).read_text().splitlines()))
