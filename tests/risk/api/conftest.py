"""etcd for the tests of the API that need a real one."""

from __future__ import annotations

import pytest

from meridian.coordination.install import installed


def pytest_collection_finish(session: pytest.Session) -> None:
    """Builds etcd where there is none before the first test's time begins to run."""
    if any(item.path.name == "test_etcd.py" for item in session.items) and not session.config.option.collectonly:
        installed()
