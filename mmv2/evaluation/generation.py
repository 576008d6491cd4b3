"""Answers to a batch of prompts, in lockstep and without padding: log-likelihoods of choices, then greedy decoding.

Padding would enter memories and key recurrences, so there is none: all rows read as many tokens as the shortest prompt
has; from then on every row advances by one token at a time, its own next prompt token as long as it has one, otherwise
the token it predicted. What a row generates does not depend on the rows beside it.

Shapes: B rows, T longest prompt in tokens, V vocabulary.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from mmv2.evaluation.outcome import Answer
from mmv2.evaluation.ranking import Choices, loglikelihoods
from mmv2.layers.decoder import DecoderState, LanguageModel

PREFILL = 1024
"""Tokens read at once: bounds the memory that activations take."""
Ended = Callable[[Sequence[int]], bool]
"""Whether the answer ends with these new tokens."""


def never(ids: Sequence[int]) -> bool:
    """Of answers that nothing but end-of-text and the budget ends."""
    return False


@torch.inference_mode()
def answer(
    model: LanguageModel,
    prompts: Sequence[Sequence[int]],
    max_new_tokens: int | Sequence[int],
    eos_id: int,
    prefix: DecoderState | None = None,
    choices: Sequence[Choices] | None = None,
    most_rows: int = 1,
    ended: Sequence[Ended] | None = None,
) -> list[Answer]:
    """Rank each prompt's choices, then continue it with its most probable tokens.

    Args:
        model: in evaluation mode.
        prompts: token ids, with begin-of-text where there is no prefix; none is empty. Prompts of like length waste
            least.
        max_new_tokens: budget of every row or of each, end-of-text included; 0: nothing is generated.
        eos_id: ends a row.
        prefix: state after what all prompts have before them (one row); it is left as it is.
        choices: token ids of each prompt's choices; only for prompts of one length.
        most_rows: choices are read at most this many at once, or one of each prompt where that is more.
        ended: of each row; none: rows end with end-of-text or their budget alone.

    Returns:
        One answer per prompt, in order.
    """
    assert all(prompts), "an empty prompt has no last token to continue"
    shortest, longest = min(map(len, prompts)), max(map(len, prompts))
    # Filled up to a rectangle; no model reads the filling.
    filled = [[*prompt, *[eos_id] * (longest - len(prompt))] for prompt in prompts]
    prompts_BT = torch.tensor(filled, device=model.device)
    logits_BV, state = read(model, prompts_BT[:, :shortest], prefix.expand(len(prompts)) if prefix else None)
    ranked: list[tuple[float, ...]] = [()] * len(prompts)
    if choices is not None:
        assert shortest == longest, "choices follow the ends of all prompts together"
        ranked = loglikelihoods(model, logits_BV, state, choices, most_rows)
    budgets = [max_new_tokens] * len(prompts) if isinstance(max_new_tokens, int) else list(max_new_tokens)
    lengths = list(map(len, prompts))
    new = _generate(model, logits_BV, state, prompts_BT, lengths, budgets, eos_id, ended or [never] * len(prompts))
    return [
        Answer(_until(ids, eos_id), eos_id in ids, loglikelihood)
        for ids, loglikelihood in zip(new, ranked, strict=True)
    ]


def read(model: LanguageModel, tokens_BT: Tensor, state: DecoderState | None = None) -> tuple[Tensor, DecoderState]:
    """Logits (B, V) after the last of these tokens, and the state. The state passed in must not be used again."""
    for part_BT in tokens_BT.split(PREFILL, dim=1):
        logits_B1V, state = model.extend(part_BT, state, last_only=True)
    assert state is not None
    return logits_B1V[:, 0], state


def _generate(
    model: LanguageModel,
    logits_BV: Tensor,
    state: DecoderState,
    prompts_BT: Tensor,
    lengths: Sequence[int],
    budgets: Sequence[int],
    eos_id: int,
    ended: Sequence[Ended],
) -> list[list[int]]:
    """New token ids of each row, from the state in which all rows have read as much as the shortest prompt has."""
    new: list[list[int]] = [[] for _ in lengths]
    unfinished = {row for row, budget in enumerate(budgets) if budget}
    position, longest = min(lengths), max(lengths)
    lengths_B = torch.tensor(lengths, device=prompts_BT.device)
    while unfinished:
        predicted_B = logits_BV.argmax(dim=-1)
        predicted = predicted_B.tolist()
        for row in [row for row in unfinished if position >= lengths[row]]:
            new[row].append(predicted[row])
            if predicted[row] == eos_id or len(new[row]) == budgets[row] or ended[row](new[row]):
                unfinished.remove(row)
        if unfinished:
            prompted_B = prompts_BT[:, min(position, longest - 1)]
            logits_BV, state = read(model, torch.where(position < lengths_B, prompted_B, predicted_B)[:, None], state)
        position += 1
    return new


def _until(ids: Sequence[int], eos_id: int) -> tuple[int, ...]:
    return tuple(ids[: ids.index(eos_id)] if eos_id in ids else ids)
