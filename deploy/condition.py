"""What a person is told of runs: of each part what it is doing, what that means for trading, and what to do.

Invariant: whatever keeps a change from coming into force, or a part from its work, is a sentence here; who does not answer is
told with what stays in force meanwhile. Nothing here waits longer than `PATIENCE_S` for anybody.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from meridian import release
from meridian.console import in_words
from meridian.coordination import Access, Etcd, EtcdError, keys, local
from meridian.coordination.sentences import plain
from meridian.deploy import roll_requests
from meridian.deploy.metrics import read
from meridian.deploy.runs import Run
from meridian.deploy.spare import room as spare_room
from meridian.deploy.specs import RELEASES
from meridian.engine import pair, quarantine
from meridian.engine import room as engine_room
from meridian.exchange import room
from meridian.venues import fix_endings
from meridian.venues.fix.ends import HINTS, hint

PATIENCE_S = 1.0
OLD_MS = 5_000
"""Positions of another region that are older than this may be wrong."""
SUPERVISOR = "processes that end are not started again, and a region that fails is not stopped"
TAKEN_FOR_DEAD = "; paused for 10 s it is taken for dead by the media driver, and ends when it goes on"
FREE_BYTES_MIN = 64 << 20
REFUSED = "fix.refused_in_a_row"
ENDS = "fix.ends."
REFUSED_MIN = 3
"""Fewer are a venue that is starting, or a line that broke."""
ENDED_AGAIN_NS = 60_000_000_000
"""A session that was let in and ended the same way again so lately may do so once more."""
TAKEN = "fix.numbers_taken"
STOPPED = {"T": "paused", "t": "paused", "Z": "gone", "X": "gone"}
GOES_ON = "regions trade on within what is in force"

NO_GENERATION = (
    "store: it has no generation: it is empty or was emptied; agents take nothing of it but kills. Restore it, look at what "
    "it holds, then raise the generation (docs/coordination.md)"
)
WITHOUT_AGENT = "the engine trades on within what is in force, no change reaches it, `meridian kill NODE --local` does"
WITHOUT_API = f"limits cannot be changed meanwhile, `meridian kill NODE --local` works; {GOES_ON}"


def state_of(pid: int) -> str:
    """What a process does: runs, paused (SIGSTOP, a debugger), gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return "gone"
    return STOPPED.get(text.rpartition(")")[2].split()[0], "runs")


def store(run: Run) -> dict[str, Any] | None:
    """The store of a platform's run: what it says of itself, and a sentence for what is wrong; None where it has none."""
    found = [(name, about) for name, about in run.processes.items() if about.get("endpoints")]
    if not found:
        return None
    name, about = found[0]
    facts: dict[str, Any] = {"name": name, "endpoints": about["endpoints"], "tls": bool(about.get("access"))}
    facts |= {"state": "away", "revision": None, "generation": None, "version": None, "sentences": []}
    if (state := state_of(about["pid"])) != "runs":
        facts["state"] = state
        return facts
    given = about.get("access", {})
    ca, certificate, key = (Path(given[part]) if part in given else None for part in ("ca", "certificate", "key"))
    access = Access(ca=ca, certificate=certificate, key=key)
    try:
        etcd = Etcd(about["endpoints"], access, timeout_s=PATIENCE_S)
        found_generation = etcd.get(keys.GENERATION.key())
        member = etcd.status()[0]
    except EtcdError as error:
        facts["sentences"] = [f"store: {name} does not answer ({plain(str(error))}); {GOES_ON}"]
        return facts
    facts |= {"state": "present", "revision": member.revision, "version": member.version}
    if found_generation is None:
        facts["state"] = "empty"
        facts["sentences"] = [NO_GENERATION]
        return facts
    try:
        facts["generation"] = keys.generation(found_generation.value)
    except ValueError as error:
        facts["sentences"] = [f"store: its generation cannot be read ({error}); agents take nothing of it but kills"]
    return facts


def agents(run: Run) -> list[dict[str, Any]]:
    """What each region's agent of a run says of itself; one that does not answer is said to."""
    rows = []
    for name, about in run.processes.items():
        if about.get("service") != "agent":
            continue
        row: dict[str, Any] = {"name": name, "region": None, "store": "not known", "sentences": [], "status": None}
        try:
            path = Path(run.run_directory) / f"{name}.socket"
            status = local.ask(path, {"command": "status"}, timeout_s=PATIENCE_S)["status"]
            row |= {"region": status["region"], "store": status["store"]["state"], "sentences": status["sentences"]}
            row["status"] = status
        except (OSError, ValueError, KeyError) as error:
            why = in_words(error) if isinstance(error, OSError) else error
            row["sentences"] = [f"agent: it does not answer ({why}); {WITHOUT_AGENT}"]
        rows.append(row)
    return rows


def api(run: Run) -> dict[str, Any] | None:
    """What the limits API of a platform's run says of itself; None where it has none."""
    name = next((name for name, about in run.processes.items() if about.get("service") == "limits-api"), None)
    if name is None:
        return None
    row: dict[str, Any] = {"name": name, "state": "not known", "revision": None, "sentences": []}
    try:
        path = Path(run.run_directory) / f"{name}.socket"
        status = local.ask(path, {"command": "status"}, timeout_s=PATIENCE_S)["status"]
        row |= {"state": status["status"], "revision": status["view"]["revision"]}
        row["sentences"] = list(_of_api(status))
    except (OSError, ValueError, KeyError):
        row["sentences"] = [f"limits API: it does not answer; {WITHOUT_API}"]
    return row


def keepers(run: Run) -> list[dict[str, Any]]:
    """What the keepers of engines' journals say of themselves, where they have said anything yet."""
    names = [name for name, about in run.processes.items() if about.get("service") == engine_room.KEEPER]
    return [told for name in names if (told := engine_room.kept(Path(run.data_directory), name)) is not None]


def spares(run: Run) -> list[dict[str, Any]]:
    """What the senders of copies say of themselves, where they have said anything yet."""
    names = [name for name, about in run.processes.items() if about.get("service") == spare_room.KIND]
    return [told for name in names if (told := spare_room.sent(Path(run.data_directory), name)) is not None]


def keeper_line(row: dict[str, Any]) -> str:
    """A keeper in one line."""
    if row["shipped_to"] is None:
        return f"{row['name']}: keeps {row['journal'] or 'a journal that has not begun'}"
    waiting = f"{row['segments_not_shipped']} closed segments to ship"
    age = f", the oldest for {row['oldest_not_shipped_s']:.0f} s" if row["segments_not_shipped"] else ""
    last = f"; last error: {row['last_error']}" if row["last_error"] else ""
    return f"{row['name']}: {waiting}{age}, to {row['shipped_to']}{last}"


def _of_api(status: dict[str, Any]) -> Iterator[str]:
    """What a person should know of a limits API that answers."""
    if not status["view"]["live"]:
        age_s = status["view"]["age_ms"] / 1_000
        why = f"{status['view']['why']}; what it shows is {age_s:.1f} s old"
        yield f"limits API: the store is away ({why}); changes are refused, kills go to the regions' own sockets"
    yield from status["findings"]
    for number in status["pending"]:
        yield f"limit {number}: its lowering waits for engines that have not given back; `meridian limits show {number}`"
    if status["unwritten_kills"]:
        yield f"limits API: {status['unwritten_kills']} kills that regions took are not in the store yet; they will be"


def stopped(run: Run) -> Iterator[str]:
    """A sentence for each process that is not at work."""
    for name, about in run.processes.items():
        state = state_of(about["pid"])
        what = f"{name} (process {about['pid']})"
        if state == "paused":
            meaning = _meaning(about) or TAKEN_FOR_DEAD
            yield f"{what}: is paused; `kill -CONT {about['pid']}` lets it go on{meaning}"
        elif state == "gone":
            yield f"{what}: is gone; its supervisor starts it again where the topology says so{_meaning(about)}"


def releases(run: Run) -> Iterator[str]:
    """A sentence for each process that says another release than is expected of it, and one where a run has more than one."""
    of: dict[str, list[str]] = {}
    for name, about in run.processes.items():
        said = release.attested(Path(run.run_directory) / RELEASES / name, about["pid"])
        if said is None:
            continue
        of.setdefault(said, []).append(name)
        if said != about.get("release", said):
            yield release.mismatch(name, said, about["release"])
    if len(of) > 1:
        # What most are of needs no names.
        most, *others = sorted(of, key=lambda one: -len(of[one]))
        told = [f"{release.shown(one)} ({', '.join(of[one])})" for one in others]
        yield f"{len(of)} releases stand in this run: {release.shown(most)} ({len(of[most])} processes), {', '.join(told)}"


def rolls(run: Run) -> Iterator[str]:
    """A sentence for a roll that is under way."""
    told = roll_requests.told(Path(run.run_directory))
    if told is not None and told.get("state") == roll_requests.UNDER_WAY:
        where = told["to"] or "the installation before"
        last = f"; {told['steps'][-1]}" if told["steps"] else ""
        yield f"a roll to {where} is under way, asked by {told['by']}: {told['reason']}{last}"


def full(run: Run) -> Iterator[str]:
    """A sentence for a disk that has no room for what a run writes."""
    for directory in dict.fromkeys([run.data_directory, run.run_directory, run.shared_directory]):
        try:
            free = shutil.disk_usage(directory).free
        except OSError:
            continue  # Gone with its run, and told as that.
        if free < FREE_BYTES_MIN:
            yield (
                f"disk: {directory} has {free >> 20} MiB left; a store, a journal or an agent that cannot write there stops; "
                "make room"
            )


def without_room(run: Run) -> Iterator[str]:
    """A sentence for each house exchange or engine that takes, or sends, nothing new because it could not keep it."""
    for process in run.processes:
        counters = dict(read(run.counters(process)))
        yield from room.sentences(counters, Path(run.data_directory))
        yield from engine_room.sentences(counters, Path(run.data_directory))


def quarantined(run: Run) -> Iterator[str]:
    """A sentence for each strategy that an engine does not call since it ended its process."""
    for process in run.processes:
        yield from quarantine.sentences(dict(read(run.counters(process))), Path(run.data_directory))


def pairs(run: Run) -> list[dict[str, Any]]:
    """Each engine of a run that is one of a pair: whether it leads, how far the other is, and what is wrong."""
    return pair.rows({process: dict(read(run.counters(process))) for process in run.processes})


def refused(run: Run) -> Iterator[str]:
    """A sentence for each FIX session of ours that its venue does not let in, or that ends again and again."""
    for process in run.processes:
        # They go on counting while they are read: endings told before the refusals in a row are never more than those explain.
        before, counters = (dict(read(run.counters(process))) for _ in range(2))
        for name, times in counters.items():
            if not name.endswith(REFUSED) or not isinstance(times, int):
                continue
            scope = name.removesuffix(REFUSED)
            ends = {
                one.removeprefix(f"{scope}{ENDS}"): seen
                for one, seen in counters.items()
                if one.startswith(f"{scope}{ENDS}") and isinstance(seen, int)
            }
            tile = scope.partition(".")[0]
            last, words, ended_ns = fix_endings.at(Path(run.data_directory) / tile)
            if times >= REFUSED_MIN:
                why = ", ".join(f"{seen} times {one.replace('_', ' ')}" for one, seen in sorted(ends.items()) if seen)
                what = f"its venue has not let its FIX session in, {times} times in a row ({why})"
            elif (
                last in HINTS
                and isinstance(first := before.get(f"{scope}{ENDS}{last}"), int)
                and first >= times + REFUSED_MIN
                and time.time_ns() - ended_ns < ENDED_AGAIN_NS
            ):
                what = f"its FIX session ends again and again ({ends[last]} times {last.replace('_', ' ')})"
            else:
                continue
            said = f'; they said "{words}"' if words else ""
            todo = hint(last, taken=bool(counters.get(f"{scope}{TAKEN}")))
            yield f'{tile}: {what}{said}{todo}; docs/fix.md says more under "A session that is not let in"'


def failed(run: Run) -> Iterator[str]:
    """A sentence for each region of a platform that has failed."""
    for name, about in run.failed.items():
        told = "; ".join(about["why"])
        yield (
            f"region {name}: it has failed and is stopped ({told}); the others go on, limits hold by parts; look at "
            "its log, then `meridian down` and `meridian up --regions` start all of it again"
        )


def supervisors(found: Iterable[Run]) -> list[dict[str, Any]]:
    """The processes that watch over these runs: whether each is at work, with a sentence for one that is not."""
    rows: dict[int, dict[str, Any]] = {}
    for run in found:
        pid = run.supervisor_pid
        row = rows.setdefault(pid, {"pid": pid, "state": state_of(pid), "runs": [], "sentences": []})
        row["runs"].append(run.name)
    for pid, row in rows.items():
        if row["state"] == "paused":
            who = f"supervisor (process {pid}) of {', '.join(row['runs'])}"
            what = f"`kill -CONT {pid}` lets it go on, `meridian down` ends it"
            row["sentences"] = [f"{who}: is paused; {SUPERVISOR}; {what}"]
    return list(rows.values())


def _meaning(about: dict[str, Any]) -> str:
    return f"; {GOES_ON}" if about.get("service") else ""


def store_line(facts: dict[str, Any]) -> str:
    """A store in one line."""
    if facts["revision"] is None:
        return f"store: {facts['state']}"
    tls = "over TLS" if facts["tls"] else "plain, on this host"
    return (
        f"store: {facts['state']}, revision {facts['revision']}, generation {facts['generation'] or 'none'}, "
        f"etcd {facts['version']}, {tls}"
    )


def agent_lines(row: dict[str, Any]) -> Iterator[str]:
    """An agent: its store, engine, epoch, kills and what it knows of other regions."""
    status = row["status"]
    if status is None:
        return
    seen, engine = status["store"], status["engine"]
    yield (
        f"store {seen['state']}, revision {seen['revision']}, generation {seen['generation']}; engine {engine['state']} at "
        f"input {engine['watermark']}, epoch {engine['epoch']} of {status['holder']}, {engine['store_epoch']} in the store"
    )
    for kill in status["kills"]:
        if (kill["new_orders"], kill["resting"], kill["flatten"]) == ("allow", "keep", False):
            continue
        since = "not confirmed by the engine yet" if kill["input"] is None else f"since input {kill['input']}"
        flatten = ", flatten" if kill["flatten"] else ""
        yield f"kill at {kill['place']}: new orders {kill['new_orders']}, resting {kill['resting']}{flatten}; {since}"
    for peer in status["peers"]:
        if peer["age_ns"] is not None:
            age_ms = peer["age_ns"] // 1_000_000
            old = "; old: its agent, or the line to it, is away" if age_ms > OLD_MS else ""
            yield f"positions of {peer['region']}: {age_ms} ms old, as of its input {peer['watermark']}{old}"


def told(run: dict[str, Any]) -> Iterator[str]:
    """Everything to be told of a run as `meridian status` describes it."""
    name = run["name"]
    if run["store"]:
        yield f"{name}: {store_line(run['store'])}"
        yield from (f"  {sentence}" for sentence in run["store"]["sentences"])
    if run["api"]:
        seen = "" if run["api"]["revision"] is None else f", revision {run['api']['revision']}"
        yield f"{name}: limits API: {run['api']['state'].replace('_', ' ')}{seen}"
        yield from (f"  {sentence}" for sentence in run["api"]["sentences"])
    for agent in run["agents"]:
        yield f"{name}: agent of region {agent['region'] or name}"
        yield from (f"  {line}" for line in [*agent_lines(agent), *agent["sentences"]])
    for keeper in run["keepers"]:
        yield f"{name}: {keeper_line(keeper)}"
        yield from (f"  {sentence}" for sentence in keeper["sentences"])
    for row in run["spares"]:
        yield f"{name}: {spare_room.line(row)}"
        yield from (f"  {sentence}" for sentence in row["sentences"])
    for row in run["pairs"]:
        yield f"{name}: {pair.line(row)}"
        yield from (f"  {sentence}" for sentence in row["sentences"])
    kinds = ("failed", "stopped", "releases", "rolls", "full", "without_room", "refused", "quarantined")
    yield from (f"{name}: {sentence}" for kind in kinds for sentence in run[kind])


def described(run: Run) -> dict[str, Any]:
    """What `meridian status` adds to a run's processes."""
    return {
        "store": store(run), "api": api(run), "agents": agents(run), "pairs": pairs(run), "failed": list(failed(run)),
        "keepers": keepers(run),
        "spares": spares(run),
        "stopped": list(stopped(run)),
        "releases": list(releases(run)),
        "rolls": list(rolls(run)),
        "full": list(full(run)),
        "refused": list(refused(run)),
        "without_room": list(without_room(run)),
        "quarantined": list(quarantined(run)),
    }  # fmt: skip
