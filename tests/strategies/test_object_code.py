"""Object code: the same bytes for the same class, found again, loaded without numba, refused when it is not what it says."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from meridian._native import strategies as native
from meridian.strategies import build
from meridian.strategies.artifact import read
from meridian.strategies.plugins.market_maker import InventoryMaker
from tests.strategies.classes.failing import Failing

WITHOUT = """
import sys
for name in ("numba", "llvmlite", "numpy"):
    sys.modules[name] = None
from meridian._native import strategies
from meridian.strategies.artifact import read
artifact = read(sys.argv[1])
runner = strategies.SlotRunner.compiled(artifact.path)
for bits in artifact.bits({"size_lots": 5}):
    runner.set_parameter(*bits)
_, intents, status = runner.measure(100)
assert status == 0 and intents > 0, (status, intents)
print("intents", intents)
"""


def test_the_same_class_gives_the_same_bytes_and_is_found_again(tmp_path: Path) -> None:
    first = build(InventoryMaker, directory=tmp_path / "one")
    second = build(InventoryMaker, directory=tmp_path / "two")
    assert first.path.name == second.path.name
    assert first.path.read_bytes() == second.path.read_bytes()
    written = first.path.stat().st_mtime_ns
    again = build(InventoryMaker, directory=tmp_path / "one")
    assert again == first
    assert again.path.stat().st_mtime_ns == written


def test_damaged_object_code_is_built_anew(tmp_path: Path) -> None:
    artifact = build(InventoryMaker, directory=tmp_path)
    good = artifact.path.read_bytes()
    artifact.path.write_bytes(good[:-1] + b"?")
    assert build(InventoryMaker, directory=tmp_path).path.read_bytes() == good


def test_no_path_of_the_building_machine_is_in_it(code_directory: Path) -> None:
    artifact = build(InventoryMaker, directory=code_directory)
    here = str(Path(__file__).parents[2]).encode()
    assert here not in artifact.path.read_bytes()
    assert here not in artifact.path.with_suffix(".json").read_bytes()
    assert sys.prefix.encode() not in artifact.path.read_bytes()


def test_it_loads_in_a_process_without_numba(code_directory: Path) -> None:
    artifact = build(InventoryMaker, directory=code_directory)
    done = subprocess.run([sys.executable, "-c", WITHOUT, artifact.path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "intents" in done.stdout


def test_the_description_says_what_it_is_made_of(code_directory: Path) -> None:
    artifact = build(InventoryMaker, directory=code_directory)
    about = json.loads(artifact.path.with_suffix(".json").read_text())
    assert about["schema"] == 1
    assert about["callbacks"] == list(artifact.callbacks) == ["on_book", "on_trade", "on_status", "on_fill"]
    assert {parameter["name"] for parameter in about["parameters"]} == set(InventoryMaker.table.parameters)
    assert set(about["versions"]) == {"numba", "llvmlite", "numpy"}
    assert bytes.fromhex(about["initial"]) == InventoryMaker.table.initial()
    assert read(artifact.path) == artifact


def test_what_is_no_strategy_is_refused(tmp_path: Path) -> None:
    garbage = tmp_path / "garbage-0000000000000000.so"
    garbage.write_bytes(b"not an object")
    with pytest.raises(ValueError, match="cannot be opened"):
        native.SlotRunner.compiled(garbage)
    with pytest.raises(ValueError, match="cannot be read"):
        native.SlotRunner.compiled(tmp_path / "absent.so")


def test_a_parameter_that_the_class_lacks_is_refused(code_directory: Path) -> None:
    runner = native.SlotRunner.compiled(build(Failing, directory=code_directory).path)
    for name, offset, scalar in (("how", 8, 1), ("how", 0, 2), ("turns", 24, 1), ("nothing", 0, 1)):
        with pytest.raises(ValueError, match="no such parameter"):
            runner.set_parameter(name, offset, scalar, 1)


def test_the_price_of_a_call_is_measured(code_directory: Path) -> None:
    assert 0 < native.bench_call(build(InventoryMaker, directory=code_directory).path, 20_000) < 100_000


EARLY = """
import sys
import numba
import numpy
@numba.njit
def total(values):
    result = 0.0
    for place in range(values.size):
        result += values[place] * 2
    return result
total(numpy.arange(10.0))
from meridian.strategies import build
from meridian.strategies.plugins.market_maker import InventoryMaker
print(build(InventoryMaker, directory=sys.argv[1]).code_hash)
"""


def test_the_bytes_do_not_depend_on_what_else_uses_numba(tmp_path: Path, code_directory: Path) -> None:
    done = subprocess.run([sys.executable, "-c", EARLY, tmp_path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == build(InventoryMaker, directory=code_directory).code_hash
