"""Typed JSON lines: one config object per line, written atomically, told by line when damaged."""

from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from mmv2.config import Config
from mmv2.errors import UserError
from mmv2.files import atomic

C = TypeVar("C", bound=Config)


def write_jsonl(path: Path, items: Iterable[Config]) -> None:
    """Write one object per line; the file appears whole or not at all."""
    with atomic(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.writelines(item.model_dump_json() + "\n" for item in items)


def read_lines(path: Path) -> list[str]:
    """The lines of a text file; raises UserError for a missing file or one that does not end with a line break."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; run the step that writes it first") from None
    except UnicodeDecodeError:
        raise UserError(f"{path}: not UTF-8 text; write the file again") from None
    # Not splitlines(): JSON strings may hold U+2028 and its like, which that takes for line breaks.
    *lines, rest = text.split("\n")
    if rest:
        raise UserError(f"{path}: line {len(lines) + 1}: cut off, no line break at its end; write the file again")
    return lines


def parse_line(cls: type[C], line: str, path: Path, number: int) -> C:
    """One object from line ``number`` (from 1) of ``path``; raises UserError naming both and the first problem."""
    try:
        return cls.model_validate_json(line)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise UserError(
            f"{path}: line {number}: {key + ': ' if key else ''}{first['msg']}; write the file again"
        ) from None


def read_jsonl(path: Path, cls: type[C]) -> list[C]:
    """All objects of a file; raises UserError naming file and line of the first damaged one."""
    return [parse_line(cls, line, path, number) for number, line in enumerate(read_lines(path), start=1)]
