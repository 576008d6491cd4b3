"""The filter, run by a small machine of our own: on both architectures, whichever this one is."""

import errno
import struct

import pytest

from mmv2.sandbox import seccomp

ALLOWED, KILLED = 0x7FFF0000, 0x80000000
AUDIT = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
NUMBERS = {
    "x86_64": {
        "read": 0,
        "clone": 56,
        "clone3": 435,
        "socket": 41,
        "socketpair": 53,
        "mount": 165,
        "ptrace": 101,
        "bpf": 321,
    },
    "aarch64": {
        "read": 63,
        "clone": 220,
        "clone3": 435,
        "socket": 198,
        "socketpair": 199,
        "mount": 40,
        "ptrace": 117,
        "bpf": 280,
    },
}


def decide(machine, number, first_argument=0, audit=None):
    """What the filter returns: the instruction set of classic BPF as far as the filter uses it."""
    data = struct.pack("=IIQ6Q", number, audit or AUDIT[machine], 0, first_argument, 0, 0, 0, 0, 0)
    instructions = list(struct.iter_unpack("=HBBI", seccomp.program(machine)))
    place, accumulator = 0, 0
    while True:
        code, if_true, if_false, value = instructions[place]
        place += 1
        match code:
            case 0x20:
                (accumulator,) = struct.unpack_from("=I", data, value)
            case 0x06:
                return value
            case 0x15:
                place += if_true if accumulator == value else if_false
            case 0x35:
                place += if_true if accumulator >= value else if_false
            case 0x45:
                place += if_true if accumulator & value else if_false


def refused(error):
    return 0x00050000 | error


@pytest.mark.parametrize("machine", AUDIT)
class TestFilter:
    def test_ordinary_calls_are_allowed(self, machine):
        numbers = NUMBERS[machine]
        assert decide(machine, numbers["read"]) == ALLOWED
        assert decide(machine, numbers["clone"], first_argument=0x11) == ALLOWED

    @pytest.mark.parametrize("call", ["mount", "ptrace", "bpf"])
    def test_listed_calls_are_refused(self, machine, call):
        assert decide(machine, NUMBERS[machine][call]) == refused(errno.EPERM)

    def test_clone_makes_no_user_namespace(self, machine):
        assert decide(machine, NUMBERS[machine]["clone"], first_argument=0x10000011) == refused(errno.EPERM)
        assert decide(machine, NUMBERS[machine]["clone3"]) == refused(errno.ENOSYS)

    @pytest.mark.parametrize("call", ["socket", "socketpair"])
    def test_three_families_of_sockets_are_allowed(self, machine, call):
        answers = [decide(machine, NUMBERS[machine][call], first_argument=family) for family in range(46)]
        assert [family for family, answer in enumerate(answers) if answer == ALLOWED] == [1, 2, 10]
        assert set(answers) == {ALLOWED, refused(errno.EPERM)}

    def test_other_sets_of_system_calls_are_fatal(self, machine):
        i386 = 0x40000003
        assert decide(machine, NUMBERS[machine]["read"], audit=i386) == KILLED
        assert decide(machine, 0x40000000 | NUMBERS[machine]["read"]) == KILLED


def test_another_machine_has_no_filter():
    with pytest.raises(OSError, match="written for x86_64 and aarch64, not riscv64"):
        seccomp.program("riscv64")
