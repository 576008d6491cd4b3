"""Processes, memory, time, output."""

import os
import re
import signal
import subprocess
import sys
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mmv2.sandbox import Limits
from tests.mmv2.sandbox.hostile import (
    LIBC,
    LIMITS,
    NOT_PERMITTED,
    ROOT,
    becomes_sleeper,
    contained,
    processes_with,
    uncontained,
)


def test_processes_are_limited():
    def forking(count):
        return (
            f"import os, time\nfor _ in range({count}):\n    if os.fork() == 0:\n        time.sleep(0.5); os._exit(0)"
        )

    assert contained(forking(LIMITS.processes - 1)).passed
    one_more = contained(forking(LIMITS.processes))
    assert one_more.detail == "BlockingIOError: [Errno 11] Resource temporarily unavailable"
    assert uncontained(forking(LIMITS.processes))


def test_every_limit_is_set():
    program = f"""
from resource import *
expected = {{RLIMIT_CPU: 5, RLIMIT_AS: {LIMITS.memory_bytes}, RLIMIT_NOFILE: 64, RLIMIT_CORE: 0, RLIMIT_MEMLOCK: 0}}
assert {{name: getrlimit(name)[0] for name in expected}} == expected
"""
    assert contained(program).passed


def test_open_files_are_limited():
    program = f"kept = [open(__import__('os').devnull) for _ in range({LIMITS.open_files})]"
    assert contained(program).detail == "OSError: [Errno 24] Too many open files: '/dev/null'"
    assert uncontained(program)


def test_threads_count_as_processes():
    start = "threading.Thread(target=time.sleep, args=[1], daemon=True).start()"
    program = f"import threading, time\nfor _ in range(9): {start}"
    assert contained(program).detail == "RuntimeError: can't start new thread"
    assert uncontained(program)


def test_forking_without_end_is_stopped():
    program = "import os\nwhile True:\n    try:\n        os.fork()\n    except OSError:\n        pass"
    outcome = contained(program, Limits(cpu_seconds=1, wall_seconds=1.5, processes=4))
    assert outcome.reason == "time"


@pytest.mark.parametrize("call", ["signal.SIGINT", "signal.SIGTERM", "signal.SIGKILL"])
def test_the_first_process_cannot_be_killed_by_signals(call):
    program = f"import os, signal, time\nos.kill(1, {call})\ntime.sleep(0.1)\nassert False, 'still here'"
    assert contained(program).detail == "AssertionError: still here"


def test_the_first_process_as_seen_from_outside(monkeypatch):
    monkeypatch.setenv("MMV2_TEST_TOKEN", "secret")
    mark = f"sleeper-{uuid.uuid4()}"
    with ThreadPoolExecutor(1) as pool:
        outcome = pool.submit(contained, f"import os, sys\n{becomes_sleeper(mark)}")
        while not (found := processes_with(mark)):
            assert not outcome.done()
            time.sleep(0.02)
        assert Path(f"/proc/{found[0]}/oom_score_adj").read_text() == "1000\n"
        first = Path("/proc", re.search(r"PPid:\t(\d+)", Path(f"/proc/{found[0]}/status").read_text()).group(1))
        assert re.search(r"CapPrm:\t0+\n", (first / "status").read_text())
        assert b"secret" not in (first / "environ").read_bytes()
        os.kill(int(first.name), signal.SIGKILL)  # as the kernel does when memory runs out
    assert outcome.result().reason == "killed"
    assert not processes_with(mark)


def test_no_process_outlives_the_program():
    mark = f"stray-{uuid.uuid4()}"
    program = f"""
import os, sys
ready, write = os.pipe()
if os.fork() == 0:
    os.setsid()
    for number in range(3): os.close(number)
    {becomes_sleeper(mark)}
os.close(write)
os.read(ready, 1)  # returns when the other one has become the sleeper
"""
    assert contained(program).passed
    assert not processes_with(mark)
    assert uncontained(program)
    (stray,) = processes_with(mark)
    os.kill(stray, signal.SIGKILL)


def test_nothing_goes_on_when_the_caller_is_killed():
    mark = f"stray-{uuid.uuid4()}"
    program = f"import os, sys\n{becomes_sleeper(mark)}"
    caller = f"from mmv2.sandbox import passes\npasses({program!r}, '')"
    with subprocess.Popen([sys.executable, "-c", caller], cwd=ROOT) as process:
        try:
            while not processes_with(mark):
                assert process.poll() is None
                time.sleep(0.02)
        finally:
            process.kill()
    deadline = time.monotonic() + 20
    while processes_with(mark) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not processes_with(mark)


def test_memory_is_limited():
    program = f"import mmap\nmmap.mmap(-1, {2 * LIMITS.memory_bytes})"  # asked for, never touched
    assert contained(program).detail == "OSError: [Errno 12] Cannot allocate memory"
    assert uncontained(program)


def test_allocating_without_end_is_stopped():
    outcome = contained("kept = []\nwhile True:\n    kept.append(bytes(2**24))")
    assert outcome.detail == "MemoryError"


@pytest.mark.parametrize(
    "call",
    [
        "os.memfd_create('x')",
        "assert libc.shmget(0, 4096, 0o1600) >= 0, ctypes.get_errno()",
        "assert libc.semget(0, 1, 0o1600) >= 0, ctypes.get_errno()",
        "assert libc.msgget(0, 0o1600) >= 0, ctypes.get_errno()",
    ],
)
def test_memory_that_no_limit_counts_is_refused(call):
    outcome = contained(LIBC + call)
    assert outcome.detail in NOT_PERMITTED
    # In an ipc namespace that goes with its process, so that nothing stays behind.
    assert uncontained(f"{LIBC}assert libc.unshare(0x18000000) == 0\n{call}")


def test_looping_without_end_is_stopped():
    outcome = contained("while True: pass", Limits(cpu_seconds=1))
    assert (outcome.reason, outcome.detail) == ("time", "stopped at the limit of processor time")


def test_sleeping_without_end_is_stopped():
    outcome = contained("import time\ntime.sleep(600)", Limits(wall_seconds=1))
    assert (outcome.reason, outcome.detail) == ("time", "stopped at the limit of time")


def test_printing_without_end_is_stopped():
    assert contained("while True: print('x' * 1000)").reason == "output"


@pytest.mark.parametrize(("size", "reason"), [(100_000, "passed"), (100_001, "output")])
def test_the_limit_of_output_is_exact(size, reason):
    assert contained(f"import sys\nsys.stderr.write('x' * {size})").reason == reason
