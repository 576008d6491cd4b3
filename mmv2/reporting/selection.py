"""What tables and figures take out of the records."""

from dataclasses import replace

import numpy as np
import pandas as pd

from mmv2.errors import UserError
from mmv2.evaluation.statistics import Interval, interval
from mmv2.records import EXAMPLE

SEED = 0
"""Of all bootstrap intervals in reports."""
BASELINES = {"chance": "Chance (most frequent answer)", "baseline_nearest_match": "Copy after the nearest match"}
"""Columns of trivial answers, and their names in tables and legends."""


def of_task(records: pd.DataFrame, task: str) -> pd.DataFrame:
    """Records of one task, of every run's last evaluated step.

    Raises:
        UserError: there are none, or the runs did not all answer the same examples of the same frozen data.
    """
    found = records[records["task"] == task]
    if found.empty:
        tasks = ", ".join(sorted(records["task"].unique()))
        raise UserError(f"records: none of task {task}, only of {tasks}; evaluate {task} or leave this result out")
    found = found[found["step"] == found.groupby("run")["step"].transform("max")]
    _check_same_data(found, task)
    _check_same_examples(found, task)
    return found


def _check_same_data(records: pd.DataFrame, task: str) -> None:
    runs_of = {str(data): sorted(of_data["run"].unique()) for data, of_data in records.groupby("data_hash")}
    if len(runs_of) > 1:
        told = "; ".join(f"{data[:12]}: {', '.join(runs)}" for data, runs in runs_of.items())
        raise UserError(
            f"records: runs answered different {task} data ({told}); evaluate all runs on the same frozen file"
        )


def _check_same_examples(records: pd.DataFrame, task: str) -> None:
    """Every run has a record of each example that any has: a mean over what is left of a file is another mean."""
    examples = records.groupby(EXAMPLE, dropna=False).ngroup()
    everything = set(examples)
    lacking = {str(run): len(everything - set(of_run)) for run, of_run in examples.groupby(records["run"])}
    if any(lacking.values()):
        told = ", ".join(f"{run} lacks {number}" for run, number in lacking.items() if number)
        raise UserError(
            f"records: runs did not answer the same {task} examples (of {len(everything)}, {told}); "
            f"evaluate all runs on the same frozen file"
        )


def accuracy(records: pd.DataFrame, score: str) -> Interval:
    """Mean of a score column in percent, with its interval."""
    found = interval(records[score].to_numpy(), SEED)
    return replace(found, mean=100 * found.mean, low=100 * found.low, high=100 * found.high)


def distinct_examples(records: pd.DataFrame) -> pd.DataFrame:
    """One record per example: for what depends on the example alone, such as chance."""
    return records.drop_duplicates([*EXAMPLE, "data_hash"])


def ratio_name(ratio: float) -> str:
    """A context length in units of the training context, such as 2x or 1/8x."""
    if ratio < 1 and np.isclose(1 / ratio, round(1 / ratio)):
        return f"1/{round(1 / ratio)}x"
    return f"{ratio:g}x"
