"""Refusals: one schema for every error that the API answers, all errors of a request at once.

Invariant: an error names the key, the value and what is allowed; nothing of a request that has one is done. No token, and no
key of an idempotent write, is ever repeated in an answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel, Field, ValidationError

from meridian.console import cut


class Problem(BaseModel):
    """One error."""

    key: str = Field(description="what it is about: a field of the body, a header, a parameter", examples=["value"])
    value: str | None = Field(default=None, description="what was there, cut when long", examples=["-5"])
    allowed: str = Field(description="what is allowed", examples=["a whole number of lots, not below zero"])
    sentence: str = Field(examples=["value = -5: allowed is a whole number of lots, not below zero."])


class Errors(BaseModel):
    """What every refused request is answered with."""

    code: str = Field(description="the kind of refusal, for programs", examples=["bad_input"])
    errors: list[Problem]


class Refused(Exception):
    """A request that is not done. `status` is HTTP's."""

    def __init__(
        self, status: int, code: str, problems: Iterable[Problem], headers: Mapping[str, str] | None = None
    ) -> None:
        self.status = status
        self.body = Errors(code=code, errors=list(problems))
        self.headers = dict(headers or {})
        super().__init__("; ".join(one.sentence for one in self.body.errors))


def shown(value: object) -> str | None:
    """A value as a person wrote it, cut where it is long, without control characters."""
    if value is None:
        return None
    return cut("".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in str(value)))


def problem(key: str, value: object, allowed: str) -> Problem:
    """One error about a value, or about a missing one."""
    text = shown(value)
    what = f"{key} is missing" if text is None else f"{key} = {text}"
    return Problem(key=key, value=text, allowed=allowed, sentence=f"{what}: allowed is {allowed}.")


def problems_of(model: type[BaseModel], error: ValidationError) -> list[Problem]:
    """What pydantic found wrong with a model's values, in our words: what is allowed is the description of the field."""
    return [_problem_of(model, one["type"], one["loc"], one["input"]) for one in error.errors(include_url=False)]


def _problem_of(model: type[BaseModel], kind: str, place: tuple[int | str, ...], value: object) -> Problem:
    found: type[BaseModel] | None = model
    allowed = "another value"
    for part in place:
        fields = found.model_fields if found is not None else {}
        field = fields.get(str(part))
        if field is None:
            allowed = f"one of {', '.join(fields)}" if kind == "extra_forbidden" and fields else allowed
            break
        allowed = field.description or allowed
        found = (
            field.annotation if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel) else None
        )
    return problem(".".join(map(str, place)) or "the request", None if kind == "missing" else value, allowed)


def bad_input(problems: Iterable[Problem]) -> Refused:
    """Input that cannot be used."""
    return Refused(422, "bad_input", problems)


def refused(status: int, code: str, key: str, value: object, allowed: str, **headers: str) -> Refused:
    """A refusal with one reason."""
    return Refused(status, code, [problem(key, value, allowed)], headers)


def sentence(status: int, code: str, key: str, text: str, **headers: Any) -> Refused:
    """A refusal whose reason is a sentence of its own."""
    return Refused(status, code, [Problem(key=key, allowed=text, sentence=text)], headers)
