"""A needle hidden in the same haystack at several depths: prompts that differ in nothing but the needle's place.

S-NIAH proper, with RULER's haystacks, is ``ruler_niah``; there the depth is drawn. Here it is asked for.
"""

import re
import zlib
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

from numpy.random import Generator, default_rng
from pydantic import Field, field_validator

from mmv2.config import Config
from mmv2.errors import UserError
from mmv2.evaluation.frozen import Encoder
from mmv2.evaluation.prompts import fill, holding, known_ids, shrink
from mmv2.evaluation.word_lists import WordList, read_words

NEEDLE = "One of the special magic numbers for {key} is: {value}."
PROMPT = (
    "A special magic number is hidden within the following text.\n{context}\nThe special magic number for {key} "
    "mentioned in the provided text is:"
)
DRAWN_SENTENCES = 2_000
"""Of a haystack drawn from a list of words; a longer one repeats them."""
KEY_WORD = re.compile(r"\b[a-z]{5,}\b")
"""Words of a text that a key may take."""
SENTENCE_END = re.compile(r"(?<=[.?!])\s+")


class Needles(Config):
    """A sentence hidden in a haystack and asked for."""

    keys: tuple[WordList, ...] = ()
    """A needle's key is one word of each; none: two words of the held-out texts themselves."""
    key_joiner: str = "-"
    values: WordList | Literal["number"] = "number"
    """number: seven digits."""
    needle_template: str = NEEDLE
    prompt_template: str = PROMPT
    """Ends where the value would follow."""
    words: WordList | None = None
    """The haystack's sentences are drawn from these words; null: they are those of the held-out texts."""
    sentence_words: int = Field(default=8, ge=1)
    """Words of each sentence that is drawn."""
    depths: tuple[Annotated[float, Field(ge=0, le=1)], ...] = Field(default=(0.0, 0.25, 0.5, 0.75, 1.0), min_length=1)
    """Shares of the haystack's sentences before the needle."""

    @field_validator("needle_template")
    @classmethod
    def _needle_holds_both(cls, template: str) -> str:
        return holding(template, "key", "value")

    @field_validator("prompt_template")
    @classmethod
    def _prompt_asks_for_the_key(cls, template: str) -> str:
        return holding(template, "context", "key")

    def files(self) -> list[str]:
        """All files that prompts are made from, besides the texts."""
        return [words.file for words in (*self.keys, self.values, self.words) if isinstance(words, WordList)]


class Hidden(NamedTuple):
    """One prompt."""

    depth: float
    text: str
    num_ids: int
    marked: tuple[int, int]
    """First token and end of the needle; begin-of-text, before the prompt, is 0."""


class Haystacks:
    """Hides needles in haystacks of one kind."""

    def __init__(self, needles: Needles, texts: Sequence[str], corpus_folder: Path, encoder: Encoder, seed: int):
        """Raises UserError: a word list is missing or damaged, or the texts have no words for keys."""
        self.seed = seed
        self.needles = needles
        self.encoder = encoder
        self.keys = [read_words(words, corpus_folder) for words in needles.keys] or [_own_words(texts)] * 2
        self.values = None if isinstance(needles.values, str) else read_words(needles.values, corpus_folder)
        if needles.words is None:
            found = [SENTENCE_END.split(" ".join(text.split())) for text in texts]
            self.sentences = [sentence for text in found for sentence in text if sentence]
        else:
            self.sentences = self._drawn(read_words(needles.words, corpus_folder))
        self.sizes = [len(encoder.ids(" " + sentence)) for sentence in self.sentences]

    def prompts(self, length: int, index: int) -> list[Hidden]:
        """Needle and haystack number ``index`` at all depths, as long as fits; UserError where no sentence fits."""
        needles, rng = self.needles, self._rng(length, index)
        key = needles.key_joiner.join(str(rng.choice(words)) for words in self.keys)
        value = str(rng.integers(10**6, 10**7) if self.values is None else rng.choice(self.values))
        needle = fill(needles.needle_template, key=key, value=value)
        first = int(rng.integers(len(self.sentences)))

        def build(size: int) -> list[tuple[str, list[int]]]:
            hay = [self.sentences[(first + place) % len(self.sentences)] for place in range(size)]
            texts = [self._text(hay, needle, key, round(depth * size)) for depth in needles.depths]
            return [(text, known_ids(self.encoder.tokenizer, text, "attention: needles")) for text in texts]

        def fits(made: Sequence[tuple[str, list[int]]]) -> bool:
            return 1 + max(len(ids) for _, ids in made) <= length

        made = shrink(build, fits, fewest=1, step=1, most=self._most(first, length - len(build(0)[0][1])))
        if made is None:
            raise UserError(
                f"attention: context_lengths: {length}: needle, question and one sentence need "
                f"{1 + max(len(ids) for _, ids in build(1))} tokens; use a longer length or shorter templates"
            )
        return [
            Hidden(depth, text, len(ids), self._marked(text, needle))
            for depth, (text, ids) in zip(needles.depths, made, strict=True)
        ]

    def _rng(self, *numbers: int) -> Generator:
        return default_rng((self.seed, zlib.crc32(b"attention/needle"), *numbers))

    def _drawn(self, words: Sequence[str]) -> list[str]:
        drawn = self._rng().choice(words, size=(DRAWN_SENTENCES, self.needles.sentence_words)).tolist()
        return [" ".join(sentence) + "." for sentence in drawn]

    def _most(self, first: int, room: int) -> int:
        """Sentences that fill so many tokens, and one more."""
        following = (self.sizes[(first + place) % len(self.sizes)] for place in range(room))
        return next((size for size, tokens in enumerate(accumulate(following), start=1) if tokens > room), max(1, room))

    def _text(self, hay: Sequence[str], needle: str, key: str, place: int) -> str:
        context = " ".join([*hay[:place], needle, *hay[place:]])
        return fill(self.needles.prompt_template, context=context, key=key)

    def _marked(self, text: str, needle: str) -> tuple[int, int]:
        start = text.index(needle)
        assert text.count(needle) == 1, "a needle stands once in its haystack"
        offsets = self.encoder.tokenizer.encode(text, add_special_tokens=False).offsets
        held = [place for place, (begin, end) in enumerate(offsets, 1) if end > start and begin < start + len(needle)]
        return held[0], held[-1] + 1


def _own_words(texts: Sequence[str]) -> list[str]:
    words = sorted({word for text in texts for word in KEY_WORD.findall(text)})
    if not words:
        raise UserError(
            "attention: needles.keys: none, and the held-out texts have no words of five letters; name lists"
        )
    return words
