"""What requests about breaks hold and what their answers look like.

Invariant: money, prices and numbers of venues are texts, so that no reader of JSON rounds them; what a person may do is said of
the very person who asks.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from meridian.risk.api.models import Request, _seen

State = Literal["found", "explained", "adopted", "disputed", "closed"]
Verb = Literal["explain", "adopt", "dispute", "close"]
REASON = "readable words that say why, on one line, 1 to 500 characters"


def _one_line(text: str) -> str:
    if not text.isprintable():
        raise ValueError(REASON)
    return text


class BreakStep(Request):
    """Why a step is done."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, json_schema_extra={"examples": [{"reason": "the venue broke it: its notice 17"}]}
    )

    reason: Annotated[
        str, StringConstraints(min_length=1, max_length=500), AfterValidator(_seen), AfterValidator(_one_line)
    ] = Field(description=REASON)


class StepDone(BaseModel):
    """An entry of the book about a break."""

    sequence: int = Field(description="its line in the book")
    step: str = Field(description="found, explained, adopted, disputed, closed; gone: a comparison finds it no more")
    at_ns: int
    by: str = Field(description="empty for what a comparison did")
    signed_in: bool = Field(default=False, description="false: a bare name, of the command")
    user: str | None = Field(default=None, description="the system's user under whom it was written")
    reason: str


class BreakView(BaseModel):
    """A break, and what the person who asks may do with it."""

    region: str
    id: str
    version: int = Field(description="its ETag: grows with each entry of the book about it")
    state: State
    open: bool
    gone: bool = Field(description="a comparison does not find the difference any more")
    age_ns: int = Field(description="how long it has been open, or was")
    found_ns: int
    kind: str
    scope: str = Field(description="who looks for it: engine, reconcile, or an end of day")
    run: str
    shard: int
    input: int = Field(description="of the engine, that showed it; 0: found by a comparison")
    venue: str
    instrument: str
    currency: str
    order: str | None = Field(default=None, description="our order's id")
    execution: str | None = Field(default=None, description="the venue's number")
    venue_lots: int
    our_lots: int
    price: str | None = Field(default=None, description="a decimal")
    amount: str | None = Field(
        default=None, description="what the venue says less what we have, a decimal of `currency`"
    )
    what: str = Field(description="in a sentence")
    next_step: str = Field(description="who has to do what; empty once it is closed")
    last: StepDone | None = Field(default=None, description="the last step that a person did")
    may: list[Verb] = Field(description="what the person who asks may do now")
    may_not: dict[Verb, str] = Field(description="what not, and why, a sentence each")


class BreakRegion(BaseModel):
    """How young what is told of a region is."""

    region: str
    run: str
    open: int
    over: bool = Field(description="its run has ended")
    age_ms: int | None = Field(default=None, description="since its engine was last looked at; absent: not yet")


class You(BaseModel):
    """Who asks."""

    name: str
    role: str
    may_step: bool


class BreaksAnswer(BaseModel):
    """Breaks, the oldest first."""

    you: You
    breaks: list[BreakView]
    next: int | None = Field(default=None, description="`after` of the page that follows")
    counts: dict[str, int] = Field(description="of all that the filters of region, venue and age leave, by state")
    sentence: str
    venues: list[str]
    regions: list[BreakRegion]
    problems: list[str] = Field(description="what cannot be read, and so is not told, a sentence each")


class BreakAnswer(BaseModel):
    """One break with its history."""

    you: You
    brk: BreakView = Field(alias="break")
    history: list[StepDone]
    problems: list[str] = []


class ReportsAnswer(BaseModel):
    """Reports of ends of days, the newest first."""

    reports: list[dict[str, Any]]
    problems: list[str] = Field(description="what cannot be read, a sentence each")


class ReportAnswer(BaseModel):
    """One report, whole."""

    region: str
    report: dict[str, Any]
