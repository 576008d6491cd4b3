"""Tables over benchmarks: 1, 2 and 9 of the paper.

A column is one of the paper's benchmarks with the measured benchmark that has its form, or a benchmark of the corpus
alone. Averages weigh every benchmark of a group alike, as the paper's do. Benchmarks to be read beside the paper's
stand last, in no average.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mmv2.evaluation.contrasts import Term, contrast
from mmv2.evaluation.persistent.table import BENCHMARKS
from mmv2.evaluation.statistics import Interval
from mmv2.info import TABLE_2_CONTEXT
from mmv2.reporting.accuracies import BASELINES, SEED, accuracy_by_query, counts, reference, references
from mmv2.reporting.cost import flops_per_token
from mmv2.reporting.published import count, published_model, tokens
from mmv2.reporting.selection import where
from mmv2.reporting.tables._rows import NO_MODEL, Cell, Row, assembled, checkpoints, measured_row, published_row

SCORE = "score_accuracy"
CONTEXT = ("squad", "bbh", "math", "mbpp", "race_middle", "race_high")
"""The paper's benchmarks that need the long-term memory (Table 9); all others are of persistent knowledge."""
BESIDE = "beside"
"""The group of benchmarks that are none of the paper's."""
NOT_MEASURED = "not measured"
"""Of a benchmark of which no real files were at hand."""
NAMES = {"persistent": "persistent knowledge", "context": "information in the prompt"}
TRIVIAL = {**BASELINES, "baseline_most_frequent_answer": "Most frequent answer, no model"}


@dataclass(frozen=True)
class _Column:
    """One benchmark of the table."""

    group: str
    measured: str | None
    """The subtask of records."""
    published: str | None
    """The column of the published file."""
    note: str = ""
    empty: str | None = None
    """What the cells of a benchmark without records say."""

    @property
    def head(self) -> str:
        return f"{self.measured or '-'} / {self.published or '-'}{self.note}"


def over_benchmarks(
    measured: pd.DataFrame, records: pd.DataFrame, published: pd.DataFrame, groups: Sequence[str], beside: bool = False
) -> pd.DataFrame:
    """The table.

    Args:
        measured: comparable records of the benchmarks, of the checkpoints to show.
        records: all there are.
        published: the paper's numbers, a column for each benchmark.
        groups: persistent, context or both, in the order of columns; each must have been measured.
        beside: whether benchmarks that are none of the paper's are shown, where any was measured.
    """
    for group in groups:
        where(measured, detail_group=group)
    groups = [*groups, BESIDE] if beside else groups
    measured = measured[measured["detail_group"].isin(groups)]
    with_flops = "flops_per_token" in published
    # What the suite measured stands first, where it is seen without scrolling.
    columns = [
        column
        for group in groups
        for column in sorted(_columns(group, measured, published), key=lambda column: column.measured is None)
    ]
    return assembled(
        [
            (
                str(these["arch"].iloc[0]),
                {
                    **measured_row(these, records, _number(these)),
                    "FLOPs per token": flops_per_token(these.iloc[0], TABLE_2_CONTEXT) if with_flops else None,
                    **_scores(these, columns),
                },
            )
            for these in checkpoints(measured)
        ],
        [_published(row, columns) for _, row in published.iterrows()],
        _no_model(measured, columns),
    )


def _columns(group: str, measured: pd.DataFrame, published: pd.DataFrame) -> Iterator[_Column]:
    of_group = measured[measured["detail_group"] == group].drop_duplicates("subtask").sort_values("subtask")
    form_of = {str(subtask): form for subtask, form in of_group[["subtask", "detail_published"]].to_numpy()}
    notes = {subtask: _note(measured[measured["subtask"] == subtask]) for subtask in form_of}
    known = [name for name in map(str, published) if _is_benchmark(name) and _group(name) == group]
    real = set(measured["task"]) == {"persistent"}
    for name in known:
        ours = [subtask for subtask, form in form_of.items() if form == name]
        none = _Column(group, None, name, empty=NOT_MEASURED if real and not BENCHMARKS[name].measured else None)
        yield from [_Column(group, subtask, name, notes[subtask]) for subtask in ours] or [none]
    yield from (_Column(group, subtask, None, notes[subtask]) for subtask, form in form_of.items() if form not in known)


def _note(records: pd.DataFrame) -> str:
    """What to know before comparing a benchmark's scores.

    That it was tried on hand-made rows alone; that answers had less room than its protocol gives them: their scores are
    no longer its scores.
    """
    task, subtask = records[["task", "subtask"]].iloc[0]
    untried = " (made without real files)" if task == "persistent" and not BENCHMARKS[subtask].measured else ""
    budgets = ["detail_max_new_tokens", "detail_protocol_max_new_tokens"]
    if not set(budgets) <= set(records):
        return untried
    found = sorted({(int(ours), int(full)) for ours, full in records[budgets].dropna().to_numpy() if ours < full})
    return untried + "".join(f" (cut at {ours} of {full} new tokens)" for ours, full in found)


def _group(benchmark: str) -> str:
    return "context" if benchmark in CONTEXT else "persistent"


def _is_benchmark(name: str) -> bool:
    return name not in ("model", "context_length", "params", "flops_per_token", "avg")


def _number(records: pd.DataFrame) -> str:
    return counts(records.drop_duplicates(["seed", "subtask", "example_id"]), ["subtask"])


def _with_averages(cells: Mapping[str, Cell], columns: Sequence[_Column], averages: Mapping[str, Cell]) -> Row:
    """The averages, that of all first where there are several groups, then the cells of each group."""
    groups = [name for name in _groups(columns) if name != "all"]
    row: Row = {"average": averages["all"]} if len(groups) > 1 else {}
    row |= {f"average, {NAMES[group]}": averages[group] for group in groups}
    return row | {column.head: cells[column.head] for column in columns}


def _groups(columns: Sequence[_Column]) -> dict[str, list[_Column]]:
    """The columns of each average."""
    averaged = [column for column in columns if column.group != BESIDE]
    groups = dict.fromkeys(column.group for column in averaged)
    found = {group: [column for column in averaged if column.group == group] for group in groups}
    return {**found, "all": averaged}


def _scores(records: pd.DataFrame, columns: Sequence[_Column]) -> Row:
    of = dict(list(records.groupby("subtask")))
    cells = {column.head: accuracy_by_query(of[column.measured], SCORE) for column in columns if column.measured}
    averages = {
        name: _average([of[column.measured] for column in these if column.measured])
        for name, these in _groups(columns).items()
    }
    shown: dict[str, Cell] = {column.head: cells.get(column.head, column.empty) for column in columns}
    return _with_averages(shown, columns, averages)


def _average(benchmarks: Sequence[pd.DataFrame]) -> Interval:
    """Mean over benchmarks of one checkpoint's accuracies in percent; examples are resampled within each."""
    terms = []
    for of_benchmark in benchmarks:
        means = of_benchmark.groupby(["seed", "example_id"])[SCORE].transform("mean")
        queries = of_benchmark.assign(**{SCORE: means}).drop_duplicates(["seed", "example_id"])
        terms.append(Term(1 / len(benchmarks), "", queries, SCORE))
    found = contrast(terms, SEED)
    return Interval(100 * found.mean, 100 * found.low, 100 * found.high, found.num_examples)


def _published(row: pd.Series, columns: Sequence[_Column]) -> tuple[str, Row]:
    model = published_model(row["model"])
    scale: dict[str, Cell] = {
        "parameters": count(row["params"]) if "params" in row else None,
        "FLOPs per token": count(row["flops_per_token"]) if "flops_per_token" in row else None,
        "training context": tokens(row["context_length"]) if "context_length" in row else None,
    }
    cells = {column.head: float(row[column.published]) if column.published else None for column in columns}
    reported = [name for name in map(str, row.index) if _is_benchmark(name)]
    averages: dict[str, Cell] = {}
    for name, these in _groups(columns).items():
        known = {column.published for column in these if column.published}
        values = [float(row[one]) for one in reported if one in known]
        # The paper's own where it prints one, as it averages numbers before rounding them.
        averages[name] = float(row["avg"]) if len(values) == len(reported) else round(float(np.mean(values)), 1)
    return model.arch, published_row(model, scale, _with_averages(cells, columns, averages))


def _no_model(records: pd.DataFrame, columns: Sequence[_Column]) -> Iterator[Row]:
    """Trivial answers; an average only where they are known for each benchmark, and without interval."""
    of = {str(subtask): these for subtask, these in records.groupby("subtask")}
    for column, name in TRIVIAL.items():
        found = {
            one.head: reference(of[one.measured], column)
            for one in columns
            if one.measured and column in references(of[one.measured], TRIVIAL)
        }
        averages: dict[str, Cell] = {}
        for group, these in _groups(columns).items():
            asked = [one.head for one in these if one.measured]
            complete = all(head in found for head in asked)
            averages[group] = float(np.mean([found[head].mean for head in asked])) if complete else None
        if found:
            cells = {one.head: found.get(one.head) for one in columns}
            scale: Row = {"model": name, "source": NO_MODEL, "examples per number": _number(records)}
            yield {**scale, **_with_averages(cells, columns, averages)}
