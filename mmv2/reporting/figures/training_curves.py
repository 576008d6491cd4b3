"""Training loss over training tokens, of every run."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, FormatStrFormatter, LogLocator

from mmv2.errors import UserError
from mmv2.reporting.accuracies import span
from mmv2.reporting.fields import MEMBER, field
from mmv2.reporting.figures import FigureSpec
from mmv2.reporting.figures._curves import by_training, panel_width
from mmv2.reporting.style import Look, legend_below, new_panels

PER_OCTAVE = 8


def shown(records: pd.DataFrame, metrics: pd.DataFrame) -> pd.DataFrame:
    """One record per run and training seed that has metrics: of its last step."""
    members = records.assign(**{MEMBER: field(records, MEMBER).fillna(records["run"])})
    whole = members[members["reduction"].isna()].sort_values(["run", "step"])
    runs = whole.drop_duplicates(["run", MEMBER], keep="last")
    unknown = sorted(set(metrics["run"]) - set(runs[MEMBER]))
    if unknown:
        raise UserError(f"metrics: no record names {', '.join(unknown)}; evaluate these runs or leave them out")
    return runs[runs[MEMBER].isin(metrics["run"])]


def draw(records: pd.DataFrame, metrics: pd.DataFrame) -> Figure:
    """Training loss of every run over the training tokens it has seen, in nats per token.

    A panel for pre-training and for fine-tuning at each context. Every training token is seen once, so the loss is one
    on text not seen before, of the training documents' kind. A point of a line is the mean over the steps of an eighth
    of an octave of tokens, and over training seeds, whose range is shaded; fine-tuning counts its own tokens. Losses of
    different corpora and contexts, and so of different panels, do not compare. Both axes are logarithmic.
    """
    drawn = shown(records, metrics)
    panels = by_training(drawn)
    figure, (row,) = new_panels(1, len(panels), width=panel_width(len(panels)), sharey=False)
    for axes, panel in zip(row, panels, strict=True):
        for run, look in panel.looks.items():
            _draw_run(axes, metrics[metrics["run"].isin(drawn.loc[drawn["run"] == run, MEMBER])], look)
        axes.set_title(panel.title)
        axes.set_xscale("log")
        low, high = axes.get_xlim()
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 500 * low else (1,)))
        axes.xaxis.set_major_formatter(EngFormatter(sep=""))
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 7)))
        axes.yaxis.set_major_formatter(FormatStrFormatter("%g"))
        axes.minorticks_off()
        axes.set_xlabel("training tokens")
    row[0].set_ylabel("training loss (nats per token)")
    legend_below(figure, f"training seeds per line: {span(drawn.groupby('run').size())}")
    return figure


def _draw_run(axes: Axes, steps: pd.DataFrame, look: Look) -> None:
    parts = np.floor(PER_OCTAVE * np.log2(steps["tokens_seen"]))
    of_seeds = steps.groupby([parts, "run"])[["tokens_seen", "loss"]].mean()
    means = of_seeds.groupby(level=0).mean()
    if steps["run"].nunique() > 1:
        losses = of_seeds["loss"].groupby(level=0)
        axes.fill_between(means["tokens_seen"], losses.min(), losses.max(), color=look.colour, alpha=0.2, linewidth=0)
    axes.plot(
        means["tokens_seen"],
        means["loss"],
        label=look.label,
        color=look.colour,
        linestyle=look.line,
        marker=look.marker,
        markerfacecolor=look.face,
        markevery=max(1, len(means) // 8),
    )


FIGURE = FigureSpec(title="Training loss", shown=shown, draw=draw, metrics=True)
