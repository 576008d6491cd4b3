"""In-context learning beyond classification: reasoning, code and regular languages."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mmv2.reporting.figures import FigureSpec
from mmv2.reporting.figures._curves import (
    axis_in_percent,
    axis_in_powers,
    curve,
    offsets,
    points,
    reference_curves,
)
from mmv2.reporting.selection import accuracy_by_query, compared, counts, last_stage, main_score, of_task
from mmv2.reporting.style import Look, legend_below, looks, new_panels

TASKS = {
    "icl_regular_languages": "regular languages",
    "icl_code": "output of programs",
    "icl_reasoning": "multi-step reasoning",
}
STYLES = {"direct": "answers alone", "worked": "with solutions"}


def shown(records: pd.DataFrame) -> pd.DataFrame:
    """Fine-tuned runs, or pre-trained where none was, with data budget 1, of those tasks that were evaluated.

    Raises:
        UserError: none of the tasks was.
    """
    of_runs = last_stage(compared(records))
    there = [task for task in TASKS if (of_runs["task"] == task).any()]
    return pd.concat([of_task(of_runs, task) for task in there or TASKS])  # the first says that there is none


def _of_questions(records: pd.DataFrame) -> pd.DataFrame:
    """Records named by what is resampled: a question, or a language, which is asked at several places."""
    name = records["subtask"] + " " + records["example_id"].str.partition("-")[0]
    return records.assign(example_id=name)


def draw(records: pd.DataFrame) -> Figure:
    """Accuracy over the number of examples in the prompt, of tasks that the paper has not.

    Regular languages (RegBench): examples are strings of a language nobody has seen, and an answer counts when the most
    probable next symbol may follow. Output of programs (CRUXEval's task on MBPP): examples are programs with a call and
    its value, and the value of another program's call is asked. Multi-step reasoning (BIG-Bench Hard, GSM8K): examples
    show the answer alone or a solution; all its questions together. Bars are 95 % bootstrap intervals over questions,
    or languages. Runs are those fine-tuned on long contexts, or, where none was, the pre-trained ones, with data budget
    1. Grey lines need no model: chance is one over the number of answers, or of free answers the most frequent one of
    the rows that examples are taken from; nearest match gives the answer of the example that shares most words with the
    question, or the symbol after the nearest match of the string's ending.
    """
    these = _of_questions(shown(records))
    keys = pd.Series(list(zip(these["task"], these["prompt_style"].fillna(""), strict=True)), index=these.index)
    panels = [(task, style) for task in TASKS for style in ("", *STYLES) if (task, style) in set(keys)]
    found = looks(these)
    figure, grid = new_panels(1, len(panels), width=3.6, height=2.6)
    for axes, (task, style) in zip(grid[0], panels, strict=True):
        title = f"{TASKS[task]}, {STYLES[style]}" if task == "icl_reasoning" else TASKS[task]
        _panel(axes, these[keys == (task, style)], found, title)
    axis_in_percent(grid[0][0], "accuracy (%)")
    number = counts(these, ["run", "task", "prompt_style", "num_shots"])
    legend_below(figure, f"{number} questions per point", [])
    return figure


def _panel(axes: Axes, records: pd.DataFrame, found: dict[str, Look], title: str) -> None:
    places, score = sorted(records["num_shots"].unique()), main_score(records)
    axis_in_powers(axes, places, "examples in the prompt")
    axes.set_title(title)
    for run, offset in offsets(axes, list(found), len(places)).items():
        of_run = points(records[records["run"] == run], "num_shots", lambda group: accuracy_by_query(group, score))
        curve(axes, of_run, found[run], offset)
    reference_curves(axes, records, "num_shots")


FIGURE = FigureSpec(title="In-context learning beyond classification", shown=shown, draw=draw)
