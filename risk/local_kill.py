"""Kills on this host's regions past the API: to the agent's socket, and where no agent answers, to the engine itself.

An engine is reached by its inbox (crates/engine/src/inbox.rs). What went there is left for the agent too, in a file that it
takes in as soon as it runs: so the store, the API and `meridian status` learn of the kill, and a re-arm finds it.

Invariant: a kill needs no more than the engine that it is for. An agent that refuses is right (it names what is not there);
one that is silent, or whose engine is, is passed by. What no engine confirmed is never told as done, and a region that should
run here and does not is named.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from meridian import records
from meridian.console import BadInput, Failure
from meridian.coordination.local import leave_kill
from meridian.deploy import runs
from meridian.deploy.strategies import RunningEngine, new_request
from meridian.risk.api import sockets
from meridian.risk.api.values import Kill
from meridian.risk.limits import Limits
from meridian.venues.reference import ReferenceData

OLDER, REFUSED = 2, 3
REFUSED_BY_AGENT = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A region of this host: its agent's socket, its engine, or both."""

    name: str
    socket: Path | None
    engine: Path | None
    """The directory of the run that the engine is of; both None where nothing of it runs."""
    agents: tuple[Path, ...] = ()
    """Where its agents keep their files."""
    gone: str = ""
    """Why nothing of it runs any more, where that is so."""


def places() -> Iterator[Place]:
    """The regions that run here, and those that should and do not: a kill is not taken there, and whoever kills is told."""
    for run in runs.runs():
        if place := _place(run):
            yield place
        for about in run.failed.values():
            why = "; ".join(about["why"][:1])
            yield Place(
                name=about["run"], socket=None, engine=None, agents=tuple(map(Path, about["agents"])),
                gone=f"it has failed and is stopped ({why})",
            )  # fmt: skip
    for left in runs.leftovers():
        known = runs.described(Path(left.run_directory))
        place = _place(known) if known else None
        if known and place and _lives(known):
            yield place
        elif place:
            why = f"its supervisor was killed and nothing of it runs; `meridian down {left.name}` clears what is left"
            yield Place(name=left.name, socket=None, engine=None, agents=place.agents, gone=why)


def _lives(run: runs.Run) -> bool:
    """Whether a process of a run whose supervisor was killed is there still: one that is paused ends when it goes on."""
    specs = f"{run.run_directory}/specs/".encode()
    for about in run.processes.values():
        with contextlib.suppress(OSError):
            if specs in Path(f"/proc/{about['pid']}/cmdline").read_bytes():
                return True
    return False


def _place(run: runs.Run) -> Place | None:
    """The region of a run; None of one without an engine: what is above the regions."""
    agents = [name for name, about in run.processes.items() if about.get("service") == "agent"]
    engine: Path | None = Path(run.data_directory).parent
    try:
        RunningEngine.of(Path(run.data_directory).parent)
    except Failure:
        engine = None
    if not agents and not engine:
        return None
    return Place(
        name=run.name,
        socket=Path(run.run_directory) / f"{agents[0]}.socket" if agents else None,
        engine=engine,
        agents=tuple(Path(run.data_directory) / name for name in agents),
    )


async def stop_all(where: list[Place], asked: Kill) -> dict[str, tuple[bool, str]]:
    """Every region at once: whether it was taken, and a sentence."""
    said = await asyncio.gather(*(_stop(place, asked) for place in where))
    return {place.name: one for place, one in zip(where, said, strict=True)}


async def _stop(place: Place, asked: Kill) -> tuple[bool, str]:
    if place.gone:
        left = _leave(place, asked)
        return False, place.gone + ("; it is left for its agent, which takes it in when it runs again" if left else "")
    why = "no agent"
    if place.socket is not None:
        taken, said = await sockets.send(place.socket, asked)
        if taken or place.engine is None or said.startswith(REFUSED_BY_AGENT):
            return taken, said
        why = f"the agent was passed by ({said})"
    assert place.engine is not None, "a place has an agent or an engine"
    return await asyncio.to_thread(_stop_engine, place, asked, why)


def _stop_engine(place: Place, asked: Kill, why: str) -> tuple[bool, str]:
    """Through the inbox. The agent's file is left first: it may only ever know of more kills than the engine."""
    assert place.engine is not None
    try:
        engine = RunningEngine.of(place.engine)
        record = _record(engine, asked)
    except Failure as error:
        return False, "; ".join(error.errors)
    _leave(place, asked)
    parsed = records.parse(record)
    mine = (int(parsed["header"]["kind"]), int(parsed["node"]), 0)

    def is_mine(one: Any) -> bool:
        return (int(one["control"]), int(one["subject"]), int(one["revision"])) == mine

    try:
        after = engine.recorded()
        engine.tell([record], new_request())
        (answer,) = engine.answers(is_mine, 1, after)[:1]
    except Failure as error:
        return False, f"{why}; {'; '.join(error.errors)}"
    outcome, at = int(answer["outcome"]), int(answer["input"])
    if outcome == REFUSED:
        return False, f"{why}; refused by the engine at input {at}"
    word = "was in force already" if outcome == OLDER else f"in force at input {at}"
    return True, f"{word}, through the engine's inbox: {why}"


def _leave(place: Place, asked: Kill) -> bool:
    """Leaves a kill for a region's agents; whether that could be. A full disk keeps no engine from stopping."""
    left = 0
    for agent in place.agents:
        with contextlib.suppress(OSError):
            leave_kill(agent, json.loads(sockets.request_line(asked)))
            left += 1
    return left > 0


def _record(engine: RunningEngine, asked: Kill) -> bytes:
    """The control record. It bears no version: it tightens, or changes nothing. Raises BadInput."""
    reference = ReferenceData.load(engine.directory / engine.document["reference"])
    limits = Limits.load(engine.directory / engine.document["limits"], reference)
    if asked.node not in limits.nodes:
        raise BadInput(f"refused: node = {asked.node}: the limits file has no such node")
    chosen = asked.selector
    known: dict[str, Mapping[str, Any]] = {
        "instrument": reference.instruments, "underlying": reference.underlyings, "sector": reference.sectors,
        "venue": reference.venues,
    }  # fmt: skip
    ids: dict[str, int] = {}
    wrong = []
    for what, named in known.items():
        name = getattr(chosen, what)
        if name is not None and name not in named:
            wrong.append(f"refused: selector.{what} = {name}: the reference data has no such {what}")
        elif name is not None:
            ids[what] = named[name].id
    kinds = [what for what in ("instrument", "underlying", "sector") if getattr(chosen, what) is not None]
    if len(kinds) > 1:
        wrong.append(f"refused: selector: {' and '.join(kinds)}; allowed is one of them")
    if wrong:
        raise BadInput(wrong)
    kind = records.SelectorKind[kinds[0].upper() if kinds else "ALL"]
    return records.new(
        "Kill",
        node=limits.node(asked.node),
        selected=ids.get(kinds[0], 0) if kinds else 0,
        selector=int(kind),
        venue=ids.get("venue", 0),
        trader=chosen.trader or 0,
        new_orders=int(records.KillNew[asked.new_orders.upper()]),
        resting=int(records.KillResting[asked.resting.upper()]),
        flatten=int(asked.flatten),
    ).tobytes()
