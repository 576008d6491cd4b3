"""Runs one Python program in a container of its own, within limits of time, memory, files and output."""

import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from mmv2.sandbox.launch import NOBODY, WORK
from mmv2.sandbox.view import PACKAGES, view

_LAUNCH = """
import sys
sys.path.append(sys.argv[1])
from mmv2.sandbox.launch import main
main(sys.argv[2], int(sys.argv[3]))
"""

_SETUP_SECONDS = 120
"""The launcher needs a tenth of one; a machine busy with other things must not make a program fail."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What one program may use."""

    cpu_seconds: int = 10
    """Processor time of each process: unlike wall time, nearly independent of what else the machine does."""
    wall_seconds: float = 30.0
    """Time from start to end, after which all processes are killed."""
    memory_bytes: int = 2**30
    """Address space of each process; all together hold at most ``processes`` times as much, and ``work_bytes``."""
    processes: int = 4
    """Processes and threads at the same time, the program itself among them."""
    work_bytes: int = 64 * 2**20
    """All files together; they are in memory, and gone afterwards."""
    open_files: int = 64
    output_bytes: int = 2**20
    """Standard output and error together."""


class ContainmentError(Exception):
    """The kernel did not give the container; nothing was run. The message names the step that failed."""


@dataclass
class Ended:
    """How a program ended."""

    stopped: Literal["time", "output"] | None = None
    """The limit at which all was killed from outside."""
    started: float | None = None
    """When, by ``time.monotonic``; None before."""
    said: str = "nothing"
    """What the program's frame said of it at its end: passed, failed, nothing."""
    status: int = 0
    """Wait status, see ``os.waitstatus_to_exitcode``; means nothing where stopped, and nothing on the tests."""
    output: bytearray = field(default_factory=bytearray)
    """Standard output and error as they came."""


def run(source: str, limits: Limits, packages: Sequence[str]) -> Ended:
    """Run the text of a program, contained; returns when all its processes have ended.

    Raises ContainmentError, before any line of the program has run, where the kernel refuses a part of the container.
    """
    ours, theirs = socket.socketpair(type=socket.SOCK_SEQPACKET)  # keeps messages apart
    with ours, _readable(source) as text, _launched(theirs, text, _specification(limits, packages)) as launcher:
        return _watch(launcher, ours, limits)


@contextmanager
def _readable(source: str) -> Iterator[int]:
    """A descriptor from which the text can be read, and no more."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(source.encode("utf-8", errors="surrogatepass"))
        file.flush()
        with Path(file.name).open("rb") as reader:
            yield reader.fileno()


@contextmanager
def _launched(control: socket.socket, text: int, spec: dict[str, Any]) -> Iterator[subprocess.Popen[bytes]]:
    """The launcher as a process; at the end it is stopped, and waited for."""
    # Only what the interpreter itself may need to start; the program's environment is that of ``spec``.
    environment = {key: os.environ[key] for key in ("LD_LIBRARY_PATH",) if key in os.environ}
    root = str(Path(__file__).parents[2])
    with control:
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _LAUNCH, root, json.dumps(spec), str(control.fileno())],
            stdin=text,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=[control.fileno()],
            env=environment,
            cwd="/",
            start_new_session=True,  # Ctrl-C comes to us, and we end the launcher
        )
    with process:
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()


def _specification(limits: Limits, packages: Sequence[str]) -> dict[str, Any]:
    """All that the launcher is told."""
    seen = view(packages)
    is_root = os.geteuid() == 0
    fixed = {
        "RLIMIT_CPU": (limits.cpu_seconds, limits.cpu_seconds + 1),  # SIGXCPU, then SIGKILL
        "RLIMIT_AS": (limits.memory_bytes,) * 2,
        # Counted by user inside the namespace: the first process, and the launcher where it has the same user.
        "RLIMIT_NPROC": (limits.processes + (1 if is_root else 2),) * 2,
        "RLIMIT_NOFILE": (limits.open_files,) * 2,
        **dict.fromkeys(("RLIMIT_CORE", "RLIMIT_MEMLOCK"), (0, 0)),
    }
    return {
        "is_root": is_root,
        "visible": seen.visible,
        "links": seen.links,
        "hidden": seen.hidden,
        "devices": ["/dev/null", "/dev/urandom"],
        "work_bytes": limits.work_bytes,
        "resources": fixed,
        "command": [seen.interpreter, "-S", "-s", "-P", "-c", Path(__file__).with_name("program.py").read_text()],
        "environment": {
            "HOME": WORK,
            "LANG": "C.UTF-8",
            "LD_LIBRARY_PATH": seen.libraries,
            "PYTHONPATH": PACKAGES,
            "PYTHONUTF8": "1",
            "PYTHONHASHSEED": "0",  # the order of a set, and with it a verdict, must not change by itself
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
        },
    }


def _watch(launcher: subprocess.Popen[bytes], control: socket.socket, limits: Limits) -> Ended:
    """Answer the launcher and collect the program's output until it ends or reaches a limit."""
    ended = Ended()
    begin = time.monotonic()
    assert launcher.stdout is not None
    with selectors.DefaultSelector() as selector:
        selector.register(control, selectors.EVENT_READ)
        selector.register(launcher.stdout, selectors.EVENT_READ)
        through = False
        while not through and len(ended.output) <= limits.output_bytes:
            deadline = begin + _SETUP_SECONDS if ended.started is None else ended.started + limits.wall_seconds
            ready = [key.fileobj for key, _ in selector.select(max(0.0, deadline - time.monotonic()))]
            if not ready and ended.started is None:
                raise ContainmentError(f"the launcher was not ready after {_SETUP_SECONDS} seconds")
            if not ready:
                ended.stopped = "time"
                return ended
            if launcher.stdout in ready:
                chunk = os.read(launcher.stdout.fileno(), 2**16)
                ended.output += chunk
                if not chunk:
                    selector.unregister(launcher.stdout)
            if control in ready:
                through = _answer(launcher, control, ended)
    if through:
        launcher.wait()
        ended.output += launcher.stdout.read()
    if len(ended.output) > limits.output_bytes:
        ended.stopped = "output"
    return ended


def _answer(launcher: subprocess.Popen[bytes], control: socket.socket, ended: Ended) -> bool:
    """Take one message of the launcher; whether the program has ended."""
    message = control.recv(2**10).decode()
    if message == "unshared":
        _map_user(launcher.pid)
        control.sendall(b"mapped")
    elif message == "started":
        ended.started = time.monotonic()
    elif message.startswith("ended "):
        _, ended.said, status = message.split()
        ended.status = int(status)
        return True
    elif message == "" and ended.started is not None:  # the program has broken the process that watches it
        ended.status = signal.SIGKILL
        return True
    else:
        raise ContainmentError(message.removeprefix("error: ") or ended.output.decode(errors="replace")[-200:].strip())
    return False


def _map_user(pid: int) -> None:
    """Give the new user namespace its ids: NOBODY, and of root's also 0, which the launcher gives up at the end."""
    folder = Path(f"/proc/{pid}")
    try:
        if os.geteuid() == 0:
            for name in ("uid_map", "gid_map"):
                (folder / name).write_text(f"0 0 1\n{NOBODY} {NOBODY} 1\n")
        else:
            (folder / "setgroups").write_text("deny")
            (folder / "uid_map").write_text(f"{NOBODY} {os.geteuid()} 1\n")
            (folder / "gid_map").write_text(f"{NOBODY} {os.getegid()} 1\n")
    except OSError as error:
        raise ContainmentError(f"user ids of the namespace: {error.strerror}") from None
