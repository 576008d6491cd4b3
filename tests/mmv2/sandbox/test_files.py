"""Files: what may be read, what may be written."""

import os
from pathlib import Path

import pytest

from tests.mmv2.sandbox.hostile import contained, uncontained


@pytest.mark.parametrize("path", ["secret", "/etc/passwd", "/proc/self/environ", __file__])
def test_a_file_outside_is_not_there(path, tmp_path):
    (tmp_path / "secret").write_text("secret")
    program = f"open({str(tmp_path / path)!r}).read()"
    assert contained(program).detail.startswith("FileNotFoundError")
    assert uncontained(program)


def test_only_interpreter_and_shared_libraries_are_to_be_seen():
    program = """
import os, sys
stdlib = os.path.dirname(os.__file__)
beside = () if stdlib.startswith("/usr/lib/") else (os.path.dirname(stdlib),)
allowed = (stdlib, "/lib", "/usr/lib", "/dev/", *beside)
found = [os.path.join(folder, file) for folder, _, files in os.walk("/") for file in files]
assert len(found) > 100
strange = [path for path in found if not path.startswith(allowed) and path != sys.executable]
strange += [path for path in found if "-packages/" in path or path.startswith(("/usr/lib/systemd", "/usr/lib/git"))]
assert not strange, strange[0]
"""
    outcome = contained(program)
    assert outcome.passed, outcome.detail


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("/file", "OSError: [Errno 30] Read-only file system"),
        (f"{Path(os.__file__).parent}/file", "OSError: [Errno 30] Read-only file system"),
        ("/dev/file", "OSError: [Errno 30] Read-only file system"),
        ("outside", "FileNotFoundError"),
    ],
)
def test_nothing_can_be_written_outside_the_work_folder(path, error, tmp_path):
    program = f"open({str(tmp_path / path)!r}, 'w').write('x')"
    outcome = contained(program)
    # Where files of the system belong to another user, that is said first.
    assert outcome.detail.startswith((error, "PermissionError"))
    if path == "outside":
        assert uncontained(program)


def test_all_that_is_shown_is_read_only_whoever_owns_it():
    program = """
import os, sys
def flags(path):
    return os.statvfs(path).f_flag
for path in ("/", os.path.dirname(os.__file__), sys.executable, "/lib"):
    assert flags(path) & os.ST_RDONLY and flags(path) & os.ST_NOSUID and flags(path) & os.ST_NODEV, path
assert flags("/dev/null") & os.ST_RDONLY and flags("/dev/null") & os.ST_NOSUID
assert flags(".") & os.ST_NOSUID and flags(".") & os.ST_NODEV and flags(".") & os.ST_NOEXEC
"""
    outcome = contained(program)
    assert outcome.passed, outcome.detail


def test_a_strict_umask_of_the_caller_does_not_lock_the_program_out():
    before = os.umask(0o077)
    try:
        assert contained("import json").passed
    finally:
        os.umask(before)


def test_the_work_folder_is_fresh_and_gone_afterwards():
    program = "import os\nassert os.listdir() == []\nopen('file', 'w').write('x')\nassert open('file').read() == 'x'"
    assert contained(program).passed
    assert contained(program).passed


@pytest.mark.parametrize(
    "program",
    [
        "open('huge', 'wb').write(bytes(6 * 2**20))",
        "for name in 'abcdef': open(name, 'wb').write(bytes(2**20))",
        "for number in range(1100): open(str(number), 'w').close()",
    ],
)
def test_files_are_limited_in_size_and_number(program, tmp_path):
    assert contained(program).detail.startswith("OSError: [Errno 28] No space left on device")
    assert uncontained(program, cwd=tmp_path)


def test_writing_without_end_is_stopped():
    outcome = contained("with open('huge', 'wb') as file:\n    while True: file.write(bytes(2**20))")
    assert outcome.detail == "OSError: [Errno 28] No space left on device"


def test_no_program_can_be_brought_along(tmp_path):
    program = """
import os, subprocess, sys
with open("script", "w") as file:
    file.write(f"#!{sys.executable}\\n")
os.chmod("script", 0o700)
subprocess.run(["./script"], check=True)
"""
    assert contained(program).detail == "PermissionError: [Errno 13] Permission denied: './script'"
    assert uncontained(program, cwd=tmp_path)
