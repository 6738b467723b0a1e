"""A client of the limits API: what the commands are made of, and what a program may use.

Invariant: a write carries a key of its own and is repeated with the same key when its answer was lost, so it is done once.

    with Client("http://127.0.0.1:8420", token) as client:
        client.get("/v1/limits")
"""

from __future__ import annotations

import os
import secrets
import ssl
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx

from meridian.console import BadInput, CheckFailed, Unreachable, in_words
from meridian.coordination.verbs import leaves_in_plain

DEFAULT = "http://127.0.0.1:8420"
UNIX = "unix:"
SECONDS_MAX = 20.0
TRIES = 3
POLL_SECONDS = 0.02
TOKEN_PLACE = Path("~/.config/meridian/token")


class Stale(CheckFailed):
    """The limit was changed by somebody else in between."""


def read_token(path: Path | None) -> str:
    """The token: MERIDIAN_TOKEN, or the file, which its owner alone may read. Raises BadInput."""
    if path is None and (told := os.environ.get("MERIDIAN_TOKEN")):
        return told.strip()
    place = (path or TOKEN_PLACE).expanduser()
    try:
        with place.open() as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            text = file.read(1_024)
    except OSError as error:
        why = f"{place}: {error.strerror}; allowed is a file with a token, or MERIDIAN_TOKEN in the environment"
        raise BadInput(f"token-file = {why}.") from None
    if mode & 0o077:
        raise BadInput(f"token-file = {place}: mode {mode:o}; allowed is mode 600 (chmod 600).")
    return text.strip()


class Client:
    """Requests with one token."""

    def __init__(self, address: str, token: str, *, ca: Path | None = None) -> None:
        if leaves_in_plain(address):
            raise BadInput(
                f"api = {address}: allowed beyond this host is https; a token sent there could be read on the way."
            )
        try:
            verify: Any = True if ca is None else ssl.create_default_context(cafile=ca)
        except OSError as error:
            raise BadInput(f"ca = {ca}: {error.strerror or error}; allowed is a PEM file of an authority.") from None
        if address.startswith(UNIX):
            transport = httpx.HTTPTransport(uds=address.removeprefix(UNIX))
            self._http = httpx.Client(transport=transport, base_url="http://api", timeout=SECONDS_MAX)
        elif address.startswith(("http://", "https://")):
            self._http = httpx.Client(base_url=address, verify=verify, timeout=SECONDS_MAX, trust_env=False)
        else:
            raise BadInput(f"api = {address}: allowed is http://HOST:PORT, https://HOST:PORT or unix:PATH.")
        self.address = address
        self._http.headers["Authorization"] = f"Bearer {token}"

    def __enter__(self) -> Client:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._http.close()

    def get(self, path: str, **parameters: Any) -> dict[str, Any]:
        """A read."""
        chosen = {name: value for name, value in parameters.items() if value is not None}
        return self._read(self._ask("GET", path, params=chosen))

    def write(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        *,
        version: int | None = None,
        **parameters: Any,
    ) -> dict[str, Any]:
        """A write, repeated with its own key while its answer is lost."""
        headers = {"Idempotency-Key": secrets.token_hex(16)}
        if version is not None:
            headers["If-Match"] = f'"{version}"'
        for left in range(TRIES, 0, -1):
            try:
                answer = self._ask(method, path, json=body, headers=headers, params=parameters)
            except Unreachable:
                if left == 1:
                    raise
            else:
                unsure = answer.status_code == 503 and answer.json().get("code") == "unknown"
                if not unsure or left == 1:
                    return self._read(answer)
            time.sleep(0.2)
        raise AssertionError("the last try returns or raises")

    def propagation(self, path: str, seconds: float) -> Iterator[dict[str, Any]]:
        """Where a change stands, again and again until it is in force everywhere or the time is over."""
        deadline = time.monotonic() + seconds
        while True:
            found = self.get(path)
            yield found
            if found["in_force"] or time.monotonic() >= deadline:
                return
            time.sleep(POLL_SECONDS)

    def _ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        try:
            return self._http.request(method, path, **more)
        except httpx.TimeoutException:
            raise Unreachable(f"{self.address} does not answer within {SECONDS_MAX:.0f} s.") from None
        except httpx.HTTPError as error:
            raise Unreachable(f"{self.address} cannot be reached: {in_words(error)}.") from None

    def _read(self, answer: httpx.Response) -> dict[str, Any]:
        try:
            document: dict[str, Any] = answer.json()
        except ValueError:
            raise Unreachable(
                f"{self.address} is no limits API: it answers {answer.status_code} without JSON."
            ) from None
        if answer.is_success:
            return document
        sentences = [one["sentence"] for one in document.get("errors", [])] or [f"HTTP {answer.status_code}"]
        raise _failure(answer.status_code)(sentences)


def _failure(status: int) -> Callable[[list[str]], BadInput | CheckFailed | Unreachable]:
    if status == 412:
        return Stale
    if status in (401, 403, 409):
        return CheckFailed
    return Unreachable if status >= 500 or status == 429 else BadInput
