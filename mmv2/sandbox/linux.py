"""The Linux calls that Python's standard library lacks, each raising OSError with what was tried.

Standard library only: the launcher imports this without the project's packages.
"""

import ctypes
import errno
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager

# <linux/sched.h>: what a process gets of its own.
NEW_NAMESPACES = {
    "mount": 0x00020000,
    "cgroup": 0x02000000,
    "uts": 0x04000000,
    "ipc": 0x08000000,
    "user": 0x10000000,
    "pid": 0x20000000,
    "network": 0x40000000,
}

# <linux/mount.h>
NOSUID, NODEV, NOEXEC = 0x02, 0x04, 0x08
READ_ONLY = 0x01
_BIND, _RECURSIVE, _PRIVATE = 0x1000, 0x4000, 0x40000
_DETACH = 2
_MOUNT_SETATTR = 442  # the same number on every architecture
_AT_FDCWD, _AT_RECURSIVE = -100, 0x8000

# <linux/prctl.h>, <linux/capability.h>
_PDEATHSIG, _CAPBSET_DROP, _NO_NEW_PRIVS = 1, 24, 38
_CAPABILITY_VERSION_3 = 0x20080522

_libc = ctypes.CDLL(None, use_errno=True)


@contextmanager
def step(name: str) -> Iterator[None]:
    """Name the step in an OSError that comes out of it."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, f"{name}: {os.strerror(error.errno or 0)}") from None


def _check(result: int) -> None:
    if result < 0:
        raise OSError(ctypes.get_errno(), "")


def unshare() -> None:
    """Enter new namespaces of all kinds; of processes, the next child is the first in its namespace."""
    with step("new namespaces"):
        _check(_libc.unshare(sum(NEW_NAMESPACES.values())))


def make_mounts_private() -> None:
    """No mount made from here on is seen outside, and none from outside in here."""
    with step("private mounts"):
        _check(_libc.mount(b"none", b"/", None, ctypes.c_ulong(_RECURSIVE | _PRIVATE), None))


def mount_tmpfs(target: str, flags: int, options: str) -> None:
    """Mount an empty file system in memory."""
    with step(f"tmpfs on {target}"):
        flag_word = ctypes.c_ulong(flags)
        _check(_libc.mount(b"tmpfs", os.fsencode(target), b"tmpfs", flag_word, options.encode()))


def bind(source: str, target: str, attributes: int) -> None:
    """Show a file or folder, with all that is mounted below it, at a second place, with ``attributes`` throughout."""
    with step(f"bind {source}"):
        flags = ctypes.c_ulong(_BIND | _RECURSIVE)
        _check(_libc.mount(os.fsencode(source), os.fsencode(target), None, flags, None))
    set_attributes(target, attributes, _AT_RECURSIVE)


def set_attributes(target: str, attributes: int, recursive: int = 0) -> None:
    """Add attributes such as READ_ONLY to a mount (Linux 5.12 and newer)."""
    with step(f"attributes of {target}"):
        words = struct.pack("=QQQQ", attributes, 0, 0, 0)
        _check(_libc.syscall(_MOUNT_SETATTR, _AT_FDCWD, os.fsencode(target), recursive, words, len(words)))


def pivot_root(new: str, old: str) -> None:
    """Make ``new`` the root; the former one hangs at ``old``."""
    with step("pivot_root"):
        _check(_libc.pivot_root(os.fsencode(new), os.fsencode(old)))
    os.chdir("/")


def detach(target: str) -> None:
    """Take a mount out of sight for good."""
    with step(f"unmount {target}"):
        _check(_libc.umount2(os.fsencode(target), _DETACH))


def die_with_parent() -> None:
    """Have the kernel kill this process when its parent ends; a change of user forgets it."""
    _check(_libc.prctl(_PDEATHSIG, 9, 0, 0, 0))


def empty_bounding_set() -> None:
    """No program started from here on can have any capability."""
    with step("capability bounding set"):
        for capability in range(64):
            # The kernel knows fewer, and calls the first number that it does not know invalid.
            if _libc.prctl(_CAPBSET_DROP, capability, 0, 0, 0) < 0 and ctypes.get_errno() != errno.EINVAL:
                raise OSError(ctypes.get_errno(), "")


def drop_capabilities() -> None:
    """Give up every capability of this process."""
    with step("capabilities"):
        _check(_libc.capset(struct.pack("=Ii", _CAPABILITY_VERSION_3, 0), bytes(24)))


def forbid_new_privileges() -> None:
    """No program started from here on gains rights by a set-user-id bit or by file capabilities."""
    with step("no_new_privs"):
        _check(_libc.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0))
