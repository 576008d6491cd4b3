"""Reading batches with padding, which never reaches the model: the tokens of every row close up before they are read.

So key recurrences, look-ahead values, delays and the number of pairs (Eqs. 6, 8-10) are those of the row alone, on
whichever side the padding is. Rows that have read different numbers of tokens then decode together.

Shapes: B rows, T columns, V vocabulary, N tokens of a row that are no padding, R rows that have as many.
"""

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor

from mmv2.layers.decoder import Decoder, DecoderState
from mmv2.layers.memory_mixer import MemoryMixer, MemoryMixerState


def forward_padded(model: Decoder, tokens_BT: Tensor, real_BT: Tensor, **step_inputs: Sequence[int]) -> Tensor:
    """Logits (B, T, V) of whole rows; 0 where ``real_BT`` is False. ``step_inputs``: see ``Decoder.forward``."""
    places_BT = real_BT.long().argsort(dim=1, descending=True, stable=True)
    # What comes after a row's tokens is seen by none of them.
    logits_BTV = model(tokens_BT.gather(1, places_BT), **step_inputs)
    places_BTV = places_BT[..., None].expand_as(logits_BTV)
    return torch.zeros_like(logits_BTV).scatter(1, places_BTV, logits_BTV) * real_BT[..., None]


def extend_padded(
    model: Decoder, tokens_BT: Tensor, real_BT: Tensor, state: DecoderState | None, last_only: bool
) -> tuple[Tensor, DecoderState]:
    """Read more columns of which some are padding: rows with equally many tokens together, then the next.

    Args:
        model: Memory Mosaics v2.
        tokens_BT: token ids.
        real_BT: False where a column is padding. A row may have no token yet.
        state: after the columns before; not to be used again.
        last_only: logits of the last column alone (B, 1, V).

    Returns:
        Logits (B, T, V), 0 where a column is padding, and the state of all rows.
    """
    shown_BT = real_BT[:, -1:] if last_only else real_BT
    weight_VD = model.classifier.weight
    dtype = torch.promote_types(weight_VD.dtype, torch.float32)
    logits_BTV = torch.zeros(*shown_BT.shape, len(weight_VD), dtype=dtype, device=weight_VD.device)
    parts, order, counts_B = [], [], real_BT.sum(dim=1)
    for count in counts_B.unique().tolist():
        rows_R = (counts_B == count).nonzero().flatten()
        part = state.select(rows_R) if state else None
        if count:
            tokens_RN = tokens_BT[rows_R][real_BT[rows_R]].unflatten(0, (len(rows_R), count))
            logits_RNV, part = model.extend(tokens_RN, part, last_only)
            if last_only:  # of a row's last token, which may not be in the last column
                logits_RNV = logits_RNV[real_BT[rows_R, -1]]
            places_BT = torch.zeros_like(shown_BT)
            places_BT[rows_R] = shown_BT[rows_R]
            logits_BTV[places_BT] = logits_RNV.flatten(0, 1)
        parts.append(part or _nothing_read(model, len(rows_R)))
        order.append(rows_R)
    return logits_BTV, _joined(parts).select(torch.cat(order).argsort())


def _nothing_read(model: Decoder, rows: int) -> DecoderState:
    return DecoderState([cast(MemoryMixer, block.mixer).nothing_read(rows) for block in model.blocks])


def _joined(parts: list[DecoderState]) -> DecoderState:
    """The rows of all parts, one part after the other."""
    layers = [MemoryMixerState.join(layer) for layer in zip(*(part.layers for part in parts), strict=True)]
    return DecoderState(layers)
