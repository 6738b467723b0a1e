"""What is said of input that has the wrong shape: key, value and what is allowed, out of the API's own description.

Invariant: no library's words reach a person. What is allowed is what the description says of that very field of that very
route; where it says nothing, the field's type in our words.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from meridian.risk.api.errors import Problem, problem

Schema = Mapping[str, Any]
NAMES = re.compile(r"\^\(([\w|]+)\)\$")
"""A pattern that is a list of names."""
KINDS = {
    "missing": "a value",
    "extra_forbidden": "no key of this name",
    "json_invalid": "JSON",
    "literal_error": "one of {expected}",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "greater_than": "a number above {gt}",
    "greater_than_equal": "a number from {ge}",
    "less_than": "a number below {lt}",
    "less_than_equal": "a number up to {le}",
    "string_too_short": "a text of at least {min_length} characters",
    "string_too_long": "a text of up to {max_length} characters",
    "string_pattern_mismatch": "a text of another form",
    "too_long": "up to {max_length} of them",
    "list_type": "a list",
}
"""A kind of pydantic's errors → what is allowed, with what the error itself names."""
KINDS |= dict.fromkeys(("string_type", "string_unicode"), "a text")
KINDS |= dict.fromkeys(("int_type", "int_parsing", "int_from_float", "int_parsing_size"), "a whole number")
KINDS |= dict.fromkeys(("dict_type", "model_type", "model_attributes_type"), "an object")


def allowed_of(error: Mapping[str, Any]) -> str:
    """What is allowed where one of pydantic's errors stands, as far as the error itself tells."""
    named = {name: str(value).replace("'", "") for name, value in error.get("ctx", {}).items()}
    if error["type"] == "value_error":
        return named["error"]
    return KINDS.get(str(error["type"]), "another value").format_map(named)


def told(error: ValidationError) -> str:
    """The first of pydantic's errors over a value that no person typed here, in a few words."""
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    if first["type"] == "missing":
        return f"{where} is missing"
    if first["type"] == "json_invalid":
        return "it is no JSON"
    return f"{where or 'the value'} must be {allowed_of(first)}"


def problems_of(document: Schema, path: str, method: str, media: str, errors: Sequence[Any]) -> Iterator[Problem]:
    """What is wrong with a request, an error each. `document` is the API's description, `path` as a route has it."""
    about: Schema = document["paths"].get(path, {}).get(method.lower(), {})
    for error in errors:
        place, *rest = (str(part) for part in error["loc"])
        if place == "body":
            yield _of_body(document, about, media, error, rest)
        else:
            yield _of_parameter(document, about, error, place, rest)


def _of_parameter(
    document: Schema, about: Schema, error: Mapping[str, Any], place: str, rest: Sequence[str]
) -> Problem:
    name = rest[0] if rest else place
    for one in about.get("parameters", []):
        if one["in"] == place and one["name"].lower() == name.lower():
            described = one.get("description", "")
            form = _form(document, one["schema"])
            # Of a filter the description says what it does, of everything else what may stand there.
            only_form = place == "query" and form and error["type"] != "value_error"
            words = [form] if only_form else [described, form if place == "path" else ""]
            allowed = ", ".join(part for part in words if part)
            return problem(one["name"], _value(error, hide=place == "header"), allowed or allowed_of(error))
    return problem(name, _value(error, hide=place == "header"), allowed_of(error))


def _of_body(document: Schema, about: Schema, media: str, error: Mapping[str, Any], rest: Sequence[str]) -> Problem:
    content: Mapping[str, Schema] = about.get("requestBody", {}).get("content", {})
    schema: Schema = next((one["schema"] for one in content.values()), {})
    keys = ", ".join(_resolved(document, schema).get("properties", {}))
    whole = f"JSON, an object with {keys}"
    if error["type"] == "json_invalid":
        return problem("body", f"no JSON from character {rest[0] if rest else 0} on", whole)
    if not rest:
        if isinstance(error.get("input"), bytes):
            return problem("Content-Type", media or "nothing", "application/json")
        return problem("body", _value(error), whole)
    place = [part for part in rest if part != "[key]"]
    allowed = _allowed_at(document, schema, place, error) or allowed_of(error)
    return problem(".".join(place)[:200], _value(error), allowed)


def _allowed_at(document: Schema, schema: Schema, place: Sequence[str], error: Mapping[str, Any]) -> str | None:
    """What the description says of the field at a place; of a key that it does not have, which there are."""
    allowed: str | None = None
    for part in place:
        known = _resolved(document, schema).get("properties", {})
        if part not in known:
            return f"one of {', '.join(known)}" if error["type"] == "extra_forbidden" and known else allowed
        schema = known[part]
        listed = NAMES.fullmatch(str(schema.get("pattern", "")))
        allowed = _listed(listed[1].split("|")) if listed else schema.get("description") or _form(document, schema)
    return allowed


def _resolved(document: Schema, schema: Schema) -> Schema:
    """A schema without references; of several possible ones the first that is not null."""
    while True:
        if "$ref" in schema:
            schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        elif several := schema.get("anyOf") or schema.get("allOf"):
            schema = next((one for one in several if one.get("type") != "null"), several[0])
        else:
            return schema


def _form(document: Schema, schema: Schema) -> str:
    """A field's type in words."""
    found = _resolved(document, schema)
    if found.get("type") == "array":
        return _form(document, found.get("items", {}))
    names = NAMES.fullmatch(str(found.get("pattern", "")))
    if names or "enum" in found:
        return _listed(names[1].split("|") if names else found["enum"])
    if found.get("type") == "boolean":
        return "true or false"
    if found.get("type") == "integer":
        return "a whole number" + _range(found.get("minimum"), found.get("maximum", _below(found)))
    if found.get("type") == "string" and "maxLength" in found:
        return "a text" + _range(found.get("minLength"), found["maxLength"]).replace(" from", " of") + " characters"
    return ""


def _below(found: Schema) -> int | None:
    return found["exclusiveMaximum"] - 1 if "exclusiveMaximum" in found else None


def _range(low: int | None, high: int | None) -> str:
    if low is None:
        return "" if high is None else f" of up to {high}"
    return f" from {low}" if high is None else f" from {low} to {high}"


def _listed(names: Sequence[object]) -> str:
    return "one of " + ", ".join(str(name) for name in names)


def _value(error: Mapping[str, Any], *, hide: bool = False) -> object:
    """What was there, as JSON writes it; None for what is missing."""
    if error["type"] == "missing":
        return None
    value = error.get("input")
    if hide:
        return "(not repeated)"
    if isinstance(value, str) and value:
        return value
    try:
        return json.dumps(value, ensure_ascii=False, default=str)
    except RecursionError:
        return "too deep"


def repeated(body: bytes) -> list[str]:
    """Keys that stand more than once in one object of a body, by name. A body that is no JSON has none."""
    found: dict[str, None] = {}

    def look(pairs: list[tuple[str, object]]) -> None:
        seen = set()
        for key, _ in pairs:
            if key in seen:
                found[key] = None
            seen.add(key)

    try:
        json.loads(body, object_pairs_hook=look)
    except (ValueError, RecursionError):
        return []
    return list(found)
