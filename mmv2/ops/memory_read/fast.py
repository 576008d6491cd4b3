"""Eqs. 4, 6 and 10 through the attention kernels, without a T x T tensor.

Queries shifted against pairs by min_age turn the read into plain causal attention, of scale 1 with beta in the query.
A window is computed in blocks as long as it is: each block of queries against its own and the previous block of pairs.

B rows, H memory units, T tokens, P pairs (T - 1, or T if one is read at age 0), S = T - min_age queries that find a
pair, W window, N blocks, K key and value dimension.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from mmv2.ops.memory_read import Ages, AnyBandwidth, positions


def memory_read(
    keys_BHTK: Tensor, values_BHPK: Tensor, bandwidth: AnyBandwidth, ages: Ages, queries_BHTK: Tensor | None = None
) -> Tensor:
    """See ``reference.memory_read``."""
    length = keys_BHTK.shape[2]
    if length <= ages.min_age:
        return torch.zeros_like(keys_BHTK)
    queries_BHTK = keys_BHTK if queries_BHTK is None else queries_BHTK
    queries_BHSK = scaled_queries(queries_BHTK, bandwidth, ages, start=0)[:, :, ages.min_age :]
    keys_BHSK, values_BHSK = (x[:, :, : length - ages.min_age] for x in (keys_BHTK, values_BHPK))
    if ages.most is None or length - ages.min_age <= ages.most:
        answers_BHSK = F.scaled_dot_product_attention(queries_BHSK, keys_BHSK, values_BHSK, is_causal=True, scale=1.0)
    else:
        answers_BHSK = _windowed(queries_BHSK, keys_BHSK, values_BHSK, ages.most)
    return F.pad(answers_BHSK, (0, 0, ages.min_age, 0))


def scaled_queries(queries_BHTK: Tensor, bandwidth: AnyBandwidth, ages: Ages, start: int | Tensor) -> Tensor:
    """beta(n_t) q_t for queries at positions start, start + 1, ...; ``start`` may be (B, 1, 1)."""
    held_T = ages.pairs(start + positions(0, queries_BHTK.shape[2], like=queries_BHTK))
    return queries_BHTK * bandwidth.beta(held_T)[..., None].to(queries_BHTK.dtype)


def _windowed(queries_BHSK: Tensor, keys_BHSK: Tensor, values_BHSK: Tensor, window: int) -> Tensor:
    """Causal attention of query j to pairs j-window+1 .. j, for more pairs than fit the window."""
    batch, heads, length, _ = queries_BHSK.shape
    queries_BHWK, keys_BHWK, values_BHWK = (x[:, :, :window] for x in (queries_BHSK, keys_BHSK, values_BHSK))
    first_BHWK = F.scaled_dot_product_attention(queries_BHWK, keys_BHWK, values_BHWK, is_causal=True, scale=1.0)
    fill = -length % window
    queries_GNWK, keys_GNWK, values_GNWK = (
        F.pad(x, (0, 0, 0, fill)).flatten(0, 1).unflatten(1, (-1, window))
        for x in (queries_BHSK, keys_BHSK, values_BHSK)
    )
    row_W1, column_2W = positions(0, window, like=keys_BHSK)[:, None], positions(0, 2 * window, like=keys_BHSK)
    band_WW = (column_2W > row_W1) & (column_2W <= row_W1 + window)
    rest_GNWK = F.scaled_dot_product_attention(
        queries_GNWK[:, 1:], _with_previous(keys_GNWK), _with_previous(values_GNWK), attn_mask=band_WW, scale=1.0
    )
    rest_BHSK = rest_GNWK.flatten(1, 2).unflatten(0, (batch, heads))
    return torch.cat([first_BHWK, rest_BHSK], dim=2)[:, :, :length]


def _with_previous(blocks_GNWK: Tensor) -> Tensor:
    """Each block but the first, behind its predecessor: (G, N-1, 2W, K)."""
    return torch.cat([blocks_GNWK[:, :-1], blocks_GNWK[:, 1:]], dim=2)
