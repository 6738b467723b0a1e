"""`meridian release | roll`: which release an installation is; an engine and its standby, or exchanges, go on from another."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from meridian.console import BadInput, Failure, Unreachable, json_option, note, show
from meridian.deploy.strategy_cli import run_option

if TYPE_CHECKING:
    from meridian.deploy.runs import Run


@click.command()
@click.argument("prefix", type=click.Path(path_type=Path), required=False)
@json_option
def release(prefix: Path | None, as_json: bool) -> None:
    """Which release this installation is, or that of the folder PREFIX: its name, its version, how new its records are.

    The name is a hash over everything that can run or says how. Two installations of one name are the same release.
    """
    from meridian.deploy import installations
    from meridian.deploy.specs import SPEC_VERSION

    if prefix is None:
        told = installations.described()
    else:
        found = installations.examined(prefix, "PREFIX")
        told = {"release": found.release.name, "version": found.release.version, "records_schema": found.release.schema,
                "process_spec": SPEC_VERSION, "handover": found.handover, "prefix": str(found.prefix)}  # fmt: skip
    show("release", told, as_json, lambda: note(_sentence(told)))


def _sentence(told: dict[str, Any]) -> str:
    return (
        f"release {told['release']}\nversion {told['version']}, records of schema {told['records_schema']}; installed at "
        f"{told['prefix']}"
    )


@click.command()
@click.option("--to", "word", metavar="PREFIX", help="The folder of the other installation.")
@click.option("--back", is_flag=True, help="To the installation before.")
@click.option(
    "--of", type=click.Choice(["engine", "exchange"]), default="engine", show_default=True,
    help="An engine with its standby, or the run's house exchanges.",
)  # fmt: skip
@click.option("--reason", required=True, help="Why; kept with the run.")
@click.option("--by", help="Who asks; this user where nothing is said.")
@click.option("--region", help="Of which region, where several are up.")
@run_option
@json_option
def roll(
    word: str | None,
    back: bool,
    of: str,
    reason: str,
    by: str | None,
    region: str | None,
    run_name: str | None,
    as_json: bool,
) -> None:
    """Has an engine and its standby, or house exchanges, go on from another installation while they trade, one after the other.

    The standby is started again from PREFIX and follows; the engine makes way for it, is started again from there, and follows.
    An exchange is followed by one from PREFIX, which takes its place and its members' connections. A step that fails leaves who
    leads as it is. --back undoes it.
    """
    import getpass

    from meridian.deploy import handover, installations, roll_requests

    errors = []
    to = None if word is None else Path(word)
    who = getpass.getuser() if by is None else by
    for key, word in (("reason", reason), ("by", who)):
        if not handover.is_text(word):
            errors.append(f"--{key} = {word!r:.40}: must be 1 to {handover.TEXT_MAX} printable characters")
    if (to is None) != back:
        errors.append("--to or --back: needed is one of them")
    elif word == "":
        errors.append(
            "--to = '': needed is the folder of an installation of Meridian"
        )  # Not that where somebody stands.
    elif to is not None:
        try:
            installations.interpreter(to, "--to")  # Whoever carries it out asks it what it is.
        except BadInput as error:
            errors += error.errors
    if errors:
        raise BadInput(errors)
    run = _meant(run_name, region, of)
    told = roll_requests.ask(Path(run.run_directory), to=to, by=who, reason=reason, tell=note, of=of)
    show("roll", told, as_json, lambda: note(_rolled(told)))


def _meant(run_name: str | None, region: str | None, of: str) -> Run:
    """The run of the one engine with a standby that is meant, or of exchanges. Raises Unreachable or BadInput."""
    from meridian.deploy import runs

    up = [one for one in runs.runs() if run_name in (None, one.name) and region in (None, one.topology)]
    asked = [f"--{key} = {word}" for key, word in (("run", run_name), ("region", region)) if word is not None]
    if not up:
        raise Unreachable(f"{', '.join(asked)}: no such run is up" if asked else "no run is up")
    found = [one for one in up if (_has_pair if of == "engine" else _has_exchanges)(one)]
    if not found:
        names = ", ".join(one.name for one in up)
        why = (
            f"no engine of {names} has a standby; allowed are runs with `standby = {{ process = ... }}` under the engine's tile"
            if of == "engine"
            else f"no exchange of {names} is rolled; allowed are runs with an exchange in a process of its own, without links"
        )
        raise BadInput(f"{', '.join(asked) or '--run'}: {why}")
    if len(found) > 1:
        what = "engines have a standby" if of == "engine" else "runs have exchanges"
        raise BadInput(f"several {what}; choose with --run one of {', '.join(one.name for one in found)}")
    return found[0]


def _has_pair(run: Run) -> bool:
    from meridian.deploy.strategies import RunningEngine

    with contextlib.suppress(Failure):
        return bool(RunningEngine.of(Path(run.data_directory).parent).document["engine"].get("pair"))
    return False


def _has_exchanges(run: Run) -> bool:
    from meridian.deploy.exchange_rolling import rolled_in

    return bool(rolled_in(Path(run.run_directory)))


def _rolled(told: dict[str, Any]) -> str:
    held = "" if told["held_ms"] is None else f", inputs were held for {told['held_ms']:,.1f} ms"
    after = f"release {told['release'][:12]}, after {told['seconds']:,.1f} s{held}"
    if told.get("of") == "exchange":
        return f"{', '.join(one['exchange'] for one in told['exchanges']) or 'all exchanges'}: of {after}"
    return f"{told['leads']} leads and {told['follows']} follows in step, both of {after}"
