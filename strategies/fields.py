"""Parameters and state of a strategy class: their declaration, validation, and place in the slot's record.

Invariant: a class has one record, parameters first, then state, each field at its natural alignment; a value that reaches
the record has been checked, and every error of a set of values is reported at once.
"""

import ctypes
import math
import types
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, overload

from meridian.console import cut

__all__ = ["Field", "ParameterError", "Scalar", "Table", "collect", "param", "state"]

Scalar = int | float | bool
T = TypeVar("T", int, float, bool)

INT_MIN, INT_MAX = -(2**63), 2**63 - 1
NAME_BYTES_MAX = 31
LENGTH_MAX = 4096
KEPT_WORDS_MAX = 1024
"""Numbers that a class may keep; as in crates/strategies/src/library.rs."""
_TYPES: dict[Any, type[int] | type[float] | type[bool]] = {
    int: int, float: float, bool: bool, "int": int, "float": float, "bool": bool,
}  # fmt: skip
_ARRAYS: dict[Any, type[int] | type[float]] = {"list[int]": int, "list[float]": float}
_CTYPES: dict[type, Any] = {int: ctypes.c_int64, float: ctypes.c_double, bool: ctypes.c_bool}
SCALAR_CODES: dict[type, int] = {int: 1, float: 2, bool: 3}


class ParameterError(ValueError):
    """One or more fields or values are wrong; `errors` holds one sentence for each."""

    def __init__(self, errors: Iterable[str]) -> None:
        self.errors = tuple(errors)
        super().__init__("\n".join(self.errors))


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """What `param` or `state` was given, before the class tells name and type."""

    default: Any
    is_parameter: bool
    ge: Scalar | None = None
    gt: Scalar | None = None
    le: Scalar | None = None
    lt: Scalar | None = None
    help: str = ""
    live: bool = False
    keep: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field of a class's record."""

    name: str
    scalar: type[int] | type[float] | type[bool]
    length: int  # 0: a scalar, else the length of a fixed array.
    default: Any
    is_parameter: bool
    ge: Scalar | None = None
    gt: Scalar | None = None
    le: Scalar | None = None
    lt: Scalar | None = None
    help: str = ""
    offset: int = 0
    live: bool = False  # A parameter that may be set while the slot runs.
    keep: bool = False  # State that outlives a stop.

    @property
    def allowed(self) -> str:
        """What values are allowed, in words."""
        bounds = [
            f"{word} {bound!r}"
            for word, bound in (("at least", self.ge), ("above", self.gt), ("at most", self.le), ("below", self.lt))
            if bound is not None
        ]
        kind = {int: "a whole number of 64 bits", float: "a finite number", bool: "true or false"}[self.scalar]
        return " ".join([kind, " and ".join(bounds)]).strip()

    def read(self, text: str) -> Scalar | None:
        """The value that a person typed; None where it is none of this field's kind. Other scripts' digits are none."""
        try:
            if self.scalar is bool:
                return {"true": True, "false": False}[text]
            return self.scalar(text) if text.isascii() else None
        except (ValueError, KeyError):
            return None

    @property
    def kind(self) -> str:
        """What a person may type, in words."""
        return {bool: "true or false", int: "a whole number", float: "a number"}[self.scalar]

    def error(self, value: Any) -> str | None:
        """A sentence when `value` is not allowed."""
        if self._typed(value) and self._inside(value):
            return None
        return f"{self.name} = {value!r}: {self.allowed} is allowed."

    def _typed(self, value: Any) -> bool:
        if self.scalar is bool:
            return type(value) is bool
        if self.scalar is int:
            return type(value) is int and INT_MIN <= value <= INT_MAX
        return type(value) in (int, float) and abs(value) < 2**1023 and math.isfinite(value)

    def _inside(self, value: Any) -> bool:
        return (
            (self.ge is None or value >= self.ge)
            and (self.gt is None or value > self.gt)
            and (self.le is None or value <= self.le)
            and (self.lt is None or value < self.lt)
        )

    def value_error(self, default: Any) -> str | None:
        """As `error`, for a whole default: every element of an array."""
        if not self.length:
            return self.error(default)
        return next((error for element in default if (error := self.error(element))), None)


@overload
def param(default: bool, *, help: str = "", live: bool = False) -> Any: ...
@overload
def param(
    default: int | float,
    *,
    ge: int | float | None = None,
    gt: int | float | None = None,
    le: int | float | None = None,
    lt: int | float | None = None,
    help: str = "",
    live: bool = False,
) -> Any: ...
def param(default: Any, *, help: str = "", live: bool = False, **bounds: Any) -> Any:
    """A parameter: set before the start, read by callbacks. Bounds are checked whenever it is set.

    `live=True`: an operator may set it while the strategy runs too; without it, such a change is refused.
    """
    unknown = sorted(set(bounds) - {"ge", "gt", "le", "lt"})
    errors = [f"param({key}=…) is not known: ge, gt, le, lt, help and live are allowed." for key in unknown]
    errors += _flag_errors("param", "live", live)
    if errors:
        raise ParameterError(errors)
    return Declaration(default=default, is_parameter=True, help=help, live=live, **bounds)


def _flag_errors(function: str, key: str, value: object) -> list[str]:
    return [] if isinstance(value, bool) else [f"{function}({key}={value!r}): True or False is allowed."]


def state(default: Any, *, keep: bool = False) -> Any:
    """A state field: written by callbacks. A list gives a fixed array: `window: list[float] = state([0.0] * 64)`.

    `keep=True`: it is saved when the strategy stops in good order, and the next start begins with it.
    """
    if errors := _flag_errors("state", "keep", keep):
        raise ParameterError(errors)
    return Declaration(default=default, is_parameter=False, keep=keep)


class Table:
    """The fields of one class and their record."""

    def __init__(self, owner: str, fields: Iterable[Field]) -> None:
        listed = sorted(fields, key=lambda field: not field.is_parameter)  # Stable: declaration order within each.
        members = [
            (field.name, _CTYPES[field.scalar] * field.length if field.length else _CTYPES[field.scalar])
            for field in listed
        ]
        if not members:
            members = [("_empty", ctypes.c_int64)]
        # A record is a multiple of eight bytes, as every other.
        bare = type("Bare", (ctypes.Structure,), {"_fields_": members})
        tail = -ctypes.sizeof(bare) % 8
        if tail:
            members.append(("_tail", ctypes.c_int8 * tail))
        self.owner = owner
        self.structure: Any = type(f"{owner}Record", (ctypes.Structure,), {"_fields_": members, "__slots__": ()})
        self.record_bytes = ctypes.sizeof(self.structure)
        self.fields = {
            field.name: Field(**{**_as_dict(field), "offset": getattr(self.structure, field.name).offset})
            for field in listed
        }

    @property
    def parameters(self) -> dict[str, Field]:
        """The parameters by name."""
        return {name: field for name, field in self.fields.items() if field.is_parameter}

    @property
    def kept(self) -> list[Field]:
        """The fields of the state that outlive a stop."""
        return [field for field in self.fields.values() if field.keep]

    @property
    def state_offset(self) -> int:
        """Where the state begins."""
        states = [field.offset for field in self.fields.values() if not field.is_parameter]
        return min(states, default=self.record_bytes)

    def initial(self, values: Mapping[str, Any] | None = None) -> bytes:
        """The bytes of a new record: defaults, with these parameters set. Raises ParameterError with every error."""
        checked = self.validate(values or {})
        record = self.structure()
        for name, field in self.fields.items():
            value = checked.get(name, field.default)
            if field.length:
                for index, element in enumerate(value):
                    getattr(record, name)[index] = element
            else:
                setattr(record, name, field.scalar(value))
        return bytes(record)

    def validate(self, values: Mapping[str, Any]) -> dict[str, Scalar]:
        """The values, typed. Raises ParameterError that names every key that is unknown or has a value not allowed."""
        errors, checked = [], {}
        parameters = self.parameters
        for key, value in values.items():
            field = parameters.get(key)
            if field is None:
                known = ", ".join(parameters) or "none"
                errors.append(f"{key} = {value!r}: {self.owner} has no such parameter; these are known: {known}.")
            elif (error := field.error(value)) is not None:
                errors.append(error)
            else:
                checked[key] = field.scalar(value)
        if errors:
            raise ParameterError(errors)
        return checked

    def dtype(self) -> Any:
        """The record as an aligned numpy dtype."""
        import numpy

        codes = {int: "<i8", float: "<f8", bool: "?"}
        names = list(self.fields)
        formats = [(codes[f.scalar], (f.length,)) if f.length else codes[f.scalar] for f in self.fields.values()]
        offsets = [field.offset for field in self.fields.values()]
        whole: Any = {"names": names, "formats": formats, "offsets": offsets, "itemsize": self.record_bytes}
        return numpy.dtype(whole, align=True)


def _as_dict(field: Field) -> dict[str, Any]:
    return {name: getattr(field, name) for name in Field.__dataclass_fields__}


def collect(owner: str, annotations: Mapping[str, Any], namespace: Mapping[str, Any]) -> tuple[list[Field], list[str]]:
    """The fields that a class body declares, and a sentence for each that is wrong."""
    fields, errors = [], []
    for name, declared in namespace.items():
        if isinstance(declared, Declaration) and name not in annotations:
            errors.append(f"{owner}.{name} has no type: write {name}: int, float or bool.")
    for name, annotation in annotations.items():
        declared = namespace.get(name)
        if not isinstance(declared, Declaration):
            errors.append(f"{owner}.{name} has no value: write {name} = param(…) or {name} = state(…).")
            continue
        field, sentence = _field(owner, name, annotation, declared)
        if field is not None:
            fields.append(field)
        if sentence:
            errors.append(sentence)
    kept = sum(field.length or 1 for field in fields if field.keep)
    if kept > KEPT_WORDS_MAX:
        errors.append(f"{owner} keeps {kept} numbers: {KEPT_WORDS_MAX} are allowed with keep=True.")
    return fields, errors


def _listed(default: Any) -> str:
    return f"a list of {len(default)}" if isinstance(default, list) else cut(repr(default))


def _field(owner: str, name: str, annotation: Any, declared: Declaration) -> tuple[Field | None, str | None]:
    spelled = str(annotation).replace(" ", "") if isinstance(annotation, (str, types.GenericAlias)) else annotation
    array = _ARRAYS.get(spelled)
    scalar = array or _TYPES.get(spelled)
    if scalar is None or (array and declared.is_parameter):
        allowed = "int, float or bool" if declared.is_parameter else "int, float, bool, list[int] or list[float]"
        return None, f"{owner}.{name} has the type {annotation}: {allowed} is allowed."
    if len(name) > NAME_BYTES_MAX or not name.isascii() or name.startswith("_"):
        return None, (
            f"{owner}.{name}: a field's name is allowed to have 1 to {NAME_BYTES_MAX} ASCII characters "
            "and no underscore in front."
        )
    length = 0
    if array:
        length = len(declared.default) if isinstance(declared.default, list) else 0
        if not 1 <= length <= LENGTH_MAX:
            return (
                None,
                f"{owner}.{name} is {_listed(declared.default)}: a list of 1 to {LENGTH_MAX} numbers is allowed.",
            )
    bounds = {key: getattr(declared, key) for key in ("ge", "gt", "le", "lt")}
    for key, bound in bounds.items():
        if bound is not None and (type(bound) not in (int, float) or not math.isfinite(bound) or scalar is bool):
            return None, f"{owner}.{name} has the bound {key} = {bound!r}: a finite number is allowed, none for bool."
    field = Field(name=name, scalar=scalar, length=length, default=declared.default, live=declared.live,
                  is_parameter=declared.is_parameter, help=declared.help, keep=declared.keep, **bounds)  # fmt: skip
    sentence = field.value_error(declared.default)
    return field, None if sentence is None else f"{owner}.{sentence}"
