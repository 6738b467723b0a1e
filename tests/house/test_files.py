"""Files that a person names, and folders that go with their process, also with one that was killed."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from meridian.child import environment
from meridian.files import OWNER, fault_of, is_device, temporary_folder

PREFIX = "meridian-test-owner-"
OWNER_OF_ONE = f"""
import sys
from meridian.files import temporary_folder
with temporary_folder("{PREFIX}") as folder:
    (folder / "data").write_text("kept while its owner lives")
    print(folder, flush=True)
    sys.stdin.read()
"""


def test_only_a_regular_file_of_a_stated_size_is_read_whole(tmp_path: Path) -> None:
    small, giant = tmp_path / "small", tmp_path / "giant"
    small.write_text("12345")
    giant.touch()
    os.truncate(giant, 10 << 30)
    assert fault_of(small, 5) == "" and fault_of(small, 4) == "has 5 bytes, more than 4"
    assert fault_of(giant, 1 << 20) == "has 10737418240 bytes, more than 1048576"
    assert fault_of(Path("/dev/zero"), 1) == fault_of(tmp_path, 1) == "is no regular file"
    assert fault_of(tmp_path / "absent", 1) == "", "whoever opens it says that"
    assert is_device(Path("/dev/zero")) and not is_device(small) and not is_device(tmp_path)


def test_a_folder_whose_owner_was_killed_goes_when_the_next_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    line = [sys.executable, "-P", "-c", OWNER_OF_ONE]
    begun = [
        subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment())
        for _ in range(2)
    ]
    folders = [Path(one.stdout.readline().strip()) for one in begun if one.stdout]
    begun[0].kill()
    begun[0].wait()
    assert folders[0].exists()
    stranger = tmp_path / f"{PREFIX}being-made"
    stranger.mkdir()
    with temporary_folder(PREFIX) as own:
        assert not folders[0].exists(), "its owner is gone"
        assert (folders[1] / "data").exists() and (own / OWNER).exists(), "theirs live"
        assert stranger.exists(), "it may be about to be owned"
    assert not own.exists()
    begun[1].communicate("")
    assert not folders[1].exists() and begun[1].returncode == 0
