"""The equations of Memory Mosaics v1 token by token, for tests. Models call what computes all tokens at once.

Shapes: B rows, H memory units, T tokens, K key and value dimension, N stored pairs. A document in each row.
"""

import torch
from torch import Tensor


def leaky_keys(features_BHTK: Tensor, lambda_H: Tensor) -> Tensor:
    """kbar_t = W_phi x_t + lambda_phi kbar_{t-1}; k_t = kbar_t / |kbar_t|. -> (B, H, T, K).

    Args:
        features_BHTK: W_phi x_t.
        lambda_H: lambda_phi, from 0 to 1.
    """
    kbar_BHK = torch.zeros_like(features_BHTK[:, :, 0])
    keys = []
    for t in range(features_BHTK.shape[2]):
        kbar_BHK = features_BHTK[:, :, t] + lambda_H[:, None] * kbar_BHK
        keys.append(kbar_BHK / kbar_BHK.norm(dim=-1, keepdim=True))
    return torch.stack(keys, dim=2)


def values(projections_BHTK: Tensor, lambda_H: Tensor, norm_H: Tensor) -> Tensor:
    """vbar_t = W_psi x_t + lambda_psi W_psi x_{t+1}; v_t = norm vbar_t / |vbar_t|. -> (B, H, T-1, K).

    Args:
        projections_BHTK: W_psi x_t.
        lambda_H: lambda_psi.
        norm_H: of the values.
    """
    found = []
    for t in range(projections_BHTK.shape[2] - 1):
        vbar_BHK = projections_BHTK[:, :, t] + lambda_H[:, None] * projections_BHTK[:, :, t + 1]
        found.append(norm_H[:, None] * vbar_BHK / vbar_BHK.norm(dim=-1, keepdim=True))
    return torch.stack(found, dim=2) if found else projections_BHTK[:, :, :0]


def contextual_read(keys_BHTK: Tensor, values_BHTK: Tensor, beta_H: Tensor) -> Tensor:
    """What the pairs 1 .. t-1 answer to k_t by kernel regression; zero at the first token. -> (B, H, T, K)."""
    answers = [torch.zeros_like(keys_BHTK[:, :, 0])]
    for t in range(1, keys_BHTK.shape[2]):
        answers.append(_regression(keys_BHTK[:, :, t], keys_BHTK[:, :, :t], values_BHTK[:, :, :t], beta_H))
    return torch.stack(answers, dim=2)


def persistent_read(
    keys_BHTK: Tensor, stored_keys_HNK: Tensor, stored_values_HNK: Tensor, beta_H: Tensor, norm_H: Tensor
) -> Tensor:
    """What the trained pairs answer to k_t, times ``norm_H``: the same pairs at every position. -> (B, H, T, K)."""
    rows, _, tokens, _ = keys_BHTK.shape
    keys_BHNK, values_BHNK = (x_HNK.expand(rows, -1, -1, -1) for x_HNK in (stored_keys_HNK, stored_values_HNK))
    answers = [_regression(keys_BHTK[:, :, t], keys_BHNK, values_BHNK, beta_H) for t in range(tokens)]
    return norm_H[:, None, None] * torch.stack(answers, dim=2)


def _regression(key_BHK: Tensor, keys_BHNK: Tensor, values_BHNK: Tensor, beta_H: Tensor) -> Tensor:
    """sum_i exp(beta k . k_i) v_i / sum_i exp(beta k . k_i)."""
    scores_BHN = beta_H[:, None] * torch.einsum("bhk,bhnk->bhn", key_BHK, keys_BHNK)
    weights_BHN = (scores_BHN - scores_BHN.amax(-1, keepdim=True)).exp()
    return torch.einsum("bhn,bhnk->bhk", weights_BHN / weights_BHN.sum(-1, keepdim=True), values_BHNK)
