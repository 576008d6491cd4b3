"""Files that are never half written: a temporary name beside the target, then one rename."""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mmv2.errors import UserError


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Yield a temporary path; on success it is flushed to disk and takes the name ``path``, on failure it is removed.

    The temporary path may become a file or a folder; a folder replaces whatever is there. A file is replaced in one
    step. For a folder the old one steps aside, to ``.NAME.old``, between two renames: a process killed just then leaves
    both whole and none called ``path``, and the next call first puts the old one back. What else a killed process left
    is cleared.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary, old = path.with_name(f".{path.name}.tmp"), path.with_name(f".{path.name}.old")
    remove(temporary)
    _settle(old, path)
    try:
        yield temporary
        _flush(temporary)
        if temporary.is_dir() and os.path.lexists(path):
            path.replace(old)
        temporary.replace(path)
        _flush(path.parent)
    except BaseException:
        _settle(old, path)
        remove(temporary)
        raise
    remove(old)


def _settle(old: Path, path: Path) -> None:
    """What stepped aside takes its name again if nothing new has it, and goes otherwise."""
    if os.path.lexists(old) and not os.path.lexists(path):
        old.replace(path)
    remove(old)


def make_folder(folder: Path) -> None:
    """Make a folder for output, with its parents; raises UserError when it cannot be made or written to."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{folder}: this folder cannot be made ({error.strerror}); choose another output") from None
    if not os.access(folder, os.W_OK):
        raise UserError(f"{folder}: nothing can be written to this folder (no permission); choose another output")


def _flush(path: Path) -> None:
    for target in [*path.rglob("*"), path] if path.is_dir() and path.name.endswith(".tmp") else [path]:
        descriptor = os.open(target, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def remove(path: Path) -> None:
    """Delete a file or a whole folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically, in UTF-8 whatever the locale."""
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, content: Any) -> None:
    """Write JSON atomically, one key per line."""
    write_text(path, json.dumps(content, indent=2, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """Read JSON in UTF-8; raises UserError for a missing or damaged file."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except json.JSONDecodeError as error:
        raise UserError(f"{path}: line {error.lineno}: not JSON ({error.msg}); write the file again") from None
    except UnicodeDecodeError:
        raise UserError(f"{path}: not JSON (no text in UTF-8); write the file again") from None


def sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_sha256(path: Path, expected: str) -> None:
    """Raise UserError unless the file is there and has the recorded checksum."""
    if not path.is_file():
        raise UserError(f"{path}: no such file, but its manifest lists it; make the folder again")
    found = sha256(path)
    if found != expected:
        raise UserError(
            f"{path}: checksum {found[:12]} differs from the recorded {expected[:12]}; "
            f"the file is damaged or was edited: restore it, or delete its folder and make it again"
        )
