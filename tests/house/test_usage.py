"""Wrong usage, readers that leave, and devices in the place of files: one object, one sentence, the right exit code."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

LINE = [sys.executable, "-m", "meridian"]


@pytest.mark.parametrize("words", [["top", "--interval", "x"], ["demo", "--seconds", "0"], ["nonsense"], ["up"]])
def test_wrong_usage_with_json_prints_one_error_object(words: list[str]) -> None:
    done = subprocess.run([*LINE, *words, "--json"], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    told = json.loads(done.stdout)
    assert told["schema"] == "meridian.errors/1" and told["exit_code"] == 2 and told["errors"]
    assert "Traceback" not in done.stderr


def test_a_device_is_no_capture() -> None:
    done = subprocess.run(
        [*LINE, "wire", "decode", "/dev/zero"], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2 and "neither a file nor a pipe" in done.stderr


def test_a_reader_that_leaves_ends_the_command_quietly() -> None:
    command = f"{sys.executable} -m meridian --help | head -1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout and "Traceback" not in done.stderr and "BrokenPipe" not in done.stderr
