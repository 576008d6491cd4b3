"""Where a model looks from the last token of a prompt (Figure 1): over all positions, and on a needle by its depth.

Prompts are windows of held-out text, in which the farther half is marked, and needles: a sentence hidden between those
of a haystack at several depths, depth 0 the beginning, and asked for at the end, so that the last token is the one
after which a model would answer. An example's prompts at all depths differ in nothing but the needle's place. Nothing
is generated. Score ``marked`` is the attention on what is marked, of the map that looks there most, and ``flat`` that
of the map which would give it most if all that a map holds got equally much: a short memory gives a needle inside it a
large share without looking for it.

Score ``in_reach`` is a check, 1 for a sound model: whether the memories or attention of every layer hold every group
of positions, the first two tokens, and both ends of what is marked, read in pieces and read alone. A mask that cuts
early tokens fails it. A model without its long-term memory cannot pass it.
"""

import zlib
from itertools import product
from pathlib import Path
from typing import Literal, Self

from pydantic import model_validator

from mmv2.data.tokenizer import load_tokenizer
from mmv2.errors import UserError
from mmv2.evaluation.frozen import Encoder, FrozenExample, check_corpus_files, freeze_examples, summarise
from mmv2.evaluation.outcome import Outcome
from mmv2.evaluation.tasks import TaskSettings, TaskSpec
from mmv2.evaluation.tasks._needles import Haystacks, Hidden, Needles
from mmv2.evaluation.windows import Text, Window, Windows
from mmv2.jsonl import read_jsonl


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


def _window(length: int, window: Window) -> FrozenExample:
    identity, place, text = window
    return _example("text", length, f"{identity}@{place}", text, length - 1, (1, length // 2))


def _needle(length: int, index: int, hidden: Hidden) -> FrozenExample:
    depth, text, num_ids, marked = hidden
    return _example("needle", length, f"{index}@{depth:g}", text, num_ids, marked, depth)


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
    files = [*([settings.text_file] if settings.text_file else []), *(needles.files() if needles else [])]
    names = list(dict.fromkeys(files))
    check_corpus_files(corpus_folder, tokenizer_file, names)
    encoder = Encoder(load_tokenizer(tokenizer_file))
    lengths = sorted(set(settings.context_lengths))
    examples: list[FrozenExample] = []
    texts: list[str] = []
    if settings.text_file:
        file = corpus_folder / settings.text_file
        if not file.is_file():
            raise UserError(
                f"{file}: no such file; tasks.attention.text_file: name JSON lines {{id, text}} of held-out text, "
                f"or null for needles alone"
            )
        texts = [row.text for row in read_jsonl(file, Text)]
        for length in lengths:
            windows = Windows(file, encoder, length - 1, (settings.seed, zlib.crc32(b"attention/text"), length))
            examples += [_window(length, window) for window in windows.take(settings.examples_per_length, "attention")]
    if needles:
        haystacks = Haystacks(needles, texts, corpus_folder, encoder, settings.seed)
        for length, index in product(lengths, range(settings.examples_per_length)):
            examples += [_needle(length, index, hidden) for hidden in haystacks.prompts(length, index)]
    sources = {name: corpus_folder / name for name in names}
    ages = least_ages(lengths[-1])
    freeze_examples(output, "attention", settings, tokenizer_file, sources, examples, summarise(examples), ages=ages)


def score(example: FrozenExample, outcome: Outcome) -> dict[str, float]:
    """Attention on what is marked, mean over layers and heads, of the map with most of it; that if flat; the check.

    No score for an architecture without attention maps.
    """
    names = [name for name in str(outcome.details["maps"]).split(",") if name]
    if not names:
        return {}
    # Sums of float32 weights may exceed 1 by rounding.
    means = [min(1.0, _mean(outcome, f"attention.{name}.", ".marked")) for name in names]
    flat = [min(1.0, float(outcome.details[f"flat.{name}.marked"] or 0)) for name in names]
    return {"marked": max(means), "flat": max(flat), "in_reach": float(outcome.details["in_reach"] or 0)}


def _mean(outcome: Outcome, begin: str, end: str) -> float:
    values = [float(x or 0) for key, x in outcome.details.items() if key.startswith(begin) and key.endswith(end)]
    return sum(values) / len(values)


def chance(example: FrozenExample) -> float:
    """Share of the prompt's tokens that are marked: what a map that holds all of them gives without any preference.

    Of a map that holds fewer it is another: see score ``flat``.
    """
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
        "mmv2.evaluation.tasks._needles",
        "mmv2.evaluation.tasks.attention",
        "mmv2.evaluation.windows",
        "mmv2.evaluation.word_lists",
    ),
    chance=chance,
)
