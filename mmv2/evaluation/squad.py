"""Reads question-answering files in the JSON layout of SQuAD 2.0 (data > paragraphs > context, qas)."""

from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, Field

from mmv2.config import validate
from mmv2.errors import UserError
from mmv2.files import read_json


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
    """The other paragraphs of the same article."""


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


def read_squad(path: Path) -> Squad:
    """Read a SQuAD-format file; raises UserError for another layout or when no question has an answer."""
    articles = validate(_File, read_json(path), path).data
    questions = []
    for article in articles:
        contexts = list(dict.fromkeys(paragraph.context for paragraph in article.paragraphs))
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
