"""etcd for the rows of the coordination layer."""

from __future__ import annotations

from pathlib import Path

import pytest

from meridian.coordination.install import installed

HERE = Path(__file__).parent


def pytest_collection_finish(session: pytest.Session) -> None:
    """Builds etcd where there is none before the first test's time begins to run."""
    if any(item.path.is_relative_to(HERE) for item in session.items) and not session.config.option.collectonly:
        installed()
