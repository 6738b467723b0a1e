"""`meridian up --regions`: several regions, and what is above them, under one hand."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from meridian.console import CheckFailed, note, show

if TYPE_CHECKING:
    from meridian.deploy.platform import Platform
    from meridian.deploy.region import Region


def up_regions(regions: str, data: Path | None, *, detach: bool, check_only: bool, as_json: bool) -> None:
    """Checks the regions, then starts them here or as a process of their own."""
    from meridian.deploy import platform

    found = platform.load([name.strip() for name in regions.split(",") if name.strip()])
    place = (data or platform.default_data()).resolve()
    if check_only:
        facts = {
            "regions": [
                {"name": one.topology.name, "shard": one.shard, "strategies": [slot.name for slot in one.slots]}
                for one in found
            ],
            "holders": platform.holders(found),
        }
        count = f"{len(found)} regions, {sum(len(one.slots) for one in found)} strategies, no errors"
        show("platform", facts, as_json, lambda: note(f"{regions}: {count}"))
    elif detach:
        _detach(regions, place, found, as_json)
    else:
        _foreground(platform.Platform(found, place), as_json)


def _foreground(platform: Platform, as_json: bool) -> None:
    from meridian.deploy.supervisor import CannotStart, Interrupted

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: platform.ask())
    try:
        platform.start()
    except Interrupted:
        raise KeyboardInterrupt from None
    except CannotStart as error:
        raise CheckFailed(error.errors) from None
    try:
        facts = told(platform.data, [one.run.facts() for one in (platform.above, *platform.below.values())])
        show("platform", facts, as_json, lambda: _tell(facts, "Ctrl-C stops all"))
        platform.watch()
    finally:
        platform.stop()
    if platform.failures:
        raise CheckFailed(platform.failures)


def _detach(regions: str, place: Path, found: list[Region], as_json: bool) -> None:
    from meridian.deploy import detached

    own = detached.start(["--regions", regions, "--data", str(place)], regions, 1 + len(found))
    facts = told(place, [one.facts() for one in own])
    show("platform", facts, as_json, lambda: _tell(facts, "`meridian down` stops all"))


def told(place: Path, runs: list[dict[str, Any]]) -> dict[str, Any]:
    """What a person needs to know of a platform that is up; where tokens lie, never a token."""
    from meridian.deploy.platform import API, TOKEN_HOLDERS

    (above,) = (run for run in runs if "limits-api" in run["ports"])
    api = json.loads((Path(above["run_directory"]) / API).read_text(encoding="utf-8"))
    files = [place / f"{holder}.token" for holder in TOKEN_HOLDERS]
    return {
        "runs": runs,
        "api": api["address"],
        "ca": api["ca"],
        "data": str(place),
        "tokens": str(place / "tokens.json"),
        "token_files": [str(path) for path in files if path.exists()],
    }


def _tell(facts: dict[str, Any], how: str) -> None:
    note(f"{', '.join(run['name'] for run in facts['runs'])} are up; {how}")
    note(f"limits API: {facts['api']}; tokens: {facts['tokens']}")
    note(f"breaks, in a browser: {facts['api']}/breaks; sign in with a token")
    note(f"what lasts: {facts['data']}; `meridian report {facts['data']}`")
    for path in facts["token_files"]:
        note(f"a risk officer's token: --token-file {path}")
