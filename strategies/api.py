"""The version of the plugin API: what a class declares, what this platform has, and the one that both have.

A class says `api = 1`, or `api = (1, 2)` for all versions from the first to the last that it was written for; a class that says
nothing was written for 1. A version is one set of callbacks, calls, views and their meaning; what is only added keeps it.

Invariant: a class runs under the newest version that both sides know, or it is refused with both named and what to do.
"""

import ast
import inspect
from pathlib import Path
from typing import Any

from meridian.strategies import scope

__all__ = ["API_FIRST", "API_LAST", "declared_in", "negotiate"]

API_FIRST = API_LAST = 1
"""The versions that this platform has."""


def negotiate(cls: type) -> int:
    """The version under which a class runs. Raises StrategyRefused at the line that declares another."""
    declared: Any = getattr(cls, "api", API_FIRST)
    found = _range(declared)
    file, line = _place(cls)
    shown = f"api = {declared!r}" if declared is not None else "api = None"
    if found is None:
        words = f"{shown}: a version (api = {API_LAST}) or the first and the last (api = ({API_FIRST}, {API_LAST})) is allowed"
        raise scope.StrategyRefused.at(file, line, words)
    first, last = found
    ours = f"version {API_LAST}" if API_FIRST == API_LAST else f"versions {API_FIRST} to {API_LAST}"
    if first > API_LAST:
        words = (
            f"{shown}: this class needs version {first} of the plugin API and this platform has {ours}; install a newer "
            f"platform, or write the class for {API_LAST} and declare api = {API_LAST}"
        )
        raise scope.StrategyRefused.at(file, line, words)
    if last < API_FIRST:
        words = (
            f"{shown}: this class was written for version {last} of the plugin API and this platform has {ours}; write it "
            f"for {API_FIRST} and declare api = {API_FIRST}"
        )
        raise scope.StrategyRefused.at(file, line, words)
    return min(last, API_LAST)


def _range(declared: Any) -> tuple[int, int] | None:
    both = (declared, declared) if type(declared) is int else declared
    if not isinstance(both, tuple) or len(both) != 2 or any(type(each) is not int for each in both):
        return None
    first, last = both
    return (first, last) if 1 <= first <= last else None


def _place(cls: type) -> tuple[str, int]:
    """File and line of the declaration, else of the class."""
    owner = next((base for base in cls.__mro__ if "api" in vars(base)), cls)
    try:
        lines, first = inspect.getsourcelines(owner)
        file = inspect.getsourcefile(owner) or "?"
    except (OSError, TypeError):
        return "?", 0
    declares = (number for number, line in enumerate(lines, first) if line.split("=")[0].split(":")[0].strip() == "api")
    return file, next(declares, first)


def declared_in(path: Path, name: str) -> str | None:
    """What the class of this name in a file declares, as it is spelled there; nothing of the file is run.

    `1` where it declares nothing, None where file or class cannot be read.
    """
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return None
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and node.name == name:
            for each in node.body:
                target = each.targets[0] if isinstance(each, ast.Assign) else getattr(each, "target", None)
                if isinstance(target, ast.Name) and target.id == "api" and isinstance(each, ast.Assign | ast.AnnAssign):
                    return ast.unparse(each.value) if each.value is not None else None
            return str(API_FIRST)
    return None
