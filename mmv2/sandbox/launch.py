"""The launcher: makes the container around one program. ``mmv2.sandbox.run`` starts it as a process of its own.

Three processes: the launcher, which enters new namespaces; its child, first process of the new process namespace, which
builds the file system, takes limits and gives up every right; and below it the program, which starts with nothing more.
When the first process ends, the kernel kills all others of its namespace. Standard library only.

The launcher speaks with its caller over a socket that keeps messages apart: ``unshared``, answered by ``mapped`` when
the user ids are set; ``started`` before the program is; at the end ``ended``, what the program said of itself (passed,
failed or nothing) and its wait status; or ``error: reason``.
"""

import json
import os
import resource
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

from mmv2.sandbox import linux, seccomp
from mmv2.sandbox.program import CHANNEL, FAILED

NOBODY = 65534
"""User and group id of the program inside."""

WORK = "/box"
_STAGE = "/tmp"  # any folder does: it is covered in this process's own mount namespace alone
_OLD = "/old"


def main(specification: str, control_descriptor: int) -> NoReturn:
    """Launch what ``specification`` says: JSON, made by ``run._specification``."""
    spec = json.loads(specification)
    control = socket.socket(fileno=control_descriptor)
    control.set_inheritable(False)
    with _errors_told(control):
        # Python's own handler would let the program interrupt its first process, which is else safe from its signals.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        linux.die_with_parent()
        # Where the machine's memory runs out after all, this tree goes first.
        Path("/proc/self/oom_score_adj").write_text("1000")
        linux.unshare()
        control.sendall(b"unshared")
        first = os.fork()
        if first == 0:
            _first_process(spec, control)
        signal.signal(signal.SIGTERM, lambda *_: os.kill(first, signal.SIGKILL))
        os.waitpid(first, 0)  # returns when all processes of the namespace have ended
    os._exit(0)


@contextmanager
def _errors_told(control: socket.socket) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""  # our own steps have their name in the text
        control.sendall(f"error: {where}{error.strerror or error}".encode())
        os._exit(1)


def _first_process(spec: dict[str, Any], control: socket.socket) -> NoReturn:
    linux.die_with_parent()
    if control.recv(16) != b"mapped":  # the caller has ended
        os._exit(1)
    os.umask(0o022)  # the caller's may be stricter than what the program needs to see its files
    socket.sethostname("sandbox")
    _build_root(spec)
    _limit(spec)
    _give_up_rights(spec)
    secret = os.urandom(32)
    ours, theirs = socket.socketpair(type=socket.SOCK_SEQPACKET)
    ours.sendall(secret)
    control.sendall(b"started")
    program = os.fork()
    if program == 0:
        os.chdir(WORK)
        os.dup2(theirs.fileno(), CHANNEL)
        os.set_inheritable(CHANNEL, True)  # where it had this number before
        os.execve(spec["command"][0], spec["command"], spec["environment"])
    ended, status = os.wait()
    while ended != program:  # orphans of the program come here too
        ended, status = os.wait()
    control.sendall(f"ended {_said(ours, secret)} {status}".encode())
    os._exit(0)


def _said(channel: socket.socket, secret: bytes) -> str:
    """What the program said of itself before it ended."""
    channel.setblocking(False)  # orphans may hold the other end
    try:
        word = channel.recv(64)
    except BlockingIOError:
        return "nothing"
    return {secret: "passed", FAILED: "failed"}.get(word, "nothing")


def _build_root(spec: dict[str, Any]) -> None:
    """A file system in memory with the paths of ``spec`` read-only, and a folder to work in; nothing else."""
    linux.make_mounts_private()
    linux.mount_tmpfs(_STAGE, linux.NOSUID | linux.NODEV, "size=1m,nr_inodes=1k,mode=755")
    Path(_STAGE + _OLD).mkdir()
    linux.pivot_root(_STAGE, _STAGE + _OLD)
    for path, target in spec["links"]:
        Path(path).symlink_to(target)
    for source, target in spec["visible"]:
        _make_target(_OLD + source, target)
        linux.bind(_OLD + source, target, linux.READ_ONLY | linux.NOSUID | linux.NODEV)
    for device in spec["devices"]:
        _make_target(_OLD + device, device)
        linux.bind(_OLD + device, device, linux.READ_ONLY | linux.NOSUID | linux.NOEXEC)
    for folder in spec["hidden"]:
        linux.mount_tmpfs(folder, linux.READ_ONLY, "size=4k,nr_inodes=1,mode=755")
    Path(WORK).mkdir()
    inside = f"size={spec['work_bytes']},nr_inodes=1k,mode=700,uid={NOBODY},gid={NOBODY}"
    linux.mount_tmpfs(WORK, linux.NOSUID | linux.NODEV | linux.NOEXEC, inside)
    linux.detach(_OLD)
    Path(_OLD).rmdir()
    linux.set_attributes("/", linux.READ_ONLY | linux.NOSUID | linux.NODEV)


def _make_target(source: str, target: str) -> None:
    """A place to show ``source`` at; below a folder that is shown already, it is there."""
    place = Path(target)
    if Path(source).is_dir():
        place.mkdir(parents=True, exist_ok=True)
    elif not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch()


def _limit(spec: dict[str, Any]) -> None:
    for name, (soft, hard) in spec["resources"].items():
        resource.setrlimit(getattr(resource, name), (soft, hard))


def _give_up_rights(spec: dict[str, Any]) -> None:
    linux.empty_bounding_set()
    if spec["is_root"]:  # an ordinary user is NOBODY inside already, and has no other id
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
    linux.drop_capabilities()
    linux.die_with_parent()
    linux.forbid_new_privileges()
    seccomp.install()
