"""Who may do what in the store, outside a laptop: one user a component, known by its certificate.

| user | reads | writes |
| --- | --- | --- |
| `agent-REGION` | everything | what `keys.py` gives to `agent`, under its own region alone |
| `limits-api` | everything | tree, limits, parts, kills, approvals, audit, requests, the first generation, its locks |
| `operator` | everything | the generation, the reference data in force, epochs, requests, its locks |
| `viewer` | everything | nothing |
| `root` | everything | everything, and users; for set-up and restore alone |

Invariant: the table is derived from `keys.KINDS`, and setting up again changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from meridian.coordination import keys
from meridian.coordination.client import Etcd

COMPONENTS = ("limits-api", "operator", "viewer")
ADMINISTRATOR = "root"


@dataclass(frozen=True, slots=True)
class Role:
    """A role with its permissions: key, whether a prefix, read | write | read-write."""

    name: str
    permissions: tuple[tuple[str, bool, str], ...]


def agent(region: str) -> str:
    """The user of a region's agent."""
    return f"agent-{region}"


def roles(regions: Sequence[str]) -> list[Role]:
    """Every role for these regions."""
    read = (keys.ROOT, True, "read")
    found = [Role(agent(region), (read, *_writes("agent", region))) for region in regions]
    for component in COMPONENTS:
        found.append(Role(component, (read, *_writes(component))))
    return found


def _writes(role: str, *region: str) -> list[tuple[str, bool, str]]:
    """What a role writes: below its region where it has one. A region's name ends its key or is followed by a slash, so that
    no region reaches into one whose name begins with its own."""
    found = []
    for kind in keys.written_by(role):
        if region and kind.fields[:1] != ("region",):
            raise ValueError(f"{kind.path} is written by {role}, whose keys must begin with the region")
        whole = len(kind.fields) == len(region)
        found.append((kind.key(*region) if whole else kind.prefix(*region), not whole, "read-write"))
    return found


def set_up(etcd: Etcd, regions: Sequence[str], *, require: bool = True) -> list[str]:
    """Makes roles and users, and with `require` lets nobody else in from then on; returns the users. `etcd` must be `root` where
    users are required already."""
    made = [ADMINISTRATOR]
    etcd.add_role(ADMINISTRATOR, [])
    etcd.add_user(ADMINISTRATOR, [ADMINISTRATOR])
    for role in roles(regions):
        etcd.add_role(role.name, role.permissions)
        etcd.add_user(role.name, [role.name])
        made.append(role.name)
    if require:
        etcd.require_users()
    return made
