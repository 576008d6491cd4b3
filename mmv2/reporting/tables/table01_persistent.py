"""Table 1: benchmarks of persistent knowledge, and those whose answers stand in the prompt."""

import pandas as pd

from mmv2.reporting.selection import benchmarks_task, compared, last_stage, of_task
from mmv2.reporting.tables import TableSpec
from mmv2.reporting.tables._benchmarks import over_benchmarks


def build(records: pd.DataFrame, published: pd.DataFrame) -> pd.DataFrame:
    """Accuracy (%) on benchmarks, with the average of each group and of all.

    A column is a measured benchmark / the paper's benchmark whose form it has. Those of a corpus ask other questions,
    so that numbers compare within a row's source, not between measured and published; real ones bear the paper's names
    and ask its questions by lm-eval's protocol, which may not be the paper's. "cut at n of m new tokens": the suite
    gave answers less room than that protocol, so that right ones may be cut off, and the column, with all averages over
    it, compares with no published number. The last columns, without a benchmark of the paper, are to be read beside
    those, such as MMLU by letters beside "mmlu alt"; they stand in no average. The groups are those of Tables 2 and 9:
    13 of the paper's benchmarks do not need the long-term memory, 6 do; averages of the paper's groups are computed
    from its rounded numbers, and so may differ by 0.1 from those of its Tables 2 and 9. Cells hold the mean over
    questions with its 95 % interval: bootstrap, or exact (Clopper-Pearson) where all score the same; averages weigh
    every benchmark alike, questions being resampled within each. Averages of measured rows are over the benchmarks
    measured, those of published rows over the paper's. Measured rows are runs fine-tuned on long contexts, as in the
    paper, or those trained from scratch where a suite fine-tunes none ("fine-tuned from" is empty), with data budget 1.
    Chance is one over the number of choices, for free answers the score of a word of the right kind drawn from the
    context, where word lists tell the kinds, and else of the answer that is most frequent in the development file, of
    real ones 0; nearest match copies what follows the nearest earlier match of the prompt's last tokens, where the
    answer stands in the prompt; trivial answers have averages without interval, and none where a benchmark lacks them.
    "Made without real files": none were at hand when the benchmark was written, it was tried on hand-made rows alone;
    cells of such a one that the suite does not ask say "not measured". An empty cell was not asked, or is not reported
    in the paper.
    """
    measured = of_task(compared(last_stage(records)), benchmarks_task(records))
    return over_benchmarks(measured, records, published, ("persistent", "context"), beside=True)


TABLE = TableSpec(
    title="Persistent knowledge (Table 1)",
    published="table01_persistent_19.csv",
    build=build,
)
