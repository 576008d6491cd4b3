"""Training batches. The place in the data is a pure function of the step, so resuming needs no state.

Row r holds the tokens [r * T, (r + 1) * T) of the stream. Documents that a row's end cuts go on in the next row as
documents of their own.

Shapes: B rows, T tokens per row.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from mmv2.data.shards import Corpus
from mmv2.errors import UserError
from mmv2.layers.decoder import IGNORE
from mmv2.layers.documents import Documents


@dataclass(frozen=True)
class Batch:
    """Consecutive rows of the stream.

    Attributes:
        tokens_BT: int64 token ids.
        targets_BT: int64 next tokens; IGNORE where the next token begins another document or the stream ends.
        documents: where documents begin.
        num_targets: how many targets carry loss.
    """

    tokens_BT: Tensor
    targets_BT: Tensor
    documents: Documents
    num_targets: int


def rows_of_step(step: int, global_batch_size: int, rank: int, world_size: int) -> range:
    """The rows that one rank reads at one optimizer step (counted from 0): contiguous, equal parts in rank order."""
    if global_batch_size % world_size:
        raise UserError(
            f"training.global_batch_size: {global_batch_size} sequences do not divide among {world_size} ranks; "
            f"use a multiple of {world_size}, or other ranks"
        )
    assert 0 <= rank < world_size
    share = global_batch_size // world_size
    first = step * global_batch_size + rank * share
    return range(first, first + share)


def load_batch(corpus: Corpus, rows: range, seq_len: int, device: torch.device | str = "cpu") -> Batch:
    """Read consecutive rows of ``seq_len`` tokens; raises UserError beyond the end of the corpus."""
    assert len(rows) > 0
    assert rows.step == 1
    start, stop = rows.start * seq_len, rows.stop * seq_len
    tokens_N = corpus.tokens(start, stop)
    following = corpus.tokens(stop, min(stop + 1, corpus.num_tokens))
    bos_id = corpus.manifest.bos_id
    # Past the last token of the corpus there is nothing to predict, as before a new document.
    next_N = np.append(tokens_N[1:], following if len(following) else bos_id)
    targets_N = np.where(next_N == bos_id, IGNORE, next_N)
    shape = (len(rows), seq_len)
    return Batch(
        tokens_BT=torch.from_numpy(tokens_N.reshape(shape)).to(device),
        targets_BT=torch.from_numpy(targets_N.reshape(shape)).to(device),
        documents=Documents.from_starts((tokens_N == bos_id).reshape(shape), device),
        num_targets=int((targets_N != IGNORE).sum()),
    )
