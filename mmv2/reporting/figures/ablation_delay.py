"""Ablation: the delay of the long-term memory drawn at every training step against fixed ones."""

import pandas as pd
from matplotlib.figure import Figure

from mmv2.reporting.figures import FigureSpec
from mmv2.reporting.figures._ablations import draw_over_length, variants


def shown(records: pd.DataFrame) -> pd.DataFrame:
    """Models that differ in how m is found in training, and the transformer; data budget 1."""
    return variants(records, fixed_delays=True)


def draw(records: pd.DataFrame) -> Figure:
    """Accuracy on RULER question answering over the context length, by the long-term delay m in training.

    Memory Mosaics v2 as in the paper: m is drawn anew at every training step, and is the least of its range at
    inference. Fixed delay: the same m in training and at inference. The learning rate was searched for the paper's
    model; a changed one has the same. One panel for each training context. Points are
    means over examples, bars their 95 % intervals: bootstrap, or exact (Clopper-Pearson) where all score the same. A
    vertical line marks the training context. Grey lines need no model. The paper's Table 12 has two of these lengths,
    and does not say which m was fixed.
    """
    return draw_over_length(shown(records))


FIGURE = FigureSpec(title="Drawn and fixed long-term delay on RULER question answering", shown=shown, draw=draw)
