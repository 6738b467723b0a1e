"""`meridian backtest`: a strategy over files of recorded flow.

Invariant: whatever is wrong with options, parameters or data is told before the run starts, all at once, with exit code 2;
a strategy that fails in the middle is named by callback and line, its results stand, and the exit code is 1.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from meridian.console import BadInput, CheckFailed, in_words, json_option, note, out_directory, print_table, show
from meridian.strategies.backtest.words import in_time

if TYPE_CHECKING:
    from meridian.strategies.backtest.result import Result
    from meridian.strategies.backtest.running import Tell

TELL_AFTER_SECONDS = 2.0
REPORT = "report.html"


@click.command("backtest")
@click.argument("strategy", metavar="STRATEGY")
@click.option(
    "--data",
    multiple=True,
    required=True,
    metavar="[VENUE=]FILE",
    help="Recorded flow: LOBSTER, DBN, ITCH 5.0 or its pcap (FILE:PORT), Tardis CSV, Parquet, a run's directory; or "
    "generated:seconds=60,symbols=2.",
)
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="A parameter of the strategy.")
@click.option("--symbol", "symbols", multiple=True, help="Only these symbols of the data.")
@click.option("--units", multiple=True, metavar="SYMBOL=UNITS", help="Units of one lot, such as ESM4=50. 1 without it.")
@click.option(
    "--latency", multiple=True, metavar="[VENUE:]feed=10us,…", help="Delays of feed, order, report; @FILE: measured."
)
@click.option(
    "--fees", multiple=True, metavar="[VENUE:]maker=…,taker=…", help="Currency a lot, or 0.5bp of the notional."
)
@click.option(
    "--queue", default="power:3", show_default=True, help="Queue model of data by level: power:N or pessimistic."
)
@click.option("--limit", "limits", multiple=True, metavar="NAME=VALUE", help="A risk limit, such as position_long=500.")
@click.option(
    "--alpha",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="An alpha tile beside the engine: its settings, a TOML file.",
)
@click.option("--mode", type=click.Choice(["compiled", "plain"]), default="compiled", show_default=True)
@click.option("--sample", default="1s", show_default=True, help="Between two points of the equity curve.")
@click.option("--timer", default="100ms", show_default=True, help="Beat of the strategy's timer.")
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=1, show_default=True, help="Of measured latencies.")
@click.option(
    "--threads",
    type=click.IntRange(1, 2),
    help="2: records are read on a thread of their own. As many as there are cores for.",
)
@click.option("--out", "into", metavar="DIR", help="Directory for Parquet files, the summary and the report page.")
@json_option
def backtest(
    strategy: str, data: tuple[str, ...], settings: tuple[str, ...], symbols: tuple[str, ...], units: tuple[str, ...],
    latency: tuple[str, ...], fees: tuple[str, ...], queue: str, limits: tuple[str, ...], alpha: Path | None, mode: str,
    sample: str, timer: str, seed: int, threads: int | None, into: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Runs STRATEGY (a file, module:Class or plugin) over recorded flow, on the engine that trades live.

    Our orders stand in the record's own queues and trade with what comes; market data, orders and reports take their
    time; every order passes the risk checks. Prints profit, fills, drawdown and markouts; --out keeps every order and fill
    and a page to look at.
    """
    from meridian.strategies.backtest import running
    from meridian.strategies.backtest.options import OptionsError
    from meridian.strategies.guard import find_guarded, refusals

    errors: list[str] = []
    cls = find_guarded(strategy)
    refused = refusals(cls)
    parameters = _values(cls, settings, errors)
    bounds = whole("--limit", limits, errors)
    sizes = pairs("--units", units, errors)
    out = out_directory(into, errors)
    began = time.monotonic()
    with telling() as tell:
        try:
            plan = running.prepare(
                cls, data, parameters=parameters, symbols=symbols, units=sizes, latency=latency, fees=fees, queue=queue,
                limits=bounds, mode="plain" if mode == "plain" else "compiled", sample=sample, timer=timer, seed=seed,
                tell=tell, alpha=alpha, threads=threads,
            )  # fmt: skip
        except OptionsError as error:
            raise BadInput(refused + errors + error.errors) from None
        if errors:
            raise BadInput(refused + errors)
        if refused:
            raise CheckFailed(refused)
        if out is not None:
            # What cannot be kept is told before the run, not after it.
            out.mkdir(parents=True, exist_ok=True)
        try:
            result = running.start(plan, tell)
        except OptionsError as error:
            raise BadInput(error.errors) from None
    seconds = time.monotonic() - began
    written, lost = _kept(result, out)
    for warning in result.warnings:
        note(warning)
    value = {**result.summary, "seconds": round(seconds, 3), "warnings": result.warnings,
             "written": [str(path) for path in written]}  # fmt: skip
    show("backtest", value, as_json, lambda: _print(result, seconds, None if lost else out),
         errors=[*result.errors, *lost])  # fmt: skip


def _kept(result: Result, out: Path | None) -> tuple[list[Path], list[str]]:
    """The files that were written; and why not all of them were, which takes nothing from what was found."""
    if out is None:
        return [], []
    from meridian.strategies.backtest import page

    try:
        (out / REPORT).unlink(missing_ok=True)
        return [*result.save(out), page.write(result, out / REPORT)], []
    except OSError as error:
        return [], [f"--out {out}: not all of it could be kept: {in_words(error)}"]


@contextmanager
def telling() -> Iterator[Tell]:
    """Progress on standard error for what takes longer than two seconds: a line that is written over on a terminal."""
    began = told = time.monotonic()
    shown = False

    def tell(what: str, _share: float) -> None:
        nonlocal told, shown
        now = time.monotonic()
        every = 0.2 if sys.stderr.isatty() else 10.0
        if now - began < TELL_AFTER_SECONDS or now - told < every:
            return
        told, shown = now, True
        click.echo(f"\r\x1b[K{what}" if sys.stderr.isatty() else what, err=True, nl=not sys.stderr.isatty())

    try:
        yield tell
    finally:
        if shown and sys.stderr.isatty():
            click.echo("\r\x1b[K", err=True, nl=False)


def pairs(option: str, texts: tuple[str, ...], errors: list[str]) -> dict[str, str]:
    """NAME=VALUE texts of an option."""
    found = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            errors.append(f"{option} {text}: NAME=VALUE is allowed")
        elif name in found:
            errors.append(f"{option} {text}: {name} is given twice; one value is allowed")
        else:
            found[name] = value
    return found


def whole(option: str, texts: tuple[str, ...], errors: list[str]) -> dict[str, int]:
    """NAME=NUMBER texts of an option."""
    found = {}
    for name, value in pairs(option, texts, errors).items():
        if not value.isascii() or not value.isdigit() or len(value) > 18:
            errors.append(f"{option} {name}={value}: a whole number is allowed")
            continue
        found[name] = int(value)
    return found


def _values(cls: Any, texts: tuple[str, ...], errors: list[str]) -> dict[str, Any]:
    """Parameters from text, by the class's own types."""
    fields = cls.table.parameters
    found: dict[str, Any] = {}
    for name, text in pairs("--set", texts, errors).items():
        if name not in fields:
            errors.append(f"--set {name}={text}: {cls.__name__} has no such parameter; allowed are {', '.join(fields)}")
            continue
        value = fields[name].read(text)
        if value is None:
            errors.append(f"--set {name}={text}: {fields[name].kind} is allowed")
        else:
            found[name] = value
    return found


def _print(result: Result, seconds: float, out: Path | None) -> None:
    told = result.summary
    rows = [
        ["profit after fees", told["net"]], ["fees", told["fees"]], ["orders", told["orders"]], ["fills", told["fills"]],
        ["share of orders filled", told["fill_rate"]], ["share of lots as maker", told["maker_share"]],
        ["largest drawdown", told["max_drawdown"]], ["Sharpe ratio of one sample", told["sharpe"]],
        ["Sortino ratio of one sample", told["sortino"]], ["refused by risk", sum(told["refused"].values())],
        ["records", told["records"]], ["records a second, all in", int(told["records"] / max(seconds, 1e-9))],
    ]  # fmt: skip
    print_table(f"{told['strategy']} on {', '.join(told['symbols'])}", ["figure", "value"], rows)
    if told["positions"]:
        print_table(
            "Positions at the end", ["symbol", "lots", "mark", "realised", "unrealised", "fees"],
            [list(cell.values()) for cell in told["positions"]],
        )  # fmt: skip
    marks = [
        [in_time(row["horizon_ns"]), row["liquidity"], row["fills"], row["mean"], row["adverse"]]
        for row in told["markouts"]
        if row["fills"]
    ]
    if marks:
        print_table("Markouts", ["after", "as", "fills", "mean", "adverse share"], marks)
    if out is not None:
        print(f"orders, fills, equity, positions: {out}; to look at: {out / REPORT}")
