"""Held-out text, read token by token: how well it is predicted, by how much of it has been read.

Windows of a given number of tokens are cut from the texts of a file, spread evenly over the texts. Results come per
bucket of positions: bits and bytes, whose ratio does not depend on the tokenizer, tokens, and how many of them were the
most probable one (``FrozenHeader.position_bounds``). Nothing is asked, so that there are no references.
"""

import zlib
from collections import Counter
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from mmv2.data.tokenizer import load_tokenizer
from mmv2.errors import UserError
from mmv2.evaluation.frozen import Encoder, FrozenExample, check_corpus_files, freeze_examples, summarise
from mmv2.evaluation.outcome import Outcome
from mmv2.evaluation.tasks import TaskSettings, TaskSpec
from mmv2.evaluation.windows import Text, Window, Windows
from mmv2.jsonl import read_jsonl

SHORTEST_BUCKET = 32
"""Upper end, in tokens, of the first bucket unless ``position_bounds`` says otherwise."""


class BitsPerByteSettings(TaskSettings):
    """There is no upstream protocol: lengths and buckets are those of the paper's context lengths, in miniature."""

    max_new_tokens: Literal[0] = 0
    subtask: str = "text"
    """Name of the source in records."""
    file: str = "evaluation/text_test.jsonl"
    """Texts to read, JSON lines {id, text}, relative to the corpus folder."""
    dev_file: str = "evaluation/text_dev.jsonl"
    """Texts whose most frequent token is the blind guess, relative to the corpus folder."""
    position_bounds: tuple[Annotated[int, Field(ge=2)], ...] = ()
    """Upper ends of the buckets in tokens, begin-of-text included; empty: powers of two up to the longest length."""

    @property
    def bounds(self) -> tuple[int, ...]:
        """The buckets' upper ends, ascending."""
        longest = max(self.context_lengths)
        powers = (2**power for power in range(longest.bit_length()))
        return self.position_bounds or (*(bound for bound in powers if SHORTEST_BUCKET <= bound < longest), longest)

    @model_validator(mode="after")
    def _every_token_has_its_bucket(self) -> Self:
        bounds = self.bounds
        if list(bounds) != sorted(set(bounds)) or bounds[-1] < max(self.context_lengths):
            raise ValueError(
                f"position_bounds: {list(bounds)} must ascend and end at the longest of context_lengths, "
                f"{max(self.context_lengths)}, or beyond it"
            )
        if min(self.context_lengths) < 2:
            raise ValueError("context_lengths: begin-of-text and one token are 2; use at least that")
        return self


def freeze(settings: BitsPerByteSettings, corpus_folder: Path, tokenizer_file: Path, output: Path) -> None:
    """Cut the windows of all lengths and write them.

    Args:
        settings: their file names are relative to ``corpus_folder``.
        corpus_folder: a corpus as data preparation leaves it, or any folder with such files.
        tokenizer_file: tokenizer.json of the models to evaluate.
        output: JSON lines, see ``mmv2.evaluation.frozen``; its summary counts the windows that were skipped.

    Raises:
        UserError: a file is missing, damaged or not as the corpus manifest records it, or no text fills a length.
    """
    names = (settings.file, settings.dev_file)
    check_corpus_files(corpus_folder, tokenizer_file, names)
    encoder = Encoder(load_tokenizer(tokenizer_file))
    guess = _most_frequent_token(corpus_folder / settings.dev_file, encoder)
    examples, skipped = [], {}
    for length in sorted(set(settings.context_lengths)):
        seed = (settings.seed, zlib.crc32(f"bits_per_byte/{settings.subtask}".encode()), length)
        windows = Windows(corpus_folder / settings.file, encoder, length - 1, seed)
        cut = windows.take(settings.examples_per_length, "bits_per_byte")
        examples += [_example(settings.subtask, length, window, encoder, guess) for window in cut]
        skipped[str(length)] = {"skipped": float(windows.skipped)}
    summary = {length: {**values, **skipped[length]} for length, values in summarise(examples).items()}
    files = {name: corpus_folder / name for name in names}
    freeze_examples(
        output, "bits_per_byte", settings, tokenizer_file, files, examples, summary, position_bounds=settings.bounds
    )


def _most_frequent_token(file: Path, encoder: Encoder) -> int:
    """The commonest token of some texts; of equally frequent ones the first of the vocabulary."""
    counts = Counter(token for row in read_jsonl(file, Text) for token in encoder.ids(row.text))
    if not counts:
        raise UserError(f"{file}: no text in it; the blind guess is its most frequent token")
    return min(counts, key=lambda token: (-counts[token], token))


def _example(subtask: str, length: int, window: Window, encoder: Encoder, guess: int) -> FrozenExample:
    identity, place, text = window
    ids = encoder.ids(text)
    return FrozenExample(
        id=f"{identity}@{place}",
        subtask=subtask,
        context_length=length,
        prompt=text,
        references=(),
        num_tokens=1 + len(ids),
        baselines={},
        details={"text": identity, "most_frequent_token": ids.count(guess) / len(ids)},
    )


def score(example: FrozenExample, outcome: Outcome) -> dict[str, float]:
    """Share of the window's tokens that were the most probable one."""
    return {"next_token_accuracy": _total(outcome, "hits") / _total(outcome, "tokens")}


def _total(outcome: Outcome, name: str) -> float:
    """Sum over the buckets."""
    return sum(float(value or 0) for key, value in outcome.details.items() if key.startswith(f"{name}_"))


def chance(example: FrozenExample) -> float:
    """Share of the window's tokens that are the most frequent token of the development texts."""
    return float(example.details["most_frequent_token"] or 0)


TASK = TaskSpec(
    label="Held-out text",
    settings=BitsPerByteSettings,
    freeze=freeze,
    score=score,
    main_score="next_token_accuracy",
    packages=("mmv2.evaluation.frozen", "mmv2.evaluation.tasks.bits_per_byte", "mmv2.evaluation.windows"),
    chance=chance,
)
