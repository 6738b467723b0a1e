"""Regions under one hand: etcd, the limits API, the line between the regions, and each region with its agent.

Each part is a run of its own (`platform`, then one for each region), all of one supervising process: `meridian status` shows
them, `meridian down` stops them all. What must outlive the runs, and a reboot, lies in one directory: the store, the tokens, the
secret that agents sign with, and of each region its engine's journal and what its agent remembers. The runs' own directories, in
memory on most hosts, hold sockets, rings, logs and specifications.

Invariant: everything is checked before anything starts. Regions need nothing of what is above them to trade on: a store that
ends is started again, an API that ends is started again, a region that fails is stopped alone; the others go on.

A platform is a site where a store that outlives it is named: then each region is led from one site at a time (`sites`).
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import structlog

from meridian import files, records
from meridian._native import links as native
from meridian.analytics import live
from meridian.console import BadInput, Failure, in_words
from meridian.coordination import EtcdServer, users
from meridian.coordination.agent_settings import Settings as AgentSettings
from meridian.coordination.certificates import Authority
from meridian.coordination.epochs import OtherSite, Place
from meridian.coordination.outside import OutsideStore
from meridian.deploy import epochs, executors, pairs, quotes, sites
from meridian.deploy import region as region_files
from meridian.deploy.hand import Hand, Promotion
from meridian.deploy.region import Region
from meridian.deploy.rolling import Roller
from meridian.deploy.spare import room as spare_room
from meridian.deploy.specs import exchanges_of
from meridian.deploy.supervisor import LOOK_SECONDS, CannotStart, Interrupted, Supervisor
from meridian.deploy.topology import Link, Service, Topology, TopologyError, check, document_of, nearest
from meridian.ports import free_ports
from meridian.risk.api import tokens

TOPOLOGIES = Path(__file__).parent / "topologies"
ALIASES = {"ny": "new-york"}
NAME = "platform"
STORE = "etcd"
REGIONS = "regions"
"""In the data: what lasts of each region, a directory by its name, where its topology does not say another place."""
AGENT = "agent"
TLS = "tls"
"""Where the limits API's own authority and certificate lie."""
API = "api.json"
"""In the run's directory: where the limits API is and what it is known by."""
LINE_DELAY = "4ms"
"""One way between New York and Chicago."""
OUTPUTS_DEPTH_MIN = 4096
"""Records that the engine may be ahead of its agent; more are lost to it, and asked for again."""
CONTROLS_DEPTH = 1024
TOKEN_HOLDERS = ("risk-1", "risk-2")
"""Two people, since what loosens needs two."""
STORE_BYTES = 192 << 20
"""Two segments of the store's journal, made ahead, and what it holds."""
RECORD = "platform.json"
RECORD_SCHEMA = "meridian.platform/1"
RESTART_SECONDS = 1.0
RESTART_SECONDS_MAX = 30.0

log = structlog.get_logger(NAME)


def default_data() -> Path:
    """Where the store and the tokens of this user lie."""
    base = os.environ.get("XDG_DATA_HOME")
    return (Path(base) if base else Path.home() / ".local" / "share") / "meridian"


def shipped() -> list[str]:
    """The names of topologies that come with the platform and have a region."""
    return sorted(path.stem for path in TOPOLOGIES.glob("*.toml") if "[region]" in path.read_text(encoding="utf-8"))


def path_of(name: str) -> Path:
    """The topology file of a region, given by name or path. Raises BadInput."""
    path = Path(name) if name.endswith(".toml") else TOPOLOGIES / f"{ALIASES.get(name, name)}.toml"
    if not path.is_file():
        raise BadInput(f'--regions = "{name}": no such topology; {nearest(name, shipped())}, or the path of a file')
    return path


def load(names: Sequence[str]) -> list[Region]:
    """The regions of these topologies. Raises BadInput with every error of all of them."""
    errors: list[str] = [] if names else ["--regions: names no region"]
    found: list[Region] = []
    for name in names:
        try:
            loaded = region_files.load(path_of(name))
        except BadInput as error:
            errors += [sentence for sentence in error.errors if sentence not in errors]
            continue
        if loaded.region is None:
            errors.append(f'--regions = "{name}": has no region; needed is a topology with reference data and limits')
        else:
            found.append(loaded.region)
    errors += [*_together(found), *executors.disagreements(found), *quotes.disagreements(found)]
    if errors:
        raise BadInput(errors)
    return found


def _together(found: Sequence[Region]) -> Iterator[str]:
    """What keeps regions from being of one firm."""
    names, shards = dict[str, Region](), dict[int, str]()
    for one in found:
        name, first = one.topology.name, found[0]
        if name in names:
            yield f"--regions: {name} is named twice; each region once"
            continue
        names[name] = one
        if (other := shards.setdefault(one.shard, name)) != name:
            yield f"{name}: region.shard = {one.shard}: {other} has it; each engine of a firm has its own"
        if one.topology.coordination != first.topology.coordination:
            said = "true" if one.topology.coordination.tls else "false"
            yield f"{name}: coordination.tls = {said}: differs from that of {first.topology.name}; all regions share one store"
        for what in ("reference", "limits"):
            if getattr(one, what).hash != getattr(first, what).hash:
                yield f"{name}: region.{what}: differs from that of {first.topology.name}; all regions share one file"
        node = one.limits.nodes.get(name)
        if node is None or node.level != "region":
            known = [other for other, about in one.limits.nodes.items() if about.level == "region"]
            yield f'{name}: name = "{name}": the limits have no such region; {nearest(name, known)}'
        if AGENT in one.topology.services:
            yield f"{name}: services.{AGENT}: a region gets its agent from --regions; leave it out"


def with_agent(region: Region, settings: dict[str, Any], data: Path) -> Region:
    """The region with an agent between the store and its engine. What lasts of it lies in `data`, if it says no other place."""
    topology, files = region.topology, region.topology.region
    assert files is not None
    engine = topology.tiles[files.engine]
    outputs = str(engine.settings["outputs"])
    told = topology.links[outputs]
    told = told.model_copy(
        update={"consumers": told.consumers | {AGENT: "lossy"}, "depth": max(told.depth, OUTPUTS_DEPTH_MIN)}
    )
    controls = Link(
        producer=AGENT,
        consumers={files.engine: "reliable"},
        depth=CONTROLS_DEPTH,
        record_bytes_max=records.CONSTANTS["RECORD_BYTES_MAX"],
    )
    own = settings | {"to_engine": "agent_engine", "from_engine": outputs}
    AgentSettings.model_validate(own)
    # First among the inputs: what forbids comes before what trades.
    inputs = ["agent_engine", *engine.settings["inputs"]]
    tile = engine.model_copy(update={"settings": engine.settings | {"inputs": inputs}})
    changed = topology.model_copy(
        update={
            "data_directory": topology.data_directory or str(data),
            "tiles": topology.tiles | {files.engine: tile},
            "services": topology.services | {AGENT: Service(kind="agent", restart="always", settings=own)},
            "links": topology.links | {outputs: told, "agent_engine": controls},
        }
    )
    return replace(region, topology=changed)


def with_site(region: Region, own: Place | None) -> Region:
    """The region whose services that send its files elsewhere say whose they are."""
    site = {"region": region.topology.name, "site": own.site, "mark": own.data} if own is not None else {}
    services = {
        name: one.model_copy(update={"settings": one.settings | site}) if one.kind == spare_room.KIND else one
        for name, one in region.topology.services.items()
    }
    return replace(region, topology=region.topology.model_copy(update={"services": services}))


def holders(found: Sequence[Region]) -> list[str]:
    """All engines that hold parts of global limits, as REGION-SHARD: those of these regions, and those of the firm's other
    regions whose topologies lie with the first one's or with the platform."""
    shards = {one.topology.name: one.shard for one in found}
    for name, node in found[0].limits.nodes.items():
        if node.level == "region" and name not in shards:
            with contextlib.suppress(Failure, TopologyError):
                about = document_of(path_of(name)).get("region", {})
                shards[name] = int(about.get("shard", 1))
    return [f"{name}-{shard}" for name, shard in shards.items()]


@dataclass(slots=True)
class Platform:
    """Regions and what is above them. `start`, then `watch` until it returns, then `stop`; or use it as a context."""

    regions: list[Region]
    data: Path
    """What outlives the runs: the store, the tokens, the agents' secret, the regions' journals."""
    directory: Path | None = None
    """Where its record goes, of which reports over all regions are made; the data where nothing is said."""
    prefix: str = ""
    """Before the names of its runs."""
    skipped: Sequence[tuple[str, str]] = ()
    """Files of recorded flow that were passed over, with the reason; for the record."""
    tell: Callable[[str], None] = lambda sentence: None
    """Hears how far the start is, a sentence a step."""
    outside: OutsideStore | None = None
    """The store, where this platform does not run its own."""
    site: str | None = None
    """The name of the site that this platform is; only with a store that outlives it."""
    take_over: bool = False
    """Regions that another site leads are led from here from now on."""
    events: list[dict[str, Any]] = field(default_factory=list)
    """What was done to it while it ran; for the record."""
    places: dict[str, Path] = field(default_factory=dict)
    """The directory of each region's records, also of one that has failed."""
    store: EtcdServer | OutsideStore = field(init=False)
    above: Supervisor = field(init=False)
    """The limits API and the line between the regions."""
    below: dict[str, Supervisor] = field(default_factory=dict)
    """The regions that run."""
    hands: dict[str, Hand] = field(default_factory=dict)
    """Over the engine of each region that has a standby, and both."""
    rollers: dict[str, Roller] = field(default_factory=dict)
    """Who takes both, or the exchanges of a region, to another release."""
    started_ns: int = 0
    asked: bool = False
    failures: list[str] = field(default_factory=list)
    epochs: epochs.Epochs = field(init=False)
    sites: sites.Watch | None = None
    held: int | None = None
    """The descriptor of the data's lock."""
    _epochs_at: float = 0.0
    """When epochs that the store does not know are told to it again."""
    _store_at: float = 0.0
    """When a store that ended is started again."""
    _store_restarts: int = 0

    def __enter__(self) -> Platform:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def tokens(self) -> Path:
        """The file of tokens' hashes."""
        return self.data / "tokens.json"

    def token_file(self, holder: str) -> Path:
        """Where the token of one of the first holders lies, for its owner alone."""
        return self.data / f"{holder}.token"

    @property
    def tls(self) -> bool:
        """Whether the store and the limits API speak TLS."""
        return self.regions[0].topology.coordination.tls

    @property
    def api(self) -> str:
        """The address of the limits API."""
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.above.run.ports['limits-api']}"

    @property
    def ca(self) -> Path | None:
        """The authority that the limits API is known by, where it speaks TLS."""
        return self.data / TLS / "ca.pem" if self.tls else None

    def ask(self) -> None:
        """Asks `watch` to return; safe in a signal handler."""
        self.asked = True
        for one in [*self.below.values(), *([self.above] if hasattr(self, "above") else [])]:
            one.ask()

    def start(self) -> None:
        """Brings everything up. Raises CannotStart, with nothing left running."""
        self.started_ns = time.time_ns()
        try:
            self._start()
        except OSError as error:
            self.stop()
            raise CannotStart([in_words(error)]) from None
        except Failure as error:
            self.stop()
            raise CannotStart(list(error.errors)) from None
        except BaseException:
            self.stop()
            raise

    def _start(self) -> None:
        self.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        sites.take(self.data, take_over=self.take_over)
        self.held = _held(self.data)
        if self.outside is None:
            _room_for_store(self.data)
        secret = self._secret()
        self._make_tokens()
        names = [one.topology.name for one in self.regions]
        self._start_store(names)
        pairs = [(a, b) for a in names for b in names if a != b]
        legs = executors.lines(self.regions)
        # Of each line: where it arrives, and where the long way to there begins.
        needed = [
            *names,
            *(f"{a}-to-{b}" for a, b in pairs),
            *(f"legs-{end}-{a}-{b}" for a, b in legs for end in ("to", "at")),
        ]
        ports = dict(zip(needed, free_ports(len(needed)), strict=True))
        promised = list(ports.values())
        for one in self.regions:
            name = one.topology.name
            peers = {b: f"127.0.0.1:{ports[f'{a}-to-{b}']}" for a, b in pairs if a == name}
            settings = {
                "region": name,
                "shard": one.shard,
                "limits": str(one.files["limits"].resolve()),
                "reference": str(one.files["reference"].resolve()),
                "store": {"endpoints": self.store.endpoints, **self._certified(users.agent(name))},
                "listen": f"127.0.0.1:{ports[name]}",
                "peers": peers,
                "secret": str(secret),
            }
            for other in (found for found in self.regions if (name, found.topology.name) in legs):
                peer = other.topology.name
                one = executors.with_line(
                    one, other, listen=f"127.0.0.1:{ports[f'legs-at-{peer}-{name}']}",
                    peer=f"127.0.0.1:{ports[f'legs-to-{name}-{peer}']}", secret=str(secret),
                )  # fmt: skip
            one = with_site(one, self.epochs.own)
            own = with_agent(one, settings, self.data.resolve() / REGIONS / name / "data")
            self.below[name] = Supervisor(own.topology, own, promised=promised, name=self.prefix + name)
            self.below[name].before_start = partial(self._before_start, self.below[name])
            self._take_in_hand(self.below[name], name)
        routes = [
            {"listen": f"127.0.0.1:{ports[f'{a}-to-{b}']}", "to": f"127.0.0.1:{ports[b]}", "delay": LINE_DELAY}
            for a, b in pairs
        ]
        for a, b in legs:
            listen, to = (f"127.0.0.1:{ports[f'legs-{end}-{a}-{b}']}" for end in ("to", "at"))
            routes.append({"listen": listen, "to": to, "delay": LINE_DELAY})
        self.above = Supervisor(self._topology(routes), promised=promised, name=self.prefix + NAME)
        self._start_all(promised)

    def _start_store(self, names: list[str]) -> None:
        """The store answers, and of each region it is known that no other site leads it. Raises Failure, CannotStart."""
        if self.outside is not None:
            self.store = self.outside
            self.tell(f"asking the store ({', '.join(self.outside.endpoints)}) …")
        else:
            self.store = EtcdServer(self.data / STORE, tls=self.tls, users_of_regions=names if self.tls else None)
            self.tell("starting the store (etcd) …")
        self.store.start()
        own = sites.place_of(self.data, self.site) if self.site is not None else None
        self.epochs = epochs.Epochs(
            lambda: self.store.client("operator", timeout_s=epochs.TIMEOUT_S), self.data / epochs.FILE, own=own
        )
        holders = [(one.topology.name, f"{one.topology.name}-{one.shard}") for one in self.regions]
        sites.settle(holders, self.epochs, self.data, take_over=self.take_over)

    def _start_all(self, promised: list[int]) -> None:
        """All runs come up together; none takes a port that another was given and has not opened yet."""
        for one in (self.above, *self.below.values()):
            self._go_on()
            self.tell(f"starting {one.topology.name}: {', '.join(_parts(one.topology))} …")
            one.promised = list(promised)
            with _named(one):
                one.launch()
            promised += one.run.ports.values()
        self._show_store()
        address = {"address": self.api, "ca": str(self.ca.resolve()) if self.ca else None}
        (Path(self.above.run.run_directory) / API).write_text(json.dumps(address), encoding="utf-8")
        for name, one in self.below.items():
            self.places[name] = one.places.data_directory.parent
            self._write_record_of(one)
        self.write_record()
        for one in (self.above, *self.below.values()):
            self._go_on()
            with _named(one):
                one.wait()
            self.tell(f"up: {one.topology.name}")
        if self.outside is not None:
            self._watch_sites()
        for hand in self.hands.values():
            hand.start()
        for roller in self.rollers.values():
            roller.start()

    def _watch_sites(self) -> None:
        """From now on a region that another site takes over ends here."""
        regions = {
            name: (f"{name}-{one.region.shard}", one) for name, one in self.below.items() if one.region is not None
        }
        self.sites = sites.Watch(self.epochs, regions)
        self.sites.start()

    def write_record(self, ended_ns: int | None = None) -> None:
        """What a report over all regions reads: where each lies, what was done, what failed."""
        document = {
            "schema": RECORD_SCHEMA,
            "name": (self.prefix + NAME) if self.directory is None else self.prefix.rstrip("-"),
            "started_ns": self.started_ns,
            "ended_ns": ended_ns,
            "failures": self.failures,
            "regions": {name: os.path.relpath(path, self._own()) for name, path in self.places.items()},
            "skipped_files": [{"path": path, "reason": reason} for path, reason in self.skipped],
            "events": self.events,
        }
        files.write_whole(self._own() / RECORD, json.dumps(document, indent=1))

    def _own(self) -> Path:
        return self.directory or self.data.resolve()

    def _take_in_hand(self, supervisor: Supervisor, name: str) -> None:
        """An engine with a standby. Raises CannotStart where a standby led last that is there no more."""
        region = supervisor.region
        assert region is not None and region.topology.region is not None
        engine, holder = region.topology.region.engine, f"{name}-{region.shard}"
        if engine in pairs.paired(region.topology):
            self.hands[name] = Hand(supervisor, self.epochs, holder, partial(self._led, name))
            supervisor.spare = self.hands[name].goes_on_without
        elif self.epochs.leader(holder) == pairs.standby_of(engine):
            place = f"data/{pairs.standby_of(engine)}"
            raise CannotStart(
                [f"{name}: tiles.{engine}.standby: is missing; it led last, and all since is in its journal, {place}"]
            )
        if name in self.hands or exchanges_of(supervisor.topology):
            self.rollers[name] = Roller(supervisor, self.hands.get(name))

    def _led(self, name: str, promotion: Promotion | None) -> None:
        """The record of a run names the engine that leads, and what was done to it."""
        if promotion is not None:
            self.events.append(_event_of(name, promotion, self.started_ns))
        supervisor = self.below.get(name)
        if supervisor is not None:
            with contextlib.suppress(OSError):
                self._write_record_of(supervisor)

    def _write_record_of(self, supervisor: Supervisor, **more: Any) -> None:
        name = supervisor.topology.name
        hand = self.hands.get(name)
        assert supervisor.region is not None
        place = self.places[name]
        leads = hand.leads if hand is not None else None
        supervisor.region.write_record(place, started_ns=self.started_ns, leads=leads, **more)

    def _before_start(self, supervisor: Supervisor, process: str) -> None:
        """Every life of an engine has an epoch of its own. Raises OSError where another site leads it: it has none then."""
        if self.sites is not None and (why := self.sites.lost.get(supervisor.topology.name)) is not None:
            raise OSError(f"{process}: is not started: {why}")
        try:
            self._give_epoch(supervisor, process)
        except OtherSite as error:
            raise OSError(f"{process}: is not started: {error}") from None

    def _give_epoch(self, supervisor: Supervisor, process: str) -> None:
        region = supervisor.region
        if (hand := self.hands.get(supervisor.topology.name)) is not None:
            hand.before_start(process)
            return
        assert region is not None and region.topology.region is not None
        if process == region.topology.process_of(region.topology.region.engine):
            holder = f"{region.topology.name}-{region.shard}"
            epoch, confirmed = self.epochs.take(holder)
            place = supervisor.places.data_directory.parent / region_files.BOOTSTRAP
            epochs.write(place, epoch, unconfirmed=not confirmed if holder in self.epochs.marked else None)

    def _confirm_epochs(self) -> None:
        now = time.monotonic()
        if self.epochs.unconfirmed and all(one.running for one in self.store.members) and now >= self._epochs_at:
            self._epochs_at = now + RESTART_SECONDS
            self.epochs.confirm()

    def _go_on(self) -> None:
        if self.asked:
            raise Interrupted(["interrupted while starting; nothing is left running"])

    def _topology(self, routes: list[dict[str, str]]) -> Topology:
        """The limits API and, between several regions, the line."""
        first = self.regions[0]
        api = {
            "listen": "127.0.0.1:{port:limits-api}",
            "tokens": str(self.tokens.resolve()),
            "etcd": self.store.endpoints,
            "reference": str(first.files["reference"].resolve()),
            "limits": str(first.files["limits"].resolve()),
            "holders": holders(self.regions),
            "runs": str(self._own().resolve()),
            "kill_sockets": {name: str(one.reserve() / f"{AGENT}.socket") for name, one in self.below.items()},
        }
        if self.tls:
            api |= {f"etcd_{name}": path for name, path in self._certified("limits-api").items()}
            # Another authority than the store's: who is known to one is not thereby let in by the other.
            own = Authority.in_folder(self.data.resolve() / TLS, "meridian limits API")
            files = own.issue("limits-api", server_names=["localhost", "127.0.0.1"])
            api |= {"certificate": str(files.certificate), "key": str(files.key)}
        services: dict[str, Any] = {"limits-api": {"kind": "limits-api", "settings": api}}
        if routes:
            services["relay"] = {"kind": "relay", "settings": {"routes": routes}}
        document = {"name": NAME, "restart": "always", "services": services, "metrics": {"enabled": False}}
        return check(document, kinds=[], aeron=native.AERON)

    def _certified(self, user: str) -> dict[str, str]:
        """The files that let a component into the store; none without TLS."""
        access = self.store.access(user)
        found = {"ca": access.ca, "certificate": access.certificate, "key": access.key}
        return {name: str(Path(path).resolve()) for name, path in found.items() if path is not None}

    def _secret(self) -> Path:
        """The key that agents sign with, made once."""
        path = self.data / "agents.secret"
        if not path.exists():
            _write_private(path, secrets.token_hex(32))
        return path.resolve()

    def _make_tokens(self) -> None:
        """Where nobody has a token yet, two risk officers get one each."""
        if self.tokens.exists():
            return
        for holder in TOKEN_HOLDERS:
            _write_private(self.token_file(holder), tokens.create(self.tokens, holder, "risk", []))

    def watch(self, each: Callable[[], None] | None = None) -> None:
        """Watches until asked to stop or until no region is left (see `failures`)."""
        while not self.asked and self.below:
            self.look()
            if each:
                each()
            time.sleep(LOOK_SECONDS)

    def pause(self, seconds: float) -> None:
        """Watches for so long, whatever it was asked."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.look()
            time.sleep(LOOK_SECONDS)

    def keep_warm(self) -> None:
        """From now on latencies count."""
        for name, supervisor in self.below.items():
            live.keep(self.places[name], supervisor.run, warm=True)

    def look(self) -> None:
        """Looks at everything once."""
        self._look_at_store()
        self._confirm_epochs()
        self.above.look()
        if self.above.failures:
            log.error("the limits API or the line does not stay up; the regions go on", why=self.above.failures)
            self.failures += self.above.failures
            self.above.failures.clear()
        lost = self.sites.lost if self.sites is not None else {}
        for name, supervisor in list(self.below.items()):
            if name in lost:
                supervisor.failures = [lost[name]]
            else:
                supervisor.look()
            if supervisor.failures:
                log.error("a region failed and is stopped; the others go on", region=name, why=supervisor.failures)
                self.failures += [f"{name}: {sentence}" for sentence in supervisor.failures]
                self._tell_failed(name, supervisor)
                self._end(self.below.pop(name))

    def _tell_failed(self, name: str, supervisor: Supervisor) -> None:
        """Whoever asks what runs here, or kills, learns of a region that does not any more."""
        self.above.run.failed[name] = {
            "why": list(supervisor.failures),
            "at_ns": time.time_ns(),
            "run": supervisor.run.name,
            "agents": [str(supervisor.places.data_directory / AGENT)],
        }
        with contextlib.suppress(OSError):
            self.above.run.write()
            self.write_record()

    def _look_at_store(self) -> None:
        if not isinstance(self.store, EtcdServer) or (member := self.store.members[0]).running:
            return
        now = time.monotonic()
        if not self._store_at:
            wait_s = min(RESTART_SECONDS * 2**self._store_restarts, RESTART_SECONDS_MAX)
            self._store_at = now + wait_s
            log.warning(
                "the store ended; regions go on with what is in force", why=member.last_words(), again_in=wait_s
            )
        elif now >= self._store_at:
            self._store_at = 0.0
            self._store_restarts += 1
            try:
                self.store.start_member(member)
            except OSError as error:
                # Its disk takes nothing: it ended because of that, too. The regions go on, and it is tried again.
                log.error("the store is not started yet", why=in_words(error))
                return
            try:
                self._show_store()
            except OSError:
                self.above.untold = True  # The disk of the run is another one; it is told with a later look.

    def _show_store(self) -> None:
        """The store among the processes of the run."""
        process = self.store.members[0].process if self.store.members else None
        run = self.above.run
        if process is not None:
            about = {"pid": process.pid, "restarts": self._store_restarts, "service": STORE}
            run.processes[STORE] = about | {"endpoints": self.store.endpoints, "access": self._certified("viewer")}
            self.above.places.ready(STORE).write_text(str(process.pid), encoding="ascii")
            run.write()

    def stop(self) -> None:
        """Stops everything, regions first. Again is no harm."""
        if self.sites is not None:
            self.sites.stop()
        while self.below:
            self._end(self.below.popitem()[1])
        above = self.above if hasattr(self, "above") and hasattr(self.above, "claim") else None
        if above is not None and hasattr(above, "run"):
            with contextlib.suppress(OSError):
                live.keep(self._own(), above.run, supervisor=True)
                self.write_record(time.time_ns())
            # Its clients first: a store that is asked to end waits for those who watch it.
            above.halt()
        # The run of what is above ends last: who waits for it to be over finds no store left either.
        if hasattr(self, "store"):
            self.store.stop()
        if above is not None:
            above.stop()
        if self.held is not None:
            os.close(self.held)
            self.held = None

    def _end(self, supervisor: Supervisor) -> None:
        if (roller := self.rollers.get(supervisor.topology.name)) is not None:
            roller.stop()
        if (hand := self.hands.get(supervisor.topology.name)) is not None:
            hand.stop()
        failures = list(supervisor.failures)
        place = self.places.get(supervisor.topology.name)
        if place is not None and hasattr(supervisor, "run"):
            with contextlib.suppress(OSError):
                live.keep(place, supervisor.run)
        supervisor.stop()
        if place is not None and supervisor.region is not None:
            with contextlib.suppress(OSError):
                self._write_record_of(supervisor, ended_ns=time.time_ns(), failures=failures)


def _event_of(region: str, promotion: Promotion, started_ns: int) -> dict[str, Any]:
    """A promotion among what was done to the regions."""
    state = {"state": "in_force", "input": promotion.input, "why": None}
    asked = promotion.request
    return {
        "kind": "promotion",
        "what": f"{promotion.tile} leads in the place of {promotion.was}, of which {promotion.why}",
        "by": "the hand over both" if asked is None else asked.by,
        "held_ms": None if asked is None else promotion.held_ms,
        "seconds": round((promotion.at_ns - started_ns) / 1e9, 3),
        "at_ns": promotion.at_ns,
        "led_ns": promotion.led_ns,
        "epoch": promotion.epoch,
        "in_force": True,
        "regions": {region: state},
        "trouble": None,
    }


def _parts(topology: Topology) -> list[str]:
    return [*topology.services, *topology.process_names()]


@contextlib.contextmanager
def _named(supervisor: Supervisor) -> Iterator[None]:
    """What keeps a run from starting, with the region's name."""
    try:
        yield
    except Interrupted:
        raise
    except CannotStart as error:
        raise CannotStart([f"{supervisor.topology.name}: {sentence}" for sentence in error.errors]) from None


def _held(data: Path) -> int:
    """The descriptor of the directory's lock. Raises OSError where another platform has it: two stores would be of one data, and
    two engines of one name."""
    if (descriptor := files.lock(data)) is None:
        raise OSError(f"{data}: a platform that is up has this data; stop it (meridian down) or name another")
    return descriptor


def _room_for_store(data: Path) -> None:
    """Raises CannotStart where the store would find no room for its own journal."""
    about = os.statvfs(data)
    free = about.f_bavail * about.f_frsize
    if free < STORE_BYTES:
        raise CannotStart(
            [f"{data}: the store needs {STORE_BYTES} bytes, {free} are free there; make room or name another"]
        )


def _write_private(path: Path, text: str) -> None:
    """A new file that its owner alone may read."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text + "\n")
