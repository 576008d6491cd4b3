"""Figure 10: how long the training documents are, and the sequences that training reads of them."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mmv2.data.document_lengths import Counts, DocumentLengths, SequenceLengths
from mmv2.errors import UserError
from mmv2.reporting.figures._curves import panel_width
from mmv2.reporting.of_runs import RunFigureSpec, runs_alike
from mmv2.reporting.style import legend_below, new_panels

PER_OCTAVE = 4
COLOURS = {"documents, cut at the context": "#0072B2", "sequences as rows hold them": "#D55E00"}


def draw(corpora: Sequence[DocumentLengths]) -> Figure:
    """Lengths of the training data's documents, begin- and end-of-text included, truncated to the training context.

    A panel for each corpus and training context. Blue: documents, longer ones counted as of the context's length, as in
    the paper's Figure 10. Red: what training reads of them, as rows are cut from one stream and a document goes on in
    the next row as a document of its own. Heights are shares of all documents or sequences; a step of a line is a
    quarter of an octave of lengths, the last one ends with the context. Counted over the whole corpus, of which a run
    may read a part.
    """
    panels = [(corpus, sequences) for corpus in corpora for sequences in corpus.sequences]
    panels.sort(key=lambda panel: panel[1].context)
    if not panels:
        raise UserError("document lengths: of no training context; name the runs that read the corpus")
    figure, (row,) = new_panels(1, len(panels), width=panel_width(len(panels)))
    for axes, (corpus, sequences) in zip(row, panels, strict=True):
        _panel(axes, corpus, sequences)
    row[0].set_ylabel("share")
    legend_below(figure, "")
    return figure


def _panel(axes: Axes, corpus: DocumentLengths, sequences: SequenceLengths) -> None:
    edges = _edges(sequences.context)
    for (label, colour), counts in zip(COLOURS.items(), (corpus.documents, sequences.lengths), strict=True):
        heights = shares(counts, sequences.context, edges)
        axes.stairs(heights, edges, label=label, color=colour, linewidth=1.6)
    axes.set_xscale("log", base=2)
    powers = 2 ** np.arange(0, np.log2(sequences.context) + 0.01, 2, dtype=int)
    axes.set_xticks(powers, [f"{power:,}" for power in powers.tolist()])
    axes.minorticks_off()
    axes.set_xlim(edges[0], edges[-1])
    axes.set_title(f"{runs_alike(sequences.runs)}\n{corpus.source}, context {sequences.context:,}")
    axes.set_xlabel("length (tokens)")


def _edges(context: int) -> np.ndarray:
    """Of bins of whole numbers up to the context, a quarter of an octave each where that holds a number of its own."""
    powers = np.ceil(2 ** (np.arange(0, PER_OCTAVE * np.log2(context)) / PER_OCTAVE))
    return np.append(np.unique(powers[powers < context]), context + 1)


def shares(counts: Counts, context: int, edges: np.ndarray) -> np.ndarray:
    """Share of the lengths, truncated to the context, in each bin [edge, next edge)."""
    lengths, numbers = np.array(counts).T
    return np.histogram(np.minimum(lengths, context), edges, weights=numbers)[0] / numbers.sum()


FIGURE = RunFigureSpec(title="Lengths of training sequences (Figure 10)", draw=draw, made_of="documents")
