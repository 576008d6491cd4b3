"""Ablation: a transformer with parts of Memory Mosaics v2, one by one and together: the paper's open question."""

import textwrap

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mmv2.errors import UserError
from mmv2.evaluation.contrasts import Term
from mmv2.evaluation.statistics import Interval
from mmv2.reporting.accuracies import counts
from mmv2.reporting.answers import mean_terms
from mmv2.reporting.fields import WIDTH, field, main_score
from mmv2.reporting.figures import FigureSpec
from mmv2.reporting.figures._ablations import VARIANT, check_one_model_each, with_names
from mmv2.reporting.figures._cost import in_percent
from mmv2.reporting.prompt_styles import best_style
from mmv2.reporting.selection import MAIN_BUDGET, benchmarks_task, drawn_delay, of_task, pretrained, where
from mmv2.reporting.sizes import largest
from mmv2.reporting.style import REFERENCE, REFERENCE_DASHES, legend_below, looks, new_panels, proxy
from mmv2.reporting.variants import named, variant

PARTS = "transformer_parts"
BASE = "transformer"
RATE = "setting_learning_rate"
CHANCE = "chance"
_NAME = 42
"""Letters in a line of a model's name."""


def shown(records: pd.DataFrame) -> pd.DataFrame:
    """Pre-trained transformers with and without parts and Memory Mosaics v2; what all of them were asked."""
    return pd.concat(_panels(records).values())


def _panels(records: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Title -> answers: RULER questions at each length, in-context learning by kind of labels, benchmarks."""
    found = _models(where(pretrained(records), budget=MAIN_BUDGET))
    asked = {task for task, these in found.groupby("task") if set(these["run"]) == set(found["run"])}
    panels = {}
    if "ruler_qa" in asked:
        for length, these in of_task(found, "ruler_qa").groupby("context_length"):
            panels[f"RULER QA, {length:,} tokens"] = these
    if "many_shot" in asked:
        for kind, these in best_style(of_task(found, "many_shot"), "mean").groupby("label_kind"):
            panels[f"in-context learning, {kind} labels"] = these
    if (benchmarks := benchmarks_task(found)) in asked:
        panels["benchmarks"] = of_task(found, benchmarks)
    if not panels:
        of_task(found, "ruler_qa")
        raise UserError("records: no task was asked of all these runs; evaluate the same tasks of all of them")
    return panels


def _models(records: pd.DataFrame) -> pd.DataFrame:
    """The transformers with parts, in their largest size, and the paper's own models of that size."""
    parts = records[records["arch"] == PARTS]
    found = records.iloc[:0]
    if not parts.empty:
        (size,) = largest(parts)[WIDTH].unique()
        found = pd.concat([parts, drawn_delay(records)])
        found = found[found[WIDTH].eq(size)]
    if BASE not in set(found["arch"]):
        raise UserError(
            "records: none of runs trained from scratch with parts of Memory Mosaics v2 and of the transformer of that "
            "size; give the suite runs of arch transformer_parts and transformer, or leave this result out"
        )
    base = _of_base(found).drop_duplicates("run")
    if len(base) > 1:
        raise UserError(
            f"records: {' and '.join(sorted(base['run']))}: two transformers of the size of those with parts; "
            f"differences are to one of them: give this figure its records alone"
        )
    found = with_names(found, lambda run: _name(run, base.iloc[0].get(RATE)))
    check_one_model_each(found)
    return found


def _name(run: pd.Series, rate: float | None) -> str:
    """What it has of Memory Mosaics v2, and its peak learning rate if that is not the transformer's."""
    name = (run["arch"] == PARTS and ", ".join(variant(run))) or named(run)
    own = run.get(RATE)
    other = pd.notna(own) and pd.notna(rate) and own != rate
    return name + (f", learning rate {own:g}" if other else "")


def draw(records: pd.DataFrame) -> Figure:
    """Accuracy of a transformer with parts of Memory Mosaics v2, minus that of the transformer, in points.

    One line for each transformer: with each part alone, with two, with 5 (all but the split) and with 6 (all); without
    positions, from the initial bandwidth of Memory Mosaics v2 and with another peak learning rate, where a name tells
    it, else as the transformer, whose rate was searched, as that of Memory Mosaics v2; and for Memory Mosaics v2. A
    point is the difference in means over the same examples, a bar its 95 % interval, paired by example; the differences
    are not corrected for their number. One panel for each length of RULER question answering, then, where all were
    asked, in-context learning (mean over prompt styles, data sets and shots) and benchmarks (mean over all); its title
    tells the accuracy of the transformer, and chance. Left of the dotted line, chance, a model answers less than a draw
    does. Runs are trained from scratch, with data budget 1, all of one width. The paper asks why splitting attention
    does not help a transformer as it helps Memory Mosaics v2 (Figure 5), and leaves it open.
    """
    panels = _panels(records)
    measured = pd.concat(panels.values())
    models = measured[measured["arch"] != BASE].drop_duplicates(VARIANT)
    models = models.assign(parts=field(models, "setting_num_parts").fillna(99)).sort_values(["parts", VARIANT])
    columns = min(3, len(panels))
    rows = -(-len(panels) // columns)
    names = [textwrap.fill(name, _NAME) for name in models[VARIANT]]
    height = 0.9 + 0.16 * sum(1 + name.count("\n") for name in names) + 0.08 * len(names)
    figure, grid = new_panels(rows, columns, width=max(3.2, 6.4 / columns), height=height)
    flat = [axes for row in grid for axes in row]
    for axes, (title, these) in zip(flat, panels.items(), strict=False):
        base = in_percent(_mean(_of_base(these), BASE)).mean
        chance = 100 * float(_of_base(these).groupby("subtask")[CHANCE].mean().mean())
        _panel(axes, these, models)
        axes.axvline(chance - base, linestyle=REFERENCE_DASHES[CHANCE], **REFERENCE)
        axes.set_title(f"{title}\ntransformer: {base:.1f} %\nchance: {chance:.1f} %")
    ends = [end for axes in flat[: len(panels)] for end in axes.get_xlim()]
    for axes in flat[: len(panels)]:
        axes.set_xlim(min(ends), max(ends))
    for axes in flat[len(panels) :]:
        axes.set_axis_off()
    for row in grid:
        row[0].set_yticks(range(len(models)), names)
        row[0].set_ylim(len(models) - 0.5, -0.5)
        row[0].set_ylabel("model")
    cells = ["run", "task", "subtask", "context_length", "num_shots", "label_kind"]
    lines = [
        proxy(f"{_of_base(measured)['label'].iloc[0]}: difference 0", **REFERENCE),
        proxy("Chance minus transformer", linestyle=REFERENCE_DASHES[CHANCE], **REFERENCE),
    ]
    legend_below(figure, f"{counts(measured, cells)} examples per cell of a mean", lines)
    return figure


def _mean(records: pd.DataFrame, arm: str, weight: float = 1.0) -> list[Term]:
    return mean_terms(records, arm, main_score(records), weight)


def _of_base(records: pd.DataFrame) -> pd.DataFrame:
    return records[records["arch"] == BASE]


def _panel(axes: Axes, records: pd.DataFrame, models: pd.DataFrame) -> None:
    found = looks(models)
    for place, (_, model) in enumerate(models.iterrows()):
        value, look = _difference(records, str(model[VARIANT])), found[model["run"]]
        bars = [[max(0.0, value.mean - value.low)], [max(0.0, value.high - value.mean)]]
        how = {"color": look.colour, "markerfacecolor": look.face, "label": model["label"], "capsize": 2.5}
        axes.errorbar([value.mean], [place], xerr=bars, fmt="o", **how)
    axes.axvline(0, **REFERENCE)
    axes.set_xlabel("minus transformer (points)")


def _difference(records: pd.DataFrame, name: str) -> Interval:
    """Of a variant minus the transformer, paired."""
    ours = records[records[VARIANT] == name]
    return in_percent([*_mean(ours, name), *_mean(_of_base(records), BASE, -1.0)])


FIGURE = FigureSpec(title="Parts of Memory Mosaics v2 in a transformer", shown=shown, draw=draw)
