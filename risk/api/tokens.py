"""Who may do what: tokens, hashed at rest, with one of three roles.

Invariant: a token is shown once, when it is made; what is kept is a salted BLAKE2b hash of 256 random bits in a file that its
owner alone may read. Every token is compared in constant time. What no role is given, nobody may do.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import hmac
import json
import os
import secrets
import stat
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from meridian.console import BadInput

PREFIX = "meridian"
HANDLE_BYTES = 6
SECRET_BYTES = 32
TOKEN_CHARACTERS_MAX = 200
Role = Literal["viewer", "trader", "risk"]
ROLES: list[Role] = ["viewer", "trader", "risk"]
Action = Literal[
    "read", "validate", "tighten", "propose", "confirm", "withdraw", "kill", "kill_own", "rearm", "tree", "session",
    "settle_breaks",
]  # fmt: skip
ACTIONS: dict[Action, set[Role]] = {
    "read": {"viewer", "trader", "risk"},
    "validate": {"trader", "risk"},
    "kill_own": {"trader", "risk"},
    "kill": {"risk"},
    "tighten": {"risk"},
    "propose": {"risk"},
    "confirm": {"risk"},
    "withdraw": {"risk"},
    "rearm": {"risk"},
    "tree": {"risk"},
    "session": {"trader", "risk"},
    "settle_breaks": {"risk"},
}
"""Action → the roles that may."""


class Token(BaseModel):
    """One holder's token as it is kept."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$")]
    role: Role
    strategies: list[str] = Field(default=[], description="a trader's own nodes")
    handle: str
    salt: str
    hash: str
    created_ns: int

    @property
    def mark(self) -> str:
        """What tells this token from an earlier or later one of the same holder; says nothing about its secret."""
        return hashlib.blake2b(f"{self.handle} {self.created_ns}".encode(), digest_size=8).hexdigest()

    def may(self, action: Action) -> bool:
        """Whether the role may do this at all."""
        return self.role in ACTIONS[action]


class TokenFile(BaseModel):
    """The file, whole."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    v: Literal[1] = 1
    tokens: list[Token] = []


def hashed(secret: str, salt: str) -> str:
    """The hash of a token's secret half."""
    return hashlib.blake2b(secret.encode(), salt=bytes.fromhex(salt), digest_size=32).hexdigest()


def load(path: Path) -> TokenFile:
    """Reads the file; none is no tokens. Raises BadInput when others may read it or it is not what was written."""
    try:
        with path.open("rb") as file:
            about = os.fstat(file.fileno())
            text = file.read()
    except FileNotFoundError:
        return TokenFile()
    except OSError as error:
        raise BadInput(f"tokens = {path}: {error.strerror}; allowed is a file that its owner can read.") from None
    if about.st_uid != os.geteuid() or stat.S_IMODE(about.st_mode) & 0o077:
        mode = f"mode {stat.S_IMODE(about.st_mode):o} of user {about.st_uid}"
        raise BadInput(f"tokens = {path}: {mode}; allowed is mode 600 of the user who runs this (chmod 600).")
    try:
        return TokenFile.model_validate_json(text)
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise BadInput(f"tokens = {path}: {where or 'the file'} is not what `limits token` writes.") from None


def existing(path: Path) -> TokenFile:
    """As `load`; a file that is not there is bad input too."""
    if not path.exists():
        raise BadInput(f"tokens = {path}: there is no such file; allowed is one that `limits token create` made.")
    return load(path)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle = os.open(path.with_suffix(".lock"), os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _save(path: Path, content: TokenFile) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    with os.fdopen(handle, "w") as file:
        file.write(json.dumps(content.model_dump(), indent=1))
        file.flush()
        os.fsync(file.fileno())
    Path(name).replace(path)


def create(path: Path, name: str, role: Role, strategies: list[str]) -> str:
    """Adds a token and returns it, this once. Raises BadInput with every reason why not."""
    errors = []
    if role == "trader" and not strategies:
        errors.append("strategy is missing: allowed is one or more nodes that this trader may stop.")
    if role != "trader" and strategies:
        errors.append(f"strategy = {', '.join(strategies)}: allowed is none with role {role}.")
    handle, secret = secrets.token_hex(HANDLE_BYTES), secrets.token_urlsafe(SECRET_BYTES)
    salt = secrets.token_hex(hashlib.blake2b.SALT_SIZE)
    with _locked(path):
        there = load(path)
        if any(one.name == name for one in there.tokens):
            errors.append(f"name = {name}: allowed is a name that has no token yet.")
        try:
            token = Token(
                name=name,
                role=role,
                strategies=strategies,
                handle=handle,
                salt=salt,
                hash=hashed(secret, salt),
                created_ns=time.time_ns(),
            )
        except ValidationError:
            errors.append(f"name = {name}: allowed are up to 64 letters, digits and any of `. _ @ -`.")
        if errors:
            raise BadInput(errors)
        _save(path, TokenFile(tokens=[*there.tokens, token]))
    return f"{PREFIX}_{handle}_{secret}"


def remove(path: Path, name: str) -> None:
    """Takes a holder's token away. Raises BadInput when there is none."""
    existing(path)  # Before the lock makes a file beside it.
    with _locked(path):
        there = load(path)
        left = [one for one in there.tokens if one.name != name]
        if len(left) == len(there.tokens):
            names = ", ".join(one.name for one in there.tokens) or "none"
            raise BadInput(f"name = {name}: allowed is the holder of a token ({names}).")
        _save(path, TokenFile(tokens=left))


class Tokens:
    """The tokens in force: the file as it is now, so that one taken away is refused at once."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seen: tuple[int, int, int] | None = None
        self._by_handle: dict[str, Token] = {}
        self.trouble: str | None = None
        self.refresh()

    def refresh(self) -> None:
        """Reads the file when it has changed; one that cannot be used takes every token away, and says why."""
        try:
            about = self.path.stat()
            seen = (about.st_mtime_ns, about.st_ino, about.st_mode)
        except OSError:
            seen = (0, 0, 0)
        if seen == self._seen:
            return
        self._seen, self._by_handle, self.trouble = seen, {}, None
        try:
            self._by_handle = {one.handle: one for one in load(self.path).tokens}
        except BadInput as error:
            self.trouble = error.errors[0]

    def holder(self, text: str) -> Token | None:
        """Whose token this is. A wrong one takes as long as a right one."""
        self.refresh()
        prefix, _, rest = text[:TOKEN_CHARACTERS_MAX].partition("_")
        handle, _, secret = rest.partition("_")
        token = self._by_handle.get(handle)
        salt, wanted = (token.salt, token.hash) if token else ("00" * hashlib.blake2b.SALT_SIZE, "0" * 64)
        same = hmac.compare_digest(hashed(secret, salt), wanted)
        return token if same and token and prefix == PREFIX and len(text) <= TOKEN_CHARACTERS_MAX else None

    def named(self, name: str) -> Token | None:
        """The token of a holder, if it is still there."""
        self.refresh()
        return next((one for one in self._by_handle.values() if one.name == name), None)
