"""Rows of tables: what was measured, at which scale, beside what is published."""

from collections.abc import Iterable, Iterator, Mapping

import pandas as pd

from mmv2.evaluation.statistics import Interval
from mmv2.records import CHECKPOINT
from mmv2.reporting.fields import FIXED_DELAY, field
from mmv2.reporting.published import PublishedModel
from mmv2.reporting.variants import named

Cell = str | int | float | Interval | None
Row = dict[str, Cell]
KEYS = ("model", "source", "subtask", "context length", "long-term delay", "score")
"""Columns that tell what a row is of."""
SCALE = (
    "parameters",
    "FLOPs per token",
    "budget",
    "training tokens",
    "fine-tuning tokens",
    "training context",
    "fine-tuned from",
    "seed",
    "examples per number",
)
"""Columns that tell what it was measured on."""
NO_MODEL = "measured: no model"


def checkpoints(measured: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """The records of each checkpoint: whole models first, then by delay, data budget, context, seed and run."""
    order = ["whole", "fixed", "budget", "training_context", "seed", *CHECKPOINT]
    sortable = measured.assign(
        whole=measured["reduction"].notna(),
        fixed=field(measured, FIXED_DELAY).eq(True),
        reduction=measured["reduction"],
    ).sort_values(order, kind="stable")
    for _, found in sortable.groupby(CHECKPOINT, dropna=False, sort=False):
        yield found.drop(columns=["whole", "fixed"])


def measured_row(of_checkpoint: pd.DataFrame, records: pd.DataFrame, number: str) -> Row:
    """What names a measured row and tells its scale.

    Args:
        of_checkpoint: records of one checkpoint.
        records: all there are; they tell the training tokens of the run that it was fine-tuned from.
        number: of examples behind each number.
    """
    first = of_checkpoint.iloc[0]
    tuned = pd.notna(first["init_from"])
    before = records.loc[records["run"] == first["init_from"], "tokens_seen"]
    own = int(first["tokens_seen"])
    return {
        "model": named(first),
        "source": f"measured: {first['run']}",
        "parameters": int(first["num_parameters"]),
        "budget": f"{first['budget']:g}",
        "training tokens": own if not tuned else int(before.max()) if len(before) else None,
        "fine-tuning tokens": own if tuned else None,
        "training context": int(first["training_context"]),
        "fine-tuned from": str(first["init_from"]) if tuned else None,
        "seed": seeds_told(of_checkpoint),
        "examples per number": number,
    }


def seeds_told(records: pd.DataFrame) -> Cell:
    """The training seed, or all of them where a model was trained with several."""
    seeds = sorted(int(seed) for seed in records["seed"].unique())
    return seeds[0] if len(seeds) == 1 else ", ".join(map(str, seeds))


def published_row(model: PublishedModel, scale: Mapping[str, Cell], cells: Mapping[str, Cell]) -> Row:
    """One of the paper's rows."""
    return {"model": model.name, "source": "published", **scale, **cells}


def assembled(
    measured: Iterable[tuple[str, Row]], published: Iterable[tuple[str, Row]], no_model: Iterable[Row]
) -> pd.DataFrame:
    """The table: architecture by architecture its measured and its published rows, then what needs no model.

    Args:
        measured, published: architecture and row; the paper's architectures stand first, in its order.
        no_model: chance and the like.

    Returns:
        Columns of ``KEYS`` and ``SCALE`` that any row fills, then the others in the order of the first row; all rows
        have the same.
    """
    ours, theirs = list(measured), list(published)
    archs = dict.fromkeys([arch for arch, _ in theirs] + sorted(arch for arch, _ in ours))
    rows = [row for arch in archs for own, row in [*ours, *theirs] if own == arch] + list(no_model)
    named_columns = [name for name in (*KEYS, *SCALE) if any(row.get(name) is not None for row in rows)]
    numbers = [name for name in rows[0] if name not in {*KEYS, *SCALE}]
    assert all(set(row) - {*KEYS, *SCALE} == set(numbers) for row in rows)
    return pd.DataFrame([{name: row.get(name) for name in [*named_columns, *numbers]} for row in rows], dtype=object)
