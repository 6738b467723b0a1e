"""Services: Python processes of a topology beside its tiles, which may be an end of links.

A kind of service is a module that runs as `python -m MODULE SPEC.json` and has a pydantic model `Settings`. The supervisor
starts, watches and restarts it as any other process; it says that it is ready by a file (`Service.ready`).

Invariant: a service's settings are checked before anything starts; a tile never waits for a service: a service consumes
links as lossy only, and what it produces goes over a ring in a file.

    [services.agent]
    kind = "agent"
    restart = "always"
    settings = { region = "new-york" }
    [links.agent_engine]
    producer = "agent"
    consumers = { engine = "reliable" }
    depth = 1024
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any

from meridian import release
from meridian._native import links as native
from meridian.child import set_by_signals
from meridian.deploy.process import die_with, exit_code

KINDS: dict[str, str] = {
    "limits-api": "meridian.risk.api.server",
    "agent": "meridian.coordination.agent",
    "relay": "meridian.deploy.relay",
    "alpha": "meridian.strategies.signals.tile",
    "journal-keeper": "meridian.engine.keeping.service",
    "spare": "meridian.deploy.spare.send",
}
"""Kind of service → its module. A room adds its own here, one line each."""

SPEC_VERSION = 1


def problems(kind: str, settings: Mapping[str, Any]) -> Iterable[tuple[dict[str, Any], Any]]:
    """Pydantic's errors over the settings of a service, each with the document that it is about."""
    from pydantic import ValidationError

    try:
        importlib.import_module(KINDS[kind]).Settings.model_validate(dict(settings))
    except ValidationError as error:
        return [(dict(settings), about) for about in error.errors()]
    return []


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """What a service's process is given; the ends of its links by name."""

    name: str
    topology: str
    settings: dict[str, Any]
    data_directory: Path
    """Its own; outlives the run."""
    ready_path: Path
    socket_path: Path
    """Where it answers local commands, if it does."""
    links: dict[str, dict[str, Any]]

    @classmethod
    def read(cls, path: str | Path) -> Service:
        """The specification that the supervisor wrote. Raises ValueError for one of another version."""
        document = json.loads(Path(path).read_text(encoding="utf-8"))
        if document.pop("version", None) != SPEC_VERSION:
            raise ValueError(f"{path}: service specification of another version; must be {SPEC_VERSION}")
        for key in ("data_directory", "ready_path", "socket_path"):
            document[key] = Path(document[key])
        document["links"] = {link["name"]: link for link in document["links"]}
        return cls(**document)

    def publisher(self, link: str) -> native.Publisher:
        """The producer's end of a link. Raises ValueError when the topology gives it to another."""
        about = self.links.get(link)
        if about is None or about["producer"] != self.name:
            raise ValueError(f"services.{self.name}: does not produce the link {link}")
        return native.Publisher(about["path"])

    def subscriber(self, link: str) -> native.Subscriber:
        """This consumer's end of a link. Raises ValueError when it consumes no such link."""
        about = self.links.get(link)
        names = [consumer["tile"] for consumer in about["consumers"]] if about else []
        if about is None or self.name not in names:
            raise ValueError(f"services.{self.name}: does not consume the link {link}")
        place = names.index(self.name)
        twin = next((one for one in self.links.values() if one.get("known_as") == link), None)
        if twin is not None:
            return native.Subscriber.over_both(about["path"], twin["path"], place)
        return native.Subscriber(about["path"], place)

    def ready(self) -> None:
        """Tells the supervisor that the service does its work."""
        self.ready_path.write_text(str(os.getpid()), encoding="ascii")


def run(main: Callable[[Service, Event], None]) -> int:
    """The entry of a service's process: `sys.exit(run(main))`. `main` returns soon after the event is set.

    Returns 0 after an asked stop, 1 when it could not start or go on (the reason on standard error), 2 for bad input.
    """
    if len(sys.argv) != 2:
        print("usage: python -m MODULE SPEC.json", file=sys.stderr)
        return 2
    stop = Event()
    set_by_signals(stop, signal.SIGTERM)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if parent := os.environ.get("MERIDIAN_SUPERVISOR"):
        die_with(int(parent))

    def work() -> None:
        release.attest()
        main(Service.read(sys.argv[1]), stop)

    return exit_code(work)
