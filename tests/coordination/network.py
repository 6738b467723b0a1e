"""Network namespaces for partitions: each member in one of its own, with one line to the clients and another to its peers.

Nothing leaves the namespaces and their two bridges. A line that is cut loses every packet and tells nobody.
"""

from __future__ import annotations

import os
import subprocess
from itertools import count
from types import TracebackType

from meridian.coordination.server import EtcdServer, Member
from tests.support import need_program, skip_unchecked

NUMBERS = count()


def run(*words: str) -> None:
    """One `ip` command."""
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True)


class Network:
    """Two bridges in this namespace, clients' and peers', and a namespace for each member."""

    LINES = ("c", "p")

    def __init__(self, members: int) -> None:
        # What a killed member leaves may live on for a while, so no name is used twice.
        number = next(NUMBERS)
        self.name = f"m{os.getpid() % 100_000}x{number}"
        self.members = members
        self.part = (os.getpid() + number) % 120 + 2

    def __enter__(self) -> Network:
        what = "coordination: partitions in network namespaces"
        need_program("ip", what)
        if os.geteuid() != 0:
            skip_unchecked(what, "not root")
        try:
            self._build()
        except subprocess.CalledProcessError as error:
            self._clear()
            skip_unchecked(what, f"namespaces cannot be made: {error.stderr.strip()}")
        return self

    def host(self, member: int, line: str) -> str:
        """A member's address on a line; 254 is ours."""
        return f"10.{self.part + (128 if line == 'p' else 0)}.77.{member + 1}"

    def _build(self) -> None:
        for line in self.LINES:
            run("link", "add", f"{self.name}{line}", "type", "bridge")
            run("link", "set", f"{self.name}{line}", "up")
        run("addr", "add", f"{self.host(253, 'c')}/24", "dev", f"{self.name}c")
        for member in range(self.members):
            space = f"{self.name}-{member}"
            run("netns", "add", space)
            run("-n", space, "link", "set", "lo", "up")
            for line in self.LINES:
                outside = f"{self.name}{line}{member}"
                run("link", "add", outside, "type", "veth", "peer", "name", f"to{line}", "netns", space)
                run("link", "set", outside, "master", f"{self.name}{line}", "up")
                run("-n", space, "addr", "add", f"{self.host(member, line)}/24", "dev", f"to{line}")
                run("-n", space, "link", "set", f"to{line}", "up")

    def place(self, store: EtcdServer) -> None:
        """Puts a store's members into the namespaces, before it starts."""
        for at, member in enumerate(store.members):
            member.command_prefix = ["ip", "netns", "exec", f"{self.name}-{at}"]
            member.host, member.peer_host = self.host(at, "c"), self.host(at, "p")

    def cut(self, store: EtcdServer, member: Member, lines: str = "cp") -> None:
        """Loses every packet of a member on these lines."""
        for line in lines:
            run("link", "set", f"{self.name}{line}{store.members.index(member)}", "down")

    def heal(self) -> None:
        """All lines carry again."""
        for member in range(self.members):
            for line in self.LINES:
                run("link", "set", f"{self.name}{line}{member}", "up")

    def _clear(self) -> None:
        for member in range(self.members):
            for line in self.LINES:
                outside = f"{self.name}{line}{member}"
                subprocess.run(["ip", "link", "del", outside], capture_output=True, check=False)
            subprocess.run(["ip", "netns", "del", f"{self.name}-{member}"], capture_output=True, check=False)
        for line in self.LINES:
            subprocess.run(["ip", "link", "del", f"{self.name}{line}"], capture_output=True, check=False)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._clear()
