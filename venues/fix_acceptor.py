"""The FIX acceptor as a process of its own: one listener, many sessions, an application behind them.

    from meridian.venues.fix_acceptor import acceptance

    specification = acceptance(port=9880, dictionaries=Path("dictionaries"), directory=Path("data"))

Invariant: what this writes is what the tile checks; a wrong dictionary or a taken port is one sentence before anything runs.
"""

from __future__ import annotations

import json
import signal
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from meridian._native import tiles

DICTIONARIES = {
    "FIX.4.0": "FIX40.xml",
    "FIX.4.1": "FIX41.xml",
    "FIX.4.2": "FIX42.xml",
    "FIX.4.3": "FIX43.xml",
    "FIX.4.4": "FIX44.xml",
    "FIXT.1.1": "FIXT11.xml",
    "7": "FIX50.xml",
    "8": "FIX50SP1.xml",
    "9": "FIX50SP2.xml",
}
"""File of each version; of applications over FIXT by ApplVerID."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptedSession:
    """A session that an acceptor waits for: who logs on, in which version, and what its profile says beyond the defaults."""

    begin_string: str
    target_comp_id: str
    application_version: str = ""
    profile: dict[str, Any] = field(default_factory=dict)
    validation: dict[str, bool] | None = None
    hours: dict[str, Any] | None = None
    """As `meridian.venues.fix_hours` makes them; None: always open."""

    def settings(self, sender_comp_id: str, store: str) -> dict[str, Any]:
        """The session as the tile reads it."""
        profile = {
            "begin_string": self.begin_string,
            "sender_comp_id": sender_comp_id,
            "target_comp_id": self.target_comp_id,
            **self.profile,
        }
        if self.application_version:
            profile["default_appl_ver_id"] = self.application_version
        settings: dict[str, Any] = {"profile": profile, "store": store}
        if self.validation is not None:
            settings["validation"] = self.validation
        if self.hours is not None:
            settings["hours"] = self.hours
        return settings

    @property
    def dictionary(self) -> str:
        """The key of its dictionary in `DICTIONARIES`."""
        return self.application_version or self.begin_string


ACCEPTANCE_SENDER = "ISLD"
ACCEPTANCE_SESSIONS = [
    AcceptedSession(begin_string=version, target_comp_id=name, application_version=application, validation=validation)
    for version, name, application, validation in [
        ("FIX.4.0", "TW40", "", None),
        ("FIX.4.1", "TW41", "", None),
        ("FIX.4.2", "TW42", "", None),
        ("FIX.4.3", "TW43", "", None),
        ("FIX.4.4", "TW44", "", None),
        ("FIX.4.4", "TW", "", None),
        ("FIX.4.4", "NO_CHECK_FIELDS_HAVE_VALUES", "", {"have_values": False}),
        ("FIXT.1.1", "TW50", "7", None),
        ("FIXT.1.1", "TW50SP1", "8", None),
        ("FIXT.1.1", "TW50SP2", "9", None),
    ]
]
"""Who may log on in an acceptance run, each with ResetOnLogon."""


def acceptance(
    *,
    port: int,
    dictionaries: Path,
    directory: Path,
    host: str = "127.0.0.1",
    sessions: Iterable[AcceptedSession] | None = None,
    store: str = "memory",
    reset_on_logon: bool = True,
    idle: str = "back-off",
    tls: dict[str, str] | None = None,
    log: bool = False,
) -> dict[str, Any]:
    """The process of an acceptor with the acceptance application, as `tiles.run` reads it.

    `tls`: `certificate_file`, `key_file` and, where clients must show theirs, `client_ca_file`. `log`: every session writes its
    messages down below `directory`. Without `sessions` those of `ACCEPTANCE_SESSIONS` whose dictionary lies in `dictionaries`.
    Raises ValueError when there is none.
    """
    files = {key: dictionaries / name for key, name in DICTIONARIES.items() if (dictionaries / name).is_file()}
    if sessions is None:
        sessions = [
            session for session in ACCEPTANCE_SESSIONS if session.dictionary in files and session.begin_string in files
        ]
    chosen = [session.settings(ACCEPTANCE_SENDER, store) for session in sessions]
    if not chosen:
        raise ValueError(f"dictionaries {dictionaries}: holds none of {', '.join(sorted(DICTIONARIES.values()))}")
    for session in chosen:
        session["profile"].setdefault("reset_on_logon", reset_on_logon)
        if log:
            session["log"] = {}
    settings = {
        "listen": f"{host}:{port}",
        "application": "acceptance",
        "dictionaries": {key: str(path) for key, path in files.items()},
        "sessions": chosen,
    }
    if tls is not None:
        settings["tls"] = tls
    tile = {"name": "fix", "kind": "fix-acceptor", "settings": settings}
    return {
        "version": 1,
        "topology": "fix-acceptor",
        "process": "fix",
        "counters_path": str(directory / "fix.counters"),
        "data_directory": str(directory / "data"),
        "links": [],
        "threads": [{"name": "fix", "idle": idle, "tiles": [tile]}],
    }


def errors(specification: dict[str, Any]) -> list[str]:
    """Everything that is wrong with the acceptor's settings, a sentence each."""
    return tiles.check(json.dumps(specification["threads"][0]["tiles"][0]), [], [])


def run(specification: dict[str, Any]) -> None:
    """Runs until SIGINT or SIGTERM. Raises ValueError or RuntimeError in sentences when it cannot start."""
    stop = tiles.Stop()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.ask())
    tiles.run(json.dumps(specification), stop)
