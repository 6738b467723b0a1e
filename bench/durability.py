"""Rows of the journal's durability: what an append costs, how much a storage takes, how long a command waits for the disk,
and how fast a journal is read back.

Invariant: what is called forced was on the device when the clock stopped; the device's own figure is taken in the same run, in
the same folder. The folder is the one that temporary files go to (`TMPDIR`); a memory-backed one is said to be so.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from meridian.bench.loop import nanoseconds, percentiles
from meridian.bench.row import Goal, Missing, Peer, Result, Row, Run

RECORD_BYTES = 96
FRAME_BYTES = 120
"""A market order's record, and its place in a segment."""
SEGMENT_BYTES = 16 << 20
MEMORY = Path("/dev/shm")
PREFIX = "meridian-bench-"


def _in(folder: Path | None, measure: Callable[[Path], float]) -> float:
    with tempfile.TemporaryDirectory(prefix=PREFIX, dir=folder) as name:
        return measure(Path(name))


def _file_system(folder: Path) -> str:
    """The kind of the file system that a folder lies on, as the kernel names it."""
    best, kind = "", "unknown"
    for line in Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines():
        _, mount, name, *_ = line.split()
        if os.path.commonpath([mount, folder.resolve()]) == mount and len(mount) >= len(best):
            best, kind = mount, name
    return kind


def append(run: Run) -> Result:
    """Each append by itself, at durability `process`."""
    import numpy as np

    from meridian._native import bench as native

    records = run.pick(200_000, 5_000)
    blocks = []
    for _ in range(run.blocks):
        with tempfile.TemporaryDirectory(prefix=PREFIX) as folder:
            blocks.append(nanoseconds(native.journal_append_each(folder, records)))
        run.done()
    every = np.concatenate(blocks)
    return Result(
        name="durability_append", title="journal append on the hot path, durability process", unit="ns",
        input=f"{run.blocks} blocks of {records:,} market order records, each timed by itself with one reading of the clock in "
        "it, into a mapped segment whose pages were touched",
        value=run.estimate([float(np.median(block)) for block in blocks]), percentiles=percentiles(every),
        peers=[Peer(name="none", why_missing="journal_append has the copy of the same bytes")],
        goals=[Goal(bound=100, of="p50")], blocks=run.blocks,
    )  # fmt: skip


def memory(run: Run) -> Result:
    """Records a second to memory-backed storage, beside a plain file of as many bytes there."""
    from meridian._native import bench as native

    if not MEMORY.is_dir():
        raise Missing(f"there is no {MEMORY}")
    records = run.pick(1_000_000, 20_000)
    if os.statvfs(MEMORY).f_bavail * os.statvfs(MEMORY).f_frsize < 3 * records * FRAME_BYTES:
        raise Missing(f"{MEMORY} has no room for {records:,} records")
    value, peer, ratio = run.compare(
        lambda: records / _in(MEMORY, lambda at: native.journal_write(at, records, SEGMENT_BYTES, False)),
        lambda: records / _in(MEMORY, lambda at: native.disk_write(at / "plain", records * FRAME_BYTES)),
    )
    return Result(
        name="durability_memory", title="journal to memory-backed storage", unit="records/s",
        input=f"{records:,} market order records a block, segments of {SEGMENT_BYTES >> 20} MiB made as they are needed, on "
        f"{_file_system(MEMORY)}", value=value, peers=[Peer(name="plain file of the same bytes", value=peer, ratio=ratio)],
        goals=[Goal(bound=2_000_000, at_most=False)], blocks=run.blocks, details={"frame_bytes": FRAME_BYTES},
    )  # fmt: skip


def disk(run: Run) -> Result:
    """Records a second until the device has them, beside the device's own limit."""
    from meridian._native import bench as native

    records = run.pick(300_000, 20_000)
    folder = Path(tempfile.gettempdir())
    value, peer, ratio = run.compare(
        lambda: records / _in(folder, lambda at: native.journal_write(at, records, SEGMENT_BYTES, True)),
        lambda: records / _in(folder, lambda at: native.disk_write(at / "plain", records * FRAME_BYTES)),
    )
    return Result(
        name="durability_disk", title="journal at durability disk, until the device has it", unit="records/s",
        input=f"{records:,} market order records a block on {_file_system(folder)}, forced all the time by the thread beside the "
        "writer; the peer is as many bytes in one file, forced once", value=value,
        peers=[Peer(name="the disk itself", value=peer, ratio=ratio)], blocks=run.blocks,
        details={"file_system": _file_system(folder)},
    )  # fmt: skip


def release(run: Run) -> Result:
    """How long a command waits at durability `disk`, beside a forced write by itself."""
    import numpy as np

    from meridian._native import bench as native

    records = run.pick(100, 10)
    folder = Path(tempfile.gettempdir())
    ours, floor = [], []
    for _ in range(run.blocks):
        with tempfile.TemporaryDirectory(prefix=PREFIX, dir=folder) as name:
            ours.append(nanoseconds(native.journal_release(name, records)))
            floor.append(nanoseconds(native.disk_force(Path(name) / "plain", records)))
        run.done()
    mine, theirs = ([float(np.median(block)) for block in blocks] for blocks in (ours, floor))
    ratios = [one / other for one, other in zip(mine, theirs, strict=True)]
    return Result(
        name="durability_release", title="from the append of an input to the release of its commands, durability disk",
        unit="ns", input=f"{run.blocks} blocks of {records} records, one after the other, on {_file_system(folder)}; the floor "
        "is fdatasync after 4,096 bytes over the same place", value=run.estimate(mine),
        percentiles=percentiles(np.concatenate(ours)),
        peers=[Peer(name="fdatasync", value=run.estimate(theirs), ratio=run.estimate(ratios))], blocks=run.blocks,
        details={"file_system": _file_system(folder), "floor_ns": percentiles(np.concatenate(floor))},
    )  # fmt: skip


def replay(run: Run) -> Result:
    """Inputs a second, read, checked and folded."""
    from meridian._native import bench as native

    records = run.pick(2_000_000, 20_000)
    with tempfile.TemporaryDirectory(prefix=PREFIX) as folder:
        native.journal_replay(folder, records, run.seed)
        value, _, _ = run.compare(lambda: records / native.journal_replay(folder, records, run.seed), None)
    return Result(
        name="durability_replay", title="replay of a journal: read, checked, folded", unit="inputs/s",
        input=f"{records:,} book changes of 16 instruments of one venue, seed {run.seed}, no strategy; files in the page cache",
        value=value, peers=[Peer(name="none", why_missing="nobody else reads these journals")],
        goals=[Goal(bound=5_000_000, at_most=False)], blocks=run.blocks,
    )  # fmt: skip


ROWS = [
    Row(name="durability_append", title="journal append by itself", unit="ns", measure=append),
    Row(name="durability_memory", title="journal to memory-backed storage", unit="records/s", measure=memory),
    Row(name="durability_disk", title="journal at durability disk beside the disk", unit="records/s", measure=disk),
    Row(name="durability_release", title="wait for the disk", unit="ns", measure=release),
    Row(name="durability_replay", title="replay of a journal", unit="inputs/s", measure=replay),
]
