"""Causality, rows and documents of every architecture.

B rows, T tokens per row, N tokens of a batch, V vocabulary.
"""

import numpy as np
import pytest
import torch

from mmv2.layers.decoder import IGNORE
from mmv2.layers.documents import Documents
from tests.contracts.common import CLOSE, drawn_inputs, random_tokens, whole_length


def test_nothing_looks_ahead(spec, model):
    rows_BT = random_tokens(spec.tiny, 1, whole_length(spec.tiny))
    last = rows_BT.shape[1] - 1
    with torch.no_grad():
        for inputs in drawn_inputs(spec):
            logits_BTV = model(rows_BT, **inputs)
            for changed in (1, 2, 15, 16, 17, 33, last - 1, last):
                other_BT = rows_BT.clone()
                other_BT[0, changed] = (rows_BT[0, changed] + 1) % spec.tiny.vocab_size
                moved_T = (model(other_BT, **inputs) - logits_BTV)[0].abs().amax(-1)
                assert moved_T[:changed].max() < 1e-9, f"token {changed} is seen before it is read"
                assert moved_T[changed] > 1e-3
                assert changed == last or moved_T[changed + 1 :].max() > 1e-3, f"token {changed} is never seen again"


def test_rows_do_not_know_each_other(spec, model):
    rows_BT = random_tokens(spec.tiny, 5, whole_length(spec.tiny))
    with torch.no_grad():
        together_BTV = model(rows_BT)
        for row, tokens_T in enumerate(rows_BT):
            torch.testing.assert_close(together_BTV[row], model(tokens_T[None])[0], **CLOSE)


def packed_batch(config):
    """Rows of documents of many lengths, 1 and beyond every window among them; and the documents one by one."""
    length = whole_length(config)
    lengths = [[length], [1, 2, 3, length - 6], [17, 1, 1, 16, length - 35], [length // 2, length - length // 2]]
    starts_BT = np.zeros((len(lengths), length), dtype=bool)
    for row, row_lengths in enumerate(lengths):
        starts_BT[row, np.cumsum([0, *row_lengths[:-1]])] = True
    rows_BT = random_tokens(config, len(lengths), length)
    documents = [part for row, row_lengths in zip(rows_BT, lengths, strict=True) for part in row.split(row_lengths)]
    return rows_BT, starts_BT, documents


def next_tokens(rows_BT, starts_BT):
    """Targets that never reach into the next document."""
    targets_BT = rows_BT.roll(-1, dims=1)
    ends_BT = np.roll(starts_BT, -1, axis=1)
    ends_BT[:, -1] = True
    return targets_BT.masked_fill(torch.from_numpy(ends_BT), IGNORE)


def test_packed_documents_equal_separate_ones(spec, model):
    rows_BT, starts_BT, documents = packed_batch(spec.tiny)
    for inputs in drawn_inputs(spec):
        with torch.no_grad():
            packed_BTV = model(rows_BT, Documents.from_starts(starts_BT), **inputs)
            separate_NV = torch.cat([model(document[None], **inputs)[0] for document in documents])
        torch.testing.assert_close(packed_BTV.flatten(0, 1), separate_NV, **CLOSE)


def test_packed_documents_have_the_gradients_of_separate_ones(spec, model):
    rows_BT, starts_BT, documents = packed_batch(spec.tiny)
    for inputs in drawn_inputs(spec):
        model.zero_grad()
        loss = model(rows_BT, Documents.from_starts(starts_BT), next_tokens(rows_BT, starts_BT), **inputs)
        loss.backward()
        packed = {name: parameter.grad.clone() for name, parameter in model.named_parameters()}
        model.zero_grad()
        total = 0.0
        for document in documents:
            targets_1T = document[None].roll(-1, dims=1)
            targets_1T[:, -1] = IGNORE
            part = model(document[None], targets_BT=targets_1T, **inputs)
            part.backward()
            total += part.item()
        assert loss.item() == pytest.approx(total, rel=1e-12)
        for name, parameter in model.named_parameters():
            scale = parameter.grad.abs().max().item()
            assert scale > 0, f"{name} has no influence on the loss"
            torch.testing.assert_close(packed[name], parameter.grad, atol=1e-9 * scale, rtol=1e-7, msg=name)


def test_float32_and_bfloat16_are_close(spec, model):
    rows_BT, starts_BT, _ = packed_batch(spec.tiny)
    documents = Documents.from_starts(starts_BT)
    exact_BTV = model(rows_BT, documents)
    single = model.float()
    single_BTV = single(rows_BT, documents)
    with torch.autocast("cpu", torch.bfloat16):
        rough_BTV = single(rows_BT, documents)
        single(rows_BT, documents, next_tokens(rows_BT, starts_BT)).backward()
    assert single_BTV.dtype == rough_BTV.dtype == torch.float32
    assert (single_BTV - exact_BTV).abs().max() < 1e-4
    assert (rough_BTV - exact_BTV).std() < 0.05 * exact_BTV.std()
    assert all(parameter.grad.isfinite().all() for parameter in single.parameters())
