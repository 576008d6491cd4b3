"""Files are whole or not there, whatever happens while they are written."""

import hashlib
import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from mmv2.errors import UserError
from mmv2.files import atomic, check_sha256, read_json, remove, sha256, write_json, write_text


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_appears_when_it_is_complete(tmp_path):
    path = tmp_path / "new" / "x.txt"
    with atomic(path) as temporary:
        temporary.write_text("new")
        assert not path.exists()
        assert temporary.parent == path.parent, "a rename is atomic within one folder only"
    assert path.read_text() == "new"
    assert names(path.parent) == ["x.txt"]


@pytest.mark.parametrize("failure", [RuntimeError, KeyboardInterrupt])
def test_a_failure_leaves_the_old_content_and_nothing_else(tmp_path, failure):
    path = tmp_path / "x.txt"
    path.write_text("old")

    def write():
        with atomic(path) as temporary:
            temporary.write_text("half")
            raise failure

    with pytest.raises(failure):
        write()
    assert path.read_text() == "old"
    assert names(tmp_path) == ["x.txt"]


def test_a_body_that_writes_nothing_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError), atomic(tmp_path / "x.txt"):
        pass
    assert names(tmp_path) == []


def write_folder(path, **files):
    with atomic(path) as temporary:
        temporary.mkdir()
        for name, text in files.items():
            (temporary / name).write_text(text)


def test_a_folder_replaces_the_whole_old_one(tmp_path):
    write_folder(tmp_path / "x", a="1", b="1")
    write_folder(tmp_path / "x", b="2")
    assert names(tmp_path) == ["x"]
    assert names(tmp_path / "x") == ["b"]
    assert (tmp_path / "x" / "b").read_text() == "2"


def test_a_failed_folder_leaves_the_old_one(tmp_path):
    write_folder(tmp_path / "x", a="1")
    with pytest.raises(TypeError):
        write_folder(tmp_path / "x", a=2)
    assert (tmp_path / "x" / "a").read_text() == "1"
    assert names(tmp_path) == ["x"]


def test_a_folder_whose_rename_fails_leaves_the_old_one(tmp_path, monkeypatch):
    write_folder(tmp_path / "x", a="1")
    replace = Path.replace

    def fail(self, to):
        if self.name == ".x.tmp":
            raise OSError("disk")
        return replace(self, to)

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="disk"):
        write_folder(tmp_path / "x", a="2")
    assert (tmp_path / "x" / "a").read_text() == "1"
    assert names(tmp_path) == ["x"]


KILLED = """
import os, sys
from pathlib import Path
from mmv2.files import atomic
replace, steps = Path.replace, []
def killed(self, to):
    if len(steps) == int(sys.argv[2]):
        os._exit(9)
    steps.append(to)
    return replace(self, to)
Path.replace = killed
with atomic(Path(sys.argv[1])) as temporary:
    temporary.mkdir()
    (temporary / "a").write_text("2")
"""


@pytest.mark.parametrize("renames", [0, 1])
def test_a_process_killed_between_its_renames_loses_no_folder(tmp_path, renames):
    """It may be called otherwise until the next call, which here fails itself."""
    write_folder(tmp_path / "x", a="1")
    killed = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / "x"), str(renames)])
    assert killed.returncode == 9
    assert {path.read_text() for path in tmp_path.glob("*/a")} == {"1", "2"}
    with pytest.raises(TypeError):
        write_folder(tmp_path / "x", a=3)
    assert (tmp_path / "x" / "a").read_text() == "1"
    assert names(tmp_path) == ["x"]


def test_an_old_folder_beside_its_successor_is_cleared(tmp_path):
    write_folder(tmp_path / "x", a="2")
    (tmp_path / ".x.old").mkdir()
    (tmp_path / ".x.old" / "a").write_text("1")
    write_folder(tmp_path / "x", a="3")
    assert (tmp_path / "x" / "a").read_text() == "3"
    assert names(tmp_path) == ["x"]


def test_what_a_killed_process_left_is_cleared(tmp_path):
    with atomic(tmp_path / "x") as temporary:
        temporary.write_text("old")
    temporary.mkdir()
    (temporary / "leftover").touch()
    with atomic(tmp_path / "x") as again:
        assert again == temporary
        assert not again.exists()
        again.write_text("new")
    assert names(tmp_path) == ["x"]


@pytest.fixture
def flushed(monkeypatch):
    """What was flushed to disk, in order: inode, and whether it is a folder."""
    calls = []

    def record(descriptor):
        found = os.fstat(descriptor)
        calls.append((found.st_ino, stat.S_ISDIR(found.st_mode)))

    monkeypatch.setattr(os, "fsync", record)
    return calls


def test_a_file_is_flushed_before_it_takes_its_name_and_its_folder_after(tmp_path, flushed, monkeypatch):
    path = tmp_path / "x.txt"
    replace = type(path).replace
    monkeypatch.setattr(type(path), "replace", lambda self, to: (flushed.append("rename"), replace(self, to))[1])
    with atomic(path) as temporary:
        temporary.write_text("new")
    assert flushed == [(path.stat().st_ino, False), "rename", (tmp_path.stat().st_ino, True)]


def test_everything_in_a_folder_is_flushed(tmp_path, flushed):
    path = tmp_path / "x"
    with atomic(path) as temporary:
        (temporary / "inner").mkdir(parents=True)
        (temporary / "a").write_text("1")
        (temporary / "inner" / "b").write_text("2")
    everything = [path, path / "inner", path / "a", path / "inner" / "b", tmp_path]
    assert sorted(flushed) == sorted((item.stat().st_ino, item.is_dir()) for item in everything)


def test_remove_takes_files_folders_and_what_is_not_there(tmp_path):
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "file").touch()
    (tmp_path / "folder" / "inner").mkdir(parents=True)
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path / "kept")
    for name in ("folder", "file", "link", "none"):
        remove(tmp_path / name)
    assert names(tmp_path) == ["kept"]
    assert names(tmp_path / "kept") == ["file"], "of a link only the link goes"


def test_json_comes_back_and_nan_is_refused(tmp_path):
    content = {"b": [1, 2.5, None], "a": "ä"}
    write_json(tmp_path / "x.json", content)
    assert read_json(tmp_path / "x.json") == content
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "x.json", float("nan"))
    assert read_json(tmp_path / "x.json") == content


@pytest.mark.usefixtures("ascii_locale")
def test_texts_are_in_utf_8_whatever_the_locale(tmp_path):
    write_text(tmp_path / "x.json", '"✓"')
    assert (tmp_path / "x.json").read_bytes() == '"✓"'.encode()
    assert read_json(tmp_path / "x.json") == "✓"


def test_damaged_and_missing_json_is_told(tmp_path):
    path = tmp_path / "x.json"
    path.write_text('{"a": 1,\n"b": \n')
    with pytest.raises(UserError, match=rf"^{re.escape(str(path))}: line 3: not JSON"):
        read_json(path)
    with pytest.raises(UserError, match=r"none\.json: no such file$"):
        read_json(tmp_path / "none.json")


def test_a_checksum_that_differs_is_told(tmp_path):
    path = tmp_path / "x.bin"
    path.write_bytes(b"content")
    recorded = hashlib.sha256(b"content").hexdigest()
    assert sha256(path) == recorded
    check_sha256(path, recorded)
    path.write_bytes(b"Content")
    with pytest.raises(UserError, match=rf"x\.bin: checksum [0-9a-f]{{12}} differs from the recorded {recorded[:12]};"):
        check_sha256(path, recorded)
    path.unlink()
    with pytest.raises(UserError, match=r"x\.bin: no such file, but its manifest lists it"):
        check_sha256(path, recorded)
