"""What is done to processes, and how it is taken away again.

Invariant: what a harm changed is as before when `Harming` has ended, whatever happened meanwhile.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import time
from collections.abc import Iterator
from pathlib import Path

from meridian.deploy import condition
from tests.kill import apart
from tests.kill.plan import ALL, DRIVER, SUPERVISOR, Harm, Kind
from tests.kill.system import System

DEAD_SECONDS_MAX = 5.0
FULL_BYTES = 1
"""With a bound on the size of files, the one that any new file meets."""


def do(system: System, harm: Harm) -> bool:
    """Harms a process and takes that away again; whether an operator has to bring the system back. Raises Broken, OSError."""
    if harm.kind is Kind.KILL:
        return _kill(system, harm)
    with _harmed(system, harm):
        time.sleep(harm.seconds / 2)
        if harm.killed:
            # It may have died of the harm by itself.
            with contextlib.suppress(ProcessLookupError):
                os.kill(system.pid(harm.run, harm.process), signal.SIGKILL)
        time.sleep(harm.seconds / 2)
    return False


@contextlib.contextmanager
def _harmed(system: System, harm: Harm) -> Iterator[None]:
    if harm.kind is Kind.PAUSE:
        pid = system.pid(harm.run, harm.process)
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            # One that was killed meanwhile, by whomever, is not another process: nobody has reaped it yet, or it is gone.
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
    elif harm.kind is Kind.NETWORK:
        apart.set_network(up=False)
        try:
            yield
        finally:
            apart.set_network(up=True)
    else:
        with contextlib.ExitStack() as stack:
            for folder in system.disks(harm.run, harm.process):
                stack.enter_context(_spoilt(system, harm, folder))
            yield


@contextlib.contextmanager
def _spoilt(system: System, harm: Harm, folder: Path) -> Iterator[None]:
    """A disk that is full or read-only."""
    if not system.own_disks:
        with _bounded(system, harm) if harm.kind is Kind.FULL else _unwritable(folder):
            yield
    elif harm.kind is Kind.FULL:
        apart.fill(folder)
        try:
            yield
        finally:
            apart.empty(folder)
    else:
        apart.read_only(folder)
        try:
            yield
        finally:
            apart.unmount(folder)


@contextlib.contextmanager
def _bounded(system: System, harm: Harm) -> Iterator[None]:
    """Where mounts are not allowed: the process cannot write beyond the first byte of a file."""
    pid = system.pid(harm.run, harm.process)
    before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (FULL_BYTES, before[1]))
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            resource.prlimit(pid, resource.RLIMIT_FSIZE, before)


@contextlib.contextmanager
def _unwritable(folder: Path) -> Iterator[None]:
    before = folder.stat().st_mode
    folder.chmod(0o500)
    try:
        yield
    finally:
        folder.chmod(before)


def _kill(system: System, harm: Harm) -> bool:
    """Kills one process, or all of them; whether its supervisor does not bring it back."""
    if harm.process not in (ALL, SUPERVISOR):
        pid = system.pid(harm.run, harm.process)
        os.kill(pid, signal.SIGKILL)
        _dead(pid)
        return harm.process == DRIVER
    pids = system.pids()
    assert system.popen is not None, "it is up"
    system.popen.kill()
    if harm.process == ALL:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    system.popen.wait()
    system.popen = None
    system.gone(pids)
    return True


def _dead(pid: int) -> None:
    """Waits until the system has ended it: from then on it counts as dead for everybody."""
    deadline = time.monotonic() + DEAD_SECONDS_MAX
    while condition.state_of(pid) != "gone" and time.monotonic() < deadline:
        time.sleep(0.001)


def end(pid: int) -> None:
    """Ends a process, whatever state it is in."""
    for number in (signal.SIGCONT, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
