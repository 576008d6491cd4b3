"""Figure 14: in-context learning of anonymous labels, small size."""

import pandas as pd
from matplotlib.figure import Figure

from mmv2.reporting.figures import FigureSpec
from mmv2.reporting.figures._many_shot import asked, draw_many_shot
from mmv2.reporting.figures._sizes import small_ones

KINDS = ("anonymous", "novel")


def shown(records: pd.DataFrame) -> pd.DataFrame:
    """Fine-tuned runs of the smallest size, data budget 1."""
    return asked(small_ones(records), KINDS)


def draw(records: pd.DataFrame) -> Figure:
    """Accuracy over the number of shots, anonymous labels.

    One panel for each data set and kind of labels; labels of an unseen form are anonymous ones in a word form that
    no training document used. Lines with markers are the paper's numbers: for every number of shots the best of
    four prompt styles on the test queries themselves, which is on average too high; thin lines are the mean of the
    four, dashes the style that was best on development queries. Bars are 95 % bootstrap intervals over queries
    (exact where all score the same) for the style shown; that it was chosen among four they leave out. An answer
    counts when the first generated line is the label. Runs are those fine-tuned on long contexts, with data budget
    1, of the smallest size trained. Grey lines need no model: chance is one over the number of labels; nearest
    match gives the label of the demonstration that shares most with the query; the best constant answer is the
    label that most of these queries have.
    """
    return draw_many_shot(small_ones(records), KINDS, dev=True)


FIGURE = FigureSpec(title="In-context learning of anonymous labels, small size (Figure 14)", shown=shown, draw=draw)
