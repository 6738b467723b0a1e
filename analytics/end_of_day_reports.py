"""The reports of ends of days, kept beside the run whose day they are about: one file a check, never written again.

Invariant: a report is there whole or not at all, under the time at which it was made; what is no report is said and passed over.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from meridian import files
from meridian.analytics.run import Run
from meridian.console import BadInput, Unreachable, in_words

FOLDER = "end-of-day"
SCHEMA = "meridian.end_of_day_report/1"
NAME = re.compile(r"[0-9]{1,19}")
BYTES_MAX = 64 << 20
KEYS: dict[str, type] = {"checked_ns": int, "agrees": bool, "sentence": str, "differences": list, "records": dict}


def keep(run: Run, told: dict[str, Any], checked_ns: int) -> Path:
    """Writes a report: what `meridian end-of-day check` found in a run, at a time in ns UTC. Raises Unreachable."""
    folder = run.directory / FOLDER
    path = folder / f"{checked_ns}.json"
    document = {"schema": SCHEMA, "run": run.name, "checked_ns": checked_ns} | told
    try:
        folder.mkdir(exist_ok=True)
        files.write_whole(path, json.dumps(document, indent=1, default=int))
    except OSError as error:
        raise Unreachable(f"the report is not kept: {in_words(error)}") from None
    return path


def listed(run: Run) -> tuple[list[dict[str, Any]], list[str]]:
    """The reports of a run, the newest first, and what cannot be read, a sentence each."""
    found, wrong = [], []
    names = [path.stem for path in (run.directory / FOLDER).glob("*.json") if NAME.fullmatch(path.stem)]
    for name in sorted(names, key=int, reverse=True):
        try:
            found.append(read(run, name))
        except (BadInput, Unreachable) as failure:
            wrong += failure.errors
    return found, wrong


def read(run: Run, name: str) -> dict[str, Any]:
    """One report, by the time at which it was made. Raises BadInput for one that is not there or no report, or Unreachable."""
    path = run.directory / FOLDER / f"{name}.json"
    if not NAME.fullmatch(name) or not path.is_file():
        raise BadInput(f"report = {name[:40]}: allowed is the time of one that is listed")
    if fault := files.fault_of(path, BYTES_MAX):
        raise BadInput(f"{path}: {fault}; allowed is a report of `meridian end-of-day check`")
    try:
        document = json.loads(path.read_bytes())
    except OSError as error:
        raise Unreachable(in_words(error)) from None
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict) or document.get("schema") != SCHEMA or str(document.get("checked_ns")) != name:
        document = {}
    if any(not isinstance(document.get(key), kind) for key, kind in KEYS.items()):
        raise BadInput(f"{path}: is no report of {SCHEMA}; allowed is one of `meridian end-of-day check`")
    return dict(document)
