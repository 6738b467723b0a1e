"""`meridian release | roll`: which release an installation is; an engine and its standby go on from another one."""

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
                "process_spec": SPEC_VERSION, "prefix": str(found.prefix)}  # fmt: skip
    show("release", told, as_json, lambda: note(_sentence(told)))


def _sentence(told: dict[str, Any]) -> str:
    return (
        f"release {told['release']}\nversion {told['version']}, records of schema {told['records_schema']}; installed at "
        f"{told['prefix']}"
    )


@click.command()
@click.option("--to", type=click.Path(path_type=Path), metavar="PREFIX", help="The folder of the other installation.")
@click.option("--back", is_flag=True, help="To the installation before.")
@click.option("--reason", required=True, help="Why; kept with the run.")
@click.option("--by", help="Who asks; this user where nothing is said.")
@click.option("--region", help="Of which region, where several are up.")
@run_option
@json_option
def roll(
    to: Path | None, back: bool, reason: str, by: str | None, region: str | None, run_name: str | None, as_json: bool
) -> None:
    """Has an engine and its standby go on from another installation while they trade, one after the other.

    The standby is started again from PREFIX and follows; the engine makes way for it, is started again from there, and follows.
    A step that fails leaves the engine that leads as it is. --back undoes it.
    """
    import getpass

    from meridian.deploy import handover, installations, roll_requests

    errors = []
    who = getpass.getuser() if by is None else by
    for key, word in (("reason", reason), ("by", who)):
        if not handover.is_text(word):
            errors.append(f"--{key} = {word!r:.40}: must be 1 to {handover.TEXT_MAX} printable characters")
    if (to is None) != back:
        errors.append("--to or --back: needed is one of them")
    elif to is not None:
        try:
            installations.interpreter(to, "--to")  # Whoever carries it out asks it what it is.
        except BadInput as error:
            errors += error.errors
    if errors:
        raise BadInput(errors)
    run = _paired(run_name, region)
    told = roll_requests.ask(Path(run.run_directory), to=to, by=who, reason=reason, tell=note)
    show("roll", told, as_json, lambda: note(_rolled(told)))


def _paired(run_name: str | None, region: str | None) -> Run:
    """The run of the one engine with a standby that is meant. Raises Unreachable or BadInput."""
    from meridian.deploy import runs
    from meridian.deploy.strategies import RunningEngine

    up = [one for one in runs.runs() if run_name in (None, one.name) and region in (None, one.topology)]
    asked = [f"--{key} = {word}" for key, word in (("run", run_name), ("region", region)) if word is not None]
    if not up:
        raise Unreachable(f"{', '.join(asked)}: no such run is up" if asked else "no run is up")
    found = []
    for one in up:
        with contextlib.suppress(Failure):
            if RunningEngine.of(Path(one.data_directory).parent).document["engine"].get("pair"):
                found.append(one)
    if not found:
        raise BadInput(
            f"{', '.join(asked) or '--run'}: no engine of {', '.join(one.name for one in up)} has a standby; allowed are runs "
            "with `standby = { process = ... }` under the engine's tile"
        )
    if len(found) > 1:
        raise BadInput(
            f"several engines have a standby; choose with --run one of {', '.join(one.name for one in found)}"
        )
    return found[0]


def _rolled(told: dict[str, Any]) -> str:
    held = "" if told["held_ms"] is None else f", inputs were held for {told['held_ms']:,.1f} ms"
    return (
        f"{told['leads']} leads and {told['follows']} follows in step, both of release {told['release'][:12]}, after "
        f"{told['seconds']:,.1f} s{held}"
    )
