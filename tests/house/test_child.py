"""How processes of ours are asked to stop."""

from __future__ import annotations

import subprocess
import sys

HOLDS_ITS_LOCK = """
import signal
from threading import Event
from meridian.child import set_by_signals

stop = Event()
set_by_signals(stop, signal.SIGTERM)
with stop._cond:  # As `wait` has it for a moment, again and again.
    signal.raise_signal(signal.SIGTERM)
assert stop.wait(10)
print("stopped")
"""


def test_a_signal_that_comes_while_the_event_is_held_sets_it_all_the_same() -> None:
    done = subprocess.run(
        [sys.executable, "-c", HOLDS_ITS_LOCK], capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.stdout, done.stderr) == ("stopped\n", "")
