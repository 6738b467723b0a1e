"""Other installations of Meridian, as a person would put one beside another: an environment of Python and a copy of the package.

Invariant: what runs from one of them finds no module of the tree that is tested.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sysconfig
import venv
from collections.abc import Mapping
from pathlib import Path

import meridian

EXTENSION = "_native.abi3.so"


def installation(prefix: Path, changes: Mapping[str, tuple[str, str]] | None = None) -> Path:
    """A copy of this package at `prefix`, with one text of each of these files replaced by another."""
    venv.create(prefix, symlinks=True)
    package, own = prefix / "package" / "meridian", Path(meridian.__file__).parent
    # The extension is too large to be copied for each of them.
    shutil.copytree(own, package, ignore=shutil.ignore_patterns("__pycache__", "*.so"))
    (package / EXTENSION).symlink_to((own / EXTENSION).resolve())
    (folder,) = (prefix / "lib").glob("python*/site-packages")
    (folder / "meridian.pth").write_text(f"{package.parent}\n{sysconfig.get_paths()['purelib']}\n")
    for name, (text, other) in (changes or {}).items():
        path = package / name
        before = path.read_text(encoding="utf-8")
        assert before.count(text) == 1, f"{name} has it once: {text}"
        path.write_text(before.replace(text, other), encoding="utf-8")
    return prefix


def said(prefix: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """What a command of that installation ends with."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    line = [str(prefix / "bin" / "python"), "-P", "-m", "meridian", *words]
    return subprocess.run(line, env=environment, capture_output=True, text=True, timeout=100, check=False)
