"""What the sender of a copy says of itself, for whoever asks after a run."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

KIND = "spare"
STATE = "spare.json"
"""In the service's own directory."""
OLD_MS = 5_000
"""A copy that is older lacks more than anybody should lose without being told."""


def sent(data: Path, service: str) -> dict[str, Any] | None:
    """What the sender of a copy says, and sentences for what is wrong; None where it has said nothing yet."""
    try:
        state = json.loads((data / service / STATE).read_text(encoding="utf-8"))
        done_ns, now = int(state["done_ns"]), time.time_ns()
        age_ms = max(now - done_ns, 0) // 1_000_000 if done_ns else None
        row = {"name": service, "age_ms": age_ms} | {
            key: state[key]
            for key in (
                "to",
                "connected",
                "lag_ms",
                "batches",
                "bytes_sent",
                "bytes_per_s",
                "look_us",
                "apart",
                "last_error",
            )
        }
        return row | {"sentences": list(_of(row))}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _of(row: dict[str, Any]) -> Iterator[str]:
    if row["age_ms"] is None:
        yield f"{row['name']}: the site at {row['to']} has no copy yet{_why(row)}; if this host is lost, nobody can go on from it"
    elif row["age_ms"] > OLD_MS:
        yield f"{row['name']}: the copy at {row['to']} is {row['age_ms'] / 1e3:.1f} s old{_why(row)}; the region trades on"


def _why(row: dict[str, Any]) -> str:
    return f" ({row['last_error']})" if row["last_error"] else ""


def line(row: dict[str, Any]) -> str:
    """The sender in one line."""
    if row["age_ms"] is None:
        return f"{row['name']}: copies to {row['to']}, which has nothing whole yet"
    return (
        f"{row['name']}: the copy at {row['to']} is as of {row['age_ms']:,} ms ago, {row['lag_ms']:.0f} ms behind when it was "
        f"done; {row['bytes_per_s']:,.0f} bytes/s"
    )
