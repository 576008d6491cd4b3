"""RULER's single needle in a haystack at one length: prompts of one subtask, in each regime."""

import random
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from mmv2.errors import UserError
from mmv2.evaluation.frozen import Encoder
from mmv2.evaluation.prompts import fill, grow, known_ids, shrink
from mmv2.evaluation.ruler.fitting import bisected, drawn, stepped
from mmv2.evaluation.ruler.haystacks import DrawnText, Noise, Text, read_texts, text_paths
from mmv2.evaluation.ruler.needles import Keys, own_value, ruler_value, wonderwords
from mmv2.evaluation.ruler.settings import RulerNiahSettings
from mmv2.evaluation.word_lists import read_words

DEPTHS = np.linspace(0, 100, 40).round().astype(int)
"""Where in a text the needle may go, in percent of its sentences."""


def ruler_place(num_sentences: int, percent: int) -> int:
    """Before which sentence NVIDIA's generator puts the needle; rounding included, so that 82 % of 150 are 122."""
    return int(num_sentences * (percent / 100))


@dataclass(frozen=True)
class NiahPrompt:
    """A prompt, and what is recorded of it."""

    text: str
    ids: Sequence[int]
    value: str
    size: int
    """Lines or words of the haystack."""
    depth: float
    """The share of them before the needle."""


class NiahPrompts:
    """Makes the prompts of one subtask with one tokenizer."""

    def __init__(self, settings: RulerNiahSettings, name: str, corpus_folder: Path, encoder: Encoder):
        """
        Args:
            settings: with their regime.
            name: of the subtask.
            corpus_folder: what the file names of the settings are relative to.
            encoder: of the models to evaluate.

        Raises:
            UserError: a file is missing, or has not what it is named for.
        """
        assert settings.regime is not None, "settings are resolved"
        self.settings = settings
        self.name = name
        self.subtask = settings.subtasks[name]
        self.encoder = encoder
        self.lists = None if settings.keys is None else [read_words(words, corpus_folder) for words in settings.keys]
        self.keys = Keys(self.lists or wonderwords(), settings.key_joiner)
        values = self.subtask.values
        self.values = values if isinstance(values, str) else read_words(values, corpus_folder)
        self.haystack = self._haystack(corpus_folder)

    def _haystack(self, corpus_folder: Path) -> Noise | DrawnText | Text:
        subtask = self.subtask
        if subtask.noise is not None:
            return Noise(subtask.noise)
        if subtask.words is not None:
            return DrawnText(read_words(subtask.words, corpus_folder), subtask.sentence_words, self._rng("text"))
        assert subtask.text_files is not None, "settings are validated"
        text = read_texts(list(text_paths(corpus_folder, subtask.text_files).values()))
        return Text(text, "own" if self.settings.regime == "random_depth" else "ruler")

    def _rng(self, purpose: str, *numbers: int) -> np.random.Generator:
        name = zlib.crc32(f"ruler_niah/{self.name}/{purpose}".encode())
        return np.random.default_rng((self.settings.seed, name, *numbers))

    def of_length(self, length: int) -> Iterator[NiahPrompt]:
        """As many prompts as the settings ask for; raises UserError where not even the smallest haystack fits."""
        prompts = self._random_depth(length) if self.settings.regime == "random_depth" else self._as_ruler(length)
        for prompt in prompts:
            if prompt is None:
                raise self._unfit(length)
            yield prompt

    def num_tokens(self, prompt: NiahPrompt) -> int:
        """Tokens of begin-of-text, prompt and answer."""
        return 1 + len(prompt.ids) + self.settings.max_new_tokens

    def _as_ruler(self, length: int) -> Iterator[NiahPrompt | None]:
        """NVIDIA's generators: one stream of draws, which the fit begins and the examples go on with."""
        settings, step, rng = self.settings, self.settings.step(self.name, length), random.Random(self.settings.seed)
        room = length - settings.max_new_tokens - (settings.regime != "bisect")

        def build(size: int) -> NiahPrompt:
            key, value = rng.choice(self.keys), ruler_value(self.values, rng)
            haystack, needle = self.haystack.of_size(size), self._needle(key, value)
            if self.subtask.noise is not None:
                (place,) = rng.sample(range(size), 1)
                context = haystack.around(place, needle)
            else:
                (percent,) = rng.sample(DEPTHS.tolist(), 1)
                place = ruler_place(len(haystack.sentences), percent)
                context = haystack.around_as_ruler(place, needle)
            rng.sample(range(1), 1)  # which of the keys is asked for: drawn there even where there is one
            return self._prompt(context, key, value, size, haystack.depth(place))

        if settings.regime == "bisect":
            size = bisected(lambda size: len(build(size).ids), room, length, step)
        else:
            size = stepped(lambda size: self._tokens_with_answer(build(size)), room, step, step, length)
        for _ in range(settings.examples_per_length):
            yield drawn(build, lambda prompt: len(prompt.ids) <= room, size, step, 1, rng)

    def _tokens_with_answer(self, prompt: NiahPrompt) -> int:
        return len(self.encoder.ids(prompt.text + prompt.value))

    def _random_depth(self, length: int) -> Iterator[NiahPrompt | None]:
        """A generator for every example: what it draws depends on seed, subtask, length and its number alone."""
        step = self.settings.step(self.name, length)

        def fits(prompt: NiahPrompt) -> bool:
            return self.num_tokens(prompt) <= length

        # Every line or word has a token at least, so that a size beyond the length cannot fit.
        most = grow(lambda size: fits(self._anew(length, 0, size)), step, step, length)
        for index in range(self.settings.examples_per_length):
            yield shrink(partial(self._anew, length, index), fits, step, step, most)

    def _anew(self, length: int, index: int, size: int) -> NiahPrompt:
        rng = self._rng("example", length, index)
        if self.lists is None:
            key = self.keys[int(rng.integers(len(self.keys)))]
        else:
            key = self.settings.key_joiner.join(str(rng.choice(words)) for words in self.lists)
        value = own_value(self.values, rng)
        haystack = self.haystack.of_size(size)
        if self.subtask.noise is not None:
            place = int(rng.integers(size))
        else:
            place = len(haystack.sentences) * int(rng.choice(DEPTHS)) // 100
        context = haystack.around(place, self._needle(key, value))
        return self._prompt(context, key, value, size, haystack.depth(place))

    def _needle(self, key: str, value: str) -> str:
        return fill(self.settings.needle_template, kind=self.subtask.kind, key=key, value=value)

    def _prompt(self, context: str, key: str, value: str, size: int, depth: float) -> NiahPrompt:
        text = fill(self.settings.prompt_template, kind=self.subtask.kind, context=context, key=key)
        ids = known_ids(self.encoder.tokenizer, text, f"ruler_niah: {self.name}")
        return NiahPrompt(text, ids, value, size, depth)

    def _unfit(self, length: int) -> UserError:
        step = self.settings.step(self.name, length)
        return UserError(
            f"ruler_niah: context_lengths: {length}: {self.name} with a haystack of step {step} needs "
            f"{self.num_tokens(self._anew(length, 0, step))} tokens (begin-of-text, prompt, max_new_tokens "
            f"{self.settings.max_new_tokens}); use a longer length, a smaller step or a shorter template"
        )
