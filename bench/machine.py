"""Where a figure was measured: machine, commit, build. A figure without them says nothing.

Invariant: what cannot be found out is None, never a guess.
"""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path
from typing import Any

from meridian import _native

ROOT = Path(__file__).resolve().parent.parent


def facts() -> dict[str, Any]:
    """Cores, model, caches, memory, system, and how busy the machine is at this moment."""
    return {
        "model": _processor(),
        "cores": os.cpu_count(),
        "cores_usable": len(os.sched_getaffinity(0)),
        "level_2_cache_bytes": level_2_cache_bytes(),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        "load_average": round(os.getloadavg()[0], 2),
    }


def build() -> dict[str, Any]:
    """Version, profile of the extension, and the commit of the tree that it stands in."""
    return {"version": _native.__version__, "profile": _native.PROFILE, **_commit()}


def level_2_cache_bytes() -> int | None:
    """Size of a core's second-level cache."""
    for index in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        try:
            if (index / "level").read_text().strip() != "2":
                continue
            text = (index / "size").read_text().strip()
        except OSError:
            continue
        units = {"K": 1 << 10, "M": 1 << 20}
        return int(text[:-1]) * units[text[-1]] if text[-1] in units else int(text)
    return None


def _processor() -> str | None:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return None
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), None)


def _commit() -> dict[str, Any]:
    def git(*arguments: str) -> str | None:
        try:
            done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
        except OSError:
            return None
        return done.stdout.strip() if done.returncode == 0 else None

    if not (ROOT / "Cargo.toml").is_file():
        return {"commit": None, "changed": None}  # An installed wheel stands in no tree.
    changes = git("status", "--porcelain", "--untracked-files=no")
    return {"commit": git("rev-parse", "--short=12", "HEAD"), "changed": None if changes is None else bool(changes)}
