"""Softmax attention to the entries of growing tensors, of which rows may share the first.

What rows share is read for all of them in one matrix product and copied for none: the softmax over it and the one over
the rest of a row's entries are joined by the logarithms of their sums (the decomposition of Hydragen, Juravsky et al.
2024). Many queries after one long prompt cost little more than their own tokens.

Shapes: B rows, H query heads, K key-value heads, G = H / K, T query tokens, S entries, R those of them that are read
row by row, E head dimension, Q = B * G * T queries of all rows, P entries that are read at once.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from mmv2.layers.cache import GrowingTensor

SCORES = 2**20
"""Scores of shared entries that are computed at once: bounds memory, and stays in a processor's cache."""
LEAST = -80.0
"""Scores so far below the largest weigh nothing in any precision here; exponentials below it are many times slower."""


def stored_attention(
    queries_BHTE: Tensor, keys: GrowingTensor, values: GrowingTensor, held_TS: Tensor, scale: float
) -> Tensor:
    """Attention of T tokens to the entries that they hold. -> (B, H, T, E); anything where a token holds none.

    Args:
        queries_BHTE: of the tokens. K divides H, as in ``causal_attention``.
        keys, values: (B, K, S, E).
        held_TS: which entries a token holds, bool (T, S) or (B, 1, T, S).
        scale: of the scores.
    """
    shared, shared_values = keys.shared, values.shared
    common = 0 if shared is None else _held_by_all(held_TS, shared.shape[2])
    if shared is None or shared_values is None or not common:
        keys_BKSE = keys.view()
        grouped = queries_BHTE.shape[1] != keys_BKSE.shape[1]
        return F.scaled_dot_product_attention(
            queries_BHTE, keys_BKSE, values.view(), attn_mask=held_TS, scale=scale, enable_gqa=grouped
        )
    queries_BKGTE = (queries_BHTE * scale).unflatten(1, (shared.shape[1], -1))
    held_1TR = held_TS[..., None, :, common:]  # (B, 1, 1, T, R) where rows differ
    scores_BKGTR = _wide(queries_BKGTE @ keys.view(common)[:, :, None].mT).masked_fill(~held_1TR, -torch.inf)
    queries_KQE = queries_BKGTE.transpose(0, 1).flatten(1, 3)
    parts = _read_common(queries_KQE, shared[0, :, :common], shared_values[0, :, :common])
    rows = queries_BKGTE.shape
    common_BKGTE, log_sum_BKGT1 = (x.unflatten(1, (rows[0], *rows[2:4])).transpose(0, 1) for x in parts)
    total_BKGT1 = torch.logaddexp(log_sum_BKGT1, scores_BKGTR.logsumexp(-1, keepdim=True))
    weights_BKGTR = (scores_BKGTR - total_BKGT1).exp().to(queries_BHTE.dtype)
    answers_BKGTE = weights_BKGTR @ values.view(common)[:, :, None] + (log_sum_BKGT1 - total_BKGT1).exp() * common_BKGTE
    return answers_BKGTE.flatten(1, 2).to(queries_BHTE.dtype)


def _held_by_all(held_TS: Tensor, most: int) -> int:
    """How many of the first ``most`` entries come before the first that some token does not hold."""
    return int(held_TS[..., :most].flatten(0, -2).all(0).cumprod(0).sum())


def _read_common(queries_KQE: Tensor, keys_KSE: Tensor, values_KSE: Tensor) -> tuple[Tensor, Tensor]:
    """Attention of all queries to all keys, part by part; and the logarithms of its sums (K, Q, 1)."""
    step = max(1, SCORES // queries_KQE[..., 0].numel())
    largest_KQ1 = torch.full_like(_wide(queries_KQE[..., :1]), -torch.inf)
    sums_KQ1, answers_KQE = torch.zeros_like(largest_KQ1), torch.zeros_like(_wide(queries_KQE))
    for keys_KPE, values_KPE in zip(keys_KSE.split(step, 1), values_KSE.split(step, 1), strict=True):
        scores_KQP = _wide(queries_KQE @ keys_KPE.mT)
        before_KQ1, largest_KQ1 = largest_KQ1, largest_KQ1.maximum(scores_KQP.amax(-1, keepdim=True))
        weights_KQP = (scores_KQP - largest_KQ1).clamp_(min=LEAST).exp_()
        kept_KQ1 = (before_KQ1 - largest_KQ1).exp_()
        sums_KQ1 = sums_KQ1 * kept_KQ1 + weights_KQP.sum(-1, keepdim=True)
        answers_KQE = answers_KQE * kept_KQ1 + weights_KQP.to(values_KPE.dtype) @ values_KPE
    return answers_KQE / sums_KQ1, largest_KQ1 + sums_KQ1.log()


def _wide(x: Tensor) -> Tensor:
    """In float32 at least."""
    return x.to(torch.promote_types(x.dtype, torch.float32))
