"""Settings of ``many_shot``, and what its prompts are made of: demonstrations, queries and labels of a data set."""

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, islice, repeat
from math import ceil
from pathlib import Path
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from mmv2.errors import UserError
from mmv2.evaluation.classification import Row, by_label, rounds
from mmv2.evaluation.tasks import TaskSettings
from mmv2.evaluation.tasks._data_sets import (
    BANKING77,
    FORMATS,
    GOEMOTIONS,
    MOST_PER_CLASS,
    DataSet,
    Demonstrations,
    Form,
    LabelKind,
    Queries,
    Shots,
)
from mmv2.evaluation.word_lists import WordList, read_words

DELIMITERS = {"newline": "\n", "space": " "}
"""What stands between a key and its text (Appendix I: "before x and y")."""
Style = Literal["newline_ordered", "newline_shuffled", "space_ordered", "space_shuffled"]


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
    shots: Shots = (2, 4, 8, 16)
    label_kinds: tuple[LabelKind, ...] = Field(default=("semantic", "anonymous"), min_length=1)
    prompt_styles: tuple[Style, ...] = Field(
        default=("newline_ordered", "newline_shuffled", "space_ordered", "space_shuffled"), min_length=1
    )
    """Delimiter, and order of the classes: ordered: as they first appear in the training file, the same in every shot;
    shuffled: drawn afresh for every shot."""
    delimiters: Literal["after_keys", "between_fields"] = "after_keys"
    """Where the delimiter stands: after each key; or between a text and the key of its label too, where a line break
    stands otherwise."""
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

    def shots_of(self, name: str) -> list[int]:
        """Numbers of shots with which a data set is asked, in rising order."""
        return sorted(set(self.datasets[name].shots or self.shots))


@dataclass(frozen=True)
class Source:
    """What the prompts of one data set are made of."""

    name: str
    form: Form
    exact_case: bool
    """Whether an answer must have the label's case."""
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
    train, test = data.read(corpus_folder)
    groups = by_label(train)
    strange = [row.label for row in test if row.label not in groups]
    if strange:
        raise UserError(
            f"{corpus_folder / str(data.test_file)}: class {strange[0]!r} has no row in {data.train_file}; use files "
            f"of one data set"
        )
    groups = _chosen(settings, name, groups)
    shots = _shots(settings, name, groups)
    shuffled = [
        [rows[place] for place in _rng(settings, name, "order", shot).permutation(len(rows))]
        for shot, rows in enumerate(shots)
    ]
    return Source(
        name=name,
        form=data.form,
        exact_case=FORMATS[data.format].exact_case,
        orders={"ordered": shots, "shuffled": shuffled},
        queries=[
            *(("test", row) for row in _asked(settings, name, [row for row in test if row.label in groups])),
            *(("dev", row) for row in _left(settings, name, groups, shots)),
        ],
        labels={kind: _shown(settings, name, kind, list(groups), corpus_folder) for kind in settings.kinds(name)},
        most_frequent=min(groups, key=lambda label: (-len(groups[label]), label)),
    )


def _chosen(settings: ManyShotSettings, name: str, groups: dict[str, list[Row]]) -> dict[str, list[Row]]:
    """The rows of ``num_classes`` classes."""
    number = settings.num_classes or len(groups)
    if number > len(groups):
        raise UserError(f"many_shot: num_classes: {number}, but {name} has {len(groups)} classes; use at most that")
    kept = set(_rng(settings, name, "classes").permutation(sorted(groups))[:number].tolist())
    return {label: group for label, group in groups.items() if label in kept}


def _shots(settings: ManyShotSettings, name: str, groups: dict[str, list[Row]]) -> list[list[Row]]:
    """Per shot a row of every class."""
    data, most = settings.datasets[name], max(settings.shots_of(name))
    how: Demonstrations = data.demonstrations or FORMATS[data.format].demonstrations
    if how == "one_pass":
        return _one_pass(settings, name, groups)
    if how == "drawn":
        groups = _drawn(settings, name, "demonstrations", groups)
    if not data.repeat_rows:
        _check_rows(settings, name, groups)
    return [[group[shot % len(group)] for group in groups.values()] for shot in range(most)]


def _drawn(settings: ManyShotSettings, name: str, purpose: str, groups: dict[str, list[Row]]) -> dict[str, list[Row]]:
    """The rows of each class in an order of its own."""
    orders = {label: _rng(settings, name, f"{purpose}/{label}").permutation(len(groups[label])) for label in groups}
    return {label: [group[place] for place in orders[label]] for label, group in groups.items()}


def _check_rows(settings: ManyShotSettings, name: str, groups: dict[str, list[Row]]) -> None:
    """Whether every class has the demonstrations, and its part of the development queries besides."""
    most, dev = max(settings.shots_of(name)), ceil(settings.dev_examples / len(groups))
    label, have = min(((label, len(group)) for label, group in groups.items()), key=lambda item: item[1])
    if have < most + dev:
        raise UserError(
            f"many_shot: datasets.{name}: class {label!r} has {have} rows in {settings.datasets[name].train_file}, "
            f"needed are {most + dev}: {most} for shots, {dev} for dev_examples {settings.dev_examples} of "
            f"{len(groups)} classes; lower one of them, or set repeat_rows: true"
        )


def _one_pass(settings: ManyShotSettings, name: str, groups: dict[str, list[Row]]) -> list[list[Row]]:
    """LongICLBench's shots of TACRED: one ends, and the next begins, with the row that completes its classes.

    Where rows may be repeated, the end of the file is followed by its beginning.
    """
    data, most = settings.datasets[name], max(settings.shots_of(name))
    rows = sorted(chain.from_iterable(groups.values()), key=lambda row: row.number)
    passes = repeat(rows) if data.repeat_rows else [rows]
    shots: list[list[Row]] = []
    shot: dict[str, Row] = {}
    for row in chain.from_iterable(passes):
        shot.setdefault(row.label, row)
        if len(shot) == len(groups):
            shots.append(list(shot.values()))
            shot = {}
        if len(shots) == most:
            return shots
    label = next(label for label in groups if label not in shot)
    raise UserError(
        f"many_shot: datasets.{name}: one pass over {data.train_file} gives {len(shots)} shots, needed are {most}: "
        f"then no row of class {label!r} is left, which has {len(groups[label])}; lower shots, set repeat_rows: true, "
        f"or choose demonstrations: rounds"
    )


def _asked(settings: ManyShotSettings, name: str, rows: Sequence[Row]) -> Iterable[Row]:
    """Test queries."""
    data = settings.datasets[name]
    how: Queries = data.queries or FORMATS[data.format].queries
    groups = by_label(rows)
    if how == "file_order":
        kept = {row.number for group in groups.values() for row in group[:MOST_PER_CLASS]}
        return [row for row in rows if row.number in kept][: settings.examples_per_length]
    if how == "drawn":
        groups = _drawn(settings, name, "queries", groups)
    return islice(rounds(groups), settings.examples_per_length)


def _left(
    settings: ManyShotSettings, name: str, groups: dict[str, list[Row]], shots: Sequence[Sequence[Row]]
) -> list[Row]:
    """Development queries: rows that are no demonstration, by turns."""
    used = {row.number for shot in shots for row in shot}
    left = {label: [row for row in group if row.number not in used] for label, group in groups.items()}
    found = list(islice(rounds(left), settings.dev_examples))
    if len(found) < settings.dev_examples:
        raise UserError(
            f"many_shot: dev_examples: {settings.dev_examples}, but {len(found)} rows of "
            f"{settings.datasets[name].train_file} are left beside {max(settings.shots_of(name))} shots; lower one of "
            f"them"
        )
    return found


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
