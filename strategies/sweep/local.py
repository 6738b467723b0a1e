"""Jobs on the cores of this machine: worker processes, each with one job at a time.

Invariant: every job ends in one outcome: its own, or that the process which ran it ended, and how; a new worker takes its place.
A worker ends when its parent does.
"""

from __future__ import annotations

import pickle
import selectors
import struct
import subprocess
import sys
from collections.abc import Iterator, Sequence
from typing import IO, Any

from meridian import child
from meridian.strategies.sweep.job import LOST, Job, failed

__all__ = ["run_here"]

LENGTH = struct.Struct("<Q")


def run_here(jobs: Sequence[Job], workers: int) -> Iterator[dict[str, Any]]:
    """Outcomes in the order in which they come."""
    waiting = list(reversed(jobs))
    with selectors.DefaultSelector() as selector:
        try:
            for _ in range(min(workers, len(jobs))):
                _begin(selector, waiting.pop())
            while selector.get_map():
                for key, _ in selector.select():
                    process, job = key.data
                    outcome = _answer(process)
                    if outcome is None:
                        selector.unregister(key.fileobj)
                        yield failed(job, f"the process that ran it {_how(process.wait())}", LOST)
                        if waiting:
                            _begin(selector, waiting.pop())
                        continue
                    if waiting:
                        following = waiting.pop()
                        selector.modify(key.fileobj, selectors.EVENT_READ, (process, following))
                        _hand(process, following)
                    else:
                        selector.unregister(key.fileobj)
                        _end(process)
                    yield outcome
        finally:
            for key in list(selector.get_map().values()):
                key.data[0].kill()
                _end(key.data[0])


def _begin(selector: selectors.BaseSelector, job: Job) -> None:
    process = subprocess.Popen(
        child.module("meridian.strategies.sweep.local"), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        env=child.environment(),
    )  # fmt: skip
    assert process.stdout is not None
    selector.register(process.stdout, selectors.EVENT_READ, (process, job))
    _hand(process, job)


def _hand(process: subprocess.Popen[bytes], job: Job) -> None:
    assert process.stdin is not None
    content = pickle.dumps(job)
    try:
        process.stdin.write(LENGTH.pack(len(content)) + content)
        process.stdin.flush()
    except BrokenPipeError:
        pass  # It has ended; that is seen where its answer is read.


def _answer(process: subprocess.Popen[bytes]) -> dict[str, Any] | None:
    assert process.stdout is not None
    return _read(process.stdout)


def _end(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None and process.stdout is not None
    process.stdin.close()
    process.stdout.close()
    process.wait()


def _how(code: int) -> str:
    return f"was ended by signal {-code}" if code < 0 else f"ended with code {code}"


def _read(stream: IO[bytes]) -> Any:
    """The next value, None at the end."""
    head = stream.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    (length,) = LENGTH.unpack(head)
    content = stream.read(length)
    return pickle.loads(content) if len(content) == length else None


def _main() -> None:
    """A worker: jobs from standard input, outcomes to standard output; what a strategy's file prints goes to standard error."""
    import os

    from meridian.strategies.sweep.job import run_job

    with os.fdopen(os.dup(1), "wb") as answers:
        os.dup2(2, 1)
        while (job := _read(sys.stdin.buffer)) is not None:
            content = pickle.dumps(run_job(job))
            answers.write(LENGTH.pack(len(content)) + content)
            answers.flush()


if __name__ == "__main__":
    _main()
