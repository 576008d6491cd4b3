"""Windows of a given number of tokens, cut from the texts of a file. Imports no torch."""

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from numpy.random import default_rng
from pydantic import Field

from mmv2.config import Config
from mmv2.errors import UserError
from mmv2.evaluation.frozen import Encoder
from mmv2.jsonl import read_jsonl

Window = tuple[str, int, str]
"""Identity of the text, number of its first token there, content."""


class Text(Config):
    """One line of a file of texts."""

    id: str
    text: str = Field(min_length=1)


class Windows:
    """Cuts windows of one length out of texts: whole multiples of it from each text's beginning, in random order."""

    def __init__(self, file: Path, encoder: Encoder, size: int, seed: tuple[int, ...]):
        """Read JSON lines {id, text}; raises UserError when a line is damaged."""
        self.file = file
        self.encoder = encoder
        self.size = size
        self.skipped = 0
        """Windows left out so far because their text is encoded into other tokens than stand in the window."""
        texts = [(row.id, encoder.remembered(row.text)) for row in read_jsonl(file, Text)]
        self.longest = max((len(ids) for _, ids in texts), default=0)
        orders = []
        for number, (identity, ids) in enumerate(texts):
            places = default_rng((*seed, number)).permutation(len(ids) // size) * size
            orders.append((identity, ids, places.tolist()))
        self._orders = [orders[place] for place in default_rng(seed).permutation(len(orders))]

    def take(self, number: int, task: str) -> list[Window]:
        """The first windows, at most so many; the texts take turns.

        Raises:
            UserError: there is none; the message is that of the task.
        """
        found = list(islice(self._turns(), number))
        if not found:
            raise UserError(
                f"{task}: context_lengths: {self.size + 1}: no window in {self.file.name}, whose longest text has "
                f"{self.longest} tokens ({self.skipped} windows do not survive decoding and encoding); use a shorter "
                f"length or longer texts"
            )
        return found

    def _turns(self) -> Iterator[Window]:
        turns = [self._of_text(*order) for order in self._orders]
        while turns:
            going_on = []
            for turn in turns:
                window = next(turn, None)
                if window is not None:
                    going_on.append(turn)
                    yield window
            turns = going_on

    def _of_text(self, identity: str, ids: Sequence[int], places: Sequence[int]) -> Iterator[Window]:
        for place in places:
            window = list(ids[place : place + self.size])
            text = self.encoder.tokenizer.decode(window)
            if self.encoder.ids(text) == window:
                yield identity, place, text
            else:
                self.skipped += 1
