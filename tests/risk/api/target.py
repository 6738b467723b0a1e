"""A running API over a double, served as the real one is."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import uvicorn

from meridian.risk.api import Service, connections, create_app, guard
from tests.risk.api.double import Double
from tests.risk.api.harness import loaded_limits, made_tokens
from tests.risk.api.harness import settings as api_settings


class Quiet(uvicorn.Server):
    """uvicorn in a thread."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """The test's own handlers stay."""
        yield


class Target:
    """A running API over a double."""

    def __init__(self, folder: Path, **more: Any) -> None:
        self.store = Double()
        self.secrets = made_tokens(folder / "tokens.json")
        self.service = Service(api_settings(folder, loaded_limits(folder), **more), self.store)
        self.service.failed_rates = guard.Buckets(1e6, 1e6)
        self.app = create_app(self.service)
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self.socket.getsockname()[1]}"
        self.server = Quiet(connections.config(self.app))
        self.thread = threading.Thread(target=self.server.run, kwargs={"sockets": [self.socket]})

    def __enter__(self) -> Target:
        self.thread.start()
        while not (self.server.started and self.service.view.generation):
            time.sleep(0.01)
        return self

    def __exit__(self, *_: object) -> None:
        self.server.should_exit = True
        self.thread.join(10)

    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop that it runs in: what is done to its store from a test is done there."""
        return self.service._tasks[0].get_loop()

    def state(self) -> dict[str, Any]:
        """All that is in the store."""
        return dict(self.store.entries_by_key)

    def changes(self) -> dict[str, Any]:
        """What is in the store of limits, parts, kills, nodes and proposals."""
        words = ("limits", "parts", "kill", "tree", "approvals", "generation")
        return {key: value for key, value in self.state().items() if key.split("/")[3] in words}
