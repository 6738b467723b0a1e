"""Where runs of tests of platforms and regions lie."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from meridian.coordination.install import installed
from meridian.deploy import runs
from tests.deploy.support import own_runtime


@pytest.fixture
def runs_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Runs of a test lie apart from the user's own, and none is left."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "runtime"))
    yield
    assert list(runs.runs()) == [] and runs.leftovers() == []


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """Where all of a module's platform lies."""
    installed()
    with own_runtime() as folder:
        yield folder
