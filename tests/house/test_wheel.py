"""The wheel holds the rooms, and works beside a user's own folder called `strategies`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.support import ROOT

NOT_SHIPPED = ("__pycache__", ".pyc", "/tests/", "_cache/")


def tracked_rooms() -> set[str]:
    """Every file of the rooms as the wheel names it."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    rooms = sorted(link.name for link in (ROOT / "meridian").iterdir() if link.is_symlink())
    listed = subprocess.run(
        [*command, *rooms], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    return {
        f"meridian/{name}"
        for name in listed
        if (ROOT / name).is_file() and not any(part in f"/{name}" for part in NOT_SHIPPED)
    }


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel as it is built from the tree, with the extension that lies in the tree when cargo cannot be asked."""
    out = tmp_path_factory.mktemp("wheel")
    maturin = shutil.which("maturin", path=str(Path(sys.executable).parent))
    assert maturin
    script = '. tools/environment && exec "$0" build --quiet --auditwheel skip --profile "$1" --out "$2"'
    from meridian import _native

    done = subprocess.run(
        ["sh", "-c", script, maturin, _native.PROFILE, str(out)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return next(out.glob("*.whl"))


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_wheel_holds_the_rooms_and_nothing_else(wheel: Path) -> None:
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert tracked_rooms() <= names
    assert {
        "meridian/cli.py",
        "meridian/py.typed",
        "meridian/_native/__init__.pyi",
        "meridian/_native.abi3.so",
    } <= names
    strangers = {
        name for name in names if not name.startswith("meridian/") or any(part in name for part in NOT_SHIPPED)
    }
    assert not strangers
    assert "abi3" in wheel.name


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_wheel_works_beside_a_folder_called_strategies(wheel: Path, tmp_path: Path) -> None:
    installed, user = tmp_path / "installed", tmp_path / "user"
    zipfile.ZipFile(wheel).extractall(installed)
    (user / "strategies").mkdir(parents=True)
    (user / "strategies" / "__init__.py").write_text("OWNER = 'user'\n")
    code = (
        "import strategies, meridian, meridian.records as r, meridian.strategies as s\n"
        "from meridian import _native\n"
        "assert strategies.OWNER == 'user'\n"
        "print(meridian.__file__, s.__path__[0] if hasattr(s, '__path__') else '', _native.__file__, sep='\\n')\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(user), str(installed)])}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=user, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert all(line.startswith(str(installed)) for line in done.stdout.splitlines()), done.stdout
