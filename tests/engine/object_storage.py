"""An S3 server of this machine for tests: moto's, in a process and with packages of its own (`requirements/moto.txt`), which
knows conditional puts; and a line to it that fails as it is told.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from meridian.coordination.install import cache_folder, fetch
from meridian.ports import free_ports
from tests.support import ROOT, skip_unchecked

LOCK = ROOT / "requirements" / "moto.txt"
BUCKET = "books"
KEYS = {"AWS_ACCESS_KEY_ID": "a-key-of-nobody", "AWS_SECRET_ACCESS_KEY": "the-secret-of-nobody"}


def packages() -> Path:
    """Where moto is; it is fetched once."""
    version = f"{sys.version_info[0]}{sys.version_info[1]}"
    place = cache_folder() / "moto" / f"{version}-{hashlib.sha256(LOCK.read_bytes()).hexdigest()[:16]}"
    place.parent.mkdir(parents=True, exist_ok=True)
    if why := fetch(LOCK, place, place / "moto", "journals: fetching an S3 server for their tests, once"):
        skip_unchecked("shipping of journals to an object storage", f"moto could not be fetched: {why}")
    return place


@contextmanager
def server() -> Iterator[str]:
    """An empty storage with a bucket; its address."""
    place = packages()
    (port,) = free_ports(1)
    environment = {**os.environ, "PYTHONPATH": str(place), **KEYS, "AWS_DEFAULT_REGION": "us-east-1"}
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with subprocess.Popen(
        command, cwd=place, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as one:
        try:
            address = f"http://127.0.0.1:{port}"
            deadline = time.monotonic() + 90
            while True:
                try:
                    made = urllib.request.Request(f"{address}/{BUCKET}", method="PUT")
                    urllib.request.urlopen(made, timeout=5).read()
                    break
                except OSError:
                    assert one.poll() is None and time.monotonic() < deadline, "the S3 server does not start"
                    time.sleep(0.2)
            yield address
        finally:
            one.kill()


class Line(ThreadingHTTPServer):
    """Hands requests on to a server, unless told to fail. `faults` is used up from its front, one a request:
    `500`, `silence`, `cut` (half an answer), `lost` (done, and the answer lost), `slow-down` (503)."""

    daemon_threads = True

    def __init__(self, address: str) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.to = address.removeprefix("http://")
        self.faults: list[str] = []
        self.always: str | None = None
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        self.address = f"http://127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request: object, client_address: object) -> None:
        """Callers that hang up are the test's business."""


class Handler(BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"
    server: Line

    def _hand_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.requests.append((self.command, self.path, dict(self.headers.items())))
        fault = self.server.always or (self.server.faults.pop(0) if self.server.faults else "")
        if fault == "silence":
            time.sleep(1.5)
            self.close_connection = True
            return
        if fault in ("500", "slow-down"):
            self._answer(500 if fault == "500" else 503, [], b"<Error><Code>InternalError</Code></Error>")
            return
        onward = http.client.HTTPConnection(self.server.to, timeout=30)
        onward.request(self.command, self.path, body or None, dict(self.headers.items()))
        answer = onward.getresponse()
        data = answer.read()
        onward.close()
        if fault == "lost":
            self.close_connection = True
            with suppress(OSError):
                self.connection.shutdown(2)
            return
        self._answer(answer.status, answer.getheaders(), data, cut=fault == "cut")

    def _answer(self, status: int, headers: list[tuple[str, str]], data: bytes, *, cut: bool = False) -> None:
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                self.send_header(name, value)
        length = data if self.command != "HEAD" else b""
        told = {name.lower(): value for name, value in headers}.get("content-length", "0")
        self.send_header("Content-Length", str(len(data)) if self.command != "HEAD" else told)
        self.end_headers()
        self.wfile.write(length[: len(length) // 2] if cut else length)
        if cut:
            self.wfile.flush()
            self.close_connection = True

    do_GET = do_PUT = do_HEAD = do_DELETE = do_POST = _hand_on

    def log_message(self, *_: object) -> None:
        """Nothing."""
