"""Settings of ``many_shot``, and what its prompts are made of: demonstrations, queries and labels of a data set."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from math import ceil
from pathlib import Path
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from mmv2.config import Config
from mmv2.errors import UserError
from mmv2.evaluation.classification import Row, by_label, read_banking77, read_goemotions, rounds
from mmv2.evaluation.tasks import TaskSettings
from mmv2.evaluation.word_lists import WordList, read_words

DELIMITERS = {"newline": "\n", "space": " "}
"""What stands between a key and its text (Appendix I: "before x and y")."""
Style = Literal["newline_ordered", "newline_shuffled", "space_ordered", "space_shuffled"]
LabelKind = Literal["semantic", "anonymous", "novel"]


@dataclass(frozen=True)
class Form:
    """The fixed texts of a prompt."""

    instruction: str
    query_key: str
    label_key: str


FORMS = {
    "banking77": Form(
        "Given a customer service query, please predict the intent of the query. The predict answer must come from the "
        "demonstration examples with the exact format. The examples are as follows: \n",
        "service query:",
        "intent category:",
    ),
    "goemotions": Form(
        "Given a comment, please predict the emotion category of this comment. The predict answer must come from the "
        "demonstration examples with the exact format. The examples are as follows: \n",
        "comment:",
        "emotion category:",
    ),
}
"""LongICLBench's texts by format, byte for byte."""


class DataSet(Config):
    """Files of one data set, relative to the corpus folder, and its texts."""

    format: Literal["banking77", "goemotions"]
    """banking77: CSV with text and category; goemotions: text, label numbers and id, separated by tabs."""
    train_file: str
    """Demonstrations and development queries."""
    test_file: str
    """Test queries."""
    labels_file: str | None = None
    """Of goemotions: the labels by number."""
    instruction: str | None = None
    """What every prompt begins with; null: LongICLBench's text. Empty where the vocabulary has no words for it."""
    query_key: str | None = None
    """Stands before each text; null: LongICLBench's."""
    label_key: str | None = None
    """Stands before each label; null: LongICLBench's."""
    label_kinds: tuple[LabelKind, ...] | None = Field(default=None, min_length=1)
    """Those of this data set; null: the task's. Names of classes that are no words cannot be semantic labels."""

    @model_validator(mode="after")
    def _labels_are_named(self) -> Self:
        if (self.format == "goemotions") != (self.labels_file is not None):
            raise ValueError(
                "labels_file: needed for goemotions, whose rows have label numbers, and for no other format"
            )
        return self

    @property
    def form(self) -> Form:
        default = FORMS[self.format]
        own = {name: getattr(self, name) for name in ("instruction", "query_key", "label_key")}
        return Form(**{name: getattr(default, name) if text is None else text for name, text in own.items()})

    @property
    def files(self) -> list[str]:
        return [file for file in (self.train_file, self.test_file, self.labels_file) if file is not None]


BANKING77 = DataSet(
    format="banking77", train_file="evaluation/banking77_train.csv", test_file="evaluation/banking77_test.csv"
)
GOEMOTIONS = DataSet(
    format="goemotions",
    train_file="evaluation/goemotions_train.tsv",
    test_file="evaluation/goemotions_test.tsv",
    labels_file="evaluation/goemotions_labels.txt",
)


class ManyShotSettings(TaskSettings):
    """The defaults are the paper's where it states them; a closed vocabulary needs other instructions."""

    context_lengths: tuple[Annotated[int, Field(ge=1)], ...] = Field(min_length=1, max_length=1)
    """One length in tokens, which every prompt must fit with its generation budget."""
    examples_per_length: int = Field(default=500, ge=1)
    """Test queries of every data set, asked with each number of shots, kind of labels and style; at most."""
    dev_examples: int = Field(default=100, ge=0)
    """Development queries of every data set, from training rows after the last demonstrations."""
    datasets: dict[str, DataSet] = Field(default={"banking77": BANKING77, "goemotions": GOEMOTIONS}, min_length=1)
    """Name in records (subtask) -> files and texts."""
    num_classes: int | None = Field(default=None, ge=2)
    """How many classes of each data set, drawn by the seed; null: all."""
    shots: tuple[Annotated[int, Field(ge=1)], ...] = Field(default=(2, 4, 8, 16), min_length=1)
    label_kinds: tuple[LabelKind, ...] = Field(default=("semantic", "anonymous"), min_length=1)
    prompt_styles: tuple[Style, ...] = Field(
        default=("newline_ordered", "newline_shuffled", "space_ordered", "space_shuffled"), min_length=1
    )
    """Delimiter, and order of the classes: ordered: as they first appear in the training file, the same in every shot;
    shuffled: drawn afresh for every shot."""
    anonymous_mapping: Literal["sorted", "permuted"] = "sorted"
    """Which class is class_00, class_01, ...: sorted: in the order of the semantic labels; permuted: drawn."""
    novel_labels: WordList | None = None
    """Words of which one is drawn for each class as its novel label."""

    @model_validator(mode="after")
    def _novel_labels_are_given(self) -> Self:
        if any("novel" in self.kinds(name) for name in self.datasets) and self.novel_labels is None:
            raise ValueError("novel_labels: needed for the novel kind of labels; name a list of words")
        return self

    def kinds(self, name: str) -> tuple[LabelKind, ...]:
        """Kinds of labels with which a data set is asked."""
        return self.datasets[name].label_kinds or self.label_kinds


@dataclass(frozen=True)
class Source:
    """What the prompts of one data set are made of."""

    name: str
    form: Form
    orders: dict[str, list[list[Row]]]
    """Order -> per shot a row of every class."""
    queries: list[tuple[str, Row]]
    """Split and query."""
    labels: dict[str, dict[str, str]]
    """Kind -> semantic label -> label shown."""
    most_frequent: str
    """Semantic label of the blind guess."""


def _rng(settings: ManyShotSettings, name: str, purpose: str, number: int = 0) -> np.random.Generator:
    return np.random.default_rng((settings.seed, zlib.crc32(f"many_shot/{name}/{purpose}".encode()), number))


def read_source(settings: ManyShotSettings, name: str, corpus_folder: Path) -> Source:
    """Read a data set and choose its classes, demonstrations, queries and labels.

    Raises:
        UserError: a file is missing or of another layout, or a class has too few rows.
    """
    data = settings.datasets[name]
    train, test = (_rows(corpus_folder, data, file) for file in (data.train_file, data.test_file))
    groups = by_label(train)
    strange = [row.label for row in test if row.label not in groups]
    if strange:
        raise UserError(
            f"{corpus_folder / data.test_file}: class {strange[0]!r} has no row in {data.train_file}; use files of one "
            f"data set"
        )
    groups = _chosen(settings, name, groups)
    most = max(settings.shots)
    _check_rows(settings, name, groups)
    shots = [[group[shot] for group in groups.values()] for shot in range(most)]
    shuffled = [
        [rows[place] for place in _rng(settings, name, "order", shot).permutation(len(rows))]
        for shot, rows in enumerate(shots)
    ]
    dev = islice(rounds({label: group[most:] for label, group in groups.items()}), settings.dev_examples)
    asked = islice(rounds(by_label(row for row in test if row.label in groups)), settings.examples_per_length)
    return Source(
        name=name,
        form=data.form,
        orders={"ordered": shots, "shuffled": shuffled},
        queries=[*(("test", row) for row in asked), *(("dev", row) for row in dev)],
        labels={kind: _shown(settings, name, kind, list(groups), corpus_folder) for kind in settings.kinds(name)},
        most_frequent=min(groups, key=lambda label: (-len(groups[label]), label)),
    )


def _rows(corpus_folder: Path, data: DataSet, file: str) -> list[Row]:
    if data.labels_file is None:
        return read_banking77(corpus_folder / file)
    return read_goemotions(corpus_folder / file, corpus_folder / data.labels_file)


def _chosen(settings: ManyShotSettings, name: str, groups: dict[str, list[Row]]) -> dict[str, list[Row]]:
    """The rows of ``num_classes`` classes."""
    number = settings.num_classes or len(groups)
    if number > len(groups):
        raise UserError(f"many_shot: num_classes: {number}, but {name} has {len(groups)} classes; use at most that")
    kept = set(_rng(settings, name, "classes").permutation(sorted(groups))[:number].tolist())
    return {label: group for label, group in groups.items() if label in kept}


def _check_rows(settings: ManyShotSettings, name: str, groups: dict[str, list[Row]]) -> None:
    """Whether every class has the demonstrations, and its part of the development queries besides."""
    most, dev = max(settings.shots), ceil(settings.dev_examples / len(groups))
    label, have = min(((label, len(group)) for label, group in groups.items()), key=lambda item: item[1])
    if have < most + dev:
        raise UserError(
            f"many_shot: datasets.{name}: class {label!r} has {have} rows in {settings.datasets[name].train_file}, "
            f"needed are {most + dev}: {most} for shots, {dev} for dev_examples {settings.dev_examples} of "
            f"{len(groups)} classes; lower one of them"
        )


def _shown(
    settings: ManyShotSettings, name: str, kind: LabelKind, labels: Sequence[str], corpus_folder: Path
) -> dict[str, str]:
    """Semantic label -> label that is shown in its place."""
    if kind == "semantic":
        return {label: label for label in labels}
    if kind == "anonymous":
        order = sorted(labels)
        if settings.anonymous_mapping == "permuted":
            order = _rng(settings, name, "anonymous").permutation(order).tolist()
        return {label: f"class_{number:02d}" for number, label in enumerate(order)}
    assert settings.novel_labels is not None, "settings are validated"
    words = [word for word in read_words(settings.novel_labels, corpus_folder) if word not in labels]
    if len(words) < len(labels):
        raise UserError(
            f"many_shot: novel_labels: {len(words)} words that are no labels for {len(labels)} classes of {name}; "
            f"name a longer list"
        )
    return dict(zip(sorted(labels), _rng(settings, name, "novel").permutation(words).tolist(), strict=False))
