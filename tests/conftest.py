"""Fixtures for every test. The seed of a random test is in its name, so that the name is the reproduction."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from meridian import ports
from tests.support import ROOT
from tools.unchecked import VARIABLE, collected

PORTS_FIRST, PORTS_OF_WORKER, WORKERS_MAX = 10_000, 2_800, 7
"""All of them lie below the ports of outgoing connections."""

Meridian = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def root() -> Path:
    """The top of the tree."""
    return ROOT


@pytest.fixture(scope="session")
def meridian() -> Meridian:
    """Runs the command line in a process of its own: `meridian("book", "--help")`."""

    def run(*arguments: str, timeout: float = 60, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "meridian", *arguments]
        return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=timeout, check=False)

    return run


def pytest_configure(config: pytest.Config) -> None:
    """Collects what is not checked also when pytest runs by itself. Of workers side by side, each has its own ports."""
    if worker := re.fullmatch(r"gw(\d+)", os.environ.get("PYTEST_XDIST_WORKER", "")):
        first = PORTS_FIRST + int(worker[1]) % WORKERS_MAX * PORTS_OF_WORKER
        os.environ.setdefault(ports.RANGE, f"{first}-{first + PORTS_OF_WORKER - 1}")
    if VARIABLE not in os.environ:
        os.environ[VARIABLE] = str(Path(config.cache.mkdir("meridian")) / "not-checked")
        Path(os.environ[VARIABLE]).unlink(missing_ok=True)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Names what was not checked."""
    for what in collected():
        terminalreporter.write_line(f"not checked: {what}")
