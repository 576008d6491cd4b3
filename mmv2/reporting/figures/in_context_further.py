"""In-context learning beyond classification: reasoning, code and regular languages."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mmv2.reporting.accuracies import accuracy_by_query, counts
from mmv2.reporting.fields import main_score, words
from mmv2.reporting.figures import FigureSpec
from mmv2.reporting.figures._curves import (
    axis_in_percent,
    axis_in_powers,
    curve,
    offsets,
    points,
    reference_curves,
)
from mmv2.reporting.selection import compared, last_stage, of_task
from mmv2.reporting.style import Look, legend_below, looks, new_panels

TASKS = {"icl_regular_languages": "regular languages", "icl_code": "output of programs", "icl_reasoning": ""}
"""Titles of panels; each problem of reasoning has one of its own, with its own chance, and its name as the title."""
PER_ROW = 3
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
    its value, and the value of another program's call is asked. Other panels are multi-step reasoning (BIG-Bench Hard,
    GSM8K), each problem by itself: examples show the answer alone or a solution. Bars are 95 % intervals over
    questions, or languages: bootstrap, or exact where all score the same. Runs are those fine-tuned on long contexts,
    or, where none was, the pre-trained ones, with data budget 1. Grey lines need no model: chance is one over the
    number of answers, or of free answers the most frequent one of the rows that examples are taken from; nearest match
    gives the answer of the example that shares most words with the question, or the symbol after the nearest match of
    the string's ending.
    """
    these = shown(records)
    titles = these.apply(_title, axis="columns")
    order = these.assign(title=titles, task=these["task"].map(list(TASKS).index)).sort_values(["task", "title"])
    panels = list(order["title"].unique())
    found = looks(these)
    columns = min(PER_ROW, len(panels))
    figure, grid = new_panels(-(-len(panels) // columns), columns, width=3.2, height=2.3)
    places = [axes for row in grid for axes in row]
    for axes, title in zip(places, panels, strict=False):
        _panel(axes, these[titles == title], found, title)
    for axes in places[len(panels) :]:
        axes.axis("off")
    for row in grid:
        axis_in_percent(row[0], "accuracy (%)")
    cell = ["run", "title", "num_shots"]
    asked = _of_questions(these).assign(title=titles).drop_duplicates([*cell, "seed", "example_id"])
    legend_below(figure, f"{counts(asked, cell)} questions or languages per point")
    return figure


def _title(record: pd.Series) -> str:
    """Of the panel in which a record is drawn."""
    if record["task"] != "icl_reasoning":
        return TASKS[record["task"]]
    return f"{words(record['subtask'])}, {STYLES[record['prompt_style']]}"


def _panel(axes: Axes, records: pd.DataFrame, found: dict[str, Look], title: str) -> None:
    places, score = sorted(records["num_shots"].unique()), main_score(records)
    axis_in_powers(axes, places, "examples in the prompt")
    axes.set_title(title)
    asked = _of_questions(records)
    for run, offset in offsets(axes, list(found), len(places)).items():
        of_run = points(asked[asked["run"] == run], "num_shots", lambda group: accuracy_by_query(group, score))
        curve(axes, of_run, found[run], offset)
    reference_curves(axes, records, "num_shots")


FIGURE = FigureSpec(title="In-context learning beyond classification", shown=shown, draw=draw)
