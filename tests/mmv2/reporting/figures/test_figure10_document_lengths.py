import numpy as np
import pytest

from mmv2.data.document_lengths import DocumentLengths, SequenceLengths
from mmv2.errors import UserError
from mmv2.reporting.figures.figure10_document_lengths import FIGURE, _edges, shares


def lengths(documents=((3, 1), (6, 2), (100, 1)), **sequences):
    found = tuple(
        SequenceLengths(context=int(name[1:]), runs=(name,), lengths=((3, 3), (int(name[1:]), 1))) for name in sequences
    )
    return DocumentLengths(corpus="c", source="novels", num_tokens=115, documents=documents, sequences=found)


def test_documents_are_truncated_to_the_context():
    edges = _edges(16)
    found = shares(((3, 1), (6, 2), (100, 1)), 16, edges)
    assert found.sum() == pytest.approx(1)
    assert dict(zip(edges[:-1][found > 0].tolist(), found[found > 0].tolist(), strict=True)) == {
        3: 0.25,
        6: 0.5,
        14: 0.25,
    }


@pytest.mark.parametrize("context", [2, 3, 100, 4096, 32768])
def test_every_length_has_one_bin(context):
    edges = _edges(context)
    assert (np.diff(edges) > 0).all()
    assert (edges == edges.astype(int)).all()
    assert (edges[0], edges[-1]) == (1, context + 1)


def test_a_panel_for_each_corpus_and_context_in_the_order_of_contexts(draw):
    panels = draw(FIGURE, [lengths(a64=1, a16=1), lengths(b32=1)])
    assert [axes.get_title() for axes in panels] == [
        f"{run}{context}\nnovels, context {context}" for run, context in (("a", 16), ("b", 32), ("a", 64))
    ]
    for axes in panels:
        documents, sequences = axes.patches
        assert documents.get_data().values.sum() == pytest.approx(1)
        assert sequences.get_data().values.max() == pytest.approx(0.75)


def test_lengths_without_a_run_are_told():
    with pytest.raises(UserError, match="document lengths: of no training context; name the runs"):
        FIGURE.draw([lengths()])
