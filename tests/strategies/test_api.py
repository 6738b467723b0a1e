"""The plugin API's version is negotiated; live parameters, kept state and channels are what the class declares."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from meridian.console import BadInput
from meridian.strategies import ParameterError, Strategy, StrategyRefused, build, channel, param, region_number, state
from meridian.strategies.api import declared_in
from meridian.strategies.artifact import read
from meridian.strategies.cli import strategy
from meridian.strategies.discover import available
from meridian.strategies.new import make
from tests.strategies.classes.asking import Asking
from tests.strategies.classes.versions import Ancient, Both, Future, Silent, Wrong
from tests.support import ROOT

FILE = ROOT / "tests" / "strategies" / "classes" / "versions.py"


def test_the_newest_version_that_both_sides_know_is_taken(code_directory: Path) -> None:
    for cls in (Both, Silent):
        artifact = build(cls, directory=code_directory)
        assert (artifact.api, read(artifact.path).api) == (1, 1)


@pytest.mark.parametrize(
    ("cls", "words"),
    [
        (
            Future,
            "needs version 7 of the plugin API and this platform has version 1; install a newer platform, or write the",
        ),
        (Ancient, "a version (api = 1) or the first and the last (api = (1, 1)) is allowed"),
        (Wrong, "api = 'one': a version"),
    ],
)
def test_another_version_is_refused_at_its_line_with_what_to_do(cls: type[Strategy], words: str) -> None:
    line = next(number for number, text in enumerate(FILE.read_text().splitlines(), 1) if f"# {cls.__name__}" in text)
    with pytest.raises(StrategyRefused) as raised:
        build(cls)
    (error,) = raised.value.errors
    assert f"versions.py:{line}: " in error and words in error


def test_the_declared_version_is_read_without_running_the_file() -> None:
    assert [declared_in(FILE, name) for name in ("Both", "Silent", "Future", "Absent")] == ["(1, 3)", "1", "7", None]
    assert {plugin.name: plugin.api for plugin in available()}["inventory-maker"] == "1"


def test_what_is_live_and_kept_stands_in_the_artifact(code_directory: Path) -> None:
    artifact = build(Asking, directory=code_directory)
    assert {each["name"] for each in artifact.parameters if each["live"]} == {"size_lots", "lean"}
    assert [field.name for field in Asking.table.kept] == ["total", "starts", "counts"]


def test_flags_of_fields_are_checked() -> None:
    one: Any = 1
    with pytest.raises(ParameterError, match=r"param\(live=1\): True or False is allowed"):
        param(1, live=one)
    yes: Any = "yes"
    with pytest.raises(ParameterError, match=r"state\(keep='yes'\): True or False is allowed"):
        state(0, keep=yes)
    with pytest.raises(ParameterError, match="keeps 2000 numbers: 1024 are allowed"):

        class Hoarder(Strategy):
            window: list[int] = state([0] * 2000, keep=True)


def test_a_channel_is_its_name() -> None:
    assert channel("lean") == channel("lean") != channel("other")
    wrongs: list[Any] = ["", "ä", "x" * 65, "a\n", 5]
    for wrong in wrongs:
        with pytest.raises(ValueError, match="a name of 1 to 64 printable ASCII characters is allowed"):
            channel(wrong)


def test_a_region_is_its_name() -> None:
    assert region_number("foobar") == 0xBF9CF968, "FNV-1a of 32 bits, as its authors tell it"
    with pytest.raises(ValueError, match=r"region_number\(''\): a name of 1 to 64"):
        region_number("")


def test_a_new_plugin_passes_its_own_test_by_the_command_it_names(tmp_path: Path) -> None:
    done = CliRunner().invoke(strategy, ["new", "touch-joiner", "--directory", str(tmp_path), "--json"])
    assert done.exit_code == 0, done.output
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path / "test_touch_joiner.py")]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == 0 and "3 passed" in ran.stdout, ran.stdout + ran.stderr
    checked = CliRunner().invoke(strategy, ["check", str(tmp_path / "touch_joiner.py")])
    assert checked.exit_code == 0, checked.output


def test_a_new_plugin_overwrites_nothing_and_has_a_sound_name(tmp_path: Path) -> None:
    made = make("mine", tmp_path)
    before = made.plugin.read_text()
    for name in ("mine", "Mine", "1st", "two--dashes", "class", "random", "x" * 40, "../up", ""):
        with pytest.raises(BadInput):
            make(name, tmp_path)
    with pytest.raises(BadInput, match="there is no such directory"):
        make("other", tmp_path / "absent")
    assert made.plugin.read_text() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.py", "test_mine.py"]
