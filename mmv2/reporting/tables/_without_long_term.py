"""Tables 2 and 9, which differ in the group of benchmarks alone: with the long-term memory, and with it taken out."""

import pandas as pd

from mmv2.reporting.selection import benchmarks_task, compared, fine_tuned, with_reductions
from mmv2.reporting.tables import TableSpec
from mmv2.reporting.tables._benchmarks import over_benchmarks

_CAPTION = """Accuracy (%) on benchmarks {of_group}, with and without long-term memory.

Rows without long-term memory are the same trained model as the row of the same run, the memory and its half of the
output projection taken out after training, nothing trained after that. A column is a measured benchmark / the paper's
benchmark whose form it has. Those of a corpus ask other questions, so that numbers compare within a row's source, not
between measured and published; real ones bear the paper's names and ask its questions by lm-eval's protocol, which may
not be the paper's. "cut at n of m new tokens": the suite gave answers less room than that protocol, so that right ones
may be cut off, and the column, with all averages over it, compares with no published number. Cells hold the mean over
questions with its 95 % interval: bootstrap, or exact (Clopper-Pearson) where all score the same; averages weigh every
benchmark alike, questions being resampled within each. Averages of measured rows are over the benchmarks measured,
those of published rows over the paper's. FLOPs per token are of the forward pass at 256 tokens of context, as the paper
counts them (docs/decisions.md, Parameters and FLOPs). Measured rows are runs fine-tuned on long contexts, with data
budget 1. Chance is one over the number of choices, for free answers the score of a word of the right kind drawn from
the context, where word lists tell the kinds, and else of the answer that is most frequent in the development file, of
real ones 0; nearest match copies what follows the nearest earlier match of the prompt's last tokens, where the answer
stands in the prompt; trivial answers have averages without interval, and none where a benchmark lacks them. "Made
without real files": none were at hand when the benchmark was written, it was tried on hand-made rows alone; cells of
such a one that the suite does not ask say "not measured". An empty cell was not asked, or is not reported in the paper.
"""


def without_long_term(title: str, published: str, group: str, of_group: str) -> TableSpec:
    """The table of one group of benchmarks.

    Args:
        title: of the table.
        published: file with the paper's numbers.
        group: of the benchmarks, as in records.
        of_group: what these benchmarks are, in the caption.
    """

    def build(records: pd.DataFrame, published: pd.DataFrame) -> pd.DataFrame:
        measured = with_reductions(compared(fine_tuned(records)), benchmarks_task(records))
        return over_benchmarks(measured, records, published, (group,))

    build.__doc__ = _CAPTION.format(of_group=of_group)
    return TableSpec(title=title, published=published, build=build)
