"""Reads relation classification data sets in their upstream formats: TACRED and FewRel.

Their sentences are lists of tokens. LongICLBench puts them together by the Moses detokenizer, and so is done here.
"""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from mmv2.errors import UserError
from mmv2.evaluation.classification import Row, some
from mmv2.evaluation.rows import DataSet, parse_rows, read_content

TACRED = DataSet(
    name="TACRED (LDC2018T24)",
    file="data/json/train.json and test.json",
    source="the Linguistic Data Consortium, https://catalog.ldc.upenn.edu/LDC2018T24; it may not be passed on, FewRel "
    "is the free stand-in",
    licence="LDC User Agreement",
)
FEWREL = DataSet(
    name="FewRel 1.0",
    file="data/val_wiki.json and pid2name.json",
    source="https://github.com/thunlp/FewRel",
    licence="MIT",
)
NO_RELATION = "no_relation"
"""Rows of this label of TACRED are left out: LongICLBench's classes are the 41 relations."""


class _Row(BaseModel):
    """Fields that are used; others may be there."""

    model_config = ConfigDict(strict=True)


Place = Annotated[int, Field(ge=0)]


class _Tacred(_Row):
    token: list[str] = Field(min_length=1)
    subj_start: Place
    subj_end: Place
    obj_start: Place
    obj_end: Place
    relation: str = Field(min_length=1)


Entity = tuple[str, str, Annotated[list[list[Place]], Field(min_length=1)]]
"""Name, Wikidata number, and for each mention the places of its tokens."""


class _FewRel(_Row):
    tokens: list[str] = Field(min_length=1)
    h: Entity
    t: Entity


def read_tacred(path: Path) -> list[Row]:
    """Rows with a relation, of a file of ``data/json``; raises UserError for no such file or another layout."""
    content = read_content(path, TACRED)
    if not isinstance(content, list):
        raise UserError(f"{path}: not a list of rows; use a file of data/json of TACRED")
    rows = []
    for number, (place, row) in enumerate(parse_rows(_Tacred, content, path)):
        if row.relation != NO_RELATION:
            spans = (range(row.subj_start, row.subj_end + 1), range(row.obj_start, row.obj_end + 1))
            rows.append(_row(number, row.token, row.relation, spans, f"{path}: {place}"))
    return some(rows, path)


def read_fewrel(path: Path, names_file: Path) -> list[Row]:
    """Rows of a file such as val_wiki.json, relation after relation; the first mentions are the entities.

    Args:
        path: relation id -> rows.
        names_file: pid2name.json: relation id -> name and description; names are the labels.

    Raises:
        UserError: no such file, or another layout.
    """
    content, names = read_content(path, FEWREL), read_content(names_file, FEWREL)
    for found, file in ((content, path), (names, names_file)):
        if not isinstance(found, dict) or not all(isinstance(item, list) and item for item in found.values()):
            raise UserError(f"{file}: not lists by relation id; use val_wiki.json and pid2name.json of FewRel")
    rows: list[Row] = []
    for relation, items in content.items():
        if relation not in names:
            raise UserError(f"{names_file}: no name of relation {relation}, which {path} has; use files of one release")
        for place, row in parse_rows(_FewRel, items, path):
            spans = (row.h[2][0], row.t[2][0])
            where = f"{path}: {relation}: {place}"
            rows.append(_row(len(rows), row.tokens, str(names[relation][0]), spans, where))
    return some(rows, path)


def _row(number: int, tokens: Sequence[str], label: str, spans: Sequence[Sequence[int]], where: str) -> Row:
    for name, span in zip(("subject", "object"), spans, strict=True):
        if not span or max(span) >= len(tokens):
            raise UserError(f"{where}: the {name} is no part of the {len(tokens)} tokens; mend the row or leave it out")
    subject, entity = (_joined([tokens[place] for place in span]) for span in spans)
    return Row(number, _joined(tokens), label, subject, entity)


@cache
def _detokenizer() -> Any:
    from sacremoses import MosesDetokenizer  # a workflow plan does without

    return MosesDetokenizer(lang="en")


def _joined(tokens: Sequence[str]) -> str:
    """The tokens as a text of one line."""
    return " ".join(_detokenizer().detokenize(list(tokens)).split())
