"""What a model made of one example: as it is kept on disk (``Answer``), and as scores see it (``Outcome``).

Imports no torch.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

from mmv2.config import Detail


@dataclass(frozen=True)
class Answer:
    """What was computed for one example."""

    ids: tuple[int, ...] = ()
    """New token ids, without the end-of-text that ended them."""
    finished: bool = False
    """Whether end-of-text was predicted within the budget."""
    loglikelihoods: tuple[float, ...] = ()
    """Natural logarithm of the probability of each choice, given the whole prompt."""
    details: Mapping[str, Detail] = field(default_factory=dict)
    """See ``Outcome.details``."""

    def choice(self, choices: Sequence[str]) -> str | None:
        """The most probable of the choices, stripped, of equally probable ones the first; None where there are none."""
        pairs = list(zip(self.loglikelihoods, choices, strict=True))
        return max(pairs, key=lambda pair: pair[0])[1].strip() if pairs else None


@dataclass(frozen=True)
class Outcome:
    """One model's outcome on one example."""

    text: str
    """Newly generated text, nothing of the prompt; empty where nothing is generated."""
    choice: str | None = None
    """The most probable of the example's choices, stripped; None where it has none."""
    loglikelihoods: tuple[float, ...] = ()
    """Of each choice, as in ``Answer``; none where a choice was made without."""
    details: Mapping[str, Detail] = field(default_factory=dict)
    """What the engine measured beside: for reading tasks, bits, bytes, tokens and hits per position bucket."""

    @classmethod
    def of_text(cls, text: str) -> Self:
        """The outcome of a trivial baseline, whose answer counts as generated and as chosen."""
        return cls(text, text)
