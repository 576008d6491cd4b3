"""The data sets that ``many_shot`` asks, by their upstream formats: texts of prompts, files, and rules of drawing.

Texts are LongICLBench's; where the paper's differ (TACRED), the paper's (Appendix I).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from mmv2.config import Config
from mmv2.evaluation import rows
from mmv2.evaluation.classification import (
    BANKING77_FILES,
    GOEMOTIONS_FILES,
    Row,
    by_label,
    read_banking77,
    read_goemotions,
)
from mmv2.evaluation.relations import FEWREL, TACRED, read_fewrel, read_tacred

Demonstrations = Literal["rounds", "one_pass", "drawn"]
"""How the rows of a shot are found. rounds: the t-th row of every class; one_pass: in one pass over the file every row
whose class the shot has not yet; drawn: as rounds, of rows that the seed has shuffled within their classes."""
Queries = Literal["rounds", "file_order", "drawn"]
"""How test queries are found. rounds: the t-th row of every class by turns; file_order: rows as they come, at most
``MOST_PER_CLASS`` of a class; drawn: as rounds, of rows that the seed has shuffled within their classes."""
MOST_PER_CLASS = 20
LabelKind = Literal["semantic", "anonymous", "novel"]
Shots = Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(min_length=1)]
"""Numbers of examples of every class."""


@dataclass(frozen=True)
class Form:
    """The fixed texts of a prompt."""

    instruction: str
    query_key: str
    label_key: str
    """May hold {subject} and {object}, the entities of the row."""


@dataclass(frozen=True, kw_only=True)
class Format:
    """A file layout, and what LongICLBench does with data of it."""

    form: Form
    origin: rows.DataSet
    labels_file: str | None = None
    """What the file with the labels' names is, if rows have numbers in their place."""
    demonstrations: Demonstrations = "rounds"
    queries: Queries = "rounds"
    exact_case: bool = False
    """Whether an answer must have the label's case."""


RELATIONS = Form(
    "Given a sentence and a pair of subject and object entities within the sentence, please predict the relation "
    "between the given entities. The examples are as follows: \n",
    "sentence:",
    "the relation between {subject} and {object} is:",
)
FORMATS = {
    "banking77": Format(
        form=Form(
            "Given a customer service query, please predict the intent of the query. The predict answer must come from "
            "the demonstration examples with the exact format. The examples are as follows: \n",
            "service query:",
            "intent category:",
        ),
        origin=BANKING77_FILES,
    ),
    "goemotions": Format(
        form=Form(
            "Given a comment, please predict the emotion category of this comment. The predict answer must come from "
            "the demonstration examples with the exact format. The examples are as follows: \n",
            "comment:",
            "emotion category:",
        ),
        origin=GOEMOTIONS_FILES,
        labels_file="the labels by number",
    ),
    "tacred": Format(
        form=RELATIONS,
        origin=TACRED,
        demonstrations="one_pass",
        queries="file_order",
        exact_case=True,
    ),
    "fewrel": Format(
        form=RELATIONS,
        origin=FEWREL,
        labels_file="pid2name.json",
        exact_case=True,
    ),
}


class DataSet(Config):
    """Files of one data set, relative to the corpus folder, and its texts."""

    format: Literal["banking77", "goemotions", "tacred", "fewrel"]
    """banking77: CSV with text and category; goemotions: text, label numbers and id, separated by tabs; tacred: JSON
    rows of LDC2018T24; fewrel: JSON rows by relation id."""
    train_file: str
    """Demonstrations and development queries."""
    test_file: str | None = None
    """Test queries; null: the second half of every class of train_file, for FewRel, whose classes have one file."""
    labels_file: str | None = None
    """Of goemotions: the labels by number; of fewrel: pid2name.json."""
    instruction: str | None = None
    """What every prompt begins with; null: LongICLBench's text. Empty where the vocabulary has no words for it."""
    query_key: str | None = None
    """Stands before each text; null: LongICLBench's."""
    label_key: str | None = None
    """Stands before each label; null: LongICLBench's, of relations the paper's. May hold {subject} and {object}."""
    shots: Shots | None = None
    """Those of this data set; null: the task's. The paper goes up to 16, and with TACRED to 10."""
    label_kinds: tuple[LabelKind, ...] | None = Field(default=None, min_length=1)
    """Those of this data set; null: the task's. Names of classes that are no words cannot be semantic labels."""
    demonstrations: Demonstrations | None = None
    """rounds, one_pass or drawn (by the seed); null: as LongICLBench does, one_pass for TACRED, else rounds."""
    queries: Queries | None = None
    """rounds, file_order or drawn (by the seed); null: as LongICLBench does, file_order for TACRED, else rounds."""
    repeat_rows: bool = False
    """Whether classes with fewer rows than shots show the same rows again, as TACRED's rarest may have to."""

    @model_validator(mode="after")
    def _labels_are_named(self) -> Self:
        what = FORMATS[self.format].labels_file
        if what and self.labels_file is None:
            raise ValueError(f"labels_file: needed for {self.format}, whose rows name no labels; name {what}")
        if self.labels_file is not None and not what:
            raise ValueError(f"labels_file: of no use for {self.format}, whose rows name their labels; leave it out")
        return self

    @property
    def form(self) -> Form:
        default = FORMATS[self.format].form
        own = {name: getattr(self, name) for name in ("instruction", "query_key", "label_key")}
        return Form(**{name: getattr(default, name) if text is None else text for name, text in own.items()})

    @property
    def files(self) -> list[str]:
        return [file for file in (self.train_file, self.test_file, self.labels_file) if file is not None]

    def read(self, corpus_folder: Path) -> tuple[list[Row], list[Row]]:
        """Rows for demonstrations, and rows for test queries, in the order of their files.

        Raises:
            UserError: a file is missing or of another layout.
        """
        for file in self.files:
            if not (corpus_folder / file).is_file():
                raise FORMATS[self.format].origin.absent(corpus_folder / file)
        train = self._rows(corpus_folder, self.train_file)
        return _halves(train) if self.test_file is None else (train, self._rows(corpus_folder, self.test_file))

    def _rows(self, folder: Path, file: str) -> list[Row]:
        if self.format == "banking77":
            return read_banking77(folder / file)
        if self.format == "tacred":
            return read_tacred(folder / file)
        assert self.labels_file is not None, "settings are validated"
        read = read_goemotions if self.format == "goemotions" else read_fewrel
        return read(folder / file, folder / self.labels_file)


def _halves(every: list[Row]) -> tuple[list[Row], list[Row]]:
    """The first half of every class; and of the second what has no text that stands in the first."""
    first = {row.number for group in by_label(every).values() for row in group[: (len(group) + 1) // 2]}
    texts = {row.text for row in every if row.number in first}
    return (
        [row for row in every if row.number in first],
        [row for row in every if row.number not in first and row.text not in texts],
    )


BANKING77 = DataSet(
    format="banking77", train_file="evaluation/banking77_train.csv", test_file="evaluation/banking77_test.csv"
)
GOEMOTIONS = DataSet(
    format="goemotions",
    train_file="evaluation/goemotions_train.tsv",
    test_file="evaluation/goemotions_test.tsv",
    labels_file="evaluation/goemotions_labels.txt",
)
