"""Eqs. 4, 6 and 10 position by position.

B rows, H memory units, T tokens, P pairs (T - 1, or T if one is read at age 0), N of them held, K key and V value
dimension.
"""

import torch
from torch import Tensor

from mmv2.ops.memory_read import Ages, AnyBandwidth, ConstantBandwidth


def memory_read(
    keys_BHTK: Tensor, values_BHPV: Tensor, bandwidth: AnyBandwidth, ages: Ages, queries_BHTK: Tensor | None = None
) -> Tensor:
    """The memory's answer at every position: (B, H, T, V).

    Args:
        keys_BHTK: keys, in Memory Mosaics of unit norm.
        values_BHPV: values of all pairs but the last token's, unless a pair may be read at age 0.
        bandwidth: beta_0, beta_1, alpha per memory unit, or one beta.
        ages: which pairs are held.
        queries_BHTK: None: the key at t is also the query at t.
    """
    queries_BHTK = keys_BHTK if queries_BHTK is None else queries_BHTK
    answers = []
    for t in range(keys_BHTK.shape[2]):
        oldest = 0 if ages.max_age is None else max(0, t - ages.max_age + 1)
        held = slice(oldest, max(oldest, t - ages.min_age + 1))
        keys_BHNK, values_BHNV = keys_BHTK[:, :, held], values_BHPV[:, :, held]
        n = keys_BHNK.shape[2]
        if n == 0:
            answers.append(values_BHPV.new_zeros(*keys_BHTK.shape[:2], values_BHPV.shape[-1]))
            continue
        if isinstance(bandwidth, ConstantBandwidth):
            beta_H = bandwidth.beta_H
        else:
            beta_H = bandwidth.beta_1_H * n**bandwidth.alpha_H + bandwidth.beta_0_H  # Eq. 6
        scores_BHN = beta_H[:, None] * torch.einsum("bhk,bhnk->bhn", queries_BHTK[:, :, t], keys_BHNK)
        answers.append(torch.einsum("bhn,bhnv->bhv", scores_BHN.softmax(-1), values_BHNV))  # Eq. 4
    return torch.stack(answers, dim=2)
