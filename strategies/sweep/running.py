"""A sweep from its words to its result.

Invariant: everything that a person said is checked before the first point runs, all errors at once; every point on every day has
one outcome; equal words over equal data give an equal result with one worker, many, or a cluster, in one go or several.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import meridian
from meridian.strategies import discover
from meridian.strategies.artifact import build
from meridian.strategies.backtest import data, options, running
from meridian.strategies.strategy import Strategy
from meridian.strategies.sweep import result, space, splits, statistics
from meridian.strategies.sweep.job import FAILED, LOST, Job, Source
from meridian.strategies.sweep.store import Store, described, digest

__all__ = ["Plan", "prepare", "resume", "run", "start", "words_of"]

PERIODS = 32
Tell = Callable[[str, float], None]
BACKTEST_WORDS = ("latency", "fees", "queue", "limits", "mode", "sample", "timer", "seed")
"""Options that a sweep takes as a backtest does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A sweep that is sound and has not begun."""

    jobs: list[Job]
    days: list[str]
    words: dict[str, Any]  # What it was asked for.
    head: dict[str, Any]  # The beginning of its summary; `unsound`: days or files without sound data, and why.
    walk: splits.Walk | None
    blocks: int


def run(
    strategy: type[Strategy] | str,
    data_files: Sequence[str | Path],
    *,
    out: str | Path | None = None,
    workers: int | None = None,
    ray: str | None = None,
    tell: Tell = running.silent,
    **words: Any,
) -> result.Result:
    """Runs a strategy (a class, or what `discover.find` takes) at every combination of `parameters` on every day of the data.

    `parameters`: values by name, a list for several. `out`: a directory that keeps finished points, so that the same call made
    again goes on where it ended. `workers`: processes, one a core unless told. `ray`: the address of a Ray cluster, "local"
    for one of this machine. Further `words`: those of `prepare`. Raises OptionsError with every error.
    """
    cls = discover.find(strategy) if isinstance(strategy, str) else strategy
    return start(prepare(cls, data_files, tell=tell, **words), out=out, workers=workers, ray=ray, tell=tell)


def words_of(out: Path) -> dict[str, Any]:
    """What a sweep in a directory was asked for. Raises OptionsError."""
    found = described(out)
    if found is None:
        raise options.OptionsError([f"--resume {out}: there is no whole sweep; a directory of `--out` is allowed"])
    return found


def resume(
    out: str | Path, *, workers: int | None = None, ray: str | None = None, tell: Tell = running.silent
) -> result.Result:
    """Goes on with the sweep in a directory; finished points are not run again. Raises OptionsError."""
    words = words_of(Path(out))
    return run(words.pop("strategy"), words.pop("data_files"), out=out, workers=workers, ray=ray, tell=tell, **words)


def prepare(
    cls: type[Strategy],
    data_files: Sequence[str | Path],
    *,
    parameters: Mapping[str, Any] | None = None,
    symbols: Sequence[str] | None = None,
    units: Mapping[str, str] | None = None,
    days: Sequence[str] = (),
    walk_forward: str | None = None,
    periods: int = PERIODS,
    blocks: int = statistics.BLOCKS,
    tell: Tell = running.silent,
    **words: Any,
) -> Plan:
    """Checks everything. `days`: only these (2019-01-03); `periods`: equal spans of a day whose profits are the sample of
    ratios; `blocks`: of the cross-validation; other words: those of a backtest. Raises OptionsError with every error.
    """
    errors: list[str] = []
    points = space.points(cls.table, parameters or {}, errors)
    walk = splits.parse(walk_forward) if walk_forward is not None else None
    if walk_forward is not None and walk is None:
        errors.append(f"--walk-forward {walk_forward}: train=DAYS,test=DAYS,embargo=DAYS and anchored are allowed")
    if not 1 <= periods <= 10_000:
        errors.append(f"--periods {periods}: 1 to 10,000 are allowed")
    if blocks < 2 or blocks % 2 or blocks > 20:
        errors.append(f"--blocks {blocks}: an even number from 2 to 20 is allowed")
    errors += [f"{name} = {words[name]!r}: no option of a sweep" for name in words if name not in BACKTEST_WORDS]
    lots = running.units_e8(units or {}, errors)
    known = {name: value for name, value in words.items() if name in BACKTEST_WORDS}
    markets, unsound = data.look_through_days(
        data_files, symbols, lots, lambda path, count: tell(running.looking(path, count), 0.0)
    )
    markets, unsound = _chosen(markets, unsound, days, errors)
    plans = {}
    for day, market in markets.items():
        try:
            # Each core has a job of its own: none is left to read ahead for another.
            plans[day] = running.prepare(cls, [], market=market, threads=1, **known)
        except options.OptionsError as error:
            errors += [sentence for sentence in error.errors if sentence not in errors]
    if walk is not None and markets and not splits.splits(len(markets), walk):
        least = walk.train + walk.embargo + 1
        errors.append(
            f"--walk-forward {walk_forward}: the data hold {len(markets)} sound day{'s' * (len(markets) > 1)}; training, embargo "
            f"and a day to test on need {least}"
        )
    if not markets:
        errors += running.wrong_words(**known)
        found = [sentence for found in unsound.values() for sentence in found]
        errors += found or ([] if errors else ["--data: a file of recorded flow at least is needed"])
    if errors:
        raise options.OptionsError(errors)
    artifact = build(cls)
    source = Source.of(cls)
    jobs = list(_jobs(plans, points, source, periods, artifact.code_hash))
    axes = {name: list(dict.fromkeys(point[name] for point in points)) for name in points[0]}
    told = {
        "strategy": source.spec, "data_files": [_absolute(each) for each in data_files], "parameters": axes,
        "symbols": list(symbols or []) or None, "units": dict(units or {}), "days": list(days),
        "walk_forward": walk_forward, "periods": periods, "blocks": blocks,
        **{name: _plain(value) for name, value in known.items()},
    }  # fmt: skip
    head = {
        "strategy": cls.__name__, "code_hash": artifact.code_hash, "seed": next(iter(plans.values())).seed,
        "periods": periods, "parameters": axes,
        "unsound": [{"day": day, "reason": "; ".join(found)} for day, found in unsound.items()],
    }  # fmt: skip
    return Plan(jobs=jobs, days=list(plans), words=told, head=head, walk=walk, blocks=blocks)


def _chosen(
    markets: dict[str, data.Market], unsound: dict[str, list[str]], days: Sequence[str], errors: list[str]
) -> tuple[dict[str, data.Market], dict[str, list[str]]]:
    there = [*markets, *unsound]
    errors += [f"--days {day}: the data hold no such day; these they hold: {', '.join(there)}" for day in days
               if day not in there]  # fmt: skip
    if not days:
        return markets, unsound
    return (
        {day: market for day, market in markets.items() if day in days},
        {day: found for day, found in unsound.items() if day in days},
    )


def _plain(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else list(value) if isinstance(value, list | tuple) else value


def _absolute(spec: str | Path) -> str:
    venue, equals, name = str(spec).partition("=")
    if equals and "/" not in venue and Path(name).exists():
        return f"{venue}={Path(name).resolve()}"
    return str(Path(spec).resolve()) if Path(spec).exists() else str(spec)


def _jobs(
    plans: dict[str, running.Plan], points: list[dict[str, Any]], source: Source, periods: int, code_hash: str
) -> Iterator[Job]:
    for day, plan in plans.items():
        bare = dataclasses.replace(plan, cls=Strategy)
        follows_from = {
            "version": meridian.__version__, "code": code_hash, "periods": periods,
            "plan": repr(dataclasses.replace(bare, market=_unplaced(plan.market), seen={})),
            "data": [_print_of(file.path) for file in plan.market.files],
        }  # fmt: skip
        of_day = digest(follows_from)
        for at, parameters in enumerate(points):
            key = digest({"day": of_day, "parameters": parameters})
            yield Job(key=key, point=at, day=day, parameters=parameters, source=source, plan=bare, periods=periods)


def _unplaced(market: data.Market) -> data.Market:
    """The market without its paths: the same data elsewhere are the same."""
    return dataclasses.replace(market, files=tuple(dataclasses.replace(file, path=Path()) for file in market.files))


def _print_of(path: Path) -> str:
    """A hash of all of a file: one price that was put right in the middle of a day is another day."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "blake2b").hexdigest()


def start(
    plan: Plan, *, out: str | Path | None = None, workers: int | None = None, ray: str | None = None,
    tell: Tell = running.silent,
) -> result.Result:  # fmt: skip
    """Runs to the end, and writes the result where there is a directory."""
    count = workers or len(os.sched_getaffinity(0))
    store = None if out is None else Store(Path(out))
    outcomes: dict[str, dict[str, Any]] = {}
    try:
        if store is not None:
            store.describe(plan.words)
            for job in plan.jobs:
                found = store.finished(job.key)
                if found is not None:
                    # The key is the same wherever it stands; its place is that of this sweep.
                    outcomes[job.key] = found | job.about()
        again = len(outcomes)
        waiting = [job for job in plan.jobs if job.key not in outcomes]
        for outcome in _run(waiting, count, ray) if waiting else ():
            outcomes[outcome["key"]] = outcome
            if store is not None and outcome["status"] != LOST:
                store.finish(outcome)
            tell(_progress(outcomes, plan), len(outcomes) / len(plan.jobs))
        made = result.made_of([outcomes[job.key] for job in plan.jobs], plan.days, plan.head, plan.walk, plan.blocks)
        made = dataclasses.replace(made, ran=len(waiting), found=again)
        if store is not None:
            made.save(store.directory)
        return made
    finally:
        if store is not None:
            store.close()


def _run(jobs: list[Job], workers: int, ray: str | None) -> Iterator[dict[str, Any]]:
    if ray is not None:
        from meridian.strategies.sweep.cluster import run_on_ray

        return run_on_ray(jobs, workers, ray)
    from meridian.strategies.sweep.local import run_here

    return run_here(jobs, workers)


def _progress(outcomes: dict[str, dict[str, Any]], plan: Plan) -> str:
    wrong = sum(outcome["status"] in (FAILED, LOST) for outcome in outcomes.values())
    more = f", {wrong:,} failed" if wrong else ""
    return f"{len(outcomes):,} of {len(plan.jobs):,} points{more}"
