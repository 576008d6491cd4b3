"""Rows of a user's copy of a public data set: JSON or JSON lines, plain or gzipped; errors tell a row's place."""

import gzip
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel

from mmv2.config import validate
from mmv2.errors import UserError

M = TypeVar("M", bound=BaseModel)
T = TypeVar("T")
_GZIP = b"\x1f\x8b"


@dataclass(frozen=True)
class DataSet:
    """Where a data set comes from, for whoever has not got it."""

    name: str
    file: str
    """The published file's name."""
    source: str
    licence: str

    def absent(self, path: Path) -> UserError:
        """The error that no such file is there."""
        return UserError(
            f"{path}: no such file; {self.name} is {self.file} from {self.source} (licence {self.licence}): put it "
            f"there, or name the file that you have"
        )


def read_content(path: Path, data_set: DataSet | None = None) -> Any:
    """What a JSON file holds, plain or gzipped; of JSON lines (``.jsonl``, ``.jsonl.gz``) the list of all lines.

    Args:
        path: the file.
        data_set: where it comes from, for the error that it is absent.

    Raises:
        UserError: the file is absent, damaged, or no JSON (with the line).
    """
    text = _read_text(path, data_set)
    if not is_lines(path):
        return _parse(text, path, 0)
    lines = text.split("\n")
    if lines[-1] == "":
        lines.pop()
    return [_parse(line, path, number) for number, line in enumerate(lines)]


def is_lines(path: Path) -> bool:
    """Whether a file holds one row per line, by its name."""
    return ".jsonl" in path.suffixes[-2:]


def placed(rows: list[T], path: Path) -> Iterator[tuple[str, T]]:
    """Every row and its place, such as ``line 3`` or ``row 3`` (from 1)."""
    unit = "line" if is_lines(path) else "row"
    return ((f"{unit} {number}", row) for number, row in enumerate(rows, start=1))


def parse_rows(cls: type[M], rows: list[Any], path: Path) -> Iterator[tuple[str, M]]:
    """Every row and its place.

    Raises:
        UserError: a row lacks a field, or has one of another type; the file, the place and the field.
    """
    for place, row in placed(rows, path):
        yield place, validate(cls, row, path, place)


def _read_text(path: Path, data_set: DataSet | None) -> str:
    try:
        content = path.read_bytes()
        return (gzip.decompress(content) if content.startswith(_GZIP) else content).decode()
    except FileNotFoundError:
        raise (data_set.absent(path) if data_set else UserError(f"{path}: no such file")) from None
    except UnicodeDecodeError:
        raise UserError(f"{path}: not UTF-8 text; fetch the file again") from None
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"{path}: cannot be read ({error}); fetch the file again") from None


def _parse(text: str, path: Path, lines_before: int) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise UserError(f"{path}: line {lines_before + error.lineno}: not JSON ({error.msg}); fetch it again") from None
