"""Greedy decoding of a batch in lockstep, without padding.

Padding would enter memories and key recurrences, so there is none: all rows read as many tokens as the shortest prompt
has; from then on every row advances by one token at a time, its own next prompt token as long as it has one, otherwise
the token it predicted. What a row generates does not depend on the rows beside it.

Shapes: B rows, T longest prompt in tokens, V vocabulary, P positions from the end of the shortest prompt on.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from mmv2.layers.decoder import Decoder, DecoderState

PREFILL = 1024
"""Tokens read at once: bounds the memory that activations take."""


@dataclass(frozen=True)
class Answer:
    """What was generated after one prompt."""

    ids: tuple[int, ...]
    """New token ids, without the end-of-text that ended them."""
    finished: bool
    """Whether end-of-text was predicted within the budget."""


@torch.inference_mode()
def generate(model: Decoder, prompts: Sequence[Sequence[int]], max_new_tokens: int, eos_id: int) -> list[Answer]:
    """Continue each prompt with its most probable tokens.

    Args:
        model: in evaluation mode.
        prompts: token ids, begin-of-text included; none is empty. Prompts of like length waste least.
        max_new_tokens: budget of every row, end-of-text included.
        eos_id: ends a row.

    Returns:
        One answer per prompt, in order.
    """
    assert all(prompts), "an empty prompt has no last token to continue"
    device = model.embedding.weight.device
    lengths = [len(prompt) for prompt in prompts]
    shortest, longest = min(lengths), max(lengths)
    # Filled up to a rectangle; no model reads the filling.
    prompts_BT = torch.tensor([[*prompt, *[eos_id] * (longest - len(prompt))] for prompt in prompts], device=device)
    lengths_B = torch.tensor(lengths, device=device)
    done_B = torch.zeros_like(lengths_B, dtype=torch.bool)
    predictions = []
    logits_BV, state = _read(model, prompts_BT[:, :shortest])
    for position in range(shortest, longest + max_new_tokens):
        predicted_B = logits_BV.argmax(dim=-1)
        predictions.append(predicted_B)
        last_B = (predicted_B == eos_id) | (position + 1 >= lengths_B + max_new_tokens)
        done_B |= (position >= lengths_B) & last_B
        if done_B.all():
            break
        prompted_B = prompts_BT[:, min(position, longest - 1)]
        logits_BV, state = _read(model, torch.where(position < lengths_B, prompted_B, predicted_B)[:, None], state)
    predictions_BP = torch.stack(predictions, dim=1).tolist()
    new = [row[length - shortest :][:max_new_tokens] for row, length in zip(predictions_BP, lengths, strict=True)]
    return [_until(ids, eos_id) for ids in new]


def _read(model: Decoder, tokens_BT: Tensor, state: DecoderState | None = None) -> tuple[Tensor, DecoderState]:
    """Logits (B, V) after the last of these tokens, and the state."""
    for part_BT in tokens_BT.split(PREFILL, dim=1):
        logits_B1V, state = model.extend(part_BT, state, last_only=True)
    assert state is not None
    return logits_B1V[:, 0], state


def _until(ids: Sequence[int], eos_id: int) -> Answer:
    finished = eos_id in ids
    return Answer(tuple(ids[: ids.index(eos_id)] if finished else ids), finished)
