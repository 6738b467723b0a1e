"""Journals for the tests of this room."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from meridian._native import engine as native
from tests.engine.keep_journal import inputs
from tests.support import ROOT


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """A run's folder with an engine's journal of all of `inputs`."""
    directory = tmp_path / "run" / "engine"
    directory.mkdir(parents=True)
    native.run(directory, inputs())
    return directory


@pytest.fixture
def child() -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Starts Python with a program; whatever still runs ends with the test."""
    started: list[subprocess.Popen[bytes]] = []

    def start(program: str, *words: str | int, **more: Any) -> subprocess.Popen[bytes]:
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-c", program, *map(str, words)]
        started.append(subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, **more))
        return started[-1]

    yield start
    for one in started:
        one.kill()
        one.wait()
