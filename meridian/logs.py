"""The logs of processes: a line an event; of a failure that nobody expected the places in the code, and nothing of what stood
there.

Invariant: to tell a failure takes no time to speak of and names no value. Who tells it may be who has to act next (a hand over
two engines, say), and a value may be a secret.
"""

from __future__ import annotations

import os
import sys

import structlog


def configure() -> None:
    """Of this process, from now on. Again is no harm."""
    *others, _ = structlog.get_config()["processors"]
    colors = sys.stderr.isatty() and "NO_COLOR" not in os.environ
    renderer = structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=structlog.dev.plain_traceback)
    # What a program reads goes to standard output; looked up at each line, since a live table stands in for it while it shows.
    structlog.configure(processors=[*others, renderer], logger_factory=lambda *_: structlog.PrintLogger(sys.stderr))
