"""Reads SQuAD 2.0: the published JSON (data > paragraphs > context, qas), or rows in the columns of its Hub copy."""

from collections.abc import Iterable, Iterator
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


class Answer(BaseModel):
    """Of one annotator."""

    text: str


class Entry(BaseModel):
    """A question as the file has it."""

    id: str
    question: str
    answers: list[Answer] = []
    is_impossible: bool = False


class Paragraph(BaseModel):
    """A text and the questions about it."""

    context: str
    qas: list[Entry]


class Article(BaseModel):
    """Paragraphs of one page of Wikipedia."""

    title: str
    paragraphs: list[Paragraph]


class _File(BaseModel):
    data: list[Any] = Field(min_length=1)


class _Answers(BaseModel):
    text: list[str]


class _Row(BaseModel):
    """A question in the columns of the Hub's ``squad_v2``: without answers where there is none."""

    id: str
    title: str
    context: str
    question: str
    answers: _Answers


def read_articles(path: Path) -> list[Article]:
    """The articles of a file in one of the two layouts, of SQuAD 1.1 or 2.0.

    Raises:
        UserError: no file (with where it comes from), or another layout.
    """
    content = read_content(path, SQUAD)
    if isinstance(content, list):
        return _of_rows(content, path)
    found = validate(_File, content, path).data
    return [validate(Article, article, path, _named(number, article)) for number, article in enumerate(found)]


def _named(number: int, article: Any) -> str:
    """Where an article stands, for errors."""
    title = article.get("title") if isinstance(article, dict) else None
    return f"data.{number}" + (f" (title {title!r})" if title is not None else "")


def answerable(articles: Iterable[Article]) -> Iterator[tuple[Article, Paragraph, Entry]]:
    """The questions that have an answer in their paragraph, in file order."""
    for article in articles:
        for paragraph in article.paragraphs:
            for entry in paragraph.qas:
                if not entry.is_impossible:
                    yield article, paragraph, entry


def read_squad(path: Path) -> Squad:
    """Read SQuAD's questions and paragraphs.

    Raises:
        UserError: no file (with where it comes from), another layout, a blank question or answer, or no question that
            has an answer.
    """
    articles = read_articles(path)
    questions = []
    for article, paragraph, entry in answerable(articles):
        answers = tuple(answer.text for answer in entry.answers)
        if not answers:
            raise UserError(f"{path}: question {entry.id}: no answer; add one or mark it is_impossible")
        if not all(text.strip() for text in (entry.question, *answers)):
            raise UserError(f"{path}: question {entry.id}: blank, or one of its answers is; mend it or leave it out")
        more = tuple(other.context for other in article.paragraphs if other.context != paragraph.context)
        questions.append(Question(entry.id, entry.question, answers, paragraph.context, more))
    if not questions:
        raise UserError(f"{path}: no answerable question in it; use a file whose questions have answers")
    pool = {paragraph.context for article in articles for paragraph in article.paragraphs}
    return Squad(tuple(questions), tuple(sorted(pool)))


def _of_rows(content: list[Any], path: Path) -> list[Article]:
    """Neighbouring rows of one title are an article, those of one context a paragraph."""
    rows = [row for _, row in parse_rows(_Row, content, path)]
    return [
        Article(
            title=title,
            paragraphs=[
                Paragraph(context=context, qas=[_entry(row) for row in of_paragraph])
                for context, of_paragraph in groupby(of_article, key=lambda row: row.context)
            ],
        )
        for title, of_article in groupby(rows, key=lambda row: row.title)
    ]


def _entry(row: _Row) -> Entry:
    answers = [Answer(text=text) for text in row.answers.text]
    return Entry(id=row.id, question=row.question, answers=answers, is_impossible=not answers)
