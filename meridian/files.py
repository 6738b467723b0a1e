"""Files that a person names, looked at before they are read; and folders that go with the process that made them.

Invariant: what is read whole is a regular file of a stated size at most, so that no device and no giant is ever read into memory;
a temporary folder whose process was killed goes when the next one of its kind is made.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

OWNER = "owner"
"""In a temporary folder: locked by the process that made it, for as long as it lives."""


def fault_of(path: Path, bytes_max: int) -> str:
    """Why a file is not to be read whole; nothing where it may be, or is not there: whoever opens it says that."""
    try:
        about = path.stat()
    except (OSError, ValueError):
        return ""
    if not stat.S_ISREG(about.st_mode):
        return "is no regular file"
    return f"has {about.st_size} bytes, more than {bytes_max}" if about.st_size > bytes_max else ""


def is_device(path: Path) -> bool:
    """Whether it is a device that never ends, a disk say; a pipe is none."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        return False
    return stat.S_ISBLK(mode) or stat.S_ISCHR(mode)


LOCK = "lock"
"""In a folder of data: locked by the process that writes there, for as long as it lives."""


def lock(folder: Path, name: str = LOCK) -> int | None:
    """Makes a folder this process's alone until the descriptor is closed; None where another has it. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / name
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Its holder may have taken the file away between our opening and our locking: then this is not the file.
            if path.exists() and os.path.samestat(os.fstat(descriptor), path.stat()):
                return descriptor
        except BlockingIOError:
            os.close(descriptor)
            return None
        except OSError:
            os.close(descriptor)
            raise
        os.close(descriptor)


def write_whole(path: Path, content: str | bytes, mode: int = 0o666) -> None:
    """Writes a file so that it is there whole or not at all, whoever reads it meanwhile, a lost host included. Raises OSError."""
    making = path.with_name(f".{path.name}.making")
    descriptor = os.open(making, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        making.replace(path)
    except OSError as error:
        # A disk that is full says not of which file, and has no room for what is left of it.
        making.unlink(missing_ok=True)
        raise OSError(error.errno, error.strerror, str(path)) from error


def force(path: Path) -> None:
    """Forces a file, or the names in a directory, to the device. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def temporary_folder(prefix: str) -> Iterator[Path]:
    """A folder for as long as it is needed; first those of the same prefix go whose processes are gone. Raises OSError."""
    clear_ownerless(prefix)
    with tempfile.TemporaryDirectory(prefix=prefix) as name, (Path(name) / OWNER).open("x") as owner:
        fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield Path(name)


def clear_ownerless(prefix: str) -> None:
    """Takes away this user's folders of the prefix whose owner's lock is free. One without the file is being made."""
    for folder in Path(tempfile.gettempdir()).glob(f"{prefix}*"):
        try:
            about = folder.lstat()
            if not stat.S_ISDIR(about.st_mode) or about.st_uid != os.getuid():
                continue
            with (folder / OWNER).open("r") as owner:
                fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
        except OSError:
            continue
