"""Splitting and joining against indexing by loops, values and gradients, over random layouts.

D documents of padded length L; B rows of T tokens; X features.
"""

import numpy as np
import pytest
import torch

from mmv2.layers.documents import GROWTH, SHORTEST, Documents


def random_starts(seed):
    """Rows with few or many documents; some rows have no beginning marked, some one at every token."""
    generator = np.random.default_rng(seed)
    batch, length = generator.integers(1, 6), generator.integers(1, 200)
    density_B1 = generator.choice([0.0, 0.01, 0.05, 0.3, 1.0], size=(batch, 1))
    return generator.random((batch, length)) < density_B1


def spans(starts_BT):
    """(row, begin, end) of every document, in order."""
    found = []
    for row, starts_T in enumerate(starts_BT):
        begins = [0, *(t for t in range(1, len(starts_T)) if starts_T[t])]
        ends = [*begins[1:], len(starts_T)]
        found += [(row, begin, end) for begin, end in zip(begins, ends, strict=True)]
    return found


def features(starts_BT, width=3):
    shape = (*starts_BT.shape, width)
    return torch.randn(shape, generator=torch.Generator().manual_seed(1), requires_grad=True)


@pytest.mark.parametrize("seed", range(30))
def test_every_document_is_a_row_of_one_rectangle(seed):
    starts_BT = random_starts(seed)
    x_BTX = features(starts_BT)
    expected = [x_BTX[row, begin:end] for row, begin, end in spans(starts_BT)]
    found = [row for part in Documents.from_starts(starts_BT).split(x_BTX) for row in part]
    assert len(found) == len(expected)
    for document in expected:
        assert any(len(row) >= len(document) and torch.equal(row[: len(document)], document) for row in found)


@pytest.mark.parametrize("seed", range(30))
def test_join_undoes_split(seed):
    starts_BT = random_starts(seed)
    documents, x_BTX = Documents.from_starts(starts_BT), features(starts_BT)
    assert torch.equal(documents.join(documents.split(x_BTX)), x_BTX)


@pytest.mark.parametrize("seed", range(30))
def test_work_on_rectangles_equals_work_on_documents(seed):
    """A causal operation with parameters: running sums of products, then a weight. Values and both gradients."""
    starts_BT = random_starts(seed)
    target_BTX = torch.randn(*starts_BT.shape, 3, generator=torch.Generator().manual_seed(2))
    results = []
    for packed in (True, False):
        x_BTX, weight_X = features(starts_BT), torch.ones(3, requires_grad=True)
        if packed:
            documents = Documents.from_starts(starts_BT)
            y_BTX = documents.join([(part**2 * weight_X).cumsum(1) for part in documents.split(x_BTX)])
        else:
            rows = [(x_BTX[row, begin:end] ** 2 * weight_X).cumsum(0) for row, begin, end in spans(starts_BT)]
            y_BTX = torch.cat(rows).view_as(x_BTX)
        (y_BTX * target_BTX).sum().backward()
        results.append((y_BTX.detach(), x_BTX.grad, weight_X.grad))
    for ours, expected in zip(*results, strict=True):
        torch.testing.assert_close(ours, expected, atol=1e-4, rtol=1e-4)


def test_what_padding_computes_has_no_effect():
    """Even where the padding's results are not numbers."""
    starts_BT = np.zeros((1, 50), dtype=bool)
    starts_BT[0, [0, 20, 22]] = True
    documents, x_BTX = Documents.from_starts(starts_BT), features(starts_BT)
    parts = documents.split(x_BTX)
    poisoned = []
    for part_DLX, padding_DL in zip(parts, documents.padding, strict=True):
        poisoned.append(torch.where(padding_DL[..., None], torch.nan, part_DLX))
    joined_BTX = documents.join(poisoned)
    joined_BTX.sum().backward()
    assert torch.equal(joined_BTX, x_BTX)
    assert torch.equal(x_BTX.grad, torch.ones_like(x_BTX))


@pytest.mark.parametrize("seed", range(30))
def test_padding_is_bounded(seed):
    starts_BT = random_starts(seed)
    lengths = [end - begin for _, begin, end in spans(starts_BT)]
    slots = sum(part.shape[0] * part.shape[1] for part in Documents.from_starts(starts_BT).split(features(starts_BT)))
    assert slots <= sum(max(GROWTH * length, SHORTEST) for length in lengths)


def test_one_document_per_row_is_not_moved():
    x_BTX = features(np.zeros((3, 7), dtype=bool))
    documents = Documents.from_starts(np.zeros((3, 7), dtype=bool))
    assert documents.split(x_BTX)[0] is x_BTX
    assert documents.join([x_BTX]) is x_BTX


def test_the_given_starts_are_not_changed():
    starts_BT = np.zeros((2, 5), dtype=bool)
    starts_BT[0, 3] = True
    before = starts_BT.copy()
    Documents.from_starts(starts_BT)
    assert (starts_BT == before).all()


def test_features_of_several_dimensions():
    starts_BT = random_starts(4)
    documents = Documents.from_starts(starts_BT)
    x_BTHK = torch.randn(*starts_BT.shape, 2, 5)
    x_BT = torch.arange(starts_BT.size).view(starts_BT.shape)
    assert torch.equal(documents.join(documents.split(x_BTHK)), x_BTHK)
    assert torch.equal(documents.join(documents.split(x_BT)), x_BT)
