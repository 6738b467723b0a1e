"""What the tests of strategies share."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def code_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory for object code, empty at the start of the session."""
    return tmp_path_factory.mktemp("object-code")
