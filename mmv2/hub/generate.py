"""Text that a trained model writes, as it writes it: ``mmv2 generate``."""

import logging
import sys
from pathlib import Path
from typing import Any

import torch
from transformers import TextStreamer

from mmv2.convert import for_transformers
from mmv2.errors import UserError
from mmv2.evaluation.prompts import begun_ids
from mmv2.final import load_final
from mmv2.training.parallel import find_device


def generate(
    folder: Path,
    prompt: str,
    max_new_tokens: int,
    temperature: float = 0.0,
    top_p: float = 1.0,
    seed: int = 0,
    device: str | None = None,
) -> None:
    """Print what follows a prompt, word by word, up to end-of-text.

    Prompt and text may be longer than the training context, which is told on standard error.

    Args:
        folder: ``final/`` of a run.
        prompt: begin-of-text is put before it, unless it has it itself.
        max_new_tokens: at most so many, end-of-text included.
        temperature: 0: the most probable token at every step; else logits are divided by it before a token is drawn.
        top_p: draw from the most probable tokens that together reach this probability.
        seed: of the draws.
        device: cpu or cuda; None: a GPU where there is one.

    Raises:
        UserError: an option that cannot be, a prompt with words that the tokenizer does not know, damaged files, or an
            architecture that transformers has not.
    """
    check_options(max_new_tokens, temperature, top_p)
    final = load_final(folder)
    ids = begun_ids(final.tokenizer, prompt, "--prompt")
    model: Any
    model, tokenizer = for_transformers(final, folder)
    model.to(find_device(device))
    input_ids = torch.tensor([ids], device=model.device)
    _tell_length(len(ids), max_new_tokens, final.config.max_seq_len)
    drawn = {"do_sample": True, "temperature": temperature, "top_p": top_p, "top_k": 0}
    torch.manual_seed(seed)
    model.generate(
        input_ids=input_ids,
        attention_mask=torch.ones_like(input_ids),
        **(drawn if temperature else {"do_sample": False}),
        max_new_tokens=max_new_tokens,
        streamer=TextStreamer(tokenizer, skip_prompt=True, skip_special_tokens=True),
    )


def _tell_length(prompt: int, new: int, context: int) -> None:
    """In place of transformers' reminder, which names neither length and comes amid the text."""
    logging.getLogger("transformers.generation.stopping_criteria").addFilter(_is_no_reminder)
    if prompt + new > context:
        print(
            f"mmv2 generate: a prompt of {prompt} tokens and up to {new} new ones: more than the {context} of the "
            f"training context; nothing is cut",
            file=sys.stderr,
        )


def _is_no_reminder(record: logging.LogRecord) -> bool:
    return "exceeded the model's predefined maximum length" not in record.getMessage()


def check_options(max_new_tokens: int, temperature: float, top_p: float) -> None:
    """Raise UserError for an option that cannot be, or that would change nothing."""
    if max_new_tokens < 1:
        raise UserError(f"--max-new-tokens {max_new_tokens}: nothing would be written; give at least 1")
    if temperature < 0:
        raise UserError(f"--temperature {temperature}: negative; give 0 for the most probable tokens, or more")
    if not 0 < top_p <= 1:
        raise UserError(f"--top-p {top_p}: no probability; give more than 0 and at most 1")
    if top_p < 1 and not temperature:
        raise UserError(f"--top-p {top_p}: nothing is drawn at temperature 0; add --temperature 1")
