"""Table 13: RULER single needle in a haystack."""

import pandas as pd

from mmv2.reporting.selection import compared, fine_tuned, of_task
from mmv2.reporting.tables import TableSpec
from mmv2.reporting.tables._over_length import over_length


def build(records: pd.DataFrame, published: pd.DataFrame) -> pd.DataFrame:
    """Accuracy (%) on RULER's single needle in a haystack over the context length of the task.

    Subtask niah_single_1 hides the needle in repeated noise, niah_single_2 in text, niah_single_3 a UUID in text; the
    paper does not say which it reports. Columns are headed by the context length in units of the training context, then
    by its tokens as measured / as published. Measured rows are runs fine-tuned on long contexts, with data budget 1.
    Cells hold the mean over examples with its 95 % interval: bootstrap, or exact (Clopper-Pearson) where all examples
    score the same. Published rows are the paper's, at its own scale: they compare with measured ones by architecture
    and ratio of lengths, not by the number itself. The official score counts an answer that occurs anywhere in the
    generated text, the strict one an answer that begins it. Chance and copying need no model. An empty cell was not
    measured, or is not reported in the paper.
    """
    measured = of_task(compared(fine_tuned(records)), "ruler_niah")
    return over_length(measured, records, published)


TABLE = TableSpec(
    title="RULER single needle in a haystack (Table 13)",
    published="table13_ruler_s_niah.csv",
    build=build,
)
