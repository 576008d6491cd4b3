"""What tasks make prompts with: templates, the fit of a size to a length, and token ids without unknown words."""

import re
from collections.abc import Callable, Sequence
from typing import TypeVar

from tokenizers import Tokenizer

from mmv2.data.tokenizer import UNKNOWN, marker_ids, unknown_words
from mmv2.errors import UserError

P = TypeVar("P")


def holding(template: str, *names: str) -> str:
    """The template itself; raises ValueError unless it holds each ``{name}`` exactly once."""
    for name in names:
        if template.count(f"{{{name}}}") != 1:
            raise ValueError(f"must hold {{{name}}} exactly once")
    return template


def fill(template: str, **values: str) -> str:
    """Fill in all places at once: braces in the values themselves stay as they are."""
    return re.sub("|".join(rf"\{{{name}\}}" for name in values), lambda match: values[match[0][1:-1]], template)


def grow(fits: Callable[[int], bool], fewest: int, step: int, most: int) -> int:
    """RULER's linear fit: from ``fewest`` on, a size grows in steps, up to ``most``, while the next one fits."""
    size = fewest
    while size + step <= most and fits(size + step):
        size += step
    return size


def shrink(build: Callable[[int], P], fits: Callable[[P], bool], fewest: int, step: int, most: int) -> P | None:
    """The prompt of the largest size, from ``most`` down in steps, that fits; None when not even ``fewest`` does."""
    return next((prompt for size in range(most, fewest - 1, -step) if fits(prompt := build(size))), None)


def common_length(texts: Sequence[str] | Sequence[Sequence[int]]) -> int:
    """How many characters, or tokens, all of these begin with in common."""
    columns = enumerate(zip(*texts, strict=False))
    return next((place for place, column in columns if len(set(column)) > 1), min(map(len, texts)))


def known_ids(tokenizer: Tokenizer, text: str, source: str) -> list[int]:
    """Token ids of a text.

    Args:
        tokenizer: of the models to evaluate.
        text: part of a prompt.
        source: where the text comes from, for the error.

    Raises:
        UserError: a word-level tokenizer does not know some word; the models would read UNKNOWN in its place.
    """
    ids: list[int] = tokenizer.encode(text, add_special_tokens=False).ids
    if tokenizer.token_to_id(UNKNOWN) in ids:
        words = ", ".join(map(repr, dict.fromkeys(unknown_words(tokenizer, text))))
        raise UserError(f"{source}: the tokenizer has no token for {words}; use words of its vocabulary")
    return ids


def begun_ids(tokenizer: Tokenizer, text: str, source: str) -> list[int]:
    """Token ids after begin-of-text, which is not put before a text that has it itself; otherwise as ``known_ids``."""
    ids, (bos_id, _) = known_ids(tokenizer, text, source), marker_ids(tokenizer)
    return ids if ids[:1] == [bos_id] else [bos_id, *ids]
