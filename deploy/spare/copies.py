"""A copy of a region's files on the disk of the site that keeps it, and what it is before a region is led from it.

    DATA/regions/NAME/data/…    the files, as the region has them
    DATA/.spare/coming          a batch that is not whole yet
    DATA/.spare/ready           one that is whole; done before anything else, as often as it takes
    DATA/.spare/state.json      of which region and site, and from when
    DATA/.spare/lock            held by the process that keeps it, with its number inside

Invariant: between two batches the files are those of one moment, whatever was killed at whatever byte: a batch changes
nothing before it is whole on the disk, and is done again from its begin until it is done.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from meridian import files
from meridian.coordination.epochs import Claim
from meridian.deploy.spare import frames
from meridian.deploy.spare.frames import BLOCK_BYTES, HEAD, BadFrame, Kind

FOLDER = ".spare"
COMING, READY, STATE = "coming", "ready", "state.json"
FREE_BYTES_MIN = 16 << 20
STOP_SECONDS_MAX = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What a copy is of."""

    region: str
    site: str
    mark: str
    """Of the site's data (`sites.place_of`); empty for a platform that is of no site."""
    taken_ns: int
    """When the site had what the copy has, by its clock."""
    batch: int
    led: bool = False
    """A region was led from it since: it is no copy any more."""


def state_of(data: Path) -> State | None:
    """What the copy in this folder is of; None where none ever was whole. Raises ValueError for a damaged file."""
    path = data / FOLDER / STATE
    try:
        return State(**json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path}: is damaged ({error}); keep a new copy in an empty folder") from None


def write_state(data: Path, state: State) -> None:
    """Raises OSError."""
    path = data / FOLDER / STATE
    making = path.with_name(f"{STATE}.making")
    making.write_text(json.dumps(asdict(state)), encoding="utf-8")
    making.replace(path)


def root_of(data: Path, region: str) -> Path:
    """Where the files of a region lie, as a platform with this data looks for them."""
    return data / "regions" / region / "data"


def finish(data: Path) -> State | None:
    """Does the batch that is whole and not done, if there is one. Raises OSError, BadFrame where the disk gives back another."""
    folder = data / FOLDER
    (folder / COMING).unlink(missing_ok=True)
    ready = folder / READY
    if ready.exists():
        state = _check(ready)
        _apply(ready, root_of(data, state.region))
        write_state(data, state)
        ready.unlink()
    return state_of(data)


def room_for(coming: Path, root: Path) -> str | None:
    """Why the disk would not take what a batch makes; None where it will."""
    sizes: dict[str, int] = {}
    for kind, payload in batch(coming):
        if kind is Kind.FILE:
            path, size = frames.file_of(payload)
            sizes[path] = size
    grown = 0
    for path, size in sizes.items():
        try:
            grown += max(size - (root / path).stat().st_size, 0)
        except OSError:
            grown += size
    free = shutil.disk_usage(root.parents[2]).free
    needed = grown + FREE_BYTES_MIN
    return f"the copy needs {needed} bytes, {free} are free in {root.parents[2]}" if free < needed else None


def batch(path: Path) -> Iterator[tuple[Kind, bytes]]:
    """The frames of a batch in a file. Raises BadFrame."""
    with path.open("rb") as file:
        while head := file.read(HEAD.size):
            if len(head) < HEAD.size:
                raise BadFrame(f"{path}: is cut short")
            kind, length, checksum = frames.head_of(head)
            yield kind, frames.checked(kind, file.read(length), checksum)


def _check(ready: Path) -> State:
    """Every frame of it, before the first one is done; the last one says what the copy is then."""
    state = None
    for kind, payload in batch(ready):
        state = State(**json.loads(payload)) if kind is Kind.COMMIT else None
    if state is None or frames.REGION.fullmatch(state.region) is None:
        raise BadFrame(f"{ready}: does not end as a batch does")
    return state


def _apply(ready: Path, root: Path) -> None:
    opened: dict[str, int] = {}
    try:
        for kind, payload in batch(ready):
            if kind is Kind.FILE:
                path, size = frames.file_of(payload)
                _size(_open(root, path, opened), size)
            elif kind is Kind.RANGE:
                path, offset, data = frames.range_of(payload)
                _write(_open(root, path, opened), offset, data)
            elif kind is Kind.REMOVE:
                path = frames.path_of(str(frames.words_of(payload, path=str)["path"]))
                if (descriptor := opened.pop(path, None)) is not None:
                    os.close(descriptor)
                (root / path).unlink(missing_ok=True)
    finally:
        for descriptor in opened.values():
            os.close(descriptor)


def _open(root: Path, path: str, opened: dict[str, int]) -> int:
    if path not in opened:
        if len(opened) > 200:
            os.close(opened.pop(next(iter(opened))))
        (root / path).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        opened[path] = os.open(root / path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    return opened[path]


def _size(descriptor: int, size: int) -> None:
    """Room is taken now: who maps a file later must not find that there is none."""
    if os.fstat(descriptor).st_size != size:
        os.ftruncate(descriptor, size)
        if size:
            os.posix_fallocate(descriptor, 0, size)


def _write(descriptor: int, offset: int, data: bytes) -> None:
    while data:
        written = os.pwrite(descriptor, data, offset)
        offset, data = offset + written, data[written:]


def held(root: Path) -> Iterator[bytes]:
    """Frames that tell what stands below a folder."""
    for path in sorted(root.rglob("*")) if root.exists() else []:
        name = str(path.relative_to(root))
        if not path.is_file() or path.is_symlink() or not 1 <= name.count("/") < frames.PARTS_MAX:
            continue
        size, digests = path.stat().st_size, []
        with path.open("rb") as file:
            while block := file.read(BLOCK_BYTES):
                digests.append(frames.digest(block))
        yield from frames.have(name, size, digests)


def end_keeper(data: Path) -> None:
    """Asks the process that keeps a copy to end, and waits until it has. Raises OSError where it does not."""
    folder = data / FOLDER
    deadline = time.monotonic() + STOP_SECONDS_MAX
    while (descriptor := files.lock(folder)) is None:
        with suppress(OSError, ValueError):
            if (pid := int((folder / files.LOCK).read_text(encoding="ascii"))) > 1:
                os.kill(pid, signal.SIGTERM)
        if time.monotonic() > deadline:
            raise OSError(f"{data}: `meridian spare keep` writes there and does not end; end it, then try again")
        time.sleep(0.05)
    os.close(descriptor)


def is_copy(data: Path) -> bool:
    """Whether a copy is kept there that no region was led from. Raises ValueError."""
    return (data / FOLDER).is_dir() and ((known := state_of(data)) is None or not known.led)


def problems(data: Path, state: State | None, claims: Mapping[str, Claim | None]) -> Iterator[str]:
    """What keeps a site from leading from this copy regions that have these claims of other sites."""
    if state is None:
        yield f"{data}: the copy has never been whole; name data from which a region can be led"
    elif state.region not in claims:
        yield f"{data}: is the copy of region {state.region}, not of {', '.join(claims)}"
    elif (claim := claims[state.region]) is not None and claim.place.data != state.mark:
        yield (
            f"{data}: is the copy of site {state.site or 'without a name'}, and {state.region} is led from {claim.words}: "
            "what was done there is not in it; name a copy of that site"
        )


def lead(data: Path) -> State | None:
    """From now on these are a region's own data, and no copy is kept in them. Returns what it was a copy of."""
    if not is_copy(data) or (state := state_of(data)) is None:
        return None
    write_state(data, replace(state, led=True))
    return state
