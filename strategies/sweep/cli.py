"""`meridian sweep`: a strategy at many parameters over many days.

Invariant: whatever is wrong with options, parameters or data is told before the first point runs, all at once, with exit code 2;
points and days that failed are named with their reasons beside the results of the others, and the exit code is 1.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from meridian.console import BadInput, CheckFailed, Failure, json_option, note, out_directory, print_table, show
from meridian.strategies.backtest.cli import backtest, pairs, telling, whole

if TYPE_CHECKING:
    from meridian.strategies.sweep.result import Result

SHOWN = 10
FAILURES_SHOWN = 20
RUNS = ("workers", "ray", "as_json")
"""Options that say how a sweep runs, and not what it is: they may stand beside --resume."""


@click.command("sweep")
@click.argument("strategy", metavar="STRATEGY", required=False)
@click.option("--data", multiple=True, metavar="[VENUE=]FILE", help="Recorded flow of any number of days.")
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUES", help="1:10:3, [1,4,7], or one value.")
@click.option("--days", multiple=True, metavar="YYYY-MM-DD", help="Only these days of the data.")
@click.option(
    "--walk-forward", metavar="train=…", help="train=20,test=5,embargo=1 in days; anchored: from the first day."
)
@click.option(
    "--periods", default=32, show_default=True, help="Equal spans of a day, whose profits ratios are made of."
)
@click.option("--blocks", default=16, show_default=True, help="Blocks of the test for overfitting.")
@click.option("--workers", type=click.IntRange(1, 1024), help="Processes; one a core unless told.")
@click.option("--ray", metavar="ADDRESS", help="Run on this Ray cluster; local: one of this machine.")
@click.option("--resume", type=click.Path(path_type=Path), metavar="DIR", help="Go on with the sweep of this --out.")
@click.option("--out", "into", metavar="DIR", help="Keeps finished points, results and the page.")
@json_option
def sweep(
    strategy: str | None, resume: Path | None, into: str | None, workers: int | None, ray: str | None, as_json: bool,
    **words: Any,
) -> None:  # fmt: skip
    """Runs STRATEGY (a file, module:Class or plugin) at every combination of parameters on every day, on all cores.

    Prints the best points and what they are worth after so many tries: deflated Sharpe ratio and probability of overfitting.
    With --out it can be stopped at any time and goes on with the same command, or with --resume.
    """
    from meridian.strategies.backtest.options import OptionsError
    from meridian.strategies.guard import refusals
    from meridian.strategies.sweep import running
    from meridian.strategies.sweep.store import StoreTaken

    began = time.monotonic()
    errors: list[str] = []
    refused: list[str] = []
    out = out_directory(into, errors) if resume is None else None
    with telling() as tell:
        try:
            if resume is not None:
                _nothing_else(strategy, into)
                given = running.words_of(resume)
                spec, files, out = given.pop("strategy"), given.pop("data_files"), resume
            else:
                spec, files, given = _given(strategy, words, errors)
            cls = _found(spec)
            refused = refusals(cls)
            if refused:
                # What else is wrong is told with it; no day is looked through for a class that cannot run.
                raise (BadInput if errors else CheckFailed)(refused + errors)
            plan = running.prepare(cls, files, tell=tell, **given)
            if errors:
                raise BadInput(errors)
            result = running.start(plan, out=out, workers=workers, ray=ray, tell=tell)
        except OptionsError as error:
            raise BadInput(errors + error.errors) from None
        except StoreTaken as error:
            raise BadInput(str(error)) from None
    seconds = time.monotonic() - began
    value = {**result.summary, "ran": result.ran, "found": result.found, "seconds": round(seconds, 3),
             "out": None if out is None else str(out)}  # fmt: skip
    for warning in result.summary["warnings"]:
        note(warning)
    show("sweep", value, as_json, lambda: _print(result, seconds, out), errors=_failures(result))


sweep.params += [option for option in backtest.params if option.name in (
    "symbols", "units", "latency", "fees", "queue", "limits", "mode", "sample", "timer", "seed")]  # fmt: skip


def _found(spec: str) -> Any:
    from meridian.strategies.guard import find_guarded

    return find_guarded(spec)


def _nothing_else(strategy: str | None, out: str | None) -> None:
    context = click.get_current_context()
    given = [
        param.opts[0] for param in context.command.params
        if param.name not in (*RUNS, "resume")
        and param.name is not None
        and context.get_parameter_source(param.name) is click.core.ParameterSource.COMMANDLINE
    ]  # fmt: skip
    if given:
        raise BadInput(f"--resume: a sweep goes on as it began; leave {', '.join(given)} out")


def _given(strategy: str | None, words: dict[str, Any], errors: list[str]) -> tuple[str, list[str], dict[str, Any]]:
    """The strategy, its data and the words of `prepare`; what is wrong with them goes to `errors`. Raises BadInput with every
    error where strategy or data are not there."""
    from meridian.strategies.sweep import space

    data, settings = list(words.pop("data")), words.pop("settings")
    words["limits"] = whole("--limit", words["limits"], errors)
    words["units"] = pairs("--units", words["units"], errors)
    if strategy is None:
        errors.append("STRATEGY: a file, module:Class or plugin is needed, or --resume DIR")
    if not data:
        errors.append("--data: a file of recorded flow at least is needed")
    try:
        cls = None if strategy is None else _found(strategy)
    except Failure as failure:
        raise type(failure)([*errors, *failure.errors]) from None
    if cls is not None:
        # One of which no value was sound has been told.
        words["parameters"] = {name: each for name, each in space.parse(cls.table, settings, errors).items() if each}
    if strategy is None or not data:
        raise BadInput(errors)
    return strategy, data, words


def _failures(result: Result) -> list[str]:
    told = result.summary
    found = [f"{each['day']}: left out: {each['reason']}" for each in told["unsound"]]
    for each in result.failures[:FAILURES_SHOWN]:
        at = ", ".join(f"{name}={value}" for name, value in each["parameters"].items()) or "no parameters"
        found.append(f"{at} on {each['day']}: {each['reason']}")
    more = len(result.failures) - FAILURES_SHOWN
    return [*found, f"{more:,} more points failed; the results name each"] if more > 0 else found


def _print(result: Result, seconds: float, out: Path | None) -> None:
    told = result.summary
    names = list(told["parameters"])
    rows = [
        [at, *(row["parameters"][name] for name in names), row["net"], row["sharpe"], row["max_drawdown"], row["fills"]]
        for at, row in enumerate(told["best"][:SHOWN], 1)
    ]
    size = f"{told['points']:,} points on {len(told['days']):,} day{'s' * (len(told['days']) > 1)}"
    title = f"{told['strategy']}: {size}, {result.ran:,} run in {seconds:.1f} s"
    print_table(title, ["rank", *names, "net", "Sharpe", "drawdown", "fills"], rows)
    deflated, over, walk = told["deflated"], told["overfitting"], told["walk_forward"]
    worth: list[list[Any]] = []
    if deflated is not None:
        worth += [
            ["Sharpe ratio of the best, of one period", deflated["sharpe"]],
            ["the best of so many tries by luck alone", deflated["expected_maximum"]],
            ["tries that amount to as many independent ones", deflated["independent_trials"]],
            ["probability that it is better than luck (deflated)", deflated["deflated"]],
        ]
    if over is not None:
        worth += [["probability of overfitting", over["probability"]], ["probability of a loss later", over["loss"]]]
    if walk is not None:
        worth.append([f"net of {len(walk['splits'])} walk-forward tests", walk["test_net"]])
    print_table("What the best is worth", ["figure", "value"], worth)
    if out is not None:
        print(f"a row a point and day, summary and report.html: {out}")
