"""Figure 8: how few fine-tuning steps RULER question answering at the long context needs."""

import pandas as pd
from matplotlib.figure import Figure

from mmv2.errors import UserError
from mmv2.reporting.accuracies import accuracy, counts
from mmv2.reporting.figures import FigureSpec
from mmv2.reporting.figures._curves import axis_in_percent, curve, offsets, points, reference_curves
from mmv2.reporting.selection import milestones, papers_own
from mmv2.reporting.style import legend_below, looks, new_panels

TASK = "ruler_qa"
SCORE = "score_official"


def shown(records: pd.DataFrame) -> pd.DataFrame:
    """Every step of the runs of the paper's own models that were followed, at their training context."""
    followed = milestones(papers_own(records), TASK)
    measured = followed[followed["context_length"] == followed["training_context"]]
    lacking = sorted(set(followed["run"]) - set(measured["run"]))
    if lacking:
        raise UserError(
            f"figure08_fine_tuning_steps: {TASK} was not evaluated at the training context of {', '.join(lacking)}; "
            f"add it to context_lengths"
        )
    return measured


def draw(records: pd.DataFrame) -> Figure:
    """Accuracy on RULER question answering at the fine-tuning context over the number of fine-tuning steps.

    Step 0 is the pre-trained checkpoint that a run started from, asked at the same context length. Every step is one
    minibatch; the schedule is that of the whole fine-tuning run, so that early steps fall into its warm-up, where it
    has one. The axis is logarithmic beyond step 1. Points are means over examples, bars their 95 % intervals
    (bootstrap, or exact where all examples score the same), grey lines answers that need no model, as in the figure
    over lengths. In the paper (Figure 8, 32k) MMv2 is at its best after two minibatches, and the transformer after 800
    is below MMv2 after one.
    """
    measured = shown(records)
    found = looks(measured)
    steps = sorted(measured["step"].unique())
    figure, ((axes,),) = new_panels(1, 1, width=6.4, height=3.0)
    axes.set_xscale("symlog", base=2, linthresh=1)
    axes.set_xlim(-0.4, 1.4 * steps[-1])
    axes.set_xticks(steps, [str(step) for step in steps])
    axes.minorticks_off()
    axes.set_xlabel("fine-tuning steps (minibatches)")
    for run, offset in offsets(axes, list(found), len(steps)).items():
        of_run = measured[measured["run"] == run]
        curve(axes, points(of_run, "step", lambda group: accuracy(group, SCORE)), found[run], offset)
    reference_curves(axes, measured, "step")
    contexts = ", ".join(f"{context:,}" for context in sorted(measured["training_context"].unique()))
    axis_in_percent(axes, f"RULER QA accuracy at {contexts} tokens (%)")
    legend_below(figure, f"{counts(measured, ['run', 'step'])} examples per point")
    return figure


FIGURE = FigureSpec(title="RULER question answering over fine-tuning steps (Figure 8)", shown=shown, draw=draw)
