"""Python processes that this one starts: `[*module("meridian.deploy.process"), "spec.json"]`, with `environment()`.

Invariant: a child finds the modules that its parent finds, and never takes a file of the current directory for one of the
standard library's (`random.py`, `signal.py`).
"""

from __future__ import annotations

import os
import sys


def module(name: str) -> list[str]:
    """The words that run a module."""
    return [sys.executable, "-P", "-m", name]


def environment(**more: str) -> dict[str, str]:
    """This process's environment and what is given, with the paths on which it finds modules."""
    return os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)} | more
