"""Figure 7: in-context learning of anonymous labels over training data."""

import pandas as pd
from matplotlib.figure import Figure

from mmv2.reporting.figures import FigureSpec
from mmv2.reporting.figures._many_shot import asked, draw_many_shot
from mmv2.reporting.selection import more_data, several_budgets

KINDS = ("anonymous", "novel")


def shown(records: pd.DataFrame) -> pd.DataFrame:
    """Fine-tuned runs, of all data budgets."""
    return asked(more_data(records), KINDS)


def draw(records: pd.DataFrame) -> Figure:
    """Accuracy over the number of shots, anonymous labels.

    One panel for each data set and kind of labels; labels of an unseen form are anonymous ones in a word form that no
    training document used. Lines with markers are the paper's numbers: for every number of shots the best of four
    prompt styles on the test queries themselves, which is on average too high; thin lines are the mean of the four.
    Bars are 95 % bootstrap intervals over queries (exact where all score the same) for the style shown; that it was
    chosen among four they leave out. An answer counts when the first generated line is the label. Runs are those
    fine-tuned on long contexts, with all data budgets (1 is the paper's 1T tokens); the paper's transformer on 8T
    tokens also has grouped-query attention, measured ones where they are named by it. Grey lines need no model: chance
    is one over the number of labels; nearest match gives the label of the demonstration that shares most with the
    query; the best constant answer is the label that most of these queries have.
    """
    several_budgets(shown(records))
    return draw_many_shot(more_data(records), KINDS, dev=False)


FIGURE = FigureSpec(
    title="In-context learning of anonymous labels over training data (Figure 7)", shown=shown, draw=draw
)
