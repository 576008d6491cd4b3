"""Hyperparameter search: a row per run, with its settings and scores."""

import pandas as pd

from mmv2.reporting.search import TOLD, last_loss, name_of, search_tasks, searched, varied
from mmv2.reporting.tables import TableSpec
from mmv2.reporting.tables._rows import Cell


def build(records: pd.DataFrame, metrics: pd.DataFrame) -> pd.DataFrame:
    """Settings and scores (%) of every searched run, with every setting in which runs of one model differ.

    A column is a task's main score, headed by task, subtask and split as recorded: a search is evaluated on development
    data alone, which no other result uses. Cells hold the mean over questions with its 95 % interval: bootstrap over
    questions (asked at several lengths or in several prompt styles, a question is resampled with all its answers), or
    exact where all score the same. The loss is the mean training loss (nats per token) of the last tenth of the steps:
    every token is seen once, so it is that of new text. The best of many runs is on average too good. An empty cell
    was not measured, or is of a setting that the model does not have.
    """
    tasks, runs = search_tasks(records), searched(records)
    settings = [*TOLD, *(name for name in varied(runs) if name not in TOLD)]
    rows: list[dict[str, Cell]] = []
    for _, run in runs.iterrows():
        row: dict[str, Cell] = {"model": run["label"], "run": run["run"]}
        row |= {name_of(setting): _told(run[f"setting_{setting}"]) for setting in settings}
        row |= {"seed": int(run["seed"]), "parameters": int(run["num_parameters"]), "budget": f"{run['budget']:g}"}
        row |= {"training tokens": int(run["tokens_seen"]), "training context": int(run["training_context"])}
        row["loss"] = last_loss(metrics, run["run"])
        rows.append(row | {task.name: task.found.get(run["run"]) for task in tasks})
    return pd.DataFrame(rows, dtype=object)


def _told(value: float | None) -> str | None:
    return None if pd.isna(value) else f"{value:g}"


TABLE = TableSpec(title="Hyperparameter search", metrics=True, decimals=3, build=build)
