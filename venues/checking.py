"""Files that people write in TOML: read whole, every error at once.

Invariant: an error is one sentence with the key, the value and what is allowed; nothing is used of a file that has one.
Numbers with a decimal point are exact: they are read as decimals, never as binary fractions.
"""

from __future__ import annotations

import hashlib
import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError
from pydantic.fields import FieldInfo

from meridian.console import BadInput

NANOS = 10**9


class Entry(BaseModel):
    """One table of a file. Unknown keys are errors; what is allowed stands in each field's description."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


Model = TypeVar("Model", bound=Entry)


def to_nanos(value: object) -> int:
    """An exact decimal number in nanos. Raises ValueError when it is none or has more than nine decimals."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
        raise ValueError("it is no number")
    try:
        nanos = Decimal(value) * NANOS
        whole = int(nanos)
    except (ArithmeticError, ValueError):
        raise ValueError("it is no number") from None
    if whole != nanos:
        raise ValueError("it has more than nine decimals")
    return whole


Nanos = Annotated[int, BeforeValidator(to_nanos)]
"""A decimal number as nanos."""

DURATIONS = {"ns": 1, "us": 10**3, "ms": 10**6, "s": 10**9, "min": 60 * 10**9, "h": 3_600 * 10**9}


def to_duration_ns(value: object) -> int:
    """A time such as `500ms` or `5s`. Raises ValueError otherwise."""
    text = value if isinstance(value, str) else ""
    number = text.rstrip("abcdefghijklmnopqrstuvwxyz")
    if not number.isdigit() or text[len(number) :] not in DURATIONS:
        raise ValueError("it is no time with a unit")
    return int(number) * DURATIONS[text[len(number) :]]


Duration = Annotated[int, BeforeValidator(to_duration_ns)]
"""A time with its unit, in ns."""


class Problems:
    """The errors found so far."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.sentences: list[str] = []

    def add(self, key: str, value: object, allowed: str) -> None:
        """One error."""
        self.sentences.append(f"{self.source}: {key} = {shown(value)}: allowed is {allowed}.")

    def missing(self, key: str, allowed: str) -> None:
        """A key that must be there."""
        self.sentences.append(f"{self.source}: {key} is missing: allowed is {allowed}.")

    def entry(self, key: str, raw: object, model: type[Model]) -> Model | None:
        """`raw` as a model, or None after naming all that is wrong with it."""
        if not isinstance(raw, dict):
            self.add(key, raw, f"a table with the keys {', '.join(keys_of(model))}")
            return None
        try:
            return model.model_validate(raw)
        except ValidationError as error:
            for one in error.errors(include_url=False):
                self._tell(key, one["type"], one["loc"], one.get("input"), model)
            return None

    def _tell(self, key: str, kind: str, place: tuple[int | str, ...], value: object, model: type[Entry]) -> None:
        name = ".".join(str(part) for part in place)
        whole = f"{key}.{name}" if name else key
        field = keys_of(model).get(str(place[0])) if place else None
        if kind == "extra_forbidden":
            self.add(whole, value, f"one of the keys {', '.join(keys_of(model))}")
        elif kind == "missing":
            self.missing(whole, (field.description if field else None) or "a value")
        else:
            self.add(whole, value, (field.description if field else None) or "another value")

    def tables(self, document: dict[str, Any], key: str, model: type[Model]) -> dict[str, Model]:
        """The named tables under `key`; those that are wrong are named and left out."""
        raw = document.get(key, {})
        if not isinstance(raw, dict):
            self.add(key, raw, "named tables")
            return {}
        found = {name: self.entry(f"{key}.{name}", part, model) for name, part in raw.items()}
        return {name: part for name, part in found.items() if part is not None}

    def rows(self, document: dict[str, Any], key: str, model: type[Model]) -> list[tuple[str, Model]]:
        """The list of tables under `key`, each with its own key for further errors."""
        raw = document.get(key, [])
        if not isinstance(raw, list):
            self.add(key, raw, "a list of tables")
            return []
        found = [(f"{key}[{at}]", self.entry(f"{key}[{at}]", part, model)) for at, part in enumerate(raw)]
        return [(name, part) for name, part in found if part is not None]

    def keys(self, document: dict[str, Any], allowed: set[str]) -> None:
        """No others than these at the top."""
        for key in sorted(set(document) - allowed):
            self.add(key, document[key], f"one of the keys {', '.join(sorted(allowed))}")

    def dense(self, key: str, ids: dict[str, int]) -> None:
        """Ids are unique and count from 1 without gaps: tables in memory are as long as the highest."""
        owners: dict[int, str] = {}
        for name, number in ids.items():
            if number in owners:
                self.add(f"{key}.{name}.id", number, f"a number of its own ({owners[number]} has this one)")
            elif not 1 <= number <= len(ids):
                self.add(f"{key}.{name}.id", number, f"from 1 to {len(ids)} without gaps")
            owners.setdefault(number, name)

    def known(self, key: str, value: str | None, names: dict[str, Any]) -> bool:
        """Whether a reference to another table leads somewhere."""
        if value is None or value in names:
            return True
        self.add(key, value, "one of " + ", ".join(sorted(names)) if names else "nothing: none is defined")
        return False

    def raise_any(self) -> None:
        """Raises BadInput with every error, if there is one."""
        if self.sentences:
            raise BadInput(self.sentences)


def keys_of(model: type[Entry]) -> dict[str, FieldInfo]:
    """The keys that a table may have, as people write them."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


def shown(value: object) -> str:
    """A value as a person wrote it, cut where it is long."""
    text = str(value) if isinstance(value, Decimal) else repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def read_toml(path: Path) -> tuple[dict[str, Any], str]:
    """The document and the SHA-256 of its bytes, in hexadecimal. Raises BadInput when it cannot be read."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}.") from None
    try:
        document = tomllib.loads(raw.decode(), parse_float=Decimal)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadInput(f"{path} is no TOML: {error}.") from None
    return document, hashlib.sha256(raw).hexdigest()
