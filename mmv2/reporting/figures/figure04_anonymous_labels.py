"""Figure 4: in-context learning of anonymous labels."""

import pandas as pd
from matplotlib.figure import Figure

from mmv2.reporting.figures import FigureSpec
from mmv2.reporting.figures._many_shot import CAPTION_WITH_DEV, asked, draw_many_shot
from mmv2.reporting.sizes import large_ones

KINDS = ("anonymous", "novel")


def shown(records: pd.DataFrame) -> pd.DataFrame:
    """Fine-tuned runs of the largest size, data budget 1."""
    return asked(large_ones(records), KINDS)


def draw(records: pd.DataFrame) -> Figure:
    """Accuracy over the number of shots, anonymous labels.

    One panel for each data set and kind of labels; labels of an unseen form are anonymous ones in a word form that no
    training document used. Runs are those fine-tuned on long contexts, with data budget 1, each architecture in its
    largest size.
    """
    return draw_many_shot(large_ones(records), KINDS, dev=True)


FIGURE = FigureSpec(
    title="In-context learning of anonymous labels (Figure 4)", shown=shown, draw=draw, shared=CAPTION_WITH_DEV
)
