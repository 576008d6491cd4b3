"""What belongs to the caller: environment, open files, other processes, the network."""

import os
import signal
import socket
import subprocess
import sys
import uuid

import pytest

from tests.mmv2.sandbox.hostile import NOT_PERMITTED, contained, uncontained


def test_the_environment_is_not_handed_on(monkeypatch):
    monkeypatch.setenv("MMV2_TEST_TOKEN", "secret")
    program = "import os\nassert 'secret' in os.environ.values()"
    assert contained(program).detail == "AssertionError"
    assert uncontained(program)


def test_open_files_are_not_handed_on(tmp_path):
    program = """
import os
def is_open(number):
    try:
        return os.fstat(number) is not None
    except OSError:
        return False
assert any(is_open(number) for number in range(4, 64))
"""  # 3 is the socket over which the frame around a program says that it ran through
    with (tmp_path / "secret").open("w") as file:
        os.set_inheritable(file.fileno(), True)
        assert contained(program).detail == "AssertionError"
        assert uncontained(program, close_fds=False)


def test_the_socket_of_its_frame_is_not_handed_on_to_what_it_becomes():
    looking = "import os; os.fstat(3)"
    assert contained(looking).passed
    program = f"import os, sys\nos.execv(sys.executable, [sys.executable, '-c', {looking!r}])"
    assert contained(program).detail == "exit status 1 before the tests were through"


@pytest.mark.parametrize("target", ["victim", "-1"])
def test_other_processes_cannot_be_killed(target):
    def deed(pid):
        return f"import os\nos.kill({pid if target == 'victim' else target}, 9)"

    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(50)"]) as victim:
        try:
            outcome = contained(deed(victim.pid))
            if target == "victim":
                assert outcome.detail == "ProcessLookupError: [Errno 3] No such process"
            assert victim.poll() is None
            if target == "victim":
                assert uncontained(deed(victim.pid))
                assert victim.wait(10) == -signal.SIGKILL
        finally:
            victim.kill()


def connecting(family, address):
    return f"import socket\nsocket.socket(socket.{family}, socket.SOCK_STREAM).connect({address!r})"


@pytest.mark.parametrize(
    ("family", "address", "error"),
    [
        ("AF_INET", ("127.0.0.1", 0), "OSError: [Errno 101] Network is unreachable"),
        ("AF_UNIX", "\0mmv2-test", "ConnectionRefusedError"),
        ("AF_UNIX", "socket", "FileNotFoundError"),
    ],
)
def test_no_server_of_this_machine_can_be_reached(family, address, error, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with socket.socket(getattr(socket, family), socket.SOCK_STREAM) as server:
        server.bind(f"{address}-{uuid.uuid4()}" if address[0] == "\0" else address)
        server.listen()
        found = server.getsockname()
        program = connecting(family, found.decode() if isinstance(found, bytes) else found)
        assert contained(program).detail.startswith(error)
        assert uncontained(program)


def test_no_address_outward_can_be_reached():
    # Connecting a datagram socket sends nothing; it asks for a route only. 192.0.2.0/24 is reserved for examples.
    program = "import socket\nsocket.socket(type=socket.SOCK_DGRAM).connect(('192.0.2.77', 9))"
    assert contained(program).detail == "OSError: [Errno 101] Network is unreachable"
    if not uncontained(program):
        pytest.skip("this machine has no route outward: that the same program gets out uncontained was not seen")


@pytest.mark.parametrize(
    ("family", "kind"),
    [
        ("AF_VSOCK", "SOCK_STREAM"),  # from a virtual machine to its host
        ("AF_NETLINK", "SOCK_RAW"),
        ("AF_PACKET", "SOCK_RAW"),
        ("AF_ALG", "SOCK_SEQPACKET"),
    ],
)
def test_sockets_that_no_network_namespace_holds_are_refused(family, kind):
    program = f"import socket\nsocket.socket(socket.{family}, socket.{kind})"
    assert contained(program).detail in NOT_PERMITTED
    if not uncontained(program):
        pytest.skip(f"this kernel has no {family} for this user: that the program gets one uncontained was not seen")
