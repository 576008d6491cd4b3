"""A filter on system calls (seccomp): what namespaces and resource limits leave open is refused.

A list of refusals, not of permissions: programs may do what Python does, but not

- make user namespaces or mounts, or reach kernel interfaces with a long record of faults (bpf, io_uring, keys, ...);
- open sockets of families that no network namespace holds back, such as AF_VSOCK from a virtual machine to its host;
- take memory that no resource limit counts (memfd, System V shared memory, queues, semaphores, Landlock's rules).

Numbers from the kernel's own tables. Standard library only.
"""

import ctypes
import errno
import platform
import struct

from mmv2.sandbox.linux import NEW_NAMESPACES, step

# name: number on x86_64, on aarch64
_REFUSED = {
    "acct": (163, 89),
    "add_key": (248, 217),
    "bpf": (321, 280),
    "chroot": (161, 51),
    "delete_module": (176, 106),
    "finit_module": (313, 273),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fsopen": (430, 430),
    "fspick": (433, 433),
    "init_module": (175, 105),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "io_uring_setup": (425, 425),
    "kcmp": (312, 272),
    "kexec_file_load": (320, 294),
    "kexec_load": (246, 104),
    "keyctl": (250, 219),
    "landlock_add_rule": (445, 445),
    "landlock_create_ruleset": (444, 444),
    "landlock_restrict_self": (446, 446),
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "mount": (165, 40),
    "mount_setattr": (442, 442),
    "move_mount": (429, 429),
    "mq_open": (240, 180),
    "msgget": (68, 186),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "open_tree": (428, 428),
    "perf_event_open": (298, 241),
    "pidfd_getfd": (438, 438),
    "pivot_root": (155, 41),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "ptrace": (101, 117),
    "quotactl": (179, 60),
    "reboot": (169, 142),
    "request_key": (249, 218),
    "semget": (64, 190),
    "setns": (308, 268),
    "shmget": (29, 194),
    "swapoff": (168, 225),
    "swapon": (167, 224),
    "syslog": (103, 116),
    "umount2": (166, 39),
    "unshare": (272, 97),
    "userfaultfd": (323, 282),
}
_CLONE, _CLONE3 = (56, 220), (435, 435)
_SOCKETS = ((41, 198), (53, 199))  # socket, socketpair
_FAMILIES = (1, 2, 10)  # AF_UNIX, AF_INET, AF_INET6: the network namespace holds them
_ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}  # AUDIT_ARCH_*
_X32 = 0x40000000  # x86_64's second set of numbers

# <linux/bpf_common.h>, <linux/seccomp.h>; offsets in struct seccomp_data
_LOAD, _IF_EQUAL, _IF_AT_LEAST, _IF_ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16
_ALLOW, _ERROR, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_SET_SECCOMP, _MODE_FILTER = 22, 2


def _instruction(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)


def _refuse(number: int, error: int = errno.EPERM) -> bytes:
    return _instruction(_IF_EQUAL, number, 0, 1) + _instruction(_RETURN, _ERROR | error)


def program(machine: str) -> bytes:
    """The filter's instructions for a machine as ``platform.machine()`` names it; raises OSError for another one."""
    if machine not in _ARCHITECTURES:
        raise OSError(errno.ENOSYS, f"system call filter: written for {' and '.join(_ARCHITECTURES)}, not {machine}")
    column = list(_ARCHITECTURES).index(machine)
    parts = [
        _instruction(_LOAD, _ARCHITECTURE),
        _instruction(_IF_EQUAL, _ARCHITECTURES[machine], 1, 0),
        _instruction(_RETURN, _KILL),
        _instruction(_LOAD, _NUMBER),
        _instruction(_IF_AT_LEAST, _X32, 0, 1),
        _instruction(_RETURN, _KILL),
        *(_refuse(numbers[column]) for numbers in _REFUSED.values()),
        # clone3 has its flags in memory, which a filter cannot read; libraries then fall back to clone.
        _refuse(_CLONE3[column], errno.ENOSYS),
        _instruction(_IF_EQUAL, _CLONE[column], 0, 4),
        _instruction(_LOAD, _FIRST_ARGUMENT),
        _instruction(_IF_ANY_BIT, NEW_NAMESPACES["user"], 0, 1),
        _instruction(_RETURN, _ERROR | errno.EPERM),
        _instruction(_RETURN, _ALLOW),
    ]
    for numbers in _SOCKETS:
        parts += [
            _instruction(_IF_EQUAL, numbers[column], 0, len(_FAMILIES) + 3),
            _instruction(_LOAD, _FIRST_ARGUMENT),
            *(_instruction(_IF_EQUAL, family, len(_FAMILIES) - place, 0) for place, family in enumerate(_FAMILIES)),
            _instruction(_RETURN, _ERROR | errno.EPERM),
            _instruction(_RETURN, _ALLOW),
        ]
    return b"".join([*parts, _instruction(_RETURN, _ALLOW)])


def install() -> None:
    """Put the filter on this process and all that it starts, for good; needs no_new_privs."""
    instructions = program(platform.machine())
    buffer = ctypes.create_string_buffer(instructions, len(instructions))
    count = len(instructions) // len(_instruction(_RETURN, _ALLOW))
    # struct sock_fprog: a count, and after padding the address of the instructions.
    header = struct.pack("@HP", count, ctypes.addressof(buffer))
    with step("system call filter"):
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(_SET_SECCOMP, _MODE_FILTER, header, 0, 0) < 0:
            raise OSError(ctypes.get_errno(), "")
