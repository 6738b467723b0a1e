"""A run's own place in the system: mounts and a network that nobody else sees, where the system allows them.

Root gets them by itself, a user by a namespace of users where those are allowed. Where neither works, a full disk is a bound on
the size of the process's files, a read-only one a folder without the right to write, and the network is left alone; `Means`
says what is used.

Invariant: nothing outside the run's own namespaces is changed; what was mounted there goes with the last process in them.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import shutil
import socket
import struct
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

INSIDE = "MERIDIAN_KILL_APART"
"""Set for the process that runs in namespaces of its own."""
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 0x1
INTERFACE_BYTES, FLAGS_AT = 40, 16
MNT_DETACH = 2
MS_RDONLY, MS_REMOUNT, MS_BIND = 0x1, 0x20, 0x1000
BALLAST = "ballast"
DISK_BYTES = 256 << 20
"""Of each process's own disk."""

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True)
class Means:
    """By what disks and networks are harmed here."""

    own: bool
    """Whether this process has mounts and a network of its own."""

    @property
    def words(self) -> dict[str, str]:
        """For the report."""
        if self.own:
            return {
                "full disk": "a memory file system of the process's own, filled",
                "read-only disk": "a read-only mount over the process's folder",
                "network down": "the loopback interface of a network namespace that all processes share, taken down",
            }
        return {
            "full disk": "a bound on the size of files (RLIMIT_FSIZE)",
            "read-only disk": "a folder without the right to write",
            "network down": "left out: no network namespace is allowed here",
        }


def entered() -> Means:
    """Starts this program again in namespaces of its own where that is allowed, and then does not return; else what there is.

    Within them the loopback interface is taken up.
    """
    if os.environ.get(INSIDE) == "1":
        set_network(up=True)
        return Means(own=True)
    if os.environ.get(INSIDE) == "0":
        return Means(own=False)
    words = ["unshare", "--mount", "--net", "--propagation", "private"]
    if os.geteuid() != 0:
        words += ["--user", "--map-root-user"]
    allowed = (
        shutil.which("unshare") and not subprocess.run([*words, "true"], capture_output=True, check=False).returncode
    )
    os.environ[INSIDE] = "1" if allowed else "0"
    if allowed:
        os.execvp(words[0], [*words, sys.executable, *sys.orig_argv[1:]])
    return Means(own=False)


def set_network(*, up: bool) -> None:
    """The loopback interface of this network namespace up or down. Raises OSError."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        request = struct.pack(f"16sH{INTERFACE_BYTES - 18}x", b"lo", 0)
        (flags,) = struct.unpack_from("H", fcntl.ioctl(one, SIOCGIFFLAGS, request), FLAGS_AT)
        flags = flags | IFF_UP if up else flags & ~IFF_UP
        fcntl.ioctl(one, SIOCSIFFLAGS, struct.pack(f"16sH{INTERFACE_BYTES - 18}x", b"lo", flags))


def mount_disk(folder: Path) -> None:
    """A small disk of its own at a folder. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    _mount("tmpfs", folder, "tmpfs", 0, f"size={DISK_BYTES},mode=0700")


def read_only(folder: Path) -> None:
    """From now on nothing can be made or opened for writing below this folder; what is open stays so. Raises OSError."""
    _mount(str(folder), folder, None, MS_BIND, None)
    _mount("none", folder, None, MS_REMOUNT | MS_BIND | MS_RDONLY, None)


def unmount(folder: Path) -> None:
    """Takes the uppermost mount of a folder away, at once for whoever looks anew. Raises OSError."""
    if _libc.umount2(os.fsencode(folder), MNT_DETACH):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), str(folder))


def fill(folder: Path) -> None:
    """Takes all room of the disk below a folder. Raises OSError for anything but a full disk."""
    with (folder / BALLAST).open("ab") as file:
        size = os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize
        while size >= os.statvfs(folder).f_frsize:
            try:
                os.posix_fallocate(file.fileno(), file.seek(0, os.SEEK_END), size)
                file.seek(0, os.SEEK_END)
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
                size //= 2
            size = min(size, os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize)


def empty(folder: Path) -> None:
    """Gives the room back."""
    (folder / BALLAST).unlink(missing_ok=True)


def _mount(what: str, folder: Path, kind: str | None, flags: int, options: str | None) -> None:
    done = _libc.mount(
        what.encode(),
        os.fsencode(folder),
        kind.encode() if kind else None,
        flags,
        options.encode() if options else None,
    )
    if done:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), str(folder))
