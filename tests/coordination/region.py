"""A region for tests: a real engine, its agent as a process, and what lies in the store for them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from meridian import records
from meridian.coordination import Etcd, EtcdServer, keys, local
from meridian.deploy import bare, services
from meridian.deploy.specs import Places
from meridian.deploy.supervisor import Supervisor
from meridian.deploy.topology import Topology
from tests.risk.support import LIMITS, REFERENCE


def soon(ready: Callable[[], Any], seconds: float = 20) -> Any:
    """What `ready` says as soon as it says something."""
    deadline = time.monotonic() + seconds
    while not (value := ready()):
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.01)
    return value


def limit(number: int, lots: int, **more: Any) -> str:
    """A limit's value in the store, as two persons wrote it."""
    value = {"v": 1, "id": number, "version": 1, "node": "firm", "metric": "order_quantity", "value": str(lots)}
    return json.dumps(value | {"by": "first", "confirmed_by": "second"} | more)


def kill(new_orders: str, resting: str, *, by: tuple[str, str | None] = ("first", "second")) -> str:
    """Kill fields of the firm in the store, as two persons wrote them, or one."""
    fields = {"v": 1, "node": "firm", "new_orders": new_orders, "resting": resting, "flatten": False}
    return json.dumps(fields | {"by": by[0], "confirmed_by": by[1]})


def generation(number: int, cluster: int | None = None) -> str:
    """The generation's value in the store."""
    value: dict[str, Any] = {"v": 1, "generation": number}
    return json.dumps(value if cluster is None else value | {"cluster": f"{cluster:x}"})


def write_files(directory: Path) -> None:
    """Reference data, limits, an engine's first inputs, a secret."""
    bare.write_files(directory, REFERENCE, LIMITS)


def settings(directory: Path, endpoints: list[str], **more: Any) -> dict[str, Any]:
    """An agent's settings."""
    return bare.agent_settings(directory, "ny", {"endpoints": endpoints}) | more


def topology(name: str, directory: Path, endpoints: list[str]) -> Topology:
    """One engine and its agent."""
    return bare.topology(name, directory, settings(directory, endpoints))


class Region:
    """A running region and its store."""

    def __init__(self, supervisor: Supervisor, store: EtcdServer, user: str = "root") -> None:
        self.supervisor = supervisor
        self.store = store
        self.etcd: Etcd = store.client(user, timeout_s=2)

    @property
    def places(self) -> Places:
        """Where the run keeps things."""
        return self.supervisor.places

    def pid(self, name: str) -> int:
        """A process of the run."""
        return int(self.supervisor.run.processes[name]["pid"])

    def ask(self, **command: Any) -> dict[str, Any]:
        """The agent's answer at its local socket."""
        return local.ask(self.places.socket("agent"), command)

    def status(self) -> dict[str, Any]:
        """What the agent knows; nothing when it does not answer."""
        try:
            status: dict[str, Any] = self.ask(command="status").get("status", {})
        except (OSError, ValueError):
            return {}
        return status

    def says(self, word: str) -> bool:
        """Whether a sentence of the agent's status has these words."""
        return any(word in sentence for sentence in self.status().get("sentences", []))

    def put(self, key: str, value: str) -> int:
        """Writes a key; its revision."""
        return self.etcd.put(keys.ROOT + key, value)

    def ack(self, key: str) -> dict[str, Any]:
        """What the agent says of a key; nothing before it does."""
        found = self.etcd.get(f"{keys.ROOT}acks/ny/{key}")
        value: dict[str, Any] = json.loads(found.value) if found else {}
        return value

    def acknowledged(self, key: str, revision: int) -> dict[str, Any]:
        """The acknowledgement of this revision."""
        return dict(soon(lambda: (ack := self.ack(key)).get("revision", 0) >= revision and ack))

    def kill_in_force(self) -> tuple[str, str] | None:
        """What the engine has confirmed at the firm."""
        for row in self.status().get("kills", []):
            if row["place"] == "firm/all" and row["input"] is not None:
                return row["new_orders"], row["resting"]
        return None

    def journaled(self, sequence: int) -> np.void:
        """The record at a place of the engine's input."""
        from meridian.engine import journals

        (where,) = journals.find(Path(self.supervisor.run.data_directory))
        found = next(data for at, _, data in journals.records(where) if at == sequence)
        return records.parse(found)


assert services.KINDS["agent"]
