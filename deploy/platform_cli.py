"""`meridian up --regions`: several regions, and what is above them, under one hand."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from meridian.console import BadInput, CheckFailed, note, show

if TYPE_CHECKING:
    from meridian.coordination.outside import OutsideStore
    from meridian.deploy.platform import Platform
    from meridian.deploy.region import Region


Command = TypeVar("Command", bound=Callable[..., Any])
SITE_OPTIONS = (
    click.option("--site", metavar="NAME", help="With --store: which of several sites this is; one leads a region."),
    click.option(
        "--store", metavar="URLS", help="The store's addresses, with commas; without, this host runs its own."
    ),
    click.option(
        "--store-certificates",
        type=click.Path(file_okay=False, path_type=Path),
        help="With --store over https: a folder with ca.pem, and USER.pem and USER-key.pem of each user.",
    ),
    click.option("--take-over", is_flag=True, help="With --site: lead from here what another site leads."),
)


def site_options(command: Command) -> Command:
    """Adds what a platform is told that is one site of several."""
    for option in reversed(SITE_OPTIONS):
        command = option(command)
    return command


@dataclass(frozen=True, slots=True, kw_only=True)
class Sited:
    """What a person said of sites."""

    site: str | None = None
    store: str | None = None
    store_certificates: Path | None = None
    take_over: bool = False

    def outside(self) -> OutsideStore | None:
        """The store that is named."""
        from meridian.coordination.outside import OutsideStore

        if self.store is None:
            return None
        certificates = self.store_certificates
        endpoints = [one.strip() for one in self.store.split(",") if one.strip()]
        return OutsideStore(endpoints, certificates.resolve() if certificates is not None else None)

    def problems(self, found: list[Region]) -> Iterator[str]:
        """A sentence for each fault, where these regions are to start."""
        from meridian.coordination import users
        from meridian.deploy import sites

        if self.site is not None and sites.NAME.fullmatch(self.site) is None:
            yield f"--site = {self.site}: allowed: a small letter, then small letters, digits and -, 32 at most"
        if self.site is not None and self.store is None:
            yield "--site: goes with --store: a store on this host is lost with it"
        if self.store_certificates is not None and self.store is None:
            yield "--store-certificates: goes with --store"
        if self.take_over and self.site is None:
            yield "--take-over: goes with --site, which names the one that is to lead"
        if (store := self.outside()) is None:
            return
        parts = ["operator", "limits-api", "viewer", *(users.agent(one.topology.name) for one in found)]
        yield from store.problems(parts)
        for one in found:
            if one.topology.coordination.tls != store.tls:
                said = "true" if one.topology.coordination.tls else "false"
                named = "with" if store.tls else "without"
                yield f"{one.topology.name}: coordination.tls = {said}: --store is named {named} --store-certificates"

    def words(self) -> list[str]:
        """The same for another process."""
        certificates = str(self.store_certificates.resolve()) if self.store_certificates is not None else None
        given = {"--site": self.site, "--store": self.store, "--store-certificates": certificates}
        found = [word for name, value in given.items() if value is not None for word in (name, value)]
        return [*found, "--take-over"] if self.take_over else found


def up_regions(regions: str, data: Path | None, at: Sited, *, detach: bool, check_only: bool, as_json: bool) -> None:
    """Checks the regions, then starts them here or as a process of their own."""
    from meridian.deploy import platform

    found = platform.load([name.strip() for name in regions.split(",") if name.strip()])
    if problems := list(at.problems(found)):
        raise BadInput(problems)
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
        _detach(regions, place, found, at, as_json)
    else:
        own = platform.Platform(found, place, outside=at.outside(), site=at.site, take_over=at.take_over)
        _foreground(own, as_json)


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


def _detach(regions: str, place: Path, found: list[Region], at: Sited, as_json: bool) -> None:
    from meridian.deploy import detached

    own = detached.start(["--regions", regions, "--data", str(place), *at.words()], regions, 1 + len(found))
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
