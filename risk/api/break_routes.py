"""Routes of breaks: the differences between us and venues, what people do with them, and the reports of ends of days.

Invariant: a step is written into the run's book and nowhere else, by the way that the command writes it; it is done once under
one key, on the version that was read, by a person with a token, and a second step by another one.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Path, Query, Response

from meridian.console import Failure
from meridian.risk.api.break_models import (
    BreakAnswer,
    BreakRegion,
    BreaksAnswer,
    BreakStep,
    BreakView,
    ReportAnswer,
    ReportsAnswer,
    State,
    StepDone,
    Verb,
    You,
)
from meridian.risk.api.breaks import STEP_SECONDS, in_time
from meridian.risk.api.errors import Problem, Refused, bad_input, problem
from meridian.risk.api.service import Reader, Repeatable, Served, Service, Version, allow
from meridian.risk.api.session_routes import RegionName
from meridian.risk.api.tokens import Token

if TYPE_CHECKING:
    from meridian.analytics.break_desk import Desk
    from meridian.analytics.break_desk import View as RegionView
    from meridian.analytics.breaks import Done, Known

router = APIRouter(prefix="/v1", tags=["breaks"])
PAGE_MAX = 1_000
SECOND_NS = 10**9
AGE_SECONDS_MAX = 10**9
Number = Annotated[
    str,
    Path(
        min_length=1,
        max_length=200,
        pattern=r"^[^\x00-\x1f]+$",
        description="a break's id, without control characters",
        examples=["1-4711-0f3a9c1e"],
    ),
]
OPEN: tuple[State, ...] = ("found", "explained", "adopted", "disputed")


def you(token: Token) -> You:
    """Who asks."""
    return You(name=token.name, role=token.role, may_step=token.may("settle_breaks"))


def decimal(nanos: int | None) -> str | None:
    """Nanos as a decimal."""
    if nanos is None:
        return None
    whole, part = divmod(abs(nanos), 10**9)
    sign = "-" if nanos < 0 else ""
    return f"{sign}{whole}.{part:09}".rstrip("0").rstrip(".")


def told(region: str, one: Known, token: Token, now_ns: int) -> BreakView:
    """A break as it is told to somebody."""
    from meridian.analytics.breaks import refusals

    item = one.item
    same = ("id", "found_ns", "kind", "scope", "run", "shard", "input", "venue", "instrument", "currency", "venue_lots",
            "our_lots", "what")  # fmt: skip
    if token.may("settle_breaks"):
        found = refusals(one, token.name, token.mark)
        may = [verb for verb, why in found.items() if why is None]
        may_not = {verb: str(why) for verb, why in found.items() if why is not None}
    else:
        may, may_not = [], {}
    return BreakView.model_validate(
        {name: getattr(item, name) for name in same}
        | {
            "region": region,
            "version": one.version,
            "state": one.state,
            "open": one.is_open,
            "gone": one.gone,
            "age_ns": one.age_ns(now_ns),
            "order": str(item.order_id) if item.order_id else None,
            "execution": str(item.execution_id) if item.execution_id else None,
            "price": decimal(item.price_nanos),
            "amount": decimal(item.amount_nanos),
            "next_step": one.next_step,
            "last": one.last,
            "may": may,
            "may_not": may_not,
        }
    )


def refusal(failure: Failure, **more: str) -> Refused:
    """What a failure of the desk or the book is answered with."""
    from meridian.analytics import break_book, break_desk, breaks

    kinds: list[tuple[type[Failure], int, str, str]] = [
        (break_desk.NoRegion, 404, "not_found", "region"),
        (breaks.NoSuchBreak, 404, "not_found", "break"),
        (breaks.KeyUsed, 409, "key_used", "Idempotency-Key"),
        (breaks.Changed, 412, "stale", "If-Match"),
        (breaks.NotThisPerson, 403, "second_person", "token"),
        (breaks.NotNow, 409, "not_now", "state"),
        (break_book.Taken, 503, "busy", "book"),
        (break_book.Unsure, 503, "unknown", "book"),
    ]
    found = (409, "book_damaged", "book") if failure.exit_code == 1 else (503, "book_away", "book")
    status, code, key = next(((one[1], one[2], one[3]) for one in kinds if isinstance(failure, one[0])), found)
    headers = dict(more)
    if isinstance(failure, breaks.Refusal):
        headers["ETag"] = f'"{failure.one.version}"'
    if status == 503:
        headers["Retry-After"] = "2"
    return Refused(status, code, [_problem(key, text) for text in failure.errors], headers)


def _problem(key: str, text: str) -> Problem:
    _, _, allowed = text.partition("allowed is ")
    return Problem(key=key, allowed=allowed or text, sentence=f"{text}.")


async def _views(desk: Desk, service: Service) -> tuple[dict[str, RegionView], list[str]]:
    try:
        return await service.breaks.do(desk.views)
    except Failure as failure:
        raise refusal(failure) from None


@router.get("/breaks", summary="Breaks, those that are open where nothing else is asked")
async def breaks(
    service: Served,
    token: Reader,
    state: Annotated[list[State] | None, Query(description="only in this state; may be repeated")] = None,
    closed: Annotated[bool, Query(description="those that are closed, too")] = False,
    region: Annotated[str | None, Query(max_length=64, description="only this region")] = None,
    venue: Annotated[str | None, Query(max_length=64, description="only this venue")] = None,
    age_s: Annotated[
        int, Query(ge=0, le=AGE_SECONDS_MAX, description="only those that have been open for so many seconds")
    ] = 0,
    after: Annotated[int, Query(ge=0, lt=2**31, description="how many to pass over")] = 0,
    limit: Annotated[int, Query(ge=1, le=PAGE_MAX, description="how many at most")] = 200,
) -> BreaksAnswer:
    """The oldest first, over all regions; what cannot be read is said in `problems`."""
    from meridian.analytics.breaks import counted, sentence

    views, problems = await _views(await service.breaks.asked(), service)
    now_ns = service.clock_ns()
    venues = sorted({str(one["name"]) for view in views.values() for one in view.run.venues}
                    | {one.item.venue for view in views.values() for one in view.known.values() if one.item.venue})  # fmt: skip
    wrong = []
    if region is not None and region not in views:
        wrong.append(problem("region", region, f"one of {', '.join(views) or 'none: there is no region yet'}"))
    if venue is not None and venue not in venues:
        wrong.append(problem("venue", venue, f"one of {', '.join(venues) or 'none yet'}"))
    if wrong:
        raise bad_input(wrong)
    found = [
        (name, one)
        for name, view in views.items()
        if region in (None, name)
        for one in view.known.values()
        if venue in (None, one.item.venue) and one.age_ns(now_ns) >= age_s * SECOND_NS
    ]
    states = state or (*OPEN, *(("closed",) if closed else ()))
    chosen = sorted((each for each in found if each[1].state in states), key=lambda each: each[1].item.found_ns)
    counts = counted(one for _, one in found)
    return BreaksAnswer(
        you=you(token),
        breaks=[told(name, one, token, now_ns) for name, one in chosen[after : after + limit]],
        next=after + limit if len(chosen) > after + limit else None,
        counts=counts,
        sentence=sentence(counts).partition(": see ")[0],
        venues=venues,
        regions=[_region(name, view) for name, view in views.items()],
        problems=[*problems, *(one for view in views.values() for one in view.problems)],
    )


def _region(name: str, view: RegionView) -> BreakRegion:
    return BreakRegion(
        region=name,
        run=view.run.name,
        open=sum(one.is_open for one in view.known.values()),
        over=view.run.is_over,
        age_ms=None if view.age_s is None else round(view.age_s * 1_000),
    )


def _answer(region: str, one: Known, token: Token, now_ns: int, problems: Sequence[str] = ()) -> BreakAnswer:
    history = [StepDone.model_validate(entry) for entry in one.history]
    about: dict[str, Any] = {"break": told(region, one, token, now_ns)}
    return BreakAnswer(you=you(token), history=history, problems=list(problems), **about)


@router.get("/breaks/{region}/{number:path}", summary="One break with its history; its version is the ETag")
async def one_break(
    service: Served, token: Reader, region: RegionName, number: Number, response: Response
) -> BreakAnswer:
    """Every step of it, by whom, why and when."""
    from meridian.analytics.break_desk import NoRegion
    from meridian.analytics.breaks import NoSuchBreak, unknown

    views, _ = await _views(await service.breaks.asked(), service)
    if region not in views:
        known = ", ".join(views) or "none: there is no region yet"
        raise refusal(NoRegion(f"region = {region}: allowed is one of {known}"))
    view = views[region]
    if number not in view.known:
        # Of what cannot be read nobody can say that it is not there.
        raise refusal(NoSuchBreak([unknown(number, view.known), *view.problems]))
    response.headers["ETag"] = f'"{view.known[number].version}"'
    return _answer(region, view.known[number], token, service.clock_ns(), view.problems)


@router.post("/breaks/{region}/{number:path}/{verb}", summary="Explain, adopt, dispute or close a break")
async def step(
    service: Served,
    token: Annotated[Token, allow("settle_breaks")],
    region: RegionName,
    number: Number,
    verb: Annotated[Verb, Path(description="explain, adopt, dispute or close")],
    request: BreakStep,
    version: Version,
    again: Repeatable,
    response: Response,
) -> BreakAnswer:
    """Adopting accepts a difference and is done by somebody else than did the step before, both signed in; so is closing a
    disputed break of an engine. It changes the book alone: no position, hold or order."""
    from meridian.analytics.breaks import Step

    deadline = time.monotonic() + STEP_SECONDS
    desk = await service.breaks.asked()
    asked = Step(number=number, verb=verb, by=token.name, reason=request.reason.strip(), token=token.mark, version=version,
                 again=(again.name, again.request))  # fmt: skip
    now_ns = service.clock_ns()

    def work() -> Done:
        return desk.step(region, asked, now_ns, in_time(deadline))

    try:
        done = await service.breaks.do(work)
    except Failure as failure:
        raise refusal(failure) from None
    service.breaks.tell({region})
    response.headers["ETag"] = f'"{done.one.version}"'
    if done.replayed:
        response.headers["Idempotency-Replayed"] = "true"
    return _answer(region, done.one, token, service.clock_ns())


# Ends of days.

SHORT = ("checked_ns", "agrees", "sentence", "since_ns", "until_ns", "files", "breaks")


@router.get("/end-of-day", summary="Reports of ends of days, the newest first")
async def reports(
    service: Served,
    _: Reader,
    region: Annotated[str | None, Query(max_length=64, description="only this region")] = None,
    limit: Annotated[int, Query(ge=1, le=PAGE_MAX, description="how many at most")] = 100,
) -> ReportsAnswer:
    """Each as `meridian end-of-day check` made it, without what differs."""
    from meridian.analytics import end_of_day_reports

    desk = service.breaks.desk

    def work() -> ReportsAnswer:
        found: list[dict[str, Any]] = []
        wrong: list[str] = []
        regions = desk.find()
        if region is not None and region not in regions:
            raise bad_input(
                [problem("region", region, f"one of {', '.join(regions) or 'none: there is no region yet'}")]
            )
        for name, known in regions.items():
            if region in (None, name):
                listed, problems = end_of_day_reports.listed(known.run)
                wrong += [f"{name}: {one}" for one in problems]
                found += [{"region": name, "report": str(one["checked_ns"]), "differences": len(one["differences"])}
                          | {key: one.get(key) for key in SHORT} for one in listed]  # fmt: skip
        found.sort(key=lambda one: -int(one["checked_ns"]))
        return ReportsAnswer(reports=found[:limit], problems=wrong)

    try:
        return await service.breaks.do(work)
    except Failure as failure:
        raise refusal(failure) from None


@router.get("/end-of-day/{region}/{report}", summary="One report of an end of day, whole")
async def report(
    service: Served,
    _: Reader,
    region: RegionName,
    report: Annotated[str, Path(pattern=r"^[0-9]{1,19}$", description="the time at which it was made, in ns UTC")],
) -> ReportAnswer:
    """With every difference."""
    from meridian.analytics import end_of_day_reports
    from meridian.analytics.break_desk import NoRegion

    desk = service.breaks.desk

    def work() -> ReportAnswer:
        return ReportAnswer(region=region, report=end_of_day_reports.read(desk.region(region).run, report))

    try:
        return await service.breaks.do(work)
    except NoRegion as failure:
        raise refusal(failure) from None
    except Failure as failure:
        problems = [_problem("report", text) for text in failure.errors]
        raise Refused(404 if failure.exit_code == 2 else 503, "not_found", problems) from None
