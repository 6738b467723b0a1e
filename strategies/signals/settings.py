"""What an alpha stage is told: the settings of a topology's service `alpha`, and the file of a backtest's `--alpha`.

    model = "lean.json"                      # beside this file
    listings = [{ instrument = "AAPL", venue = "XNAS" }]
    channel = "lean"                         # each listing's is lean:AAPL@XNAS
    on = "step"                              # when a score moved by more than step, and on beats; or "beat": on beats alone
    step = 0.01
    beat = "1s"                              # every score again; three beats of silence, and it is stale
    half = "1s"                              # after so long a past event counts half
    compute = "numba"                        # numpy; or cupy, where a GPU answers
    latency = "25us"                         # a backtest's: constant, @FILE of measured ns, or @RUN: what a live run took
    idle = "back-off"                        # a tile's: "spin" has a core of its own

Invariant: what `examine` returns can run: model, listings and module of arrays are there; all errors are told at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from meridian._native.alpha import LISTINGS_MAX
from meridian.console import BadInput, cut
from meridian.strategies.channels import channel
from meridian.strategies.signals.batch import module_of
from meridian.strategies.signals.model import Model, load
from meridian.venues.checking import Duration, read_toml, shown

__all__ = ["ListingName", "Settings", "channels", "examine", "problems", "read"]


class ListingName(BaseModel):
    """A listing by its names."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    instrument: str = Field(description="the name of an instrument")
    venue: str = Field(description="the name of a venue")

    @property
    def name(self) -> str:
        """As a channel's name has it."""
        return f"{self.instrument}@{self.venue}"


class Settings(BaseModel):
    """What may be said of a stage."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str = Field(min_length=1, description="the file of a model")
    listings: list[ListingName] = Field(
        min_length=1, max_length=LISTINGS_MAX, description=f"1 to {LISTINGS_MAX} tables with instrument and venue"
    )
    channel: str = Field(
        min_length=1, max_length=32, pattern=r"^[a-z0-9_-]+$", description="small letters, digits, - and _"
    )
    on: Literal["step", "beat"] = Field(default="step", description="step or beat")
    step: float = Field(default=0.0, ge=0, allow_inf_nan=False, description="a number, not below zero")
    beat: Duration = Field(default=10**9, ge=10**6, le=10**12, description="a time from 1ms to 1000s")
    half: Duration = Field(default=10**9, ge=1, le=10**15, description="a time such as 500ms")
    compute: Literal["numba", "numpy", "cupy"] = Field(default="numba", description="numba, numpy or cupy")
    latency: str = Field(default="25us", description="a time such as 25us, @FILE or @RUN")
    idle: Literal["back-off", "spin"] = Field(default="back-off", description="back-off or spin")
    engine: str = Field(default="engine", description="the name of the engine's tile")


def channels(settings: Settings) -> list[int]:
    """The channel of each listing."""
    return [channel(f"{settings.channel}:{one.name}") for one in settings.listings]


def examine(settings: Settings, folder: Path, known: Iterable[str]) -> tuple[Model | None, list[str]]:
    """The model, from a file below `folder`, and everything that is wrong beside the settings' own form. `known`: the names of
    listings, INSTRUMENT@VENUE."""
    errors: list[str] = []
    model = None
    try:
        model = load(folder / settings.model)
    except BadInput as error:
        errors += [f"model: {sentence}" for sentence in error.errors]
    names, held = [one.name for one in settings.listings], sorted(set(known))
    shown = ", ".join(held[:20]) + (", …" if len(held) > 20 else "")
    errors += [f"listings = {name}: is listed nowhere; allowed are {shown}" for name in names if name not in held]
    errors += [f"listings = {name}: stands there twice; once is allowed" for name in {*names} if names.count(name) > 1]
    try:
        module_of(settings.compute)
    except ValueError as error:
        errors.append(f"compute = {settings.compute}: {str(error).partition(': ')[2]}")
    try:
        channels(settings)
    except ValueError as error:
        errors.append(f"channel = {settings.channel}: {error}")
    return model, errors


def problems(document: Mapping[str, Any]) -> list[str]:
    """What is wrong with the form of settings, a sentence a key."""
    try:
        Settings.model_validate(dict(document))
    except ValidationError as error:
        return [_sentence(document, about) for about in error.errors()]
    return []


def _sentence(document: Mapping[str, Any], about: Any) -> str:
    key = ".".join(str(part) for part in about["loc"])
    if about["type"] == "missing":
        return f"{key}: is missing; it must be given"
    if about["type"] == "extra_forbidden":
        return f"{key}: is not a key here; allowed are {', '.join(Settings.model_fields)}"
    field = Settings.model_fields.get(str(about["loc"][0]))
    allowed = field.description if field is not None and len(about["loc"]) == 1 else about["msg"]
    return f"{key} = {cut(shown(about['input']))}: {allowed} is allowed"


def read(path: Path) -> Settings:
    """The settings of a file. Raises BadInput with every error of their form."""
    document = read_toml(path)[0]
    plain = {
        key: float(value) if key == "step" and not isinstance(value, str) else value for key, value in document.items()
    }
    if errors := [f"{path}: {sentence}" for sentence in problems(plain)]:
        raise BadInput(errors)
    return Settings.model_validate(plain)
