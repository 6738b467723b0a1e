"""The points of a sweep: every combination of the values that each parameter is given.

    size_lots=1:10:3       1, 4, 7, 10: from, to (both in) and step; 1:10 has the step 1
    smoothing=0.1:0.5:0.1  decimals too, counted exactly
    skew=[0,100,500]       a list
    hedge=true             one value

Invariant: every value is allowed by the class, and no two points are equal; what is wrong is told at once, value by value.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation, Overflow
from typing import Any

from meridian.strategies.fields import Field, Table

__all__ = ["POINTS_MAX", "parse", "points"]

POINTS_MAX = 100_000
VALUES_MAX = 10_000
ALLOWED = "VALUE, [VALUE,VALUE,…] or FROM:TO:STEP"


def parse(table: Table, texts: Sequence[str], errors: list[str]) -> dict[str, list[Any]]:
    """Values by parameter from words as above."""
    found: dict[str, list[Any]] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            errors.append(f"--set {text}: NAME={ALLOWED} is allowed")
        elif name in found:
            errors.append(f"--set {text}: {name} is given twice; name all its values at once")
        elif name not in table.parameters:
            known = ", ".join(table.parameters) or "none"
            errors.append(f"--set {text}: {table.owner} has no such parameter; allowed are {known}")
        else:
            found[name] = _values(table.parameters[name], text, value.strip(), errors)
    return found


def points(table: Table, values: Mapping[str, Any], errors: list[str]) -> list[dict[str, Any]]:
    """Every combination, the last parameter running fastest; a single value stands for a list of one."""
    axes: dict[str, list[Any]] = {}
    for name, given in values.items():
        field = table.parameters.get(name)
        listed = list(given) if isinstance(given, list | tuple | range) else [given]
        if field is None:
            known = ", ".join(table.parameters) or "none"
            errors.append(f"{name} = {given!r}: {table.owner} has no such parameter; these are known: {known}.")
            continue
        errors += [error for value in listed if (error := field.error(value)) is not None]
        sound = not any(field.error(value) for value in listed)
        axes[name] = list(dict.fromkeys(listed)) if sound else listed
        if not listed:
            errors.append(f"{name} = {given!r}: it has no value; {ALLOWED} is allowed.")
    count = 1
    for axis in axes.values():
        count *= len(axis)
    if count > POINTS_MAX:
        errors.append(f"--set: {count:,} points; at most {POINTS_MAX:,} are allowed")
    if errors:
        return []
    scalars = {name: table.parameters[name].scalar for name in axes}
    return [
        {name: scalars[name](value) for name, value in zip(axes, chosen, strict=True)}
        for chosen in itertools.product(*axes.values())
    ]


def _values(field: Field, text: str, value: str, errors: list[str]) -> list[Any]:
    if value.startswith("[") and value.endswith("]"):
        return [
            made for part in value[1:-1].split(",") if (made := _one(field, text, part.strip(), errors)) is not None
        ]
    if ":" in value and field.scalar is not bool and value.isascii():
        return _range(field, text, value, errors)
    made = _one(field, text, value, errors)
    return [] if made is None else [made]


def _one(field: Field, text: str, value: str, errors: list[str]) -> Any:
    made = field.read(value)
    if made is None:
        errors.append(f"--set {text}: {value!r} is none; {field.kind} is allowed")
        return None
    error = field.error(made)
    if error is not None:
        errors.append(f"--set {error}")
        return None
    return made


def _range(field: Field, text: str, value: str, errors: list[str]) -> list[Any]:
    try:
        parts = [Decimal(part) for part in value.split(":")]
    except InvalidOperation:
        parts = []
    if len(parts) == 2:
        parts.append(Decimal(1))
    if len(parts) != 3 or not all(part.is_finite() for part in parts) or parts[2] <= 0 or parts[1] < parts[0]:
        errors.append(f"--set {text}: FROM:TO:STEP of numbers with a step above zero is allowed")
        return []
    first, last, step = parts
    try:
        steps = (last - first) / step
    except Overflow:
        steps = Decimal(VALUES_MAX)
    if steps >= VALUES_MAX:
        errors.append(f"--set {text}: more than {VALUES_MAX:,} values; at most so many are allowed")
        return []
    count = int(steps) + 1
    found = (_one(field, text, f"{first + step * at:f}", errors) for at in range(count))
    return [made for made in found if made is not None]
