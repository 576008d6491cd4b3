"""Where a model looks from the last token of a prompt (Figure 1): over all positions, and on a needle by its depth.

Prompts are windows of held-out text, in which the farther half is marked, and needles: a sentence hidden between those
of a haystack at several depths, depth 0 the beginning, and asked for at the end, so that the last token is the one
after which a model would answer. An example's prompts at all depths differ in nothing but the needle's place. The score
is the attention on what is marked; chance is flat attention. Nothing is generated.

Score ``in_reach`` is a check, 1 for a sound model: whether the memories or attention of every layer hold every group
of positions and both ends of what is marked. A mask that cuts early tokens fails it. A model without its long-term
memory cannot pass it.
"""

import re
import zlib
from collections.abc import Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Annotated, Literal, Self

from numpy.random import Generator, default_rng
from pydantic import Field, field_validator, model_validator

from mmv2.config import Config
from mmv2.data.tokenizer import load_tokenizer
from mmv2.errors import UserError
from mmv2.evaluation.frozen import Encoder, FrozenExample, check_corpus_files, freeze_examples, summarise
from mmv2.evaluation.outcome import Outcome
from mmv2.evaluation.prompts import fill, holding, known_ids, shrink
from mmv2.evaluation.tasks import TaskSettings, TaskSpec
from mmv2.evaluation.windows import Text, Window, Windows
from mmv2.evaluation.word_lists import WordList, read_words
from mmv2.jsonl import read_jsonl

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
    """Shares of the haystack before the needle."""

    @field_validator("needle_template")
    @classmethod
    def _needle_holds_both(cls, template: str) -> str:
        return holding(template, "key", "value")

    @field_validator("prompt_template")
    @classmethod
    def _prompt_asks_for_the_key(cls, template: str) -> str:
        return holding(template, "context", "key")


class AttentionSettings(TaskSettings):
    """There is no upstream protocol: the paper says no more than that the last token's attention is averaged."""

    max_new_tokens: Literal[0] = 0
    text_file: str | None = "evaluation/text_test.jsonl"
    """Held-out texts, JSON lines {id, text}, relative to the corpus folder; null: no windows of text."""
    needles: Needles | None = None
    """null: none."""

    @model_validator(mode="after")
    def _something_to_read(self) -> Self:
        if self.text_file is None and not (self.needles and self.needles.words and self.needles.keys):
            raise ValueError("text_file: null, so needles.words and needles.keys must say what prompts are made of")
        if min(self.context_lengths) < 4:
            raise ValueError("context_lengths: a window needs 4 tokens at least to have a farther half")
        return self


def least_ages(longest: int) -> tuple[int, ...]:
    """0 and the powers of two below a length: groups that end where windows and delays of such lengths do."""
    return (0, *(2**power for power in range((longest - 1).bit_length())))


class _Haystacks:
    """Hides needles in haystacks of one kind."""

    def __init__(self, settings: AttentionSettings, needles: Needles, corpus_folder: Path, encoder: Encoder):
        self.seed = settings.seed
        self.needles = needles
        self.encoder = encoder
        self.texts = [] if settings.text_file is None else read_jsonl(corpus_folder / settings.text_file, Text)
        own = sorted({word for row in self.texts for word in KEY_WORD.findall(row.text)})
        self.keys = [read_words(words, corpus_folder) for words in needles.keys] or [own, own]
        self.values = None if isinstance(needles.values, str) else read_words(needles.values, corpus_folder)
        self.sentences = self._sentences(corpus_folder)
        self.sizes = [len(encoder.ids(" " + sentence)) for sentence in self.sentences]

    def _rng(self, *numbers: int) -> Generator:
        return default_rng((self.seed, zlib.crc32(b"attention/needle"), *numbers))

    def _sentences(self, corpus_folder: Path) -> list[str]:
        if self.needles.words is None:
            texts = [" ".join(row.text.split()) for row in self.texts]
            return [sentence for text in texts for sentence in SENTENCE_END.split(text) if sentence]
        words = read_words(self.needles.words, corpus_folder)
        drawn = self._rng().choice(words, size=(DRAWN_SENTENCES, self.needles.sentence_words)).tolist()
        return [" ".join(sentence) + "." for sentence in drawn]

    def examples(self, length: int, index: int) -> Iterator[FrozenExample]:
        """One needle in one haystack at all depths; raises UserError where not even one sentence fits."""
        needles, rng = self.needles, self._rng(length, index)
        key = needles.key_joiner.join(str(rng.choice(words)) for words in self.keys)
        value = str(rng.integers(10**6, 10**7) if self.values is None else rng.choice(self.values))
        needle = fill(needles.needle_template, key=key, value=value)
        first = int(rng.integers(len(self.sentences)))

        def build(size: int) -> list[tuple[str, list[int]]]:
            hay = [self.sentences[(first + place) % len(self.sentences)] for place in range(size)]
            texts = [self._text(hay, needle, key, round(depth * size)) for depth in needles.depths]
            return [(text, known_ids(self.encoder.tokenizer, text, "attention: needles")) for text in texts]

        def fits(prompts: Sequence[tuple[str, list[int]]]) -> bool:
            return 1 + max(len(ids) for _, ids in prompts) <= length

        prompts = shrink(build, fits, fewest=1, step=1, most=self._most(first, length - len(build(0)[0][1])))
        if prompts is None:
            raise UserError(
                f"attention: context_lengths: {length}: needle, question and one sentence need "
                f"{1 + max(len(ids) for _, ids in build(1))} tokens; use a longer length or shorter templates"
            )
        for depth, (text, ids) in zip(needles.depths, prompts, strict=True):
            yield _example(
                "needle", length, f"{index}@{depth:g}", text, len(ids), self._marked(text, needle), depth=depth
            )

    def _most(self, first: int, room: int) -> int:
        """Sentences that fill so many tokens, and one more."""
        following = (self.sizes[(first + place) % len(self.sizes)] for place in range(room))
        return next((size for size, tokens in enumerate(accumulate(following), start=1) if tokens > room), max(1, room))

    def _text(self, hay: Sequence[str], needle: str, key: str, place: int) -> str:
        context = " ".join([*hay[:place], needle, *hay[place:]])
        return fill(self.needles.prompt_template, context=context, key=key)

    def _marked(self, text: str, needle: str) -> tuple[int, int]:
        """First token and end of the needle, begin-of-text counted."""
        start = text.index(needle)
        assert text.count(needle) == 1, "a needle stands once in its haystack"
        offsets = self.encoder.tokenizer.encode(text, add_special_tokens=False).offsets
        held = [place for place, (begin, end) in enumerate(offsets, 1) if end > start and begin < start + len(needle)]
        return held[0], held[-1] + 1


def _example(
    subtask: str,
    length: int,
    identity: str,
    text: str,
    num_ids: int,
    marked: tuple[int, int],
    depth: float | None = None,
) -> FrozenExample:
    return FrozenExample(
        id=identity,
        subtask=subtask,
        context_length=length,
        prompt=text,
        references=(),
        num_tokens=1 + num_ids,
        marked=marked,
        depth=depth,
        baselines={},
        details={"marked_share": (marked[1] - marked[0]) / (1 + num_ids)},
    )


def _window(length: int, window: Window) -> FrozenExample:
    identity, place, text = window
    return _example("text", length, f"{identity}@{place}", text, length - 1, (1, length // 2))


def freeze(settings: AttentionSettings, corpus_folder: Path, tokenizer_file: Path, output: Path) -> None:
    """Make all prompts of all lengths and write them.

    Args:
        settings: their file names are relative to ``corpus_folder``.
        corpus_folder: a corpus as data preparation leaves it, or any folder with such files.
        tokenizer_file: tokenizer.json of the models to evaluate.
        output: JSON lines, see ``mmv2.evaluation.frozen``.

    Raises:
        UserError: a file is missing, damaged or not as the corpus manifest records it; a length does not fit; a prompt
            has words that the tokenizer does not know.
    """
    needles = settings.needles
    names = [] if settings.text_file is None else [settings.text_file]
    if needles:
        names += [words.file for words in (*needles.keys, needles.values, needles.words) if isinstance(words, WordList)]
    names = list(dict.fromkeys(names))
    check_corpus_files(corpus_folder, tokenizer_file, names)
    encoder = Encoder(load_tokenizer(tokenizer_file))
    lengths = sorted(set(settings.context_lengths))
    examples: list[FrozenExample] = []
    for length in lengths if settings.text_file else ():
        seed = (settings.seed, zlib.crc32(b"attention/text"), length)
        windows = Windows(corpus_folder / str(settings.text_file), encoder, length - 1, seed)
        examples += [_window(length, window) for window in windows.take(settings.examples_per_length, "attention")]
    if needles:
        haystacks = _Haystacks(settings, needles, corpus_folder, encoder)
        numbers = range(settings.examples_per_length)
        examples += [made for length in lengths for index in numbers for made in haystacks.examples(length, index)]
    sources = {name: corpus_folder / name for name in names}
    ages = least_ages(lengths[-1])
    freeze_examples(output, "attention", settings, tokenizer_file, sources, examples, summarise(examples), ages=ages)


def score(example: FrozenExample, outcome: Outcome) -> dict[str, float]:
    """Attention on what is marked, of the map that looks there most, mean over layers and heads; and the check.

    No score for an architecture without attention maps.
    """
    names = [name for name in str(outcome.details["maps"]).split(",") if name]
    if not names:
        return {}
    # Sums of float32 weights may exceed 1 by rounding.
    means = [min(1.0, _mean(outcome, f"attention.{name}.", ".marked")) for name in names]
    return {"marked": max(means), "in_reach": float(outcome.details["in_reach"] or 0)}


def _mean(outcome: Outcome, begin: str, end: str) -> float:
    values = [float(x or 0) for key, x in outcome.details.items() if key.startswith(begin) and key.endswith(end)]
    return sum(values) / len(values)


def chance(example: FrozenExample) -> float:
    """Share of the prompt's tokens that are marked: flat attention over all of them."""
    return float(example.details["marked_share"] or 0)


TASK = TaskSpec(
    label="Attention of the last token",
    settings=AttentionSettings,
    freeze=freeze,
    score=score,
    main_score="marked",
    packages=(
        "mmv2.evaluation.attention",
        "mmv2.evaluation.frozen",
        "mmv2.evaluation.prompts",
        "mmv2.evaluation.tasks.attention",
        "mmv2.evaluation.windows",
        "mmv2.evaluation.word_lists",
    ),
    chance=chance,
)
