"""`make test`: style, Rust tests, Python tests, then what was not checked. Arguments go to pytest.

Invariant: every stage runs, whatever the ones before it found; where CI=true, an unchecked thing is a failed test.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tools import unchecked  # noqa: E402

# What takes the suite's time is said with each run.
SLOWEST = ["--durations=40", "--durations-min=5"]
WORKERS = ["-n", str(min((os.cpu_count() or 1) + 1, 4)), "--dist", "loadfile", "--no-loadscope-reorder"]

STAGES = {
    "style": [sys.executable, "tools/tidy.py"],
    "Rust": ["cargo", "test", "--workspace", "--locked", "--quiet", "--no-fail-fast"],
    # Most of them wait for processes more than they compute. A file's tests stay together: they share what they set up. In the
    # order of their names, since the files with the fewest tests take the longest.
    "Python": [sys.executable, "-m", "pytest", "-q", *SLOWEST, *WORKERS, *sys.argv[1:]],
}


def main() -> int:
    """Runs the stages and says how each ended."""
    failed = []
    with tempfile.TemporaryDirectory(prefix="meridian-test-") as folder:
        os.environ[unchecked.VARIABLE] = str(Path(folder) / "not-checked")
        for name, command in STAGES.items():
            print(
                f"== {name}: {' '.join(Path(part).name if part == sys.executable else part for part in command)}",
                flush=True,
            )
            started = time.monotonic()
            code = subprocess.run(command, cwd=ROOT, check=False).returncode
            print(f"== {name}: {'failed' if code else 'passed'} in {time.monotonic() - started:.0f} s", flush=True)
            if code:
                failed.append(name)
        missing = unchecked.collected()
    for what in missing:
        print(f"not checked: {what}")
    if missing and os.environ.get("CI") == "true":
        failed.append("completeness: in CI everything is checked")
    print(f"make test: {'failed: ' + ', '.join(failed) if failed else 'passed'}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
