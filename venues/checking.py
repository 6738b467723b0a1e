"""Files that people write in TOML: read whole, every error at once.

Invariant: an error is one sentence with the key, the value as it was written and what is allowed; nothing is used of a file
that has one. A wrong entry is still compared with the others by what of it is right, so that no error waits for another.
Numbers with a decimal point are exact: they are read as decimals, never as binary fractions.
"""

from __future__ import annotations

import hashlib
import tomllib
from copy import copy
from datetime import date, datetime, time
from decimal import Context, Decimal
from functools import cache
from pathlib import Path
from typing import Annotated, Any, TypeVar, cast, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError, create_model
from pydantic.fields import FieldInfo

from meridian.console import BadInput, cut

NANOS = 10**9
DIGITS_MAX = 60
"""Of a number; more than any amount needs, and few enough to reckon with."""
EXACT = Context(prec=2 * DIGITS_MAX)


class Entry(BaseModel):
    """One table of a file. Unknown keys are errors; what is allowed stands in each field's description."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


Model = TypeVar("Model", bound=Entry)
Value = TypeVar("Value")


def to_nanos(value: object) -> int:
    """An exact decimal number in nanos. Raises ValueError when it is none or has more than nine decimals."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
        raise ValueError("it is no number")
    try:
        number = Decimal(value)
        if not number.is_finite() or abs(number.adjusted()) > DIGITS_MAX:
            raise ValueError("it is no number that anything here can have")
        nanos = EXACT.multiply(number, NANOS)
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
    if not (number.isascii() and number.isdigit()) or text[len(number) :] not in DURATIONS:
        raise ValueError("it is no time with a unit")
    if len(number) > DIGITS_MAX:
        raise ValueError("it is longer than any time here")
    return int(number) * DURATIONS[text[len(number) :]]


Duration = Annotated[int, BeforeValidator(to_duration_ns)]
"""A time with its unit, in ns."""


class Problems:
    """The errors found so far."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.sentences: list[str] = []
        self._wrong: set[int] = set()

    def add(self, key: str, value: object, allowed: str) -> None:
        """One error; a value that is not there is said to be missing."""
        if value is None:
            self.missing(key, allowed)
            return
        self.sentences.append(f"{self.source}: {key} = {shown(value)}: allowed is {allowed}.")

    def missing(self, key: str, allowed: str) -> None:
        """A key that must be there."""
        self.sentences.append(f"{self.source}: {key} is missing: allowed is {allowed}.")

    def field(self, key: str, raw: object, name: str, allowed: str) -> None:
        """One error of the key `name` of the table `raw`, shown as it was written."""
        self.add(f"{key}.{name}", raw.get(name) if isinstance(raw, dict) else None, allowed)

    def sound(self, entry: Entry) -> bool:
        """Whether an entry had no error of its own."""
        return id(entry) not in self._wrong

    def entry(self, key: str, raw: object, model: type[Model]) -> Model | None:
        """`raw` as a model. One that is wrong has None for all that is wrong or missing; None where it is no table."""
        if not isinstance(raw, dict):
            self.add(key, raw, f"a table with the keys {', '.join(keys_of(model))}")
            return None
        try:
            return model.model_validate(raw)
        except ValidationError as error:
            for one in error.errors(include_url=False):
                self._tell(key, one["type"], one["loc"], _written(raw, one["loc"], one.get("input")), model)
            wrong = {str(one["loc"][0]) for one in error.errors(include_url=False) if one["loc"]}
            rest = {name: value for name, value in raw.items() if name not in wrong}
            entry = _partial(model).model_validate(rest)
            self._wrong.add(id(entry))
            return cast("Model", entry)

    def _tell(self, key: str, kind: str, place: tuple[int | str, ...], value: object, model: type[Entry]) -> None:
        whole = key + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place)
        field, table = _leads_to(model, place)
        if kind == "extra_forbidden":
            self.add(whole, value, f"one of the keys {', '.join(keys_of(table))}")
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

    @staticmethod
    def raw(document: dict[str, Any], key: str) -> Any:
        """An entry of a list as it was written, by the key that `rows` gave."""
        table, _, at = key.partition("[")
        return document[table][int(at.rstrip("]"))]

    def keys(self, document: dict[str, Any], allowed: set[str]) -> None:
        """No others than these at the top."""
        for key in sorted(set(document) - allowed):
            self.add(key, document[key], f"one of the keys {', '.join(sorted(allowed))}")

    def dense(self, key: str, ids: dict[str, int | None]) -> None:
        """Ids are unique and count from 1 without gaps: tables in memory are as long as the highest. None: no good id."""
        owners: dict[int, str] = {}
        for name, number in ids.items():
            if number is None:
                continue
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


def _written(raw: Any, place: tuple[int | str, ...], read: object) -> object:
    """The value at a place as it was written; what was read of it where the place leads nowhere."""
    for part in place:
        try:
            raw = raw[part]
        except (KeyError, IndexError, TypeError):
            return read
    return raw


def _leads_to(model: type[Entry], place: tuple[int | str, ...]) -> tuple[FieldInfo | None, type[Entry]]:
    """The innermost field on the way to a place, and the table that the place is a key of."""
    field: FieldInfo | None = None
    table, inner = model, cast("type[Entry] | None", model)
    for part in place:
        if isinstance(part, str) and inner is not None:
            table, field = inner, keys_of(inner).get(part, field)
            inner = _table_in(field.annotation) if field is not None else None
    return field, table


def _table_in(annotation: Any) -> type[Entry] | None:
    """The model of the tables that a field's type speaks of."""
    if isinstance(annotation, type) and issubclass(annotation, Entry):
        return annotation
    found = (_table_in(part) for part in get_args(annotation))
    return next((part for part in found if part is not None), None)


def given(value: Value) -> Value | None:
    """A value of an entry that may be wrong: None where it was missing or refused."""
    return value


def keys_of(model: type[Entry]) -> dict[str, FieldInfo]:
    """The keys that a table may have, as people write them."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


@cache
def _partial(model: type[Entry]) -> type[Entry]:
    """The model with None for whatever is not there."""
    fields: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        absent = copy(field)
        absent.default, absent.default_factory = None, None
        fields[name] = (field.annotation, absent)
    return create_model(model.__name__, __base__=model, **fields)


def shown(value: object) -> str:
    """A value as a person wrote it, cut where it is long."""
    return cut(_text(value))


def _text(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case Decimal():
            return str(value)
        case date() | time() | datetime():
            return value.isoformat()
        case int() if value.bit_length() > 512:
            return f"a number of {value.bit_length()} bits"
        case list():
            return f"[{', '.join(shown(part) for part in value)}]"
        case dict():
            return "{" + ", ".join(f"{key} = {shown(part)}" for key, part in value.items()) + "}"
        case _:
            return repr(value)


FILE_BYTES_MAX = 64 << 20


def read_toml(path: Path) -> tuple[dict[str, Any], str]:
    """The document and the SHA-256 of its bytes, in hexadecimal. Raises BadInput when it cannot be read."""
    try:
        if path.exists() and not path.is_file():
            raise BadInput(f"{path} cannot be read: it is no file.")
        if path.exists() and path.stat().st_size > FILE_BYTES_MAX:
            raise BadInput(f"{path} cannot be read: it has more than {FILE_BYTES_MAX} bytes.")
        raw = path.read_bytes()
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}.") from None
    try:
        document = tomllib.loads(raw.decode(), parse_float=Decimal)
    except UnicodeDecodeError as error:
        raise BadInput(f"{path} is no TOML: byte {error.start} is not UTF-8.") from None
    except (ValueError, ArithmeticError) as error:  # tomllib lets out what a number too long for Python raises.
        raise BadInput(f"{path} is no TOML: {error}.") from None
    except RecursionError:
        raise BadInput(f"{path} is no TOML that can be read: its tables are nested too deep.") from None
    return document, hashlib.sha256(raw).hexdigest()
