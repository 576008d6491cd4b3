"""In-context classification in numbers: every way to take one of four prompt styles, and every score."""

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import pandas as pd

from mmv2.evaluation.statistics import Interval, others_at_most, ratio_interval
from mmv2.reporting.accuracies import SEED, accuracy, counts, percent, reference, references, with_constant_answer
from mmv2.reporting.fields import main_score
from mmv2.reporting.prompt_styles import best_style
from mmv2.reporting.seeds import by_seed
from mmv2.reporting.selection import last_stage, of_task
from mmv2.reporting.tables import TableSpec
from mmv2.reporting.tables._rows import NO_MODEL, Cell, Row, assembled, checkpoints, measured_row

TASK = "many_shot"
Value = Callable[[pd.DataFrame], Interval]


def build(records: pd.DataFrame) -> pd.DataFrame:
    """In-context classification (%), by data set, kind of labels and number of shots.

    Runs are those fine-tuned on long contexts, or, where none was, the pre-trained ones.

    Accuracy: the first generated line is the label. Best style: of the prompt styles (the paper has four) the best on
    the test queries themselves, as the paper reports, which is on average too high; mean of styles; style best on dev:
    chosen on development queries; where only one style was asked, accuracy alone. Ranked: the label is the most
    probable of all, in the style best by that. F1, which LongICLBench reports of TACRED: precision is of the answers
    that are labels, recall of all. With 95 % intervals over queries for the style shown: bootstrap, or exact where all
    are right or none. No model: chance is one over the number of labels; nearest match gives the label of the
    demonstration that shares most with the query; the best constant answer is the label that most of the queries have.
    The figures of the paper have no numbers to set beside.
    """
    of_runs = last_stage(records)
    test, has_dev = of_task(of_runs, TASK), ((of_runs["task"] == TASK) & (of_runs["split"] == "dev")).any()
    ways = _ways(test, pd.concat([test, of_task(of_runs, TASK, split="dev")]) if has_dev else None)
    shots = sorted(test["num_shots"].unique())
    rows = []
    for name, (taken, value) in ways.items():
        for of_checkpoint in checkpoints(taken):
            for (subtask, kind), these in of_checkpoint.groupby(["subtask", "label_kind"]):
                row = measured_row(these, records, counts(these, ["num_shots"]))
                row |= {"subtask": f"{subtask}, {kind}", "score": name}
                rows.append((str(row["source"]), row | _cells(these, shots, value), str(these["arch"].iloc[0])))
    order = {name: place for place, name in enumerate(ways)}
    rows.sort(key=lambda item: (item[0], str(item[1]["subtask"]), order[str(item[1]["score"])]))
    return assembled([(arch, row) for _, row, arch in rows], [], _no_model(best_style(test, "mean"), shots))


def _ways(test: pd.DataFrame, judged: pd.DataFrame | None) -> dict[str, tuple[pd.DataFrame, Value]]:
    """Name of a score -> one record per query, and what is computed from them."""
    best, main = best_style(test, "best on test"), partial(accuracy, score=main_score(test))
    ranked = best_style(test, "best on test", "score_ranked"), partial(accuracy, score="score_ranked")
    f1 = (best, _f1) if "score_valid" in test and test["score_valid"].notna().all() else None
    found: dict[str, tuple[pd.DataFrame, Value] | None]
    if test["prompt_style"].nunique() == 1:  # all ways to take one are the same
        found = {"accuracy": (best, main), "ranked": ranked, "F1": f1}
    else:
        chosen = None if judged is None else (best_style(judged, "best on dev"), main)
        found = {
            "accuracy, best style": (best, main),
            "accuracy, mean of styles": (best_style(test, "mean"), main),
            "accuracy, style best on dev": chosen,
            "ranked, best style": ranked,
            "F1, best style": f1,
        }
    return {name: way for name, way in found.items() if way}


def _f1(records: pd.DataFrame) -> Interval:
    """2 correct / (valid + all), the harmonic mean of correct / valid and correct / all.

    Made-up answers are among those drawn, a right one and a wrong label, as of accuracies; where all or none are right,
    the interval reaches at least as far as if as many as the exact bound leaves open were otherwise, at best or worst.
    """
    correct, valid = (by_seed(records, records[name]) for name in (main_score(records), "score_valid"))
    drawn = ratio_interval(_and(2 * correct, [2, 0]), _and(valid + 1, [2, 2]), SEED, made_up=2)
    mean, low, high = drawn.mean, drawn.low, drawn.high
    others = others_at_most(correct.shape[-1])
    if not correct.any():
        high = max(high, 2 * others / (max(others, valid.mean()) + 1))
    if correct.all():
        low = min(low, 1 - others)
    return percent(Interval(mean, low, high, correct.shape[-1]))


def _and(values: np.ndarray, made_up: list[float]) -> np.ndarray:
    """Values, along the last axis per example, with those of made-up examples after them."""
    return np.concatenate([values, np.broadcast_to(made_up, (*values.shape[:-1], len(made_up)))], axis=-1)


def _cells(records: pd.DataFrame, shots: list[float], value: Value) -> dict[str, Cell]:
    groups = dict(iter(records.groupby("num_shots")))
    return {f"{number:g} shots": value(groups[number]) if number in groups else None for number in shots}


def _no_model(mean: pd.DataFrame, shots: list[float]) -> Iterator[Row]:
    """A row per data set, kind of labels and trivial answer."""
    mean = with_constant_answer(mean, ["subtask", "label_kind", "num_shots"])
    for (subtask, kind), these in mean.groupby(["subtask", "label_kind"]):
        for column, name in references(these).items():
            row: Row = {"model": name, "source": NO_MODEL, "subtask": f"{subtask}, {kind}", "score": "accuracy"}
            yield row | _cells(these, shots, partial(reference, column=column))


TABLE = TableSpec(title="In-context classification", build=build)
