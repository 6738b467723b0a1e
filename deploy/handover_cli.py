"""`meridian hand-over`: an engine makes way for its standby."""

from __future__ import annotations

from typing import Any

import click

from meridian.console import BadInput, json_option, note, show
from meridian.deploy.strategy_cli import run_option


@click.command("hand-over")
@click.option("--reason", required=True, help="Why; kept with the run.")
@run_option
@json_option
def hand_over(reason: str, run_name: str | None, as_json: bool) -> None:
    """Has the engine that leads make way for its standby: it takes no input until the standby has all that it took and leads.

    The engine that led is started again and follows. The same command undoes it. Nothing is done, and why is said, when the
    standby could not lead now.
    """
    import getpass

    from meridian.deploy import handover
    from meridian.deploy.strategies import RunningEngine

    if not handover.is_text(reason):
        raise BadInput(f"--reason = {reason!r:.40}: must be 1 to {handover.TEXT_MAX} printable characters, and say why")
    engine = RunningEngine.find(run_name)
    if not engine.document["engine"].get("pair"):
        raise BadInput(
            f"--run = {engine.directory.name}: its engine has no standby; allowed are runs with `standby = {{ process = ... }}` "
            "under the engine's tile"
        )
    told = handover.ask(engine.directory, by=getpass.getuser(), reason=reason)
    show("hand-over", told, as_json, lambda: note(sentence(told)))


def sentence(told: dict[str, Any]) -> str:
    """What was done, in a line."""
    return (
        f"{told['was']} made way for {told['leads']}, which leads with epoch {told['epoch']} from input {told['input']:,} on; "
        f"inputs were held for {told['held_ms']:,.1f} ms"
    )
