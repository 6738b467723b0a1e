"""Journals for the tests of this room."""

from __future__ import annotations

from pathlib import Path

import pytest

from meridian._native import engine as native
from tests.engine.keep_journal import inputs


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """A run's folder with an engine's journal of all of `inputs`."""
    directory = tmp_path / "run" / "engine"
    directory.mkdir(parents=True)
    native.run(directory, inputs())
    return directory
