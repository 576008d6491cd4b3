"""The paper's own numbers, as tracked below ``results/published``. An empty cell there means: not reported."""

import csv
import io
import re
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from mmv2.errors import UserError
from mmv2.registry import architecture, architectures
from mmv2.reporting.fields import words

FOLDER = Path("results") / "published"
"""Relative to the repository, which is where the workflow runs."""
PRINTED = "figures_printed.csv"
"""Numbers that stand in the paper's figures or beside them; all else there is a picture."""
_NUMBER = re.compile(r"-?\d+(\.\d+)?")


def read_published(path: Path) -> pd.DataFrame:
    """Read a file of published numbers; empty cells are NaN.

    Raises:
        UserError: the file is missing or holds no rows, or a line has more or fewer cells than the first or text in a
            column of numbers.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file; run from the repository, whose results/published holds it")
    _check(path)
    return pd.read_csv(path)


def _check(path: Path) -> None:
    """What pandas takes without a word: a line cut short counts as not reported, one letter makes a column text."""
    (_, header), *body = _rows(path)
    if not body:
        raise _damaged(path, 1, "a first line and no rows")
    for number, cells in body:
        if len(cells) != len(header):
            raise _damaged(path, number, f"{len(cells)} cells, the first line has {len(header)}")
    for place, name in enumerate(header):
        column = [(number, cells[place]) for number, cells in body if cells[place]]
        wrong = [(number, cell) for number, cell in column if not _NUMBER.fullmatch(cell)]
        if wrong and len(wrong) < len(column):
            number, cell = wrong[0]
            raise _damaged(path, number, f"{name}: {cell!r} in a column of numbers")


def _rows(path: Path) -> list[tuple[int, list[str]]]:
    """Line number and cells of each row, the first with the names of the columns."""
    content = path.read_bytes()
    try:
        reader = csv.reader(io.StringIO(content.decode(), newline=""), strict=True)
        rows = [(reader.line_num, cells) for cells in reader]
    except UnicodeDecodeError as error:
        raise _damaged(path, 1 + content[: error.start].count(b"\n"), "not UTF-8 text") from None
    except csv.Error as error:
        raise _damaged(path, reader.line_num, str(error)) from None
    if not rows:
        raise _damaged(path, 1, "empty")
    return rows


def _damaged(path: Path, number: int, problem: str) -> UserError:
    return UserError(f"{path}: line {number}: {problem}; restore the file, it is the paper's")


@dataclass(frozen=True)
class PublishedModel:
    """What a model name in the paper's files says, such as mmv2_large_without_long_term."""

    arch: str
    name: str
    """For people."""


def published_model(model: str) -> PublishedModel:
    """Architecture and readable name of a published model; its name begins with that of an architecture."""
    fitting = [name for name in architectures() if model.startswith(f"{name}_")]
    assert fitting, f"{model}: begins with no architecture's name"
    arch = max(fitting, key=len)
    size, *rest = model.removeprefix(f"{arch}_").split("_", 1)
    return PublishedModel(arch, ", ".join([f"{architecture(arch).label} {size}", *(words(one) for one in rest)]))


def count(text: str) -> int:
    """The paper's short form of numbers of tokens and parameters: 200B is 200 000 000 000."""
    return round(float(text[:-1]) * {"B": 10**9, "T": 10**12}[text[-1]])


def tokens(text: str) -> int:
    """The paper's short form of a context length: 4k is 4096 tokens."""
    assert text.endswith("k"), text
    return int(text[:-1]) * 1024
