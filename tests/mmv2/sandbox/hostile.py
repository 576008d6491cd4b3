"""What the tests of hostile programs share.

Every hostile program is written to run through, and so to pass, if and only if its deed succeeds. Where the deed is
harmless, the same program also runs uncontained, and must succeed there: else its test could not fail.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mmv2.sandbox import Limits, available, passes

ROOT = Path(__file__).parents[3]
MEGA = 2**20
LIMITS = Limits(
    cpu_seconds=5,
    wall_seconds=60,  # for a machine busy with other things
    memory_bytes=256 * MEGA,
    processes=4,
    work_bytes=4 * MEGA,
    output_bytes=100_000,
)
LIBC = "import ctypes, os\nlibc = ctypes.CDLL(None, use_errno=True)\n"
NOT_PERMITTED = ("AssertionError: 1", "PermissionError: [Errno 1] Operation not permitted")


def contained(program, limits=LIMITS):
    """The outcome of a program without tests."""
    return passes(program, "", limits)


def uncontained(program, **kwargs):
    """Whether a program runs through as an ordinary process."""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=60, check=False, **kwargs)
    return done.returncode == 0


def skip_without_containment():
    """Skip a test where the kernel itself says no: a mistake in the sandbox cannot skip the sandbox's own tests."""
    missing = available()
    if missing and not kernel_grants_namespaces():
        pytest.skip(missing)
    assert missing is None


def kernel_grants_namespaces():
    """Whether a process may have a user namespace with mounts of its own."""
    new_user_and_mounts, recursive_private = 0x10020000, 0x44000
    program = f"{LIBC}assert libc.unshare({new_user_and_mounts}) == 0\n"
    program += f"assert libc.mount(b'none', b'/', None, ctypes.c_ulong({recursive_private}), None) == 0\n"
    return uncontained(program)


def processes_with(mark):
    """Ids of all processes of this machine with ``mark`` among their arguments."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if os.fsencode(mark) in path.read_bytes().split(b"\0"):
                found.append(int(path.parent.name))
        except OSError:  # it has just ended
            continue
    return found


def becomes_sleeper(mark):
    """A line of a program, which turns into one that sleeps and that ``processes_with`` finds."""
    return f"os.execv(sys.executable, [{mark!r}, '-c', 'import time; time.sleep(50)', {mark!r}])"
