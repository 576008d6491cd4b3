"""Readers of files in other layouts than the Hub's: of what the benchmarks' own repositories or others carry.

Each takes a file and returns its rows in the Hub's columns, with the place in the file that each comes from, such as
"line 3". Texts are not changed: a prompt made of them is the prompt made of the Hub's row.
"""

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, Field

from mmv2.config import Config, validate
from mmv2.errors import UserError
from mmv2.evaluation import squad
from mmv2.evaluation.persistent.rows import Row, Text, Texts
from mmv2.evaluation.prompts import common_length
from mmv2.evaluation.rows import parse_rows, placed, read_content
from mmv2.evaluation.word_lists import read_text
from mmv2.jsonl import read_lines

Found = list[tuple[str, dict[str, Any]]]
"""Place and columns of each row."""
Converter = Callable[[Path], Found]
C = TypeVar("C", bound=Config)


def hub_lines(path: Path) -> Found:
    """JSON lines that have the Hub's columns already, plain or gzipped."""
    found: Found = []
    for place, row in placed(read_content(path), path):
        if not isinstance(row, dict):
            raise UserError(f"{path}: {place}: {type(row).__name__} where a row of columns is needed")
        found.append((place, row))
    return found


class _Choice(Row):
    """Multiple choice in the gauntlet of llm-foundry."""

    query: Text
    choices: Texts
    gold: int = Field(ge=0)


class _Schema(Row):
    """WinoGrande in the gauntlet of llm-foundry."""

    context_options: tuple[Text, Text]
    continuation: Text
    gold: int = Field(ge=0, le=1)


class _Siqa(Row):
    """Social IQa in common-bench."""

    context: Text
    question: Text
    options: tuple[Text, Text, Text]
    answer: Text


def _choices(path: Path) -> list[tuple[str, _Choice]]:
    rows = _typed(path, _Choice)
    for place, row in rows:
        if row.gold >= len(row.choices):
            raise UserError(f"{path}: {place}: gold: {row.gold}, but there are {len(row.choices)} choices, from 0")
    return rows


def _typed(path: Path, cls: type[C]) -> list[tuple[str, C]]:
    return list(parse_rows(cls, read_content(path), path))


def _labelled(row: _Choice) -> dict[str, Any]:
    labels = [chr(ord("A") + place) for place in range(len(row.choices))]
    return {"choices": {"text": row.choices, "label": labels}, "answerKey": labels[row.gold]}


def gauntlet_obqa(path: Path) -> Found:
    """{query, choices, gold}."""
    return [(place, {"question_stem": row.query, **_labelled(row)}) for place, row in _choices(path)]


def gauntlet_arc(path: Path) -> Found:
    """{query: "Question: ...", choices, gold}."""
    return [
        (place, {"question": _after(path, place, row.query, "Question: "), **_labelled(row)})
        for place, row in _choices(path)
    ]


def _after(path: Path, place: str, text: str, beginning: str) -> str:
    if not text.startswith(beginning):
        raise UserError(f"{path}: {place}: query: does not begin with {beginning!r}, as this layout does")
    return text.removeprefix(beginning)


def gauntlet_boolq(path: Path) -> Found:
    """{query: "Passage: ...\\nQuestion: ...?", choices: [no, yes], gold}."""
    found: Found = []
    for place, row in _choices(path):
        passage, line_break, question = _after(path, place, row.query, "Passage: ").rpartition("\nQuestion: ")
        if not line_break or not question.endswith("?") or row.choices != ("no", "yes"):
            raise UserError(
                f"{path}: {place}: not a passage, a line 'Question: ...?' and the choices no and yes, in this "
                f"order, as this layout has them"
            )
        found.append((place, {"passage": passage, "question": question[:-1], "label": row.gold}))
    return found


def gauntlet_winogrande(path: Path) -> Found:
    """{context_options: the sentence up to the option, with each filled in; continuation: the rest; gold}."""
    found: Found = []
    for place, row in _typed(path, _Schema):
        first, _ = row.context_options
        start = first[: first.rfind(" ", 0, common_length(row.context_options)) + 1]
        option1, option2 = (context[len(start) :] for context in row.context_options)
        columns = {"option1": option1, "option2": option2, "answer": str(row.gold + 1)}
        found.append((place, {"sentence": f"{start}_ {row.continuation}", **columns}))
    return found


def official_piqa(path: Path) -> Found:
    """{goal, sol1, sol2}, and beside it the labels, one a line, in the file of the same name with -labels.lst."""
    labels_file = path.with_name(f"{path.stem}-labels.lst")
    rows, labels = hub_lines(path), read_lines(labels_file)
    if len(rows) != len(labels):
        raise UserError(f"{labels_file}: {len(labels)} labels, but {path} has {len(rows)} rows; use files that belong")
    for number, label in enumerate(labels, start=1):
        if label not in ("0", "1"):
            raise UserError(f"{labels_file}: line {number}: {label!r} is no label; it must be 0 or 1")
    return [(place, {**row, "label": int(label)}) for (place, row), label in zip(rows, labels, strict=True)]


def common_bench_siqa(path: Path) -> Found:
    """{context, question, options, answer: the text of the right one}."""
    found: Found = []
    for place, row in _typed(path, _Siqa):
        if row.answer not in row.options:
            raise UserError(f"{path}: {place}: answer: {row.answer!r} is none of the options")
        named = dict(zip(("answerA", "answerB", "answerC"), row.options, strict=True))
        label = str(row.options.index(row.answer) + 1)
        found.append((place, {"context": row.context, "question": row.question, **named, "label": label}))
    return found


def official_mmlu(path: Path) -> Found:
    """CSV without header: question, four choices, answer letter."""
    found: Found = []
    for number, cells in enumerate(csv.reader(io.StringIO(read_text(path), newline="")), start=1):
        if len(cells) != 6 or cells[-1] not in ("A", "B", "C", "D"):
            raise UserError(f"{path}: row {number}: not a question, four choices and a letter from A to D, as in MMLU")
        question, *options, letter = cells
        found.append((f"row {number}", {"question": question, "choices": options, "answer": "ABCD".index(letter)}))
    return found


class _BbhFile(BaseModel):
    examples: list[dict[str, Any]] = Field(min_length=1)


def official_bbh(path: Path) -> Found:
    """One task of BIG-Bench Hard: examples > input, target."""
    rows = validate(_BbhFile, read_content(path), path).examples
    return [(f"example {number}", row) for number, row in enumerate(rows, start=1)]


def official_squad(path: Path) -> Found:
    """SQuAD 1.1 or 2.0; of the latter the questions that have an answer, which makes version 1.1's kind of file."""
    found: Found = []
    for article, paragraph, entry in squad.answerable(squad.read_articles(path)):
        around = {"title": article.title, "context": paragraph.context}
        texts = [answer.text for answer in entry.answers]
        row = {"id": entry.id, **around, "question": entry.question, "answers": {"text": texts}}
        found.append((f"question {entry.id}", row))
    return found


def official_mbpp(path: Path) -> Found:
    """All problems in one file; the test split are those with task_id 11 to 510."""
    rows = hub_lines(path)
    for place, row in rows:
        if not isinstance(row.get("task_id"), int):
            raise UserError(f"{path}: {place}: task_id: missing or no number; the official split goes by it")
    return [(place, row) for place, row in rows if 11 <= row["task_id"] <= 510]
