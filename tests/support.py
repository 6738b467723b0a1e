"""What tests of all rooms share: the sample data beside the tree, and saying what could not be checked.

Invariant: a missing program or data set skips its test and is named at the end of `make test`; it never fails and never
hides.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import NoReturn

import pytest

from tools.unchecked import not_checked

ROOT = Path(__file__).resolve().parent.parent
SHARED_DATA = ROOT.parent / "shared" / "data"


def skip_unchecked(what: str, why: str) -> NoReturn:
    """Skips this test and has `make test` end by naming what was not checked."""
    not_checked(f"{what} ({why})")
    pytest.skip(f"not checked: {what} ({why})")


def shared_data(relative: str = "") -> Path | None:
    """A file or folder of the sample data, or None where it is not there."""
    path = SHARED_DATA / relative
    return path if path.exists() else None


def need_data(relative: str, what: str) -> Path:
    """A file or folder of the sample data; skips the test where it is not there."""
    path = shared_data(relative)
    if path is None:
        skip_unchecked(what, f"the sample data {relative} is not beside the tree")
    return path


def need_program(program: str, what: str) -> Path:
    """Where a program is; skips the test where it is not installed."""
    found = shutil.which(program)
    if found is None:
        skip_unchecked(what, f"{program} is not installed")
    return Path(found)
