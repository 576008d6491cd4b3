"""RULER's needle in a haystack: one sentence holds the value asked for, the rest of the text says nothing about it.

Follows NVIDIA/RULER's ``niah_single`` tasks: its prompt for base models, its needle sentence (in the plural), its
haystacks, depths and linear fit. Two things differ: sentences of a text end at a full stop, question or exclamation
mark (there NLTK finds them), and a length that does not fit is an error. Every example has a generator of its own.

Templates, haystack, keys, values and steps are settings: in a world with a closed vocabulary a needle is a fact about
somebody new.
"""

import re
import uuid
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import Literal, Self

import numpy as np
from pydantic import Field, field_validator, model_validator

from mmv2.config import Config
from mmv2.data.tokenizer import load_tokenizer
from mmv2.errors import UserError
from mmv2.evaluation.baselines import nearest_match
from mmv2.evaluation.frozen import Encoder, FrozenExample, check_corpus_files, freeze_examples, summarise
from mmv2.evaluation.outcome import Outcome
from mmv2.evaluation.prompts import fill, grow, holding, known_ids, shrink
from mmv2.evaluation.scoring import official, strict
from mmv2.evaluation.tasks import TaskSettings, TaskSpec
from mmv2.evaluation.word_lists import WordList, read_text, read_words

NOISE = "The grass is green. The sky is blue. The sun is yellow. Here we go. There and back again."
NEEDLE = "One of the special magic {kind}s for {key} is: {value}."
PROMPT = (
    "A special magic {kind} is hidden within the following text. Make sure to memorize it. I will quiz you about the "
    "{kind} afterwards.\n{context}\nWhat is the special magic {kind} for {key} mentioned in the provided text? The "
    "special magic {kind} for {key} mentioned in the provided text is"
)
"""RULER's prompt for base models, byte for byte."""
DEPTHS = np.linspace(0, 100, 40).round().astype(int)
"""Where in a text the needle may go, in percent of its sentences."""
SENTENCE_END = re.compile(r"[.?!][\"')\]\u2019\u201d]*$")
"""What a sentence's last word ends with."""
DRAWN_WORDS = 20_000
"""Words of a haystack drawn from a list; a longer one repeats them, as a text that is too short."""


class Subtask(Config):
    """One haystack and kind of values. Exactly one of noise, text_files and words says what the haystack is."""

    noise: str | None = Field(default=None, min_length=1)
    """This line again and again; RULER's: ``ruler_niah.NOISE``. Its size is counted in lines."""
    text_files: tuple[str, ...] | None = Field(default=None, min_length=1)
    """Texts in UTF-8, one after another, repeated where too short. Size in words. RULER: Paul Graham's essays."""
    words: WordList | None = None
    """A text drawn from these words. Size in words."""
    sentence_words: int = Field(default=8, ge=1)
    """Words of each sentence of a drawn text."""
    step: int = Field(ge=1)
    """The size grows and shrinks by this; also the smallest. RULER: 25 lines (5 below 4096 tokens), 500 words."""
    values: Literal["number", "uuid"] | WordList = "number"
    """number: seven digits; uuid: version 4; or words of a list."""

    @model_validator(mode="after")
    def _one_haystack(self) -> Self:
        if sum(source is not None for source in (self.noise, self.text_files, self.words)) != 1:
            raise ValueError("noise: give exactly one of noise, text_files and words")
        return self

    @property
    def kind(self) -> str:
        """What the templates call a value."""
        return self.values if isinstance(self.values, str) else "word"


class RulerNiahSettings(TaskSettings):
    """The defaults are RULER's, as far as they need no file; corpora of other words need other templates."""

    max_new_tokens: int = Field(default=128, ge=1)
    """Generation budget."""
    subtasks: dict[str, Subtask] = Field(default={"niah_single_1": Subtask(noise=NOISE, step=25)}, min_length=1)
    """Name in records -> haystack and values. RULER's niah_single_2 has text_files and step 500, niah_single_3 also
    values uuid."""
    keys: tuple[WordList, ...] = Field(min_length=1)
    """A key takes one word of each list. RULER: adjectives, nouns (of the wonderwords package)."""
    key_joiner: str = "-"
    needle_template: str = NEEDLE
    """Holds {key} and {value} once each, perhaps {kind}: number, uuid or word."""
    prompt_template: str = PROMPT
    """Holds {context} once and {key}, perhaps {kind}; ends with what the value completes."""

    @field_validator("needle_template")
    @classmethod
    def _needle_holds_both(cls, template: str) -> str:
        return holding(template, "key", "value")

    @field_validator("prompt_template")
    @classmethod
    def _prompt_asks_for_the_key(cls, template: str) -> str:
        if "{key}" not in template:
            raise ValueError("must hold {key}")
        if "{value}" in template:
            raise ValueError("must not hold {value}, which is asked for")
        return holding(template, "context")


@dataclass(frozen=True)
class _Prompt:
    text: str
    ids: Sequence[int]
    value: str
    size: int
    """Lines or words of the haystack."""
    depth: float


class _Builder:
    """Makes the prompts of one subtask with one tokenizer."""

    def __init__(self, settings: RulerNiahSettings, name: str, corpus_folder: Path, encoder: Encoder):
        self.settings = settings
        self.name = name
        self.subtask = settings.subtasks[name]
        self.encoder = encoder
        self.keys = [read_words(words, corpus_folder) for words in settings.keys]
        values = self.subtask.values
        self.values = None if isinstance(values, str) else read_words(values, corpus_folder)
        self.units = self._units(corpus_folder)

    def _units(self, corpus_folder: Path) -> list[str]:
        """Lines or words of the haystack, before they repeat."""
        subtask = self.subtask
        if subtask.noise is not None:
            return [subtask.noise]
        if subtask.words is not None:
            drawn = self._rng("text").choice(read_words(subtask.words, corpus_folder), size=DRAWN_WORDS).tolist()
            return [word + "." * (place % subtask.sentence_words == 0) for place, word in enumerate(drawn, start=1)]
        assert subtask.text_files is not None, "settings are validated"
        words = "".join(read_text(corpus_folder / file) for file in subtask.text_files).split()
        if not words:
            raise UserError(f"{corpus_folder / subtask.text_files[0]}: holds no words; name a file of text")
        return words

    def _rng(self, purpose: str, *numbers: int) -> np.random.Generator:
        name = zlib.crc32(f"ruler_niah/{self.name}/{purpose}".encode())
        return np.random.default_rng((self.settings.seed, name, *numbers))

    def examples(self, length: int) -> Iterator[FrozenExample]:
        """All examples of one length; raises UserError where not even the smallest haystack fits."""
        step = self.subtask.step
        # Every line or word has a token at least, so that a size beyond the length cannot fit.
        most = grow(lambda size: self._fits(self.build(0, length, size), length), step, step, length)
        for index in range(self.settings.examples_per_length):
            yield self._example(index, length, most)

    def _example(self, index: int, length: int, most: int) -> FrozenExample:
        step = self.subtask.step
        prompt = shrink(
            lambda size: self.build(index, length, size), lambda made: self._fits(made, length), step, step, most
        )
        if prompt is None:
            raise UserError(
                f"ruler_niah: context_lengths: {length}: {self.name} with a haystack of step {step} needs "
                f"{self._num_tokens(self.build(index, length, step))} tokens (begin-of-text, prompt, max_new_tokens "
                f"{self.settings.max_new_tokens}); use a longer length, a smaller step or a shorter template"
            )
        copied = nearest_match(prompt.ids, self.settings.max_new_tokens)
        return FrozenExample(
            id=f"{self.name}-{index}",
            subtask=self.name,
            context_length=length,
            prompt=prompt.text,
            references=(prompt.value,),
            num_tokens=self._num_tokens(prompt),
            depth=prompt.depth,
            baselines={"nearest_match": self.encoder.tokenizer.decode(copied)},
            details={"haystack_size": prompt.size, "blind_guess": 1 / self._num_values()},
        )

    def _num_tokens(self, prompt: _Prompt) -> int:
        return 1 + len(prompt.ids) + self.settings.max_new_tokens

    def _fits(self, prompt: _Prompt, length: int) -> bool:
        return self._num_tokens(prompt) <= length

    def build(self, index: int, length: int, size: int) -> _Prompt:
        """One prompt. What is drawn depends on seed, subtask, length, index and size alone."""
        settings, rng = self.settings, self._rng("example", length, index)
        key = settings.key_joiner.join(str(rng.choice(words)) for words in self.keys)
        value = self._value(rng)
        units = list(islice(cycle(self.units), size))
        place = self._place(units, rng)
        needle = fill(settings.needle_template, kind=self.subtask.kind, key=key, value=value)
        joiner = " " if self.subtask.noise is None else "\n"
        context = joiner.join([*units[:place], needle, *units[place:]])
        text = fill(settings.prompt_template, kind=self.subtask.kind, context=context, key=key)
        ids = known_ids(self.encoder.tokenizer, text, f"ruler_niah: {self.name}")
        return _Prompt(text, ids, value, size, place / size)

    def _value(self, rng: np.random.Generator) -> str:
        if self.values is not None:
            return str(rng.choice(self.values))
        if self.subtask.values == "uuid":
            return str(uuid.UUID(bytes=rng.bytes(16), version=4))
        return str(rng.integers(10**6, 10**7))

    def _num_values(self) -> int:
        """Between how many a blind guess chooses."""
        if self.values is not None:
            return len(self.values)
        return 2**122 if self.subtask.values == "uuid" else 9 * 10**6

    def _place(self, units: Sequence[str], rng: np.random.Generator) -> int:
        """Before which line or word the needle goes: any line; in a text, between sentences at one of the depths."""
        if self.subtask.noise is not None:
            return int(rng.integers(len(units)))
        ends = [place for place, word in enumerate(units, start=1) if SENTENCE_END.search(word)]
        starts = [0, *ends, *([len(units)] if not ends or ends[-1] < len(units) else [])]
        return starts[(len(starts) - 1) * int(rng.choice(DEPTHS)) // 100]


def freeze(settings: RulerNiahSettings, corpus_folder: Path, tokenizer_file: Path, output: Path) -> None:
    """Make all examples of all subtasks and lengths and write them.

    Args:
        settings: their file names are relative to ``corpus_folder``.
        corpus_folder: a corpus as data preparation leaves it, or any folder.
        tokenizer_file: tokenizer.json of the models to evaluate.
        output: JSON lines, see ``mmv2.evaluation.frozen``; the same bytes whatever the order of lengths.

    Raises:
        UserError: a file is missing, damaged or not as the corpus manifest records it; a length does not fit; a prompt
            has words that the tokenizer does not know.
    """
    names = list(dict.fromkeys(_files(settings)))
    check_corpus_files(corpus_folder, tokenizer_file, names)
    encoder = Encoder(load_tokenizer(tokenizer_file))
    builders = [_Builder(settings, name, corpus_folder, encoder) for name in settings.subtasks]
    lengths = sorted(set(settings.context_lengths))
    examples = [example for length in lengths for builder in builders for example in builder.examples(length)]
    sources = {name: corpus_folder / name for name in names}
    freeze_examples(output, "ruler_niah", settings, tokenizer_file, sources, examples, summarise(examples))


def _files(settings: RulerNiahSettings) -> Iterator[str]:
    yield from (words.file for words in settings.keys)
    for subtask in settings.subtasks.values():
        yield from subtask.text_files or ()
        yield from (words.file for words in (subtask.words, subtask.values) if isinstance(words, WordList))


def score(example: FrozenExample, outcome: Outcome) -> dict[str, float]:
    """RULER's substring score (with one reference, ``string_match_all`` is that) and a strict one, both 0 or 1."""
    return {"official": official(example.references, outcome.text), "strict": strict(example.references, outcome.text)}


def chance(example: FrozenExample) -> float:
    """One value named blindly. An answer that names several has more, under the official score."""
    guess = example.details["blind_guess"]
    assert isinstance(guess, float)
    return guess


TASK = TaskSpec(
    label="RULER S-NIAH",
    settings=RulerNiahSettings,
    freeze=freeze,
    score=score,
    main_score="official",
    packages=(
        "mmv2.evaluation.baselines",
        "mmv2.evaluation.frozen",
        "mmv2.evaluation.prompts",
        "mmv2.evaluation.scoring",
        "mmv2.evaluation.squad",
        "mmv2.evaluation.tasks.ruler_niah",
        "mmv2.evaluation.word_lists",
    ),
    chance=chance,
)
