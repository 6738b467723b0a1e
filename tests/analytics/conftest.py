"""One run made by code for all tests of the room."""

from pathlib import Path

import pytest

from meridian.analytics import Run
from tests.analytics.support import make_run


@pytest.fixture(scope="session")
def story(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of the run that `support` tells."""
    return make_run(tmp_path_factory.mktemp("story"))


@pytest.fixture(scope="session")
def run(story: Path) -> Run:
    """The same, opened."""
    return Run.open(story)
