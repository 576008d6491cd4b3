"""How well a model predicts every token of a text, given begin-of-text and all tokens before it.

Shapes: B texts, T tokens of each, V vocabulary, N position buckets.
"""

import math
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mmv2.config import Detail
from mmv2.layers.decoder import LanguageModel

MOST_LOGITS = 2**26
"""Logits computed at once: 256 MiB in float32."""
MOST_TOKENS = 1024
"""Tokens of a text read at once: bounds the memory that activations take."""


@torch.inference_mode()
def predict_tokens(model: LanguageModel, texts_BT: Tensor, bos_id: int) -> tuple[np.ndarray, np.ndarray]:
    """Bits of every token, -log2 of its probability, and whether it is the most probable one.

    Args:
        model: in evaluation mode.
        texts_BT: token ids, without begin-of-text.
        bos_id: begin-of-text.

    Returns:
        float64 (B, T) and bool (B, T).
    """
    inputs_BT = F.pad(texts_BT[:, :-1], (1, 0), value=bos_id)
    piece = min(MOST_TOKENS, max(1, MOST_LOGITS // (len(texts_BT) * model.config.vocab_size)))
    bits, hits, state = [], [], None
    for tokens_BP, targets_BP in zip(inputs_BT.split(piece, dim=1), texts_BT.split(piece, dim=1), strict=True):
        logits_BPV, state = model.extend(tokens_BP, state)
        nats_P = F.cross_entropy(logits_BPV.flatten(0, 1), targets_BP.flatten(), reduction="none")
        bits.append(nats_P.unflatten(0, targets_BP.shape).double() / math.log(2))
        hits.append(logits_BPV.argmax(-1) == targets_BP)
    return torch.cat(bits, dim=1).cpu().numpy(), torch.cat(hits, dim=1).cpu().numpy()


def token_bytes(text: str, offsets: Sequence[tuple[int, int]]) -> np.ndarray:
    """UTF-8 bytes of a text that each of its tokens stands for; their sum is that of the text.

    A character that several tokens share counts for the first of them, blanks between tokens for the token after
    them, and what follows the last token for that one.

    Args:
        text: what was encoded.
        offsets: first and last character (exclusive) of each token, as the tokenizers library gives them.
    """
    ends = np.array([end for _, end in offsets])
    ends[-1] = len(text)
    until = np.cumsum([0, *(len(character.encode()) for character in text)])
    return np.diff(until[ends], prepend=0)


def bucket_details(
    bounds: Sequence[int], bits_T: np.ndarray, hits_T: np.ndarray, bytes_T: np.ndarray
) -> dict[str, Detail]:
    """Sums over each position bucket: ``bits_<bound>``, ``bytes_<bound>``, ``tokens_<bound>``, ``hits_<bound>``.

    Args:
        bounds: upper ends of the buckets, ascending; see ``FrozenHeader.position_bounds``.
        bits_T, hits_T, bytes_T: of each token of one text, whose first is at position 2.
    """
    buckets_T = np.searchsorted(bounds, np.arange(2, 2 + len(bits_T)))
    sums: dict[str, Detail] = {}
    for place, bound in enumerate(bounds):
        held_T = buckets_T == place
        sums[f"bits_{bound}"] = math.fsum(bits_T[held_T])
        sums[f"bytes_{bound}"] = int(bytes_T[held_T].sum())
        sums[f"tokens_{bound}"] = int(held_T.sum())
        sums[f"hits_{bound}"] = int(hits_T[held_T].sum())
    return sums
