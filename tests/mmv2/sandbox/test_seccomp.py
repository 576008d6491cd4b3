"""The filter, run by a small machine of our own: on both architectures, whichever this one is."""

import errno
import struct

import pytest

from mmv2.sandbox import seccomp

ALLOWED, KILLED = 0x7FFF0000, 0x80000000
AUDIT = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
NUMBERS = {
    "x86_64": {"read": 0, "clone": 56, "clone3": 435, "socket": 41, "socketpair": 53},
    "aarch64": {"read": 63, "clone": 220, "clone3": 435, "socket": 198, "socketpair": 199},
}
REFUSED = """
# mounts, roots and namespaces
mount 165 40
umount2 166 39
pivot_root 155 41
chroot 161 51
unshare 272 97
setns 308 268
open_tree 428 428
move_mount 429 429
fsopen 430 430
fsconfig 431 431
fsmount 432 432
fspick 433 433
mount_setattr 442 442
# other processes
ptrace 101 117
process_vm_readv 310 270
process_vm_writev 311 271
pidfd_getfd 438 438
kcmp 312 272
# files by handle, that pass by the mounts
name_to_handle_at 303 264
open_by_handle_at 304 265
# the kernel itself
init_module 175 105
finit_module 313 273
delete_module 176 106
kexec_load 246 104
kexec_file_load 320 294
reboot 169 142
syslog 103 116
acct 163 89
quotactl 179 60
swapon 167 224
swapoff 168 225
# interfaces with a long record of faults
bpf 321 280
io_uring_setup 425 425
io_uring_enter 426 426
io_uring_register 427 427
perf_event_open 298 241
userfaultfd 323 282
add_key 248 217
request_key 249 218
keyctl 250 219
# memory that no limit counts
memfd_create 319 279
memfd_secret 447 447
shmget 29 194
semget 64 190
msgget 68 186
mq_open 240 180
landlock_create_ruleset 444 444
landlock_add_rule 445 445
landlock_restrict_self 446 446
"""
"""Name, number on x86_64, number on aarch64: written down from <asm/unistd_64.h> and <asm-generic/unistd.h>."""
ROWS = [line.split() for line in REFUSED.strip().splitlines() if not line.startswith("#")]


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

    @pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
    def test_listed_calls_are_refused(self, machine, row):
        number = int(row[1 + list(AUDIT).index(machine)])
        assert decide(machine, number) == refused(errno.EPERM)

    def test_no_other_call_is_refused_whatever_its_arguments(self, machine):
        named = NUMBERS[machine].values()
        listed = {int(row[1 + list(AUDIT).index(machine)]) for row in ROWS}
        refused_ones = {number for number in range(512) if decide(machine, number) != ALLOWED}
        assert refused_ones - set(named) == listed

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
