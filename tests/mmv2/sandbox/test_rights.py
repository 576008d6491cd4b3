"""Rights, and who has none to give."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from mmv2.errors import UserError
from mmv2.sandbox import require
from tests.mmv2.sandbox.hostile import LIBC, NOT_PERMITTED, ROOT, contained, uncontained


@pytest.mark.parametrize(
    "deed",
    [
        "assert libc.chroot(b'/box') == 0, ctypes.get_errno()",
        "assert libc.unshare(0x10000000) == 0, ctypes.get_errno()",  # a user namespace
        # clone with CLONE_NEWUSER and SIGCHLD: another way to one
        f"assert libc.syscall({220 if os.uname().machine == 'aarch64' else 56}, 0x10000011, 0, 0, 0, 0) >= 0, "
        "ctypes.get_errno()",
        "assert libc.mount(b'tmpfs', b'/box', b'tmpfs', 0, None) == 0, ctypes.get_errno()",
        "assert libc.ptrace(16, 1, 0, 0) == 0, ctypes.get_errno()",
        "import socket; socket.sethostname('x')",
    ],
)
def test_rights_are_refused(deed):
    outcome = contained(LIBC + deed)
    assert outcome.detail in NOT_PERMITTED


@pytest.mark.parametrize("pid", ["1", "os.getpid()"])
@pytest.mark.parametrize(
    "call",
    [
        "libc.process_vm_readv(pid, here, 1, there, 1, 0)",
        "libc.process_vm_writev(pid, here, 1, there, 1, 0)",
        "libc.syscall(438, os.pidfd_open(pid), 0, 0)",  # pidfd_getfd: its standard input
    ],
)
def test_memory_and_files_of_processes_are_out_of_reach(call, pid):
    """Of the first one, which has the same user and knows the secret; of its own, to see that the filter says no."""
    program = f"""{LIBC}
class Vector(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]
buffers = [ctypes.create_string_buffer(8) for _ in range(2)]
here, there = (ctypes.byref(Vector(ctypes.addressof(buffer), 8)) for buffer in buffers)
pid = {pid}
assert {call} >= 0, ctypes.get_errno()
"""
    assert contained(program).detail in NOT_PERMITTED
    if pid != "1":
        assert uncontained(program)


def test_root_is_out_of_reach():
    # Where an ordinary user contains, there is no user 0 inside.
    assert contained("import os\nos.setuid(0)").detail in (*NOT_PERMITTED, "OSError: [Errno 22] Invalid argument")


def test_no_right_is_left_and_none_can_be_gained():
    program = f"""{LIBC}
get_no_new_privs, read_bounding_set = 39, 23
assert libc.prctl(get_no_new_privs, 0, 0, 0, 0) == 1
assert not any(libc.prctl(read_bounding_set, number, 0, 0, 0) == 1 for number in range(64))
sets = ctypes.create_string_buffer(24)
assert libc.capget((ctypes.c_uint * 2)(0x20080522, 0), sets) == 0
assert sets.raw == bytes(24), sets.raw
assert os.uname().nodename == "sandbox"
assert os.getresuid() == os.getresgid() == (65534, 65534, 65534)
"""
    outcome = contained(program)
    assert outcome.passed, outcome.detail


ORDINARY_USER = """
import os
from mmv2.sandbox import Limits, passes
def told(program):
    print(passes(program, "", Limits(processes=4, wall_seconds=60)).detail)
told("import os; assert os.getresuid() == (65534,) * 3")
told("open('/etc/passwd')")
told("import socket; socket.socket(type=socket.SOCK_DGRAM).connect(('127.0.0.1', 9))")
told(f"import os; os.kill({os.getpid()}, 9)")
told("import os; os.setuid(0)")
told("open('/file', 'w')")
for count in (3, 4):
    told(f"import os, time\\nfor _ in range({count}):\\n    if os.fork() == 0: time.sleep(5)")
"""


@pytest.fixture
def other_user(tmp_path_factory):
    """Function that runs a script, beside a copy of the sandbox, as a user without rights; root alone can."""
    if os.geteuid() != 0:
        pytest.skip("not run by root: all the other tests are those of an ordinary user")
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        for name in ("__init__.py", "errors.py", "sandbox"):
            copy = shutil.copytree if name == "sandbox" else shutil.copy
            (Path(folder) / "mmv2").mkdir(exist_ok=True)
            copy(ROOT / "mmv2" / name, Path(folder) / "mmv2" / name)
        (Path(folder) / "script.py").write_text(ORDINARY_USER)

        def run(interpreter):
            command = [interpreter, "-B", "script.py"]
            user = {"user": 12345, "group": 12345, "extra_groups": []}
            return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, **user)

        yield run


def test_an_ordinary_user_contains_as_well(other_user):
    for interpreter in (sys.executable, shutil.which("python3", path="/usr/local/bin:/usr/bin")):
        try:
            done = other_user(interpreter)
        except (PermissionError, TypeError):  # in a folder that the user may not enter; none there
            continue
        assert done.stdout.splitlines() == [
            "",
            "FileNotFoundError: [Errno 2] No such file or directory: '/etc/passwd'",
            "OSError: [Errno 101] Network is unreachable",
            "ProcessLookupError: [Errno 3] No such process",
            "OSError: [Errno 22] Invalid argument",  # there is no user 0 inside
            "OSError: [Errno 30] Read-only file system: '/file'",
            "",
            "BlockingIOError: [Errno 11] Resource temporarily unavailable",
        ], done.stderr
        return
    pytest.skip("no interpreter that a user without rights may run: not tested as such a user")


def test_nothing_runs_unless_asked_for():
    with pytest.raises(UserError, match="off; switch it on with execute_code: true"):
        require(asked=False)
    require(asked=True)


def test_it_refuses_where_the_kernel_gives_no_namespaces():
    # The filter of system calls refuses namespaces, as a container's own would.
    program = """
from mmv2.errors import UserError
from mmv2.sandbox import available, linux, passes, require, seccomp
linux.forbid_new_privileges()
seccomp.install()
print(available())
for call in (lambda: require(asked=True), lambda: passes("print('it ran')", "")):
    try:
        call()
    except UserError as error:
        assert str(error) == available()
    else:
        raise AssertionError
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("programs written by models cannot be contained here: new namespaces: Operation not")
    assert "it ran" not in done.stdout
    assert done.stdout.count("\n") == 1
