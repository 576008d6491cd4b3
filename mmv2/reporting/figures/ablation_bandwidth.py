"""Ablation: the adaptive bandwidth of memories against a constant one."""

import pandas as pd
from matplotlib.figure import Figure

from mmv2.reporting.figures import FigureSpec
from mmv2.reporting.figures._ablations import draw_over_length, variants


def shown(records: pd.DataFrame) -> pd.DataFrame:
    """Models that differ in how beta is found, and the transformer; data budget 1."""
    return variants(records, ["bandwidth"])


def draw(records: pd.DataFrame) -> Figure:
    """Accuracy on RULER question answering over the context length, with adaptive, constant and fixed bandwidth.

    Memory Mosaics v2 as in the paper: beta grows with the number of pairs that a memory holds (Eq. 6). Constant: one
    learned beta per memory unit, for any number of pairs, which starts from the mean that Eq. 6 has at first. Fixed:
    two numbers, one for all short-term and one for all long-term memories, the means of a trained model's betas, that
    nothing learns. The learning rate was searched for the paper's model; a changed one has the same. One panel for each
    training context. Points are means over examples, bars their 95 % intervals: bootstrap, or exact (Clopper-Pearson)
    where all score the same. A vertical line marks the training context. Grey lines need no model. The paper has no
    such figure.
    """
    return draw_over_length(shown(records))


FIGURE = FigureSpec(title="Adaptive and constant bandwidth on RULER question answering", shown=shown, draw=draw)
