"""The house exchange alone in one process: what it lists, where it listens, who may order, over FIX and OUCH.

    from meridian.exchange.alone import Alone

    Alone(directory=Path("run/house"), listings={"AAPL": Decimal("0.01")}, fix_port=9878).specification()

Invariant: what this writes is what the tile checks. Beside the data stands a profile for each FIX session, which `meridian fix
connect` takes as it is.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from meridian import files
from meridian._native import tiles
from meridian.exchange import operator
from meridian.ports import free_ports

HOST = "127.0.0.1"
VENUE = 9
GROUPS = ("239.77.9.1", "239.77.9.2")
NANOS = 10**9
FIX_PORT = 9878
HOUSE, FIRM = "HOUSE", "FIRM"
OUCH_USER = "house"
TILE = "exchange"


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A FIX session that the house offers."""

    name: str
    """Of its profile's file; the first one's port is the one asked for, the others follow."""
    number: int
    role: str
    sender: str
    """Who logs on."""
    owner: int = 0


SESSIONS = (
    Session(name="profile", number=11, role="orders", sender=FIRM),
    Session(name="counterparty", number=12, role="orders", sender="OTHER"),
    Session(name="drop-copy", number=13, role="drop_copy", sender="FIRMDC"),
    Session(name="market-data", number=14, role="market_data", sender="FIRMMD"),
)
COPIED = [11]


@dataclass(kw_only=True)
class Alone:
    """One run."""

    directory: Path
    listings: Mapping[str, Decimal]
    """Symbol → tick."""
    fix_port: int = FIX_PORT
    version: str = "FIX.4.4"
    application: str = ""
    """ApplVerID over FIXT."""
    ouch_port: int | None = None
    password_file: Path | None = None
    host: str = HOST
    roles: tuple[str, ...] = ("orders", "drop_copy", "market_data")
    cancel_on_disconnect: bool = False
    throttle: int = 0
    """Orders that a session may send in a second; 0: any number."""
    reports_waiting_max: int = 0
    """Reports that may wait for a session that is away, or does not read; 0: as many as the tile takes by itself."""
    tls: Mapping[str, str] | None = None
    """`certificate_file` and `key_file` of the FIX ports, with `client_ca_file` where clients must show theirs."""
    timetable: Sequence[Mapping[str, Any]] = ()
    """Phases as the tile takes them (`exchange/timetable.py`); without any, everything trades from the start."""
    indicate_ms: int = 1_000
    """How often a call says where it stands."""
    log: bool = False
    """Every FIX session's messages are written down beside the data."""
    idle: str = "back-off"
    _ports: dict[str, int] = field(default_factory=dict)

    @property
    def sessions(self) -> list[Session]:
        """Those of the roles that are offered."""
        return [session for session in SESSIONS if session.role in self.roles]

    def port(self, session: Session) -> int:
        """Where a session listens."""
        return self.fix_port + SESSIONS.index(session)

    @property
    def counters(self) -> Path:
        """What the tile counts."""
        return self.directory / "exchange.counters"

    @property
    def data(self) -> Path:
        """The journal, and what sessions keep."""
        return self.directory / "data"

    def settings(self) -> dict[str, Any]:
        """The tile's settings."""
        snapshot = self.directory / "secrets" / "snapshot"
        feed = self._port("feed")
        settings: dict[str, Any] = {
            "name": TILE,
            "venue": VENUE,
            "feed_session": "HOUSE00009",
            "lines": [f"{group}:{feed}" for group in GROUPS],
            "interface": HOST,
            "retransmission": f"{HOST}:{self._port('retransmission')}",
            "snapshot": f"{HOST}:{self._port('snapshot')}",
            "snapshot_username": "feed",
            "snapshot_password_file": str(snapshot),
            "fix_ports": [self._fix(session) for session in self.sessions],
            "listings": [
                {"instrument": at, "symbol": symbol, "locate": at, "tick_nanos": int(tick * NANOS)}
                for at, (symbol, tick) in enumerate(self.listings.items(), 1)
            ],
        }
        if self.timetable:
            settings |= {"timetable": [dict(phase) for phase in self.timetable], "indicate_ms": self.indicate_ms}
        if self.ouch_port is not None:
            about = {"session": 1, "listen": f"{self.host}:{self.ouch_port}", "username": OUCH_USER, "owner": 1}
            settings["ports"] = [about | {"password_file": str(self.password_file), "self_trade": "oldest"}]
        return settings

    def _port(self, name: str) -> int:
        if name not in self._ports:
            self._ports[name] = free_ports(1, HOST, promised=self._ports.values())[0]
        return self._ports[name]

    def _fix(self, session: Session) -> dict[str, Any]:
        found: dict[str, Any] = {
            "session": session.number,
            "role": session.role,
            "listen": f"{self.host}:{self.port(session)}",
            "begin_string": self.version,
            "sender_comp_id": HOUSE,
            "target_comp_id": session.sender,
        }
        if self.application:
            found["default_appl_ver_id"] = self.application
        if self.password_file is not None:
            found |= {"username": session.sender.lower(), "password_file": str(self.password_file)}
        if self.tls is not None:
            found["tls"] = dict(self.tls)
        if self.log:
            found["log"] = {}
        if self.reports_waiting_max and session.role != "market_data":
            found["reports_waiting_max"] = self.reports_waiting_max
        if session.role == "drop_copy":
            found["copies"] = COPIED
        if session.role == "orders":
            found["owner"] = session.owner
            found["cancel_on_disconnect"] = "all" if self.cancel_on_disconnect else "none"
            if self.throttle:
                found["throttle"] = {"messages": self.throttle}
        return found

    @contextlib.contextmanager
    def claimed(self) -> Iterator[bool]:
        """Whether the folder is this run's alone, for as long as it is held. Raises OSError where it cannot be written."""
        held = files.lock(self.directory)
        try:
            yield held is not None
        finally:
            if held is not None:
                os.close(held)

    def make_files(self) -> None:
        """The folder with its secret and its profiles. Raises OSError where it cannot be written."""
        (self.directory / "secrets").mkdir(parents=True, exist_ok=True, mode=0o700)
        secret = self.directory / "secrets" / "snapshot"
        if not secret.exists():
            secret.touch(mode=0o600)
            secret.write_text(secrets.token_hex(5))
        (self.directory / "profiles").mkdir(exist_ok=True)
        for session in self.sessions:
            self.profile(session).write_text(self._profile_text(session), encoding="utf-8")
        operator.make_links(self.directory)

    def profile(self, session: Session) -> Path:
        """The file of a session's profile."""
        return self.directory / "profiles" / f"{session.name}.toml"

    def _profile_text(self, session: Session) -> str:
        lines = [
            f"# The house exchange's FIX session {session.number} ({session.role.replace('_', ' ')}), as it listens now.",
            "[session]",
            f'addresses = ["{self.host}:{self.port(session)}"]',
            f'begin_string = "{self.version}"',
            f'sender_comp_id = "{session.sender}"',
            f'target_comp_id = "{HOUSE}"',
        ]
        if self.application:
            lines.append(f'default_appl_ver_id = "{self.application}"')
        if self.password_file is not None:
            # As TOML wants it: letters beyond the first plane stand as they are.
            file = json.dumps(str(self.password_file.resolve()), ensure_ascii=False)
            lines += [f'username = "{session.sender.lower()}"', f"password_file = {file}"]
        if session.role == "orders":
            symbol, tick = next(iter(self.listings.items()))
            lines += [
                "",
                "[orders]",
                f"symbol = {json.dumps(symbol)}",
                f"tick = {tick:f}",
                f"price = {tick * 10_000:f}",
            ]
        if session.number in COPIED:
            lines += [
                "",
                "[certify]",
                'counterparty = "counterparty.toml"',
                'drop_copy = "drop-copy.toml"',
                'market_data = "market-data.toml"',
            ]
            lines += [f"orders_a_second = {self.throttle}"] if self.throttle else []
        return "\n".join(lines) + "\n"

    def specification(self) -> dict[str, Any]:
        """The process, as `tiles.run` reads it."""
        tile = {"name": TILE, "kind": "exchange", "settings": self.settings()}
        return {
            "version": 1,
            "topology": "house",
            "process": TILE,
            "counters_path": str(self.counters),
            "data_directory": str(self.data),
            "links": operator.link_specs(self.directory, TILE),
            "threads": [{"name": TILE, "idle": self.idle, "tiles": [tile]}],
        }

    def errors(self) -> list[str]:
        """Everything that the tile finds wrong, a sentence each."""
        return tiles.check(json.dumps(self.specification()["threads"][0]["tiles"][0]), [], [])

    def facts(self) -> dict[str, Any]:
        """Where what is, for people and programs."""
        settings = self.settings()
        return {
            "listings": {symbol: str(tick) for symbol, tick in self.listings.items()},
            "fix": [
                {
                    "session": session.number, "role": session.role, "listen": f"{self.host}:{self.port(session)}",
                    "version": self.version, "sender": session.sender, "target": HOUSE, "profile": str(self.profile(session)),
                }
                for session in self.sessions
            ],
            "ouch": settings["ports"][0]["listen"] if self.ouch_port is not None else None,
            "timetable": list(self.timetable),
            "itch": {key: settings[key] for key in ("lines", "retransmission", "snapshot")},
            "directory": str(self.directory),
        }  # fmt: skip
