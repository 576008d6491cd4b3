"""Reads HotpotQA in the distractor setting: the published JSON list, or rows in the columns of its Hub copy."""

from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, AliasChoices, BaseModel, Field, field_validator

from mmv2.errors import UserError
from mmv2.evaluation.question_files import DocumentQuestion, QuestionFile
from mmv2.evaluation.rows import DataSet, parse_rows, read_content

HOTPOTQA = DataSet("HotpotQA", "hotpot_dev_distractor_v1.json", "hotpotqa.github.io", "CC BY-SA 4.0")


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("blank; mend the row or leave it out")
    return text


class _Row(BaseModel):
    id: str | None = Field(default=None, validation_alias=AliasChoices("_id", "id"))
    question: Annotated[str, AfterValidator(_not_blank)]
    answer: Annotated[str, AfterValidator(_not_blank)]
    """A blank one would stand in every text."""
    supporting_facts: list[tuple[str, int]]
    """Title and number of each sentence that the answer needs."""
    context: list[tuple[str, list[str]]] = Field(min_length=1)
    """Title and sentences of each paragraph."""

    @field_validator("supporting_facts", mode="before")
    @classmethod
    def _pair_facts(cls, value: Any) -> Any:
        return _pairs(value, "title", "sent_id")

    @field_validator("context", mode="before")
    @classmethod
    def _pair_paragraphs(cls, value: Any) -> Any:
        return _pairs(value, "title", "sentences")


def _pairs(value: Any, first: str, second: str) -> Any:
    """The Hub copy has two lists of the same length where the published file has a list of pairs."""
    if not isinstance(value, dict):
        return value
    for name in (first, second):
        if not isinstance(value.get(name), list):
            raise ValueError(f"has no list {name!r}")
    if len(value[first]) != len(value[second]):
        raise ValueError(f"has {len(value[first])} {first} and {len(value[second])} {second}")
    return list(zip(value[first], value[second], strict=True))


def read_hotpot(path: Path) -> QuestionFile:
    """Read HotpotQA's questions and paragraphs; a document is title, line break, and the sentences as they are.

    Raises:
        UserError: no file (with where it comes from), a row that lacks a field (with the row), or a supporting fact
            whose paragraph is not there.
    """
    content = read_content(path, HOTPOTQA)
    if not isinstance(content, list) or not content:
        raise UserError(f"{path}: holds no list of questions, as {HOTPOTQA.file} does; name such a file")
    questions = tuple(_question(row, place, path) for place, row in parse_rows(_Row, content, path))
    pool = {document for question in questions for document in question.own}
    return QuestionFile(questions, tuple(sorted(pool)))


def _question(row: _Row, place: str, path: Path) -> DocumentQuestion:
    documents = [(title, f"{title}\n{''.join(sentences)}") for title, sentences in row.context]
    supporting = {title for title, _ in row.supporting_facts}
    lacking = supporting - {title for title, _ in documents}
    if lacking or not supporting:
        raise UserError(
            f"{path}: {place}: supporting_facts: "
            + (f"no paragraph of context is called {min(lacking)!r}" if lacking else "empty; the answer needs some")
        )
    return DocumentQuestion(
        id=row.id or place.replace(" ", "-"),
        text=row.question,
        answers=(row.answer,),
        own=tuple(text for _, text in documents),
        needed=tuple(dict.fromkeys(text for title, text in documents if title in supporting)),
        more=(),
    )
