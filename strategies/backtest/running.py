"""A backtest from its words to its result.

Invariant: everything is checked before the first record is folded, all errors at once; a strategy that fails in the middle is
disabled by the fold as in live trading, the data run on to their end, and the result says so by name and line.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from meridian._native import backtest as native
from meridian._native.strategies import StrategyHosts
from meridian.codes import Callback, CallStatus, Kind, Reason, RejectCode, SlotRun
from meridian.strategies.artifact import Artifact, build
from meridian.strategies.backtest import alphas, bootstrap, data, measures, options
from meridian.strategies.backtest.result import TABLES, Result, table_of
from meridian.strategies.fields import ParameterError
from meridian.strategies.plain import Plain
from meridian.strategies.strategy import Strategy

__all__ = ["Plan", "Tell", "config", "looking", "prepare", "run", "silent", "start", "units_e8", "wrong_words"]

Tell = Callable[[str, float], None]
"""Hears what is being done and which share of it is done."""
STEP_RECORDS = 250_000
SAMPLE_NS_MIN = 10**6
TIMER_NS_MIN = 1_000
ENGINE_TIMER_NS = 10**7
"""As the live engine's tile: a timer enters when nothing else did for so long."""
FUEL = 1_000_000
SLACK_ORDERS = 1 << 12
ORDERS_MAX = 1 << 24
SAMPLES_MAX = 50_000_000
"""Points of an equity curve: a year and a half at the beat of a second."""
BEATS_MAX = 1_000_000_000
"""Of the strategy's timer: three years at 100 ms."""
FILLS_MIN = 30
"""From as many on, averages begin to say something."""
THREADS = (1, 2)
"""One that runs, and one that reads ahead of it."""
Mode = Literal["compiled", "plain"]
Stamp = tuple[int, int]
"""Bytes of a file, and when it was last changed, ns."""
CHANGED = "changed since it was looked through; give data that nobody writes to meanwhile"


def silent(_what: str, _share: float) -> None:
    """Tells nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A backtest that is sound and has not begun."""

    cls: type[Strategy]
    market: data.Market
    models: dict[str, options.VenueModel]
    queue: options.QueueModel
    parameters: dict[str, Any]
    limits: dict[str, int]
    mode: Mode
    sample_ns: int
    timer_ns: int
    seed: int
    from_ns: int = 0
    until_ns: int | None = None
    directory: Path | None = field(default=None)
    alpha: alphas.Alpha | None = None
    """The alpha tile beside the engine."""
    seen: Mapping[Path, Stamp] = field(default_factory=dict)
    """The files as they were when they had been looked through."""
    threads: int = 1
    """2: records are read on a thread of their own, ahead of the run. The result is the same."""


def run(
    strategy: type[Strategy] | str,
    data_files: Sequence[str | Path],
    *,
    tell: Tell = silent,
    directory: Path | None = None,
    **words: Any,
) -> Result:
    """Runs a strategy (a class, or what `discover.find` takes) over files, and returns its result.

    `words`: those of `prepare`. `directory`: where object code is kept. Raises OptionsError with every error.
    """
    from meridian.strategies import discover

    cls = discover.find(strategy) if isinstance(strategy, str) else strategy
    return start(prepare(cls, data_files, tell=tell, directory=directory, **words), tell)


def prepare(
    cls: type[Strategy],
    data_files: Sequence[str | Path],
    *,
    parameters: Mapping[str, Any] | None = None,
    symbols: Sequence[str] | None = None,
    units: Mapping[str, str] | None = None,
    latency: Sequence[str] = (),
    fees: Sequence[str] = (),
    queue: str = "power:3",
    limits: Mapping[str, int] | None = None,
    mode: Mode = "compiled",
    sample: str = "1s",
    timer: str = "100ms",
    seed: int = 1,
    tell: Tell = silent,
    directory: Path | None = None,
    market: data.Market | None = None,
    alpha: Path | str | None = None,
    threads: int | None = None,
) -> Plan:
    """Checks everything. Raises OptionsError with every error of options, parameters and data.

    `alpha`: the settings of an alpha tile, a file of `signals.settings`.
    `threads`: 1, or 2 to read records on a thread of their own; 2 where nothing is said and this process may use two cores.
    `market`: the data, where they have been looked through already; `data_files`, `symbols` and `units` are not looked at.
    """
    errors: list[str] = []
    try:
        checked = cls.table.validate(dict(parameters or {}))
    except ParameterError as error:
        errors += error.errors
        checked = {}
    held = dict(limits or {})
    sample_ns, timer_ns, model = _apart_from_data(errors, queue, held, mode, sample, timer, threads)
    if market is None:
        market, wrong = data.look_through(
            _several(data_files),
            _several(symbols or ()),
            units_e8(units or {}, errors),
            lambda path, count: tell(looking(path, count), 0.0),
            directory,
        )
        errors += wrong
    models, wrong = options.venue_models(_several(latency), _several(fees), list(market.venues) if market else None)
    errors += wrong
    if market is not None:
        errors += _too_long(market, sample_ns, timer_ns)
    stage = None
    if alpha is not None and market is not None:
        stage, wrong = alphas.examine(Path(alpha), market)
        errors += wrong
    if errors or market is None or model is None:
        raise options.OptionsError(errors)
    return Plan(
        cls=cls, market=market, models=models, queue=model, parameters=checked, limits=held, mode=mode,
        sample_ns=sample_ns, timer_ns=timer_ns, seed=seed, directory=directory, alpha=stage, seen=_seen(market),
        threads=threads or min(len(os.sched_getaffinity(0)), THREADS[-1]),
    )  # fmt: skip


def wrong_words(
    *,
    latency: Sequence[str] = (),
    fees: Sequence[str] = (),
    queue: str = "power:3",
    limits: Mapping[str, int] | None = None,
    mode: Mode = "compiled",
    sample: str = "1s",
    timer: str = "100ms",
    **_others: Any,
) -> list[str]:
    """What is wrong with these words of `prepare` whatever the data are."""
    errors: list[str] = []
    _apart_from_data(errors, queue, dict(limits or {}), mode, sample, timer, None)
    return errors + options.venue_models(_several(latency), _several(fees), None)[1]


def _apart_from_data(
    errors: list[str], queue: str, limits: dict[str, int], mode: str, sample: str, timer: str, threads: int | None
) -> tuple[int, int, options.QueueModel | None]:
    """The beats, ns, and the queue model; what is wrong goes to `errors`."""
    sample_ns = _duration("--sample", sample, SAMPLE_NS_MIN, errors)
    timer_ns = _duration("--timer", timer, TIMER_NS_MIN, errors)
    model = options.queue_model(queue)
    if model is None:
        errors.append(f"--queue {queue}: pessimistic, or power:N with N from 1 to {options.EXPONENT_MAX} is allowed")
    if mode not in ("compiled", "plain"):
        errors.append(f"--mode {mode}: compiled or plain is allowed")
    if threads not in (None, *THREADS):
        errors.append(f"--threads {threads}: {THREADS[0]} or {THREADS[1]} is allowed")
    for name, value in limits.items():
        if name not in bootstrap.LIMITS or type(value) is not int or not 0 <= value < 2**62:
            errors.append(f"--limit {name}={value}: {', '.join(bootstrap.LIMITS)} are allowed, whole numbers from 0")
    return sample_ns, timer_ns, model


def _several(words: Any) -> list[Any]:
    """One word is a list of one, and not its letters."""
    return [words] if isinstance(words, str | Path) else list(words)


def _too_long(market: data.Market, sample_ns: int, timer_ns: int) -> list[str]:
    """A span that a wrong time makes, in which nothing but beats would come for hours."""
    span_ns = market.last_ns - market.first_ns
    if span_ns // sample_ns <= SAMPLES_MAX and span_ns // timer_ns <= BEATS_MAX:
        return []
    begin, end = (_day(time_ns) for time_ns in (market.first_ns, market.last_ns))
    allowed = f"at most {SAMPLES_MAX:,} times --sample and {BEATS_MAX:,} times --timer are allowed"
    return [f"--data: from {begin} to {end}: {allowed}; is a time wrong, or its unit?"]


def _day(time_ns: int) -> str:
    import datetime

    return (datetime.date(1970, 1, 1) + datetime.timedelta(seconds=time_ns // 10**9)).isoformat()


def _duration(option: str, text: str, least_ns: int, errors: list[str]) -> int:
    value = options.duration_ns(text) if isinstance(text, str) else None
    if value is None or not least_ns <= value <= options.LATENCY_NS_MAX:
        errors.append(f"{option} {text}: {options.DURATION_WORDS}, from {least_ns} ns to an hour, is allowed")
        return least_ns
    return value


def looking(path: Path, count: int) -> str:
    """What is told while a file is looked through."""
    return f"looking through {path.name}: {count:,} records"


def _seen(market: data.Market) -> dict[Path, Stamp]:
    found = {}
    for file in market.files:
        with contextlib.suppress(OSError):
            state = file.path.stat()
            found[file.path] = (state.st_size, state.st_mtime_ns)
    return found


def _changed(plan: Plan, records: int | None = None) -> list[str]:
    """Files that are no more what they were; `records`: of a run that came to the end of the data."""
    now = _seen(plan.market)
    files = {file.path: file.named or file.path for file in plan.market.files}
    changed = [f"--data {name}: {CHANGED}" for path, name in files.items() if now.get(path) != plan.seen.get(path)]
    if not changed and records is not None and records != plan.market.records:
        changed = [f"--data: {records:,} records were read of {plan.market.records:,}: it {CHANGED}"]
    return changed


def units_e8(units: Mapping[str, str], errors: list[str]) -> dict[str, int]:
    """Units of one lot by symbol, times 1e8; what is wrong with them goes to `errors`."""
    return {name: _units(name, text, errors) for name, text in units.items()}


def _units(name: str, text: str, errors: list[str]) -> int:
    from decimal import Decimal, InvalidOperation, Overflow

    try:
        value = Decimal(text) * 10**8
    except (InvalidOperation, Overflow):
        value = Decimal(0)
    if not value.is_finite() or value != value.to_integral_value() or not 0 < value < 2**62:
        errors.append(f"--units {name}={text}: a number above zero with at most eight decimals is allowed")
        return 1
    return int(value)


def start(plan: Plan, tell: Tell = silent, host: Callable[[type[Strategy]], Any] | None = None) -> Result:
    """Runs to the end of the data. `host`: makes what is called in plain mode, in the place of `Plain`."""
    artifact = build(plan.cls, directory=plan.directory)
    hosts = StrategyHosts()
    if plan.mode == "plain":
        hosts.add_plain(artifact.code_hash_bytes, (host or Plain)(plan.cls))
    else:
        hosts.add_compiled(artifact.path.parent)
    slot = bootstrap.Slot(
        artifact=artifact, parameters=artifact.bits(plan.parameters), timer_ns=plan.timer_ns, fuel=FUEL
    )
    first = bootstrap.bootstrap(plan.market, slot, plan.limits)
    errors: list[str] = []
    score = plan.alpha.stage().take_bytes if plan.alpha is not None else None
    try:
        running = native.Run(json.dumps(config(plan)), first, hosts, score)
    except ValueError as error:
        raise options.OptionsError(_changed(plan) or str(error).splitlines()) from None
    total = max(plan.market.records, 1)
    try:
        while running.run(STEP_RECORDS):
            tell(f"{running.records:,} of {total:,} records", running.records / total)
    except ValueError as error:
        # The data were sound a moment ago: the file changed while it was read.
        errors += str(error).splitlines()
    if plan.seen and not errors:
        errors += _changed(plan, running.records if plan.until_ns is None else None)
    return _result(plan, artifact, running, errors)


def config(plan: Plan) -> dict[str, Any]:
    """The run as the extension takes it."""
    market = plan.market
    rest = sum(listing.orders_max for listing in market.listings)
    orders_max = min(rest + rest // 4 + SLACK_ORDERS, ORDERS_MAX)
    venues = []
    for number, name in enumerate(market.venues, 1):
        model = plan.models[name]
        by_level = any(file.by_level for file in market.files if file.venue == name)
        ways = {way: _latency(getattr(model, way), plan.seed + 3 * number + at)
                for at, way in enumerate(options.WAYS)}  # fmt: skip
        venues.append(
            {
                "venue": number,
                "listed": [_listed(listing) for listing in market.listings if listing.venue == name],
                "latency": ways,
                "fees": {side: _fee(getattr(model, side)) for side in options.SIDES},
                "orders_max": orders_max,
                "queue": {"model": plan.queue.name, "exponent": plan.queue.exponent} if by_level else None,
            }
        )
    return {
        "engine": {
            "book_orders_max": orders_max, "book_levels_max": 1 << 15, "orders_max": 1 << 14, "slots_max": 1,
            "instruments_max": max(len(market.instruments), 1), "venues_max": max(len(market.venues), 1),
            "listings_max": max(len(market.listings), 1),
            # A live feed speaks when the market does not; the record has only the market.
            "feed_silence_ns": 2**62, "usage_interval_ns": 0,
        },
        "venues": venues,
        "sources": [
            {"venue": market.venue_id(file.venue), "path": str(file.path), "instruments": list(file.instruments),
             "captured": file.captured}
            for file in market.files
        ],
        "sample_ns": plan.sample_ns,
        "timer_ns": min(ENGINE_TIMER_NS, plan.timer_ns),
        "from_ns": plan.from_ns or market.first_ns,
        "until_ns": plan.until_ns,
        "reads_ahead": plan.threads > 1,
        "alpha": plan.alpha and {
            "listings": list(plan.alpha.listings), "beat_ns": plan.alpha.settings.beat,
            "latency": _latency(plan.alpha.latency, plan.seed),
        },
    }  # fmt: skip


def _listed(listing: data.Listing) -> dict[str, int]:
    return {
        "instrument": listing.instrument.id,
        "units_e8": listing.instrument.units_e8,
        "tick_nanos": listing.tick_nanos,
        "price_min_nanos": max(bootstrap.price_min(listing.low_nanos, listing.tick_nanos), -(2**61))
        if listing.low_nanos > 0
        else -(2**61),
        "price_max_nanos": 2**61,
        "increment_lots": 1,
    }


def _latency(latency: options.Latency, seed: int) -> dict[str, Any]:
    if latency.samples_ns:
        return {"samples": list(latency.samples_ns), "seed": seed}
    return {"constant_ns": latency.constant_ns}


def _fee(fee: options.Fee) -> dict[str, int]:
    return {"nanos_per_lot": fee.nanos_per_lot, "notional_ppb": fee.notional_ppb}


def _result(plan: Plan, artifact: Artifact, running: native.Run, errors: list[str]) -> Result:
    tables = {name: table_of(name, running.table(name)) for name in TABLES}
    told = running.summary()
    if told["controls_refused"]:
        kind, subject = told["controls_refused"][0]
        errors.append(f"the engine refused its own set-up: {Kind(kind).name.lower()} {subject}")
    errors += _failures(plan.cls, tables["slots"])
    summary: dict[str, Any] = {
        "strategy": artifact.name,
        "code_hash": artifact.code_hash,
        "mode": plan.mode,
        "parameters": plan.parameters,
        "defaults": {name: each.default for name, each in plan.cls.table.parameters.items()},
        "seed": plan.seed,
        "venues": list(plan.market.venues),
        "symbols": [instrument.symbol for instrument in plan.market.instruments],
        "files": [str(file.named or file.path) for file in plan.market.files],
        "first_ns": told["first_ns"],
        "last_ns": told["last_ns"],
        "records": told["records"],
        "state_hash": told["state_hash"],
        **measures.figures(tables["orders"], tables["fills"], tables["equity"], plan.sample_ns),
        "positions": _positions(plan, told["positions"]),
        "refused": {RejectCode(code).name.lower(): count for code, count in told["refused"].items()},
        "breaks": told["statistics"]["breaks"],
        "modelled": _modelled(plan),
        "impact": {plan.market.venues[venue - 1]: _impact(counts) for venue, counts in told["impact"].items()},
    }
    return Result(summary=summary, warnings=_warnings(summary, told), errors=errors, **tables)


def _modelled(plan: Plan) -> dict[str, Any]:
    """What was assumed of the world: by venue what its data are, delays, fees; limits beyond the wide ones; the beat."""
    venues = {}
    for name in plan.market.venues:
        model = plan.models[name]
        formats = {file.format for file in plan.market.files if file.venue == name}
        by_level = any(file.by_level for file in plan.market.files if file.venue == name)
        venues[name] = {
            "data": sorted(formats),
            "queue": plan.queue.words if by_level else "exact",
            **{f"{way}_ns": getattr(model, way).words for way in options.WAYS},
            **{f"{side}_fee": getattr(model, side).words for side in options.SIDES},
        }
    alpha = {"alpha": plan.alpha.words} if plan.alpha is not None else {}
    return {"venues": venues, "limits": bootstrap.LIMITS | plan.limits, "timer_ns": plan.timer_ns, **alpha}


def _positions(plan: Plan, cells: list[dict[str, Any]]) -> list[dict[str, Any]]:
    symbols = {instrument.id: instrument.symbol for instrument in plan.market.instruments}
    return [
        {
            "symbol": symbols[cell["instrument"]],
            "lots": cell["lots"],
            "mark": cell["mark_nanos"] / 1e9,
            "realised": cell["realised_nanos"] / 1e9,
            "unrealised": cell["unrealised_nanos"] / 1e9,
            "fees": cell["fees_nanos"] / 1e9,
        }
        for cell in cells
    ]


def _impact(counts: dict[str, Any]) -> dict[str, Any]:
    return counts | {"refused": {Reason(code).name.lower(): count for code, count in counts["refused"].items()}}


def _failures(cls: type[Strategy], slots: Any) -> list[str]:
    """A strategy that was disabled, by callback and line."""
    found = []
    for at in range(len(slots)):
        if slots["run"][at] != SlotRun.DISABLED:
            continue
        status, callback, line = int(slots["status"][at]), int(slots["callback"][at]), int(slots["line"][at])
        where = f"on_{Callback(callback).name.lower()}" if callback else "its orders"
        place = f", line {line}" if line else ""
        found.append(
            f"{cls.__name__}: {where}{place} failed ({CallStatus(status).name.lower().replace('_', ' ')}) at "
            f"{int(slots['time_ns'][at])} ns; it was disabled there and its orders were cancelled"
        )
    return found


def _warnings(summary: dict[str, Any], told: dict[str, Any]) -> list[str]:
    found = []
    if summary["fills"] < FILLS_MIN:
        found.append(
            f"{summary['fills']:,} fills: with fewer than {FILLS_MIN}, profit, ratios and markouts say next to nothing"
        )
    for venue, counts in summary["impact"].items():
        if counts["unknown"]:
            found.append(
                f"{venue}: {counts['unknown']:,} records are about orders that the data never began; is there a gap?"
            )
        if counts["refused"]:
            each = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in counts["refused"].items())
            found.append(f"{venue}: records that no venue could take were left out: {each}")
    if told["backwards"]:
        found.append(f"{told['backwards']:,} records are older than the one before them; they came at its time")
    if told["statistics"]["book_anomalies"]:
        found.append(f"{told['statistics']['book_anomalies']:,} records did not fit the engine's book")
    return found
