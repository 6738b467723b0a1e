"""Jobs on a Ray cluster: the same jobs, the same outcomes. Ray is imported here and nowhere else, when it is asked for.

Every node needs this platform installed and the data under the same paths; a strategy's own file travels with its jobs.

Invariant: every job ends in one outcome; a node or a worker that is lost loses its job's outcome alone, which says so.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from typing import Any

from meridian.console import BadInput, Unreachable
from meridian.strategies.sweep.job import LOST, Job, failed, run_job

__all__ = ["LOCAL", "run_on_ray"]

LOCAL = "local"
"""In place of an address: a cluster of this machine alone, for as long as the sweep runs."""
STARTS = 3
"""So often a cluster of this machine is tried: Ray gives its own processes 30 s to start, which a busy machine may not."""


def run_on_ray(jobs: Sequence[Job], workers: int, address: str) -> Iterator[dict[str, Any]]:
    """Outcomes in the order in which they come. Raises BadInput without ray, Unreachable where no cluster answers."""
    try:
        ray: Any = importlib.import_module("ray")
    except ImportError:
        raise BadInput(f"--ray {address}: the Python package ray is not installed; pip install 'ray>=2.60'") from None
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    options |= {"num_cpus": workers, "include_dashboard": False} if address == LOCAL else {"address": address}
    _connect(ray, options, address)
    try:
        remote = ray.remote(num_cpus=1, max_retries=0)(run_job)
        waiting = list(reversed(jobs))
        running: dict[Any, Job] = {}
        # Some more than there are cores, so that none waits for this process.
        most = 2 * max(1, int(ray.cluster_resources().get("CPU", 1)))
        while waiting or running:
            while waiting and len(running) < most:
                job = waiting.pop()
                running[remote.remote(job)] = job
            (ready,), _ = ray.wait(list(running), num_returns=1)
            job = running.pop(ready)
            try:
                yield ray.get(ready)
            except ray.exceptions.RayError as error:
                yield failed(job, f"the worker that ran it was lost: {type(error).__name__}", LOST)
    finally:
        ray.shutdown()


def _connect(ray: Any, options: dict[str, Any], address: str) -> None:
    for left in reversed(range(STARTS if address == LOCAL else 1)):
        try:
            ray.init(**options)
            return
        except Exception as error:  # What does not start in time is a bare Exception of Ray's.
            ray.shutdown()
            if left == 0:
                raise Unreachable(f"--ray {address}: {(str(error).splitlines() or [repr(error)])[0]}") from None
