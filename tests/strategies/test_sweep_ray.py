"""A sweep on a Ray cluster of several processes of this machine gives what it gives here.

Ray is no dependency of the platform: it is fetched once into the cache from `requirements/ray.txt`, and joins the path last.
"""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from meridian import child
from meridian.coordination.install import cache_folder, fetch
from meridian.strategies import sweep
from tests.strategies.classes.backtested import Late
from tests.support import ROOT, skip_unchecked

LOCK = ROOT / "requirements" / "ray.txt"
CLASSES = ROOT / "tests/strategies/classes/backtested.py"
DATA = ["generated:seed=1,seconds=1", "generated:seed=2,seconds=1"]


@pytest.fixture(scope="module")
def ray() -> Path:
    """Where ray is."""
    version = f"{sys.version_info[0]}{sys.version_info[1]}"
    place = cache_folder() / "ray" / f"{version}-{hashlib.sha256(LOCK.read_bytes()).hexdigest()[:16]}"
    place.parent.mkdir(parents=True, exist_ok=True)
    why = fetch(LOCK, place, place / "ray", "sweep: fetching ray for its test, once (80 MB)")
    if why:
        skip_unchecked("a sweep on a Ray cluster", f"ray could not be fetched: {why}")
    return place


@pytest.mark.timeout(400)
def test_a_ray_cluster_gives_what_this_machine_gives(ray: Path, tmp_path: Path) -> None:
    # The strategy is a file's, which travels with its jobs; one of the two points fails.
    words = [
        "--set",
        "after=[3,1000000]",
        "--periods",
        "8",
        "--blocks",
        "4",
        "--workers",
        "2",
        "--ray",
        "local",
        "--json",
    ]
    environment = child.environment(RAY_USAGE_STATS_ENABLED="0")
    environment["PYTHONPATH"] += os.pathsep + str(ray)
    done = subprocess.run(
        [*child.module("meridian"), "sweep", f"{CLASSES}:Late", *(f"--data={each}" for each in DATA), *words],
        env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stdout + done.stderr
    assert done.stdout, done.stderr
    told = json.loads(done.stdout)
    here = sweep.run(Late, DATA, parameters={"after": [3, 1_000_000]}, periods=8, blocks=4, workers=1)
    assert len(here.failures) == 2 and here.ranked
    assert {name: told[name] for name in here.summary} == json.loads(json.dumps(here.summary))
