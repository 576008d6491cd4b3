"""Table 4: RULER question answering after fine-tuning on long contexts, at and beyond the training context."""

from collections.abc import Iterator, Mapping, Sequence

import pandas as pd

from mmv2.errors import UserError
from mmv2.evaluation.statistics import Interval
from mmv2.registry import architecture
from mmv2.reporting.published import tokens
from mmv2.reporting.selection import BASELINES, accuracy, distinct_examples, of_task, ratio_name
from mmv2.reporting.tables import TableSpec

Cell = str | int | float | Interval | None
TASK = "ruler_qa"
SCORES = ("official", "strict")
SIZES = ("small", "large")
"""Endings of the published model names; what precedes is the architecture."""
SCALE = ("parameters", "fine-tuning tokens", "training context", "fine-tuned from", "examples per length")
"""Columns that tell what a row was measured on."""


def build(records: pd.DataFrame, published: pd.DataFrame) -> pd.DataFrame:
    """Accuracy (%) on RULER question answering over the context length of the task.

    Columns are headed by the context length in units of the training context, then by its tokens as measured / as
    published. Measured rows are fine-tuned runs. Their cells hold the mean over examples with its 95 % interval:
    bootstrap, or exact (Clopper-Pearson) where all examples score the same. Fine-tuning tokens are those of fine-tuning
    alone; the run that it started from is named with its own training tokens where that run was evaluated too.
    Published rows are the paper's, at its own scale: they compare with measured ones by architecture and ratio of
    lengths, not by the number itself. The official score counts an answer that occurs anywhere in the generated text,
    the strict one an answer that begins it. Chance and copying need no model and so stand once, with a training context
    only where their numbers depend on it. An empty cell was not measured, or is not reported in the paper.
    """
    evaluated = of_task(records, TASK)
    measured = evaluated[evaluated["init_from"].notna()]
    if measured.empty:
        raise UserError(
            f"table04_ruler_qa_finetuned: no fine-tuned run among {', '.join(sorted(evaluated['run'].unique()))}; "
            f"give the suite a run with init_from, or leave this table out"
        )
    measured = measured.assign(ratio=measured["context_length"] / measured["training_context"])
    (context,) = published["context_length"].unique()
    reported = {tokens(name) / tokens(context): name for name in published.columns[2:]}
    origins = {run: _origin(run, evaluated) for run in measured["init_from"].unique()}
    heads = {ratio: _head(ratio, measured, reported) for ratio in sorted({*measured["ratio"], *reported})}
    published_arch = published["model"].map(_arch)
    rows: list[dict[str, Cell]] = []
    for arch in dict.fromkeys([*published_arch, *sorted(measured["arch"].unique())]):
        rows += _measured_rows(measured[measured["arch"] == arch], origins, heads)
        rows += (_published_row(row, reported, heads) for _, row in published[published_arch == arch].iterrows())
    rows += _baseline_rows(measured, heads)
    return pd.DataFrame(rows, dtype=object)


def _arch(model: str) -> str:
    arch, _, size = model.rpartition("_")
    assert size in SIZES, model
    return arch


def _head(ratio: float, measured: pd.DataFrame, reported: Mapping[float, str]) -> str:
    lengths = sorted(measured.loc[measured["ratio"] == ratio, "context_length"].unique())
    here = ", ".join(str(length) for length in lengths) or "-"
    return f"{ratio_name(ratio)}: {here} / {reported.get(ratio, '-')}"


def _row(model: str, source: str, score: str, scale: Mapping[str, Cell], cells: Mapping[str, Cell]) -> dict[str, Cell]:
    """One row; what ``scale`` does not give stays empty."""
    assert scale.keys() <= set(SCALE)
    return {"model": model, "source": source, "score": score, **{name: scale.get(name) for name in SCALE}, **cells}


def _origin(run: str, evaluated: pd.DataFrame) -> str:
    """Name of a run, with its training tokens where it was evaluated too."""
    tokens_seen = evaluated.loc[evaluated["run"] == run, "tokens_seen"]
    return run if tokens_seen.empty else f"{run} ({tokens_seen.iloc[0]:,} training tokens)"


def _measured_rows(
    records: pd.DataFrame, origins: Mapping[str, str], heads: Mapping[float, str]
) -> Iterator[dict[str, Cell]]:
    for run, of_run in records.groupby("run", sort=True):
        first = of_run.iloc[0]
        scale: dict[str, Cell] = {
            "parameters": int(first["num_parameters"]),
            "fine-tuning tokens": int(first["tokens_seen"]),
            "training context": int(first["training_context"]),
            "fine-tuned from": origins[first["init_from"]],
            "examples per length": _counts(of_run),
        }
        for score in SCORES:
            cells = _cells(of_run, f"score_{score}", heads)
            yield _row(first["label"], f"measured: {run}", score, scale, cells)


def _cells(records: pd.DataFrame, column: str, heads: Mapping[float, str]) -> dict[str, Cell]:
    groups = dict(list(records.groupby("ratio")))
    return {head: accuracy(groups[ratio], column) if ratio in groups else None for ratio, head in heads.items()}


def _counts(records: pd.DataFrame) -> str:
    counts = sorted(set(records.groupby("context_length").size()))
    return str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"


def _published_row(row: pd.Series, reported: Mapping[float, str], heads: Mapping[float, str]) -> dict[str, Cell]:
    arch = _arch(row["model"])
    values = {ratio: float(row[name]) for ratio, name in reported.items()}
    return _row(
        f"{architecture(arch).label} {row['model'].removeprefix(arch + '_')}",
        "published",
        "official",
        {"training context": tokens(row["context_length"])},
        {head: values.get(ratio) for ratio, head in heads.items()},
    )


def _baseline_rows(records: pd.DataFrame, heads: Mapping[float, str]) -> Iterator[dict[str, Cell]]:
    """A row per baseline; a row per training context where contexts put different numbers into the same column."""
    examples = {int(str(context)): distinct_examples(these) for context, these in records.groupby("training_context")}
    for column, name in BASELINES.items():
        cells = {context: _cells(these, column, heads) for context, these in examples.items()}
        together = _together(list(cells.values()))
        rows: Sequence[tuple[int | None, dict[str, Cell]]]
        rows = list(cells.items()) if together is None else [(None, together)]
        for context, row in rows:
            these = examples[context or min(examples)]
            scale: dict[str, Cell] = {"training context": context, "examples per length": _counts(these)}
            yield _row(name, "measured: no model", "official", scale, row)


def _together(rows: Sequence[dict[str, Cell]]) -> dict[str, Cell] | None:
    """One row of all cells that are given in any, None where two differ."""
    found: dict[str, Cell] = dict.fromkeys(rows[0])
    for row in rows:
        for head, cell in row.items():
            if cell is not None and found[head] not in (None, cell):
                return None
            found[head] = found[head] if cell is None else cell
    return found


TABLE = TableSpec(
    title="RULER question answering after long-context fine-tuning (Table 4)",
    published="table04_ruler_qa_finetuned_32k.csv",
    build=build,
)
