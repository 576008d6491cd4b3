"""Reads classification data sets in their upstream formats, and takes rows from them in rounds over the classes."""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from mmv2.errors import UserError
from mmv2.evaluation.rows import DataSet
from mmv2.evaluation.word_lists import read_text

BANKING77_FILES = DataSet(
    name="Banking77",
    file="banking_data/train.csv and test.csv",
    source="https://github.com/PolyAI-LDN/task-specific-datasets",
    licence="CC BY 4.0",
)
GOEMOTIONS_FILES = DataSet(
    name="GoEmotions",
    file="data/original/train.tsv, test.tsv and labels.txt",
    source="https://github.com/monologg/GoEmotions-pytorch",
    licence="Apache 2.0",
)


@dataclass(frozen=True)
class Row:
    """One labelled text of a file."""

    number: int
    """Which of the file's rows it is, from 0."""
    text: str
    """One line: line breaks within a text (10 of 10,003 in Banking77) would break the form of an example."""
    label: str
    subject: str = ""
    object: str = ""
    """Two entities in the text, whose relation the label names; empty where the label is of the text."""

    @cached_property
    def words(self) -> frozenset[str]:
        return frozenset(re.findall(r"\w+", self.text.casefold()))


def read_banking77(path: Path) -> list[Row]:
    """A CSV file with the header text,category; raises UserError for another layout."""
    # read_text turns line ends into \n, also in quoted cells.
    reader = csv.reader(io.StringIO(read_text(path), newline=""))
    header = next(reader, [])
    if header != ["text", "category"]:
        raise UserError(f"{path}: line 1: {','.join(header)!r} instead of the header 'text,category' of Banking77")
    rows = []
    for number, cells in enumerate(reader):
        if len(cells) != 2 or not all(cell.strip() for cell in cells):
            raise UserError(
                f"{path}: line {reader.line_num}: {len([cell for cell in cells if cell.strip()])} cells with text, "
                f"Banking77 has 2, text and category; mend the row or leave it out"
            )
        rows.append(Row(number, _one_line(cells[0]), cells[1].strip()))
    return some(rows, path)


def read_goemotions(path: Path, labels_file: Path) -> list[Row]:
    """Rows with one label each, as LongICLBench keeps them, of a file of text, label numbers and id, tab-separated.

    Args:
        path: the rows; no header.
        labels_file: the labels by number, one a line.

    Raises:
        UserError: another layout.
    """
    labels = read_text(labels_file).split()
    rows = []
    # Not splitlines(): comments hold other line separators.
    for number, line in enumerate(read_text(path).rstrip("\n").split("\n")):
        cells = line.split("\t")
        if len(cells) != 3 or not re.fullmatch(r"\d+(,\d+)*", cells[1]):
            raise UserError(
                f"{path}: line {number + 1}: not text, label numbers and id, separated by tabs, as in GoEmotions"
            )
        numbers = [int(part) for part in cells[1].split(",")]
        if max(numbers) >= len(labels):
            raise UserError(
                f"{path}: line {number + 1}: label {max(numbers)}, but {labels_file} has {len(labels)} labels"
            )
        if len(numbers) == 1:
            rows.append(Row(number, _one_line(cells[0]), labels[numbers[0]]))
    return some(rows, path)


def some(rows: list[Row], path: Path) -> list[Row]:
    """The rows; raises UserError when there are none."""
    if not rows:
        raise UserError(f"{path}: no row with one label; use a file that has some")
    return rows


def _one_line(text: str) -> str:
    return re.sub(r"\s*[\r\n]\s*", " ", text.strip())


def by_label(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """The rows of each label in file order; labels in order of first appearance."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row.label, []).append(row)
    return groups


def rounds(groups: Mapping[str, Sequence[Row]]) -> Iterator[Row]:
    """All rows in LongICLBench's order: round t takes the t-th row of every label.

    When a label runs out, its place goes to the next later label that has rows left, if there is one.
    """
    left = [list(reversed(group)) for group in groups.values()]
    while any(left):
        for place in range(len(left)):
            group = next((group for group in left[place:] if group), None)
            if group:
                yield group.pop()


def nearest(query: Row, rows: Sequence[Row]) -> Row:
    """The row that shares most different words with the query; of several the last."""
    return max(enumerate(rows), key=lambda item: (len(query.words & item[1].words), item[0]))[1]
