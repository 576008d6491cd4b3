"""Figure 7: in-context learning of anonymous labels over training data."""

import pandas as pd
from matplotlib.figure import Figure

from mmv2.reporting.figures import FigureSpec
from mmv2.reporting.figures._many_shot import CAPTION, asked, draw_many_shot
from mmv2.reporting.selection import fine_tuned, more_data, several_budgets
from mmv2.reporting.sizes import largest

KINDS = ("anonymous", "novel")


def shown(records: pd.DataFrame) -> pd.DataFrame:
    """Fine-tuned runs of the largest size, of all data budgets."""
    return asked(largest(fine_tuned(more_data(records))), KINDS)


def draw(records: pd.DataFrame) -> Figure:
    """Accuracy over the number of shots, anonymous labels.

    One panel for each data set and kind of labels; labels of an unseen form are anonymous ones in a word form that no
    training document used. Runs are those fine-tuned on long contexts, with all data budgets (1 is the paper's 1T
    tokens), each architecture in its largest size; the paper's transformer on 8T tokens also has grouped-query
    attention, measured ones where they are named by it.
    """
    several_budgets(shown(records))
    return draw_many_shot(largest(fine_tuned(more_data(records))), KINDS, dev=False)


FIGURE = FigureSpec(
    title="In-context learning of anonymous labels over training data (Figure 7)",
    shown=shown,
    draw=draw,
    shared=CAPTION,
)
