"""RULER by task, context length and depth, under both scores."""

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd

from mmv2.errors import UserError
from mmv2.evaluation.scoring import postprocess
from mmv2.evaluation.statistics import Interval
from mmv2.reporting.accuracies import accuracy, counts, distinct_examples, reference, references
from mmv2.reporting.selection import compared, of_task
from mmv2.reporting.tables import TableSpec
from mmv2.reporting.tables._rows import NO_MODEL, Row, assembled, checkpoints, measured_row

TASKS = ("ruler_qa", "ruler_niah")
SCORES = ("official", "strict")
BINS = 5
HEADS = [f"depth {place / BINS:g} to {(place + 1) / BINS:g}" for place in range(BINS)]


def build(records: pd.DataFrame) -> pd.DataFrame:
    """Accuracy (%) on RULER by task, context length (tokens) and depth: where in the prompt the answer stands.

    Depth 0 is the beginning of the prompt, 1 its end, in five bins of equal width. Of two documents that an answer
    needs (HotpotQA) the first counts. The official score counts an answer that occurs anywhere in the generated text,
    the strict one an answer that begins it. Empty answers are those without any text, which both scores count as wrong.
    Cells hold the mean over examples with its 95 % interval; bins hold few examples, and differ in number: in the
    regimes linear10 and bisect all of SQuAD's examples of one length stand in one or two of them. Rows are pre-trained
    and fine-tuned runs with data budget 1. Chance and copying need no model. The paper has no such table.
    """
    tasks = [task for task in TASKS if (records["task"] == task).any()]
    if not tasks:
        raise UserError(
            f"records: none of task {' or '.join(TASKS)}, only of {', '.join(sorted(set(records['task'])))}"
        )
    measured = pd.concat([of_task(compared(records), task) for task in tasks])
    measured = measured.assign(
        bin=np.minimum(np.floor(measured["depth"] * BINS), BINS - 1),
        empty=[float(not postprocess(prediction)) for prediction in measured["prediction"]],
    )
    return assembled(_measured(measured, records), [], _no_model(measured))


def _groups(records: pd.DataFrame) -> Iterator[tuple[Row, pd.DataFrame]]:
    """The records of each task, subtask and context length, and what names them."""
    order = records["task"].map(TASKS.index)
    for (_, task, subtask, length), group in records.groupby([order, "task", "subtask", "context_length"]):
        yield {"subtask": f"{task}: {subtask}", "context length": str(length)}, group


def _measured(measured: pd.DataFrame, records: pd.DataFrame) -> Iterator[tuple[str, Row]]:
    for of_checkpoint in checkpoints(measured):
        for names, group in _groups(of_checkpoint):
            row = {**measured_row(group, records, counts(group, ["run"])), **names}
            row |= {"empty answers": accuracy(group, "empty")}
            for score in SCORES:
                cells = _by_depth(group, accuracy, f"score_{score}")
                yield str(group["arch"].iloc[0]), {**row, "score": score, **cells}


def _by_depth(
    group: pd.DataFrame, mean: Callable[[pd.DataFrame, str], Interval], column: str
) -> dict[str, Interval | None]:
    bins = dict(list(group.groupby("bin")))
    cells = {head: mean(bins[place], column) if place in bins else None for place, head in enumerate(HEADS)}
    return {"all depths": mean(group, column), **cells}


def _no_model(measured: pd.DataFrame) -> Iterator[Row]:
    for names, group in _groups(measured):
        for column, name in references(group).items():
            distinct = distinct_examples(group)
            row: Row = {"model": name, "source": NO_MODEL, **names, "score": "official", "empty answers": None}
            yield {**row, "examples per number": str(len(distinct)), **_by_depth(distinct, reference, column)}


TABLE = TableSpec(title="RULER by task, length and depth", build=build)
