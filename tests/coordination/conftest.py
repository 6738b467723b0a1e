"""Stores for the tests of this room: real etcd, one member or three."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from meridian.coordination import Etcd, EtcdServer
from meridian.coordination.install import installed

HERE = Path(__file__).parent
Stores = Callable[..., EtcdServer]


def pytest_collection_finish(session: pytest.Session) -> None:
    """Builds etcd where there is none before the first test's time begins to run."""
    if any(item.path.is_relative_to(HERE) for item in session.items) and not session.config.option.collectonly:
        installed()


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EtcdServer]:
    """One member that the tests of a module share; each test has a prefix of its own."""
    with EtcdServer(tmp_path_factory.mktemp("etcd")) as server:
        yield server


@pytest.fixture
def etcd(store: EtcdServer) -> Etcd:
    """A client of the shared store."""
    return store.client()


@pytest.fixture
def prefix(request: pytest.FixtureRequest) -> str:
    """Keys that no other test uses."""
    return f"/test/{request.node.name}/"


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Stores]:
    """Starts stores that a test may break: `stores(members=3)`."""
    started: list[EtcdServer] = []

    def start(**options: Any) -> EtcdServer:
        server = EtcdServer(tmp_path / f"store-{len(started)}", **options)
        started.append(server)
        return server.start()

    yield start
    for server in started:
        for member in server.members:
            member.kill()
