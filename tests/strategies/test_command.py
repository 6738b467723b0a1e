"""`meridian strategy check | available`."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from meridian.console import BadInput, CheckFailed
from meridian.strategies import discover
from meridian.strategies.cli import strategy
from tests.conftest import Meridian
from tests.support import ROOT


@pytest.fixture(autouse=True)
def own_cache(monkeypatch: pytest.MonkeyPatch, code_directory: Path) -> None:
    monkeypatch.setenv("MERIDIAN_STRATEGIES_CACHE", str(code_directory))


def test_a_plugin_is_checked_by_name() -> None:
    done = CliRunner().invoke(strategy, ["check", "inventory-maker", "--json"])
    assert done.exit_code == 0, done.output
    (report,) = json.loads(done.stdout)["strategies"]
    assert report["name"] == "InventoryMaker"
    assert {each["callback"] for each in report["callbacks"]} == {"on_book", "on_trade", "on_status", "on_fill"}


@pytest.mark.parametrize("name", ["Joiner", "CrossedBuyer"])
def test_the_examples_of_the_guide_load(name: str, tmp_path: Path) -> None:
    blocks = (ROOT / "docs" / "quants.md").read_text().split("```python\n")[1:]
    (source,) = [block.split("```", 1)[0] for block in blocks if f"class {name}(Strategy)" in block]
    file = tmp_path / f"{name.lower()}.py"
    file.write_text(source)
    done = CliRunner().invoke(strategy, ["check", f"{file}:{name}"])
    assert done.exit_code == 0, done.output
    assert f"{name}: loads, no allocation" in done.output


def test_what_is_refused_names_the_line(tmp_path: Path) -> None:
    file = ROOT / "tests" / "strategies" / "classes" / "refused.py"
    done = CliRunner().invoke(strategy, ["check", f"{file}:Kinds"])
    assert isinstance(done.exception, CheckFailed)
    assert "refused.py:" in done.exception.errors[0]
    broken = tmp_path / "broken.py"
    broken.write_text("class Broken(:\n")
    assert isinstance(CliRunner().invoke(strategy, ["check", str(broken)]).exception, CheckFailed)
    raises = tmp_path / "raises.py"
    raises.write_text("\n1 / 0\n")
    done = CliRunner().invoke(strategy, ["check", str(raises)])
    assert isinstance(done.exception, CheckFailed)
    assert "raises.py:2: ZeroDivisionError" in done.exception.errors[0]


@pytest.mark.parametrize("spec", ["absent.py", "no-plugin", "no.module:Class", "inventory-maker:Other"])
def test_what_is_not_there_is_bad_input(spec: str) -> None:
    assert isinstance(CliRunner().invoke(strategy, ["check", spec]).exception, BadInput)


def test_plugins_are_listed() -> None:
    done = CliRunner().invoke(strategy, ["available", "--json"])
    assert {"cross-taker", "inventory-maker"} <= {each["name"] for each in json.loads(done.stdout)["plugins"]}
    assert discover.find("cross-taker").__name__ == "CrossTaker"


def test_files_called_as_the_standard_librarys_are_not_taken_for_them(tmp_path: Path, meridian: Meridian) -> None:
    for name in ("random.py", "json.py", "signal.py"):
        (tmp_path / name).write_text("raise RuntimeError('not the standard library')\n")
    (tmp_path / "mine.py").write_text((ROOT / "strategies" / "plugins" / "market_maker.py").read_text())
    done = meridian("strategy", "check", "mine.py", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    own = meridian("strategy", "check", "random.py", cwd=tmp_path)
    assert own.returncode == 1 and "random.py:1: RuntimeError: not the standard library." in own.stderr
