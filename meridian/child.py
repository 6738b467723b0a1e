"""Python processes that this one starts: `[*module("meridian.deploy.process"), "spec.json"]`, with `environment()`.

Invariant: a child finds the modules that its parent finds, and never takes a file of the current directory for one of the
standard library's (`random.py`, `signal.py`).
"""

from __future__ import annotations

import _thread
import os
import signal
import sys
from threading import Event


def module(name: str) -> list[str]:
    """The words that run a module."""
    return [sys.executable, "-P", "-m", name]


def environment(**more: str) -> dict[str, str]:
    """This process's environment and what is given, with the paths on which it finds modules."""
    return os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)} | more


def set_by_signals(stop: Event, *numbers: signal.Signals) -> None:
    """Sets the event when one of these signals comes; for the main thread, as Python wants it.

    A handler runs in the middle of whatever the main thread does, maybe while that holds the event's own lock, which it would
    then wait for without end: another thread sets it.
    """
    for number in numbers:
        signal.signal(number, lambda *_: _thread.start_new_thread(stop.set, ()))
