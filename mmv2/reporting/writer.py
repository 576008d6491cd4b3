"""Writes one table as CSV (numbers, an interval in three columns), Markdown and LaTeX (text for people)."""

import csv
import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from mmv2.evaluation.statistics import Interval
from mmv2.files import write_text


def rounded(number: float, decimals: int = 1) -> str:
    """A number for people; what rounds to zero has no sign."""
    return f"{number:z.{decimals}f}"


def write_table(table: pd.DataFrame, title: str, caption: str, stem: Path, decimals: int = 1) -> None:
    """Write ``<stem>.csv``, ``.md`` and ``.tex``, each atomically.

    Args:
        table: cells are text, numbers, ``Interval``, or None or NaN for empty.
        title: heads the Markdown and opens the LaTeX caption.
        caption: one paragraph.
        stem: path without ending.
        decimals: of numbers in the text for people. An interval without width, of a number that is known, is left out.
    """
    rows = [[_text(cell, decimals) for cell in row] for row in table.itertuples(index=False, name=None)]
    for ending, text in {
        ".csv": to_csv(table),
        ".md": _markdown(table, rows, title, caption),
        ".tex": _latex(table, rows, f"{title}. {' '.join(caption.split())}", stem.name),
    }.items():
        write_text(stem.with_name(stem.name + ending), text)


def to_csv(table: pd.DataFrame) -> str:
    """A table as CSV: numbers in full, an interval in three columns."""
    columns: dict[str, list[Any]] = {}
    for name in table.columns:
        cells = list(table[name])
        columns[name] = [cell.mean if isinstance(cell, Interval) else cell for cell in cells]
        if any(isinstance(cell, Interval) for cell in cells):
            columns[f"{name}, low"] = [cell.low if isinstance(cell, Interval) else None for cell in cells]
            columns[f"{name}, high"] = [cell.high if isinstance(cell, Interval) else None for cell in cells]
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_number(cell) for cell in row] for row in zip(*columns.values(), strict=True))
    return file.getvalue()


def _number(cell: Any) -> Any:
    if _empty(cell):
        return ""
    return f"{cell:z.10g}" if isinstance(cell, float) else cell


def _markdown(table: pd.DataFrame, body: Sequence[list[str]], title: str, caption: str) -> str:
    rows = [[str(name) for name in table.columns], *body]
    escaped = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    rule = ["---" if left else "---:" for left in _left_aligned(table)]
    lines = [f"| {' | '.join(row)} |" for row in (escaped[0], rule, *escaped[1:])]
    return "\n".join([f"## {title}", "", caption, "", *lines, ""])


def _latex(table: pd.DataFrame, rows: Sequence[list[str]], caption: str, label: str) -> str:
    """A ``table`` environment; needs the packages booktabs and graphicx."""
    header, *body = [
        " & ".join(map(_escape_latex, row)) + r" \\" for row in ([str(name) for name in table.columns], *rows)
    ]
    alignment = "".join("l" if left else "r" for left in _left_aligned(table))
    lines = [
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{_escape_latex(caption)}}}",
        rf"\label{{tab:{label}}}",
        r"\resizebox{\textwidth}{!}{%",
        rf"\begin{{tabular}}{{{alignment}}}",
        r"\toprule",
        header,
        r"\midrule",
        *body,
        r"\bottomrule",
        r"\end{tabular}}",
        r"\end{table}",
        "",
    ]
    return "\n".join(lines)


_LATEX = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"} | {
    sign: "\\" + sign for sign in "&%$#_{}"
}


def _escape_latex(text: str) -> str:
    return re.sub(r"[\\~^&%$#_{}]", lambda match: _LATEX[match[0]], text)


def _text(cell: Any, decimals: int) -> str:
    if _empty(cell):
        return ""
    if isinstance(cell, Interval) and cell.low < cell.high:
        mean, low, high = (rounded(number, decimals) for number in (cell.mean, cell.low, cell.high))
        return f"{mean} [{low}, {high}]"
    if isinstance(cell, Interval | float):
        return rounded(cell.mean if isinstance(cell, Interval) else cell, decimals)
    return f"{cell:,}" if isinstance(cell, int) else str(cell)


def _empty(cell: Any) -> bool:
    return cell is None or (isinstance(cell, float) and pd.isna(cell))


def _left_aligned(table: pd.DataFrame) -> list[bool]:
    """Per column whether it holds text and no number."""
    cells = [[cell for cell in table[name] if not _empty(cell)] for name in table.columns]
    return [bool(column) and all(isinstance(cell, str) for cell in column) for column in cells]
