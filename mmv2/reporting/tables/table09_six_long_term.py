"""Table 9: benchmarks whose answers stand in the prompt, after the long-term memory was removed."""

import pandas as pd

from mmv2.reporting.selection import compared, fine_tuned, with_reductions
from mmv2.reporting.tables import TableSpec
from mmv2.reporting.tables._benchmarks import TASK, over_benchmarks


def build(records: pd.DataFrame, published: pd.DataFrame) -> pd.DataFrame:
    """Accuracy (%) on benchmarks whose answers stand in the prompt, with and without long-term memory.

    Rows without long-term memory are the same trained model as the row of the same run, the memory and its half of the
    output projection taken out after training, nothing trained after that. A column is a benchmark of the corpus / the
    paper's benchmark whose form it has; its questions are other ones, so that numbers compare within a row's source,
    not between measured and published. Cells hold the mean over questions with its 95 % interval: bootstrap, or exact
    (Clopper-Pearson) where all score the same; averages weigh every benchmark alike, questions being resampled within
    each. Averages of measured rows are over the benchmarks of the corpus, those of published rows over the paper's.
    Measured rows are runs fine-tuned on long contexts, with data budget 1. Chance is one over the number of choices, or
    for free answers the score of the answer that is most frequent in the development file; nearest match copies what
    follows the nearest earlier match of the prompt's last tokens, where the answer stands in the prompt; trivial
    answers have averages without interval, and none where a benchmark lacks them. An empty cell was not measured, or is
    not reported in the paper.
    """
    measured = with_reductions(compared(fine_tuned(records)), TASK)
    return over_benchmarks(measured, records, published, ("context",))


TABLE = TableSpec(
    title="Information in the prompt without long-term memory (Table 9)",
    published="table09_six_long_term_benchmarks.csv",
    build=build,
)
