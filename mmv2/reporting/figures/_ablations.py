"""What figures of ablations share: variants of Memory Mosaics v2 by name, drawn over the context length."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mmv2.errors import UserError
from mmv2.reporting.accuracies import accuracy, counts
from mmv2.reporting.fields import FIXED_DELAY, field
from mmv2.reporting.figures._curves import (
    axis_in_percent,
    axis_in_powers,
    curve,
    offsets,
    panel_width,
    points,
    reference_curves,
    training_context,
)
from mmv2.reporting.selection import MAIN_BUDGET, of_task, where
from mmv2.reporting.sizes import largest
from mmv2.reporting.style import Look, legend_below, looks, new_panels
from mmv2.reporting.variants import ablated, grouped, is_fixed, named, variant

TASK = "ruler_qa"
SCORE = "score_official"
VARIANT = "variant"
"""The column that names a record's model in the figure."""
_DELAY = "setting_long_term_delay"
_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#000000")
"""Of variants: the first is that of the paper's model in all figures."""
_MARKERS = "osD^vP"
_BESIDE = 5
"""Panels with more curves need the whole width, one below the other."""
_LINES = ("-", "--", ":", "-.")


def variants(
    records: pd.DataFrame, but: Sequence[str] = (), *, also: Sequence[str] = (), fixed_delays: bool = False
) -> pd.DataFrame:
    """Answers to RULER questions of variants of Memory Mosaics v2 with data budget 1, and of the paper's other models.

    Args:
        records: as from ``seeds_joined``.
        but: settings in which variants may differ from the paper's model.
        also: architectures to show beside them, see ``ablated``.
        fixed_delays: whether variants may differ in having one delay in training.

    Returns:
        With the column ``variant``, the name; each architecture in its largest size.

    Raises:
        UserError: none of the task, fewer than two variants, or two models of one name.
    """
    found = where(of_task(records, TASK), budget=MAIN_BUDGET)
    kept = ~ablated(found, but, also) & ~grouped(found)
    if not fixed_delays:
        kept &= ~field(found, FIXED_DELAY).eq(True)
    found = with_names(largest(found[kept]), _name)
    mosaics = found[is_mosaic(found)]
    if mosaics[VARIANT].nunique() < 2:
        raise UserError(
            f"records: {mosaics[VARIANT].nunique()} kinds of Memory Mosaics v2 that differ in "
            f"{' or '.join(but) or 'their delay'} ({', '.join(sorted(mosaics['run'].unique())) or 'no run'}); "
            f"give the suite such runs or leave this out"
        )
    check_one_model_each(found)
    return found


def with_names(records: pd.DataFrame, name: Callable[[pd.Series], str]) -> pd.DataFrame:
    """The records with the column ``variant``: the name of their model."""
    names = {run["run"]: name(run) for _, run in records.drop_duplicates("run").iterrows()}
    return records.assign(**{VARIANT: records["run"].map(names)})


def _fixed_delay(run: pd.Series) -> float | None:
    """m in training where it was not drawn, and is recorded."""
    delay = run.get(_DELAY)
    return float(delay) if is_fixed(run) and pd.notna(delay) else None


def _name(run: pd.Series) -> str:
    delay = _fixed_delay(run)
    return named(run) + ("" if delay is None else f", m = {delay:g}")


def is_mosaic(records: pd.DataFrame) -> pd.Series:
    """Whether each record is of Memory Mosaics v2 or a variant of it."""
    return records["arch"].eq("mmv2")


def check_one_model_each(records: pd.DataFrame) -> None:
    """Raise UserError where two trained models of one stage have one name in the figure."""
    runs = records.drop_duplicates("run")
    stage = [runs[VARIANT], runs["init_from"].notna(), runs["training_context"]]
    twice = runs[runs.groupby(stage)["run"].transform("size") > 1]
    if len(twice):
        first = twice[twice[VARIANT] == twice[VARIANT].iloc[0]]
        raise UserError(
            f"records: {' and '.join(sorted(first['run']))}: two models of the same name in this figure "
            f"({first[VARIANT].iloc[0]}); give it the records of one of them"
        )


def _looks(models: pd.DataFrame) -> dict[str, Look]:
    """How to draw each variant: the paper's model first, after all variants other architectures.

    The paper's own look as in every figure; colours, markers and dashes tell two dozen variants apart.
    """
    mosaics = sorted((_place(run), str(run[VARIANT])) for _, run in models[is_mosaic(models)].iterrows())
    assert len(mosaics) <= len(_COLOURS) * len(_LINES), "more variants than can be told apart"
    found = {}
    for number, (_, name) in enumerate(mosaics):
        colour, marker = _COLOURS[number % len(_COLOURS)], _MARKERS[number % len(_MARKERS)]
        found[name] = Look(name, colour, marker, _LINES[number // len(_COLOURS)], colour)
    others = models[~is_mosaic(models)].sort_values(VARIANT)
    usual = looks(others, told=("training_context",))
    return found | {run[VARIANT]: replace(usual[run["run"]], label=run[VARIANT]) for _, run in others.iterrows()}


def _place(run: pd.Series) -> tuple[int, float]:
    """Of a variant among the others: by the number of changes, fixed delays by their length."""
    return len(variant(run)), _fixed_delay(run) or 0.0


def draw_over_length(measured: pd.DataFrame) -> Figure:
    """A panel for each stage and training context, a curve for each variant.

    Args:
        measured: see ``variants``.
    """
    found = _looks(measured.drop_duplicates(VARIANT))
    stages = list(measured.groupby([measured["init_from"].notna(), "training_context"]))
    columns = len(stages) if len(found) <= _BESIDE else 1
    figure, grid = new_panels(len(stages) // columns, columns, width=panel_width(columns), height=2.8)
    places = {*measured["context_length"], *measured["training_context"]}
    for axes, ((tuned, context), of_stage) in zip(itertools.chain(*grid), stages, strict=True):
        axis_in_powers(axes, places, "context length (tokens)")
        axes.set_title(f"{'fine-tuned' if tuned else 'pre-trained'} at context {context:,}")
        _curves(axes, of_stage, found, len(places))
        reference_curves(axes, of_stage, "context_length")
        training_context(axes, int(str(context)))
    for row in grid:
        axis_in_percent(row[0], "RULER QA accuracy (%)")
    legend_below(figure, f"{counts(measured, ['run', 'context_length'])} examples per point")
    return figure


def _curves(axes: Axes, of_stage: pd.DataFrame, found: Mapping[str, Look], num_places: int) -> None:
    there = [name for name in found if name in set(of_stage[VARIANT])]
    for name, offset in offsets(axes, there, num_places).items():
        of_variant = of_stage[of_stage[VARIANT] == name]
        curve(axes, points(of_variant, "context_length", lambda group: accuracy(group, SCORE)), found[name], offset)
