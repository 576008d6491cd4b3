"""Figure 5: in-context learning of a transformer whose attention is split into a short and a long part."""

import pandas as pd
from matplotlib.figure import Figure

from mmv2.errors import UserError
from mmv2.reporting.fields import WIDTH, field
from mmv2.reporting.figures import FigureSpec
from mmv2.reporting.figures._many_shot import CAPTION_WITH_DEV, asked, draw_many_shot
from mmv2.reporting.selection import MAIN_BUDGET, drawn_delay, where
from mmv2.reporting.sizes import largest

KINDS = ("semantic", "anonymous")
SPLIT = "long_short"


def compared_with_split(records: pd.DataFrame) -> pd.DataFrame:
    """The transformer with a split alone, the plain one and Memory Mosaics v2, in the largest size of the first.

    Raises:
        UserError: no fine-tuned transformer has the split alone.
    """
    found = where(records, budget=MAIN_BUDGET)
    split = found[field(found, "setting_parts_named").eq(SPLIT)]
    tuned = split[split["init_from"].notna()]
    if tuned.empty:
        raise UserError(
            f"records: none of fine-tuned runs with parts [{SPLIT}]; give the suite a run of arch transformer_parts "
            f"and its fine-tuning, or leave this result out"
        )
    (size,) = largest(tuned)[WIDTH].unique()
    both = pd.concat([split, drawn_delay(found)])
    return both[both[WIDTH].eq(size)]


def shown(records: pd.DataFrame) -> pd.DataFrame:
    """Fine-tuned runs of that size, data budget 1."""
    return asked(compared_with_split(records), KINDS)


def draw(records: pd.DataFrame) -> Figure:
    """Accuracy over the number of shots: Memory Mosaics v2, the transformer, and the transformer with split attention.

    The split transformer has two attentions side by side in every layer, each with matrices of its own: one over the
    tokens of a short window, one over those beyond a delay, which is drawn in training as for Memory Mosaics v2.
    Nothing else of it differs from the transformer. All three are of one width, the greatest in which the split one was
    trained. One row for each kind of labels, one panel for each data set. Runs are those fine-tuned on long contexts,
    with data budget 1. The paper's Figure 5 is of TACRED.
    """
    return draw_many_shot(compared_with_split(records), KINDS, dev=True)


FIGURE = FigureSpec(
    title="In-context learning with split attention (Figure 5)", shown=shown, draw=draw, shared=CAPTION_WITH_DEV
)
