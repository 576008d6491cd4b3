"""Reads SQuAD 2.0: the published JSON (data > paragraphs > context, qas), or rows in the columns of its Hub copy."""

from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field

from mmv2.config import validate
from mmv2.errors import UserError
from mmv2.evaluation.rows import DataSet, parse_rows, read_content

SQUAD = DataSet("SQuAD 2.0", "dev-v2.0.json", "rajpurkar.github.io/SQuAD-explorer", "CC BY-SA 4.0")


@dataclass(frozen=True)
class Question:
    """An answerable question and the paragraphs around it."""

    id: str
    text: str
    answers: tuple[str, ...]
    """Those of all annotators, repeated ones kept."""
    gold: str
    """The paragraph that holds the answer."""
    more: tuple[str, ...]
    """The other paragraphs of the same article in file order; one that stands twice there stands twice here."""


@dataclass(frozen=True)
class Squad:
    """The answerable questions in file order, and all paragraphs, each once, sorted."""

    questions: tuple[Question, ...]
    pool: tuple[str, ...]


class _Answer(BaseModel):
    text: str


class _Entry(BaseModel):
    id: str
    question: str
    answers: list[_Answer] = []
    is_impossible: bool = False


class _Paragraph(BaseModel):
    context: str
    qas: list[_Entry]


class _Article(BaseModel):
    paragraphs: list[_Paragraph]


class _File(BaseModel):
    data: list[_Article] = Field(min_length=1)


class _Answers(BaseModel):
    text: list[str]


class _Row(BaseModel):
    """A question in the columns of the Hub's ``squad_v2``: without answers where there is none."""

    id: str
    title: str
    context: str
    question: str
    answers: _Answers


def read_squad(path: Path) -> Squad:
    """Read SQuAD's questions and paragraphs.

    Raises:
        UserError: no file (with where it comes from), another layout, or no question that has an answer.
    """
    content = read_content(path, SQUAD)
    articles = _of_rows(content, path) if isinstance(content, list) else validate(_File, content, path).data
    questions = []
    for article in articles:
        contexts = [paragraph.context for paragraph in article.paragraphs]
        for paragraph in article.paragraphs:
            more = tuple(context for context in contexts if context != paragraph.context)
            for entry in paragraph.qas:
                if entry.is_impossible:
                    continue
                answers = tuple(answer.text for answer in entry.answers)
                if not answers:
                    raise UserError(f"{path}: question {entry.id}: no answer; add one or mark it is_impossible")
                questions.append(Question(entry.id, entry.question, answers, paragraph.context, more))
    if not questions:
        raise UserError(f"{path}: no answerable question in it; use a file whose questions have answers")
    pool = {paragraph.context for article in articles for paragraph in article.paragraphs}
    return Squad(tuple(questions), tuple(sorted(pool)))


def _of_rows(content: list[Any], path: Path) -> list[_Article]:
    """Neighbouring rows of one title are an article, those of one context a paragraph."""
    rows = [row for _, row in parse_rows(_Row, content, path)]
    return [
        _Article(
            paragraphs=[
                _Paragraph(context=context, qas=[_entry(row) for row in of_paragraph])
                for context, of_paragraph in groupby(of_article, key=lambda row: row.context)
            ]
        )
        for _, of_article in groupby(rows, key=lambda row: row.title)
    ]


def _entry(row: _Row) -> _Entry:
    answers = [_Answer(text=text) for text in row.answers.text]
    return _Entry(id=row.id, question=row.question, answers=answers, is_impossible=not answers)
