"""Measures the figures of real flow that the generator reproduces, and writes them as TOML.

    python -m meridian.venues.flow.fit FILE SYMBOL --tick 0.01 --source "LOBSTER sample, AAPL, 2012-06-21" > aapl.toml

Invariant: what is written passes the check of the generator that reads it.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from pathlib import Path

import click

from meridian._native import book as _native
from meridian.console import BadInput, Failure, fail
from meridian.venues.flow import open_files


def figures(file: Path, symbol: str, tick_nanos: int, source: str) -> str:
    """The figures of one symbol as TOML. BadInput where the file or the symbol is not there or has too few events."""
    try:
        opened = open_files([file])
    except ValueError as error:
        raise BadInput(str(error).splitlines()) from error
    for flow in opened.files:
        for entry in flow.symbols:
            if entry["name"] == symbol:
                text = flow.figures(entry["instrument"], tick_nanos, source)
                errors = (
                    _native.check_figures(text)
                    if text is not None
                    else ["20 live events of each kind or more are needed"]
                )
                if text is None or errors:
                    raise BadInput([f"{file}, {symbol}: {error}" for error in errors])
                return text
    names = ", ".join(entry["name"] for flow in opened.files for entry in flow.symbols)
    raise BadInput(f"SYMBOL {symbol}: the file has {names}; one of these is allowed")


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("symbol")
@click.option("--tick", required=True, help="Smallest price step, in the currency.")
@click.option("--source", required=True, help="Where the figures come from, in words.")
def main(file: Path, symbol: str, tick: str, source: str) -> None:
    """Print the figures of SYMBOL in FILE as TOML."""
    try:
        tick_nanos = int(Decimal(tick) * 1_000_000_000)
    except InvalidOperation:
        tick_nanos = 0
    if tick_nanos <= 0:
        raise BadInput(f"--tick {tick}: a number above 0 is allowed")
    click.echo(figures(file, symbol, tick_nanos, source), nl=False)


if __name__ == "__main__":
    try:
        main(standalone_mode=False)
    except Failure as failure:
        fail(failure, as_json=False)
