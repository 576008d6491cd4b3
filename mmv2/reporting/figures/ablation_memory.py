"""Ablation: Memory Mosaics v2 without gates, without a long-term memory, and with rotary positions; v1 beside it."""

import pandas as pd
from matplotlib.figure import Figure

from mmv2.reporting.figures import FigureSpec
from mmv2.reporting.figures._ablations import draw_over_length, variants


def shown(records: pd.DataFrame) -> pd.DataFrame:
    """Models that lack a part of the memory or have positions, Memory Mosaics v1, the transformer; data budget 1."""
    return variants(records, ["key_extractor", "rope_theta", "long_term_memory"], also=["memory_mosaics_v1"])


def draw(records: pd.DataFrame) -> Figure:
    """Accuracy on RULER question answering over the context length, with parts of the memory changed.

    Leaky keys: the average over tokens that forms a key has one learned decay per memory unit, as in Memory Mosaics v1,
    in place of gates that depend on the token (Eq. 8); plain keys are of one token and have no average at all. Rotary
    positions turn keys, which are queries too. Short-term memory alone: trained without long-term memory from the
    start, so with fewer parameters. Memory Mosaics v1, where it is there, is the paper's predecessor (arXiv 2405.06394)
    of about as many parameters, trained on the same tokens, with key-value pairs as its persistent memory or with
    SwiGLU. The learning rate was searched for the paper's model; a changed one, and Memory Mosaics v1, have the same.
    One panel for each training context. Points are means over examples, bars their 95 % intervals: bootstrap,
    or exact (Clopper-Pearson) where all score the same. A vertical line marks the training context. Grey lines need no
    model. The paper has no such figure.
    """
    return draw_over_length(shown(records))


FIGURE = FigureSpec(title="Parts of the memory on RULER question answering", shown=shown, draw=draw)
