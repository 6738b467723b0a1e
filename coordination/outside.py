"""A coordination store that somebody else runs: where it answers, and the certificates that let this platform's parts in.

Invariant: nothing is started and nothing is set up there; who is asked to use it finds it answering, or is told why not.

    store = OutsideStore(["https://10.0.0.1:2379", "https://10.1.0.1:2379"], Path("/etc/meridian/store"))
    store.start()
    etcd = store.client("operator")
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from meridian._native.coordination import EtcdError
from meridian.console import Unreachable
from meridian.coordination import keys
from meridian.coordination.client import Etcd
from meridian.coordination.server import Member
from meridian.coordination.users import ADMINISTRATOR
from meridian.coordination.verbs import Access, leaves_in_plain

ENDPOINTS_MAX = 9
CA = "ca.pem"


@dataclass(frozen=True, slots=True)
class OutsideStore:
    """Addresses, and a folder with `ca.pem` and each user's `USER.pem` and `USER-key.pem`, as our authority leaves them."""

    endpoints: list[str]
    certificates: Path | None = None
    members: tuple[Member, ...] = ()
    """None of them is ours to start again."""

    @property
    def tls(self) -> bool:
        """Whether it is reached over TLS."""
        return self.certificates is not None

    def problems(self, users: Sequence[str]) -> Iterator[str]:
        """A sentence for each fault of what a person named, where parts of these users are to be let in."""
        if not 1 <= len(self.endpoints) <= ENDPOINTS_MAX:
            yield f"--store: names {len(self.endpoints)} addresses; allowed: 1 to {ENDPOINTS_MAX}, separated by commas"
        for one in self.endpoints:
            if not _is_address(one):
                yield f"--store: {one}: allowed: an address such as https://10.0.0.1:2379"
            elif leaves_in_plain(one):
                yield f"--store: {one}: beyond this host it must be https, with --store-certificates"
            elif one.startswith("https:") != self.tls:
                needed = "needs --store-certificates" if not self.tls else "takes none of --store-certificates"
                yield f"--store: {one}: {needed}; https with certificates, or http on this host without"
        if self.certificates is not None:
            files = [CA, *(name for user in users for name in (f"{user}.pem", f"{user}-key.pem"))]
            missing = [name for name in files if not (self.certificates / name).is_file()]
            if missing:
                yield f"--store-certificates {self.certificates}: lacks {', '.join(missing)}; needed: {', '.join(files)}"

    def access(self, user: str = ADMINISTRATOR) -> Access:
        """What lets a user in."""
        if self.certificates is None:
            return Access()
        return Access(
            ca=self.certificates / CA, certificate=self.certificates / f"{user}.pem",
            key=self.certificates / f"{user}-key.pem",
        )  # fmt: skip

    def client(self, user: str = ADMINISTRATOR, *, timeout_s: float = 5.0) -> Etcd:
        """A client as this user."""
        return Etcd(self.endpoints, self.access(user), timeout_s=timeout_s)

    def start(self) -> None:
        """Returns once it has answered. Raises Unreachable."""
        try:
            self.client("operator").get(keys.GENERATION.key())
        except EtcdError as error:
            raise Unreachable(f"--store {','.join(self.endpoints)}: {error}; nothing is started without it") from None

    def stop(self) -> None:
        """It goes on."""


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return (
            parts.scheme in ("http", "https")
            and bool(parts.hostname)
            and parts.port is not None
            and not parts.path.strip("/")
        )
    except ValueError:
        return False
