"""Scores of free-text answers. They see newly generated text only, never the prompt."""

import re
from collections.abc import Sequence

_CONTROL = re.compile(r"[\x00-\x1f]")
_ARTICLES = frozenset({"a", "an", "the"})
_DASHES = str.maketrans({"\N{EN DASH}": "-", "\N{MINUS SIGN}": "-"})
_WORD = re.compile(r"(?:(?<![\w.])-?\.?(?=\d))?\w+(?:(?<=\d)[-.,](?=\d)\w+)*")
"""A word, or a number with its sign, points, commas and dashes: 5.5 does not begin with the word 5."""


def postprocess(prediction: str) -> str:
    """RULER's clean-up: strip, turn every control character into a line break, strip. Nothing is cut."""
    return _CONTROL.sub("\n", prediction.strip()).strip()


def official(references: Sequence[str], prediction: str) -> float:
    """RULER's ``string_match_part`` for one example: 1 when any reference is a substring, in any case.

    It is generous: "no" is found in "Norway", and every further generated word is another chance.
    """
    text = postprocess(prediction).lower()
    return float(any(reference.lower() in text for reference in references))


def strict(references: Sequence[str], prediction: str) -> float:
    """1 when the first line begins with a reference, word by word.

    Case, punctuation outside of numbers and articles do not count. What follows the answer does not count either: a
    base model is not trained to stop there.
    """
    words = _first_line_words(prediction)
    return float(any(words[: len(wanted)] == wanted for wanted in map(_first_line_words, references)))


def until(text: str, stops: Sequence[str]) -> str:
    """A text up to the first of the stops, as lm-eval cuts what a model generates."""
    return min((text.partition(stop)[0] for stop in stops if stop), key=len, default=text)


def _first_line_words(text: str) -> list[str]:
    line = postprocess(text).partition("\n")[0].strip()
    words = _WORD.findall(line.casefold().translate(_DASHES))
    # An answer of articles or signs alone ("%", "A") stands for itself.
    return [word for word in words if word not in _ARTICLES] or words or [line]
