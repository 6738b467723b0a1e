"""A FIX session's profile: the file that says where to log on, as whom, in which dialect.

    # firm-at-venue.toml
    [session]
    addresses = ["fix.venue.example:9878", "backup.venue.example:9878"]   # tried in this order
    begin_string = "FIX.4.4"
    sender_comp_id = "FIRM"
    target_comp_id = "VENUE"
    username = "firm"
    password_file = "firm.password"
    [session.hours]
    start = "09:30"
    end = "16:00"
    zone = "America/New_York"
    [session.tls]
    ca_file = "venue-ca.pem"
    [orders]
    symbol = "AAPL"
    price = 187.25
    [certify]
    drop_copy = "firm-drop-copy.toml"

Invariant: a profile that could be read can be logged on with; everything that is wrong with one is told at once, a sentence each,
by the code that keeps the session where the session keeps it. Files are named from the profile's own folder.
"""

from __future__ import annotations

import datetime
import json
import os
import re
import ssl
import weakref
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from meridian import files
from meridian._native.venues import FixSession
from meridian.console import BadInput, Unreachable, in_words
from meridian.files import fault_of
from meridian.venues import fix_hours
from meridian.venues.checking import Entry, Problems, read_toml, shown
from meridian.venues.fix.dictionary import APPLICATION_VERSIONS, Dictionary

VENUES = Path(__file__).parent
FILES = ("password_file",)
"""Keys of the session's own that name files."""
SECRET = re.compile(r"passw|passphrase|secret|^pass$", re.IGNORECASE)
PASSWORD_BYTES_MAX = 4096
PEM_BYTES_MAX = 1 << 20


def _exact(value: object) -> Decimal:
    """A number as it was written. Raises ValueError otherwise."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise ValueError("it is no number")
    return Decimal(value)


Number = Annotated[Decimal, BeforeValidator(_exact)]


class Hours(Entry):
    """When the session is open, in a place's time."""

    start: str = Field(description='a time such as "09:30", of a weekly session "Sunday 17:00"')
    end: str = Field(description='a time such as "16:00", of a weekly session "Friday 17:00"')
    zone: str = Field(description='a time zone such as "America/New_York"')
    weekly: bool = Field(default=False, description="true or false")
    weekdays: list[str] = Field(default=list(fix_hours.DAYS[:5]), description="a list of weekdays' names")
    holidays: list[datetime.date] = Field(default=[], description="a list of dates such as 2026-12-25")


class Tls(Entry):
    """The session goes over TLS."""

    ca_file: str | None = Field(default=None, description="a PEM file with the authority of the server's certificate")
    server_name: str | None = Field(default=None, description="the name in the server's certificate")
    certificate_file: str | None = Field(default=None, description="a PEM file with our certificate")
    key_file: str | None = Field(default=None, description="a PEM file with our certificate's key")


class Place(Entry):
    """What of `[session]` is not the session's own: where it connects to, what it keeps where."""

    addresses: list[str] = Field(min_length=1, description='a list of addresses such as "127.0.0.1:9878"')
    hours: Hours | None = Field(default=None, description="a table with start, end and zone")
    tls: Tls | None = Field(default=None, description="a table; an empty one takes the system's authorities")
    dictionary: str | None = Field(default=None, description="a dictionary's file in QuickFIX's form")
    overlays: list[str] = Field(default=[], description="a list of dictionaries' files laid over the version's")
    checks_dictionary: bool = Field(default=False, description="true or false")
    store: str | None = Field(default=None, description="a folder where numbers and messages are kept")
    log: str | None = Field(default=None, description="a folder for the message log")


class Orders(Entry):
    """How orders are written to this venue, and what tests of it trade."""

    symbol: str = Field(default="AAPL", min_length=1, description="a symbol")
    price: Number = Field(default=Decimal("100.00"), gt=0, description="a price above 0 at which tests may trade")
    tick: Number = Field(default=Decimal("0.01"), gt=0, description="the smallest step of a price, above 0")
    lots: int = Field(default=100, ge=2, description="a whole number from 2 on")
    account: str | None = Field(default=None, description="an account's name")
    handling: str | None = Field(default=None, description="a value of HandlInst (21)")
    fields: dict[str, str] = Field(default={}, description='further fields of orders by tag, { "528" = "P" }')
    lacks: list[str] = Field(default=[], description="a list of what the venue does not offer, by the cases' names")


class Certify(Entry):
    """What a conformance run needs beyond the session."""

    drop_copy: str | None = Field(default=None, description="the profile of a drop copy session")
    market_data: str | None = Field(default=None, description="the profile of a market data session")
    counterparty: str | None = Field(default=None, description="the profile of a session that orders trade with")
    orders_a_second: int | None = Field(
        default=None, ge=1, le=10_000, description="the venue's throttle, orders a second"
    )
    logon_pause_s: int = Field(default=0, ge=0, le=60, description="seconds between two logons, from 0 to 60")


class Profile:
    """A profile that was read."""

    def __init__(self, path: Path) -> None:
        """Reads the file. Raises BadInput with everything that is wrong with it."""
        self.path = path
        self.folder = path.parent
        self._claim: weakref.finalize[[int], Profile] | None = None
        document, self.hash = read_toml(path)
        document = _starred(document)
        problems = Problems(str(path))
        problems.keys(document, {"session", "orders", "certify"})
        session = document.get("session")
        known = {key: value for key, value in session.items() if key in Place.model_fields} if session else {}
        place = problems.entry("session", known, Place) if isinstance(session, dict) else None
        if place is None:
            problems.add("session", session, "a table with addresses, begin_string, sender_comp_id and target_comp_id")
        orders = problems.entry("orders", document.get("orders", {}), Orders)
        _check_lacks(orders, problems)
        certify = problems.entry("certify", document.get("certify", {}), Certify)
        self.addresses: list[tuple[str, int]] = []
        self.hours: dict[str, Any] | None = None
        self.session: dict[str, Any] = {}
        self.dictionary: Dictionary | None = None
        if place is not None and isinstance(session, dict):
            self._read_place(place, problems)
            own = {key: value for key, value in session.items() if key not in Place.model_fields}
            self._read_session(own, problems)
            self._read_dictionary(place, problems)
        problems.raise_any()
        assert place is not None and orders is not None and certify is not None
        self.place, self.orders, self.certify = place, orders, certify
        self.tls = _tls(place.tls, self.folder, problems) if place.tls else None
        problems.raise_any()

    def file(self, name: str) -> Path:
        """A file that the profile names."""
        return self.folder / name

    def make_folders(self) -> None:
        """Makes the folders of store and log; the store's is this process's alone from now on, as long as the profile lives.

        Raises BadInput for those that cannot be made, Unreachable where another process has the store.
        """
        errors = []
        for key, name in (("store", self.place.store), ("log", self.place.log)):
            if name is None:
                continue
            folder = self.file(name)
            try:
                folder.mkdir(parents=True, exist_ok=True)
                why = "" if os.access(folder, os.W_OK | os.X_OK) else "permission denied"
            except OSError as error:
                why = (error.strerror or str(error)).lower()
            if why:
                errors.append(
                    f"{self.path}: session.{key} = {shown(name)}: {why}; allowed is a folder that can be written."
                )
        if errors:
            raise BadInput(errors)
        if self.place.store is not None and self._claim is None:
            folder = self.file(self.place.store)
            held = files.lock(folder)
            if held is None:
                raise Unreachable(
                    f"{self.path}: session.store = {shown(self.place.store)}: another process keeps its numbers there; "
                    "end that one, or name another folder"
                )
            self._claim = weakref.finalize(self, os.close, held)

    @property
    def name(self) -> str:
        """Who logs on where, in which version."""
        return f"{self.sender} → {self.target}, {self.version}"

    @property
    def sender(self) -> str:
        """Our name."""
        return str(self.session["sender_comp_id"])

    @property
    def target(self) -> str:
        """Theirs."""
        return str(self.session["target_comp_id"])

    @property
    def begin_string(self) -> str:
        """The version of the session."""
        return str(self.session["begin_string"])

    @property
    def version(self) -> str:
        """The version of the application: `FIX.5.0SP2` over FIXT."""
        return _version(self.session)

    @property
    def has_password(self) -> bool:
        """Whether its logons bear one."""
        return bool(self.session.get("password_file"))

    def _read_place(self, place: Place, problems: Problems) -> None:
        for at, address in enumerate(place.addresses or []):
            host, _, port = address.rpartition(":")
            if not host or not (port.isascii() and port.isdigit() and len(port) <= 5) or not 0 < int(port) < 65_536:
                problems.add(f"session.addresses[{at}]", address, 'a host and a port, "127.0.0.1:9878"')
            else:
                self.addresses.append((host, int(port)))
        for key, name in (("store", place.store), ("log", place.log), ("dictionary", place.dictionary)):
            if name is not None and "\0" in name:
                problems.add(f"session.{key}", name, "a name without zero bytes")
        hours = place.hours
        if hours is None or not problems.sound(place):
            return
        try:
            if hours.weekly:
                self.hours = fix_hours.weekly(hours.start, hours.end, hours.zone)
            else:
                self.hours = fix_hours.daily(
                    hours.start, hours.end, hours.zone, weekdays=hours.weekdays, holidays=hours.holidays
                )
        except ValueError as error:
            problems.sentences += [f"{problems.source}: session.hours.{line}." for line in str(error).splitlines()]

    def _read_session(self, own: dict[str, Any], problems: Problems) -> None:
        """The session's own keys, held against the code that keeps the session."""
        if "initiator" in own:
            problems.add("session.initiator", own.pop("initiator"), "nothing: whoever has a profile logs on")
        for key in FILES:
            if isinstance(own.get(key), str):
                own[key] = str(self.file(own[key]))
        if isinstance(name := own.get("password_file"), str) and (fault := fault_of(Path(name), PASSWORD_BYTES_MAX)):
            problems.add(
                "session.password_file", own.pop("password_file"), f"a regular file of at most 4 KiB; it {fault}"
            )
        for key in [key for key, value in own.items() if isinstance(value, Decimal) and not value.is_finite()]:
            problems.add(f"session.{key}", own.pop(key), "a finite number")
        # A number with a decimal point stays wrong where a whole one is needed.
        self.session = {key: float(value) if isinstance(value, Decimal) else value for key, value in own.items()}
        try:
            text = json.dumps({"initiator": True, **self.session})
        except (TypeError, ValueError):
            problems.sentences.append(f"{problems.source}: session: dates and times are for hours alone.")
            return
        found = FixSession.errors(text, json.dumps(self.hours) if self.hours else None, "session")
        problems.sentences += [f"{problems.source}: {sentence}." for sentence in found]

    def _read_dictionary(self, place: Place, problems: Problems) -> None:
        overlays = [self.file(name) for name in place.overlays or []]
        version = _version(self.session)
        key = "dictionary" if place.dictionary else "overlays"
        named = f"{problems.source}: session.{key} = {shown(place.dictionary or list(place.overlays or []))}"
        try:
            if place.dictionary:
                self.dictionary = Dictionary.load(self.file(place.dictionary))
            elif version:
                self.dictionary = Dictionary.of(version, overlays)
        except OSError as error:
            problems.sentences.append(f"{named}: {in_words(error)}.")
        except UnicodeDecodeError:
            problems.sentences.append(f"{named}: is no text; allowed is a dictionary's file in QuickFIX's form.")
        except ValueError as error:
            first = error.args[0] if error.args else str(error)
            said = first if isinstance(first, list) else [first]
            problems.sentences += [f"{named}: {sentence}." for sentence in said]


def _starred(value: Any) -> Any:
    """A document without its passwords: no sentence about a key that is not allowed may tell them."""
    if isinstance(value, dict):
        return {
            key: "***" if SECRET.search(key) and key not in FILES else _starred(part) for key, part in value.items()
        }
    return [_starred(part) for part in value] if isinstance(value, list) else value


def _check_lacks(orders: Orders | None, problems: Problems) -> None:
    """What a venue lacks is named by cases that exist."""
    if orders is None or not isinstance(orders.lacks, list) or not orders.lacks:
        return
    from meridian.venues.fix.certify.run import cases

    names = {case.name for case in cases()}
    for at, name in enumerate(orders.lacks):
        if name not in names:
            problems.add(f"orders.lacks[{at}]", name, "a case's name; meridian fix certify --list shows them")


def _version(session: dict[str, Any]) -> str:
    """The dictionary's version of a session; nothing where what it says of it is wrong."""
    begin_string = str(session.get("begin_string", ""))
    if begin_string == "FIXT.1.1":
        return APPLICATION_VERSIONS.get(str(session.get("default_appl_ver_id")), "")
    return begin_string if begin_string in APPLICATION_VERSIONS.values() else ""


def _tls(about: Tls, folder: Path, problems: Problems) -> ssl.SSLContext | None:
    """What the sockets are wrapped in."""
    key = "session.tls"
    for name in ("ca_file", "certificate_file", "key_file"):
        file = getattr(about, name)
        if file is not None and (fault := fault_of(folder / file, PEM_BYTES_MAX)):
            problems.add(f"{key}.{name}", file, f"a PEM file of at most 1 MiB; it {fault}")
            return None
    if (about.certificate_file is None) != (about.key_file is None):
        missing = "key_file" if about.key_file is None else "certificate_file"
        problems.missing(f"{key}.{missing}", "a PEM file: a certificate goes with its key")
        return None
    try:
        context = ssl.create_default_context(cafile=None if about.ca_file is None else folder / about.ca_file)
    except (OSError, ssl.SSLError) as error:
        problems.sentences.append(f"{problems.source}: {key}.ca_file = {about.ca_file!r}: {_pem(error)}.")
        return None
    if about.certificate_file is not None and about.key_file is not None:
        try:
            context.load_cert_chain(folder / about.certificate_file, folder / about.key_file)
        except (OSError, ssl.SSLError) as error:
            problems.sentences.append(
                f"{problems.source}: {key}.certificate_file = {about.certificate_file!r}: {_pem(error)}."
            )
            return None
    return context


def _pem(error: OSError) -> str:
    """What is wrong with a file of TLS, in words."""
    if isinstance(error, ssl.SSLError):
        return f"{error.reason or 'holds no certificate'}; a PEM file is needed".replace("_", " ").lower()
    return f"{(error.strerror or str(error)).lower()}; a PEM file that can be read is needed"


def names() -> list[str]:
    """Profiles of the venues' own folders."""
    found = []
    for path in sorted(VENUES.glob("*/*.toml")):
        if path.parent.name != "reference" and "begin_string" in path.read_text("utf-8"):
            found.append(path.parent.name if path.stem == "profile" else f"{path.parent.name}/{path.stem}")
    return found


def find(name: str) -> Path:
    """The file of a profile: a path, or a venue's name (`house`, `house/drop-copy`). Raises BadInput."""
    venue, _, part = name.partition("/")
    path = VENUES / venue / f"{part or 'profile'}.toml"
    if not name.startswith((".", "/")) and not name.endswith(".toml") and path.is_file():
        return path
    if not Path(name).exists():
        raise BadInput(f"PROFILE {name}: there is no such file; allowed is a TOML file or one of {', '.join(names())}")
    return Path(name)


def load(name: str) -> Profile:
    """The profile of a file or a venue. Raises BadInput with everything that is wrong."""
    return Profile(find(name))
