"""How likely continuations of contexts are, and whether a greedy model would write them.

``ranking`` scores the choices of prompts with fewer steps where they begin alike, and does not tell what is greedy.

Shapes: B contexts, T tokens, V vocabulary.
"""

import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from mmv2.evaluation.generation import read
from mmv2.layers.decoder import DecoderState, LanguageModel

Ids = tuple[int, ...]


def batches(rows: Sequence[Ids], size: int, slack: int) -> Iterator[list[int]]:
    """Places of the rows of each batch, short ones first; within one, lengths differ by at most ``slack``."""
    batch: list[int] = []
    for place in sorted(range(len(rows)), key=lambda place: (len(rows[place]), place)):
        if batch and (len(batch) == size or len(rows[place]) > len(rows[batch[0]]) + slack):
            yield batch
            batch = []
        batch.append(place)
    yield batch


@torch.inference_mode()
def likelihoods(
    model: LanguageModel,
    contexts: Sequence[Ids],
    continuations: Sequence[Sequence[Ids]],
    prefix: DecoderState | None = None,
) -> list[list[tuple[float, bool]]]:
    """Log-likelihood of each continuation of each context, and whether each of its tokens is the most probable one.

    Args:
        model: in evaluation mode.
        contexts: token ids, all of one length.
        continuations: of each context at least one; none is empty.
        prefix: state after what all contexts have before them (one row); it is left as it is.
    """
    device = model.device
    start = prefix.expand(len(contexts)) if prefix else None
    logits_BV, state = read(model, torch.tensor(contexts, device=device), start)
    found: list[list[tuple[float, bool]]] = [[] for _ in contexts]
    for place in range(max(map(len, continuations))):
        rows = [own[min(place, len(own) - 1)] for own in continuations]
        logits_BTV, longest = logits_BV[:, None], max(map(len, rows)) - 1
        if longest:
            # Filled up at the end, where nothing is read any more.
            filled = [[*row[:-1], *[0] * (longest - len(row) + 1)] for row in rows]
            more_BTV, _ = model.extend(torch.tensor(filled, device=device), state.clone())
            logits_BTV = torch.cat([logits_BTV, more_BTV], dim=1)
        for row, own, these, logits_TV in zip(rows, continuations, found, logits_BTV, strict=True):
            if place < len(own):
                these.append(_likelihood(logits_TV[: len(row)], torch.tensor(row, device=device)))
    return found


def _likelihood(logits_TV: Tensor, tokens_T: Tensor) -> tuple[float, bool]:
    own_T = logits_TV.gather(-1, tokens_T[:, None])[:, 0] - logits_TV.logsumexp(-1)
    return math.fsum(own_T.tolist()), bool((logits_TV.argmax(-1) == tokens_T).all())
