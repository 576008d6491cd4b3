"""Figure 13: in-context learning of semantic labels, small size."""

import pandas as pd
from matplotlib.figure import Figure

from mmv2.reporting.figures import FigureSpec
from mmv2.reporting.figures._many_shot import CAPTION_WITH_DEV, asked, draw_many_shot
from mmv2.reporting.sizes import small_ones

KINDS = ("semantic",)


def shown(records: pd.DataFrame) -> pd.DataFrame:
    """Fine-tuned runs of the smallest size, data budget 1."""
    return asked(small_ones(records), KINDS)


def draw(records: pd.DataFrame) -> Figure:
    """Accuracy over the number of shots, semantic labels.

    One panel for each data set. Runs are those fine-tuned on long contexts, with data budget 1, each architecture in
    its smallest size.
    """
    return draw_many_shot(small_ones(records), KINDS, dev=True)


FIGURE = FigureSpec(
    title="In-context learning of semantic labels, small size (Figure 13)",
    shown=shown,
    draw=draw,
    shared=CAPTION_WITH_DEV,
)
