"""`meridian bench`: measures the rows, each beside its peer or floor.

Invariant: figures come from an optimised build; another one is refused, or with `--quick` marked as not counting.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from meridian.console import BadInput, json_option, note, print_json, progress

if TYPE_CHECKING:
    from meridian.bench.row import Result, Row, Run

SEED = 42


@click.command()
@click.argument("rows", nargs=-1, metavar="[ROWS...]")
@json_option
@click.option(
    "--quick", is_flag=True, help="Small inputs and few blocks: shows that rows run; the figures do not count."
)
@click.option("--blocks", type=click.IntRange(min=2, max=10_000), help="Pairs of blocks a row; 30 unless told.")
@click.option("--seed", type=click.IntRange(min=0, max=2**63 - 1), default=SEED, show_default=True)
@click.option("--list", "only_list", is_flag=True, help="Name the rows and end.")
def bench(rows: tuple[str, ...], as_json: bool, quick: bool, blocks: int | None, seed: int, only_list: bool) -> None:
    """Measure ROWS (all of them unless named), each beside a peer or the floor in the same run.

    A row prints as `name value unit | peer value | ratio [95 % interval]`, with its percentiles and goals below it. Ours and
    the peer take turns in blocks; the ratio is the median over pairs.
    """
    from meridian.bench import machine, report
    from meridian.bench.row import BLOCKS, BLOCKS_QUICK, Run
    from meridian.bench.rows import find

    chosen, unknown = find(rows)
    if unknown:
        raise BadInput(unknown)
    if only_list:
        _list(chosen, as_json)
        return
    build = machine.build()
    if build["profile"] != "release" and not quick:
        raise BadInput(
            f"the extension's profile is {build['profile']}, and figures of it mean nothing; build it with "
            "`tools/native --release`, or add --quick to see only that the rows run"
        )
    usable = frozenset(os.sched_getaffinity(0))
    run = Run(quick=quick, blocks=blocks or (BLOCKS_QUICK if quick else BLOCKS), seed=seed, cores=usable)
    facts = machine.facts()
    if not as_json:
        _head(facts, build, run)
    results = _measure(chosen, run, as_json)
    if as_json:
        print_json("bench", report.document(results, run, facts, build))


def _list(chosen: list[Row], as_json: bool) -> None:
    if as_json:
        print_json("bench.rows", {"rows": [{"name": row.name, "title": row.title, "unit": row.unit} for row in chosen]})
        return
    for row in chosen:
        click.echo(f"{row.name:20} {row.title}, {row.unit}")


def _head(facts: dict[str, object], build: dict[str, object], run: Run) -> None:
    from meridian.bench.report import counts

    changed = " with changes" if build["changed"] else ""
    click.echo(f"{facts['model']}, {facts['cores']} cores, load {facts['load_average']}")
    click.echo(f"commit {build['commit']}{changed}, {build['profile']} build, seed {run.seed}, {run.blocks} blocks")
    if not counts(run, build):
        click.echo("These figures do not count: they only show that the rows run.")


def _measure(chosen: list[Row], run: Run, as_json: bool) -> list[Result]:
    from meridian.bench import report
    from meridian.bench.method import one_core
    from meridian.bench.row import Missing, Result

    results = []
    with progress("rows", len(chosen) * run.blocks) as bar:
        finished = 0.0

        def done() -> None:
            nonlocal finished
            finished += 1
            bar(finished)

        run.done = done
        for index, row in enumerate(chosen):
            try:
                with one_core():
                    result = row.measure(run)
            except Missing as missing:
                result = Result(name=row.name, title=row.title, unit=row.unit, input="", missing=str(missing))
                note(f"{row.name} is not measured: {missing}")
            results.append(result)
            finished = float((index + 1) * run.blocks)
            bar(finished)
            if not as_json:
                for line in report.lines(result):
                    click.echo(line)
    return results


COMMANDS: list[click.Command] = [bench]
