"""Frozen evaluation data: the very prompts, made once per tokenizer and task, and the hashes that bind them.

A frozen file is JSON lines: first a header, then one example per line. It depends on the tokenizer (lengths are counted
in its tokens), so models are compared on one frozen file, and a model with another tokenizer is refused.

Texts that are read one after another (prefix, prompt, choice) are encoded apart; freezing makes sure that no token
reaches across their boundaries, so that a model reads what it would read of the whole.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field
from tokenizers import Tokenizer

from mmv2.config import Config, Detail
from mmv2.data.shards import MANIFEST, TOKENIZER, read_manifest
from mmv2.data.tokenizer import open_tokenizer, tokenizer_hash
from mmv2.errors import UserError
from mmv2.files import atomic, check_sha256, sha256
from mmv2.jsonl import parse_line, read_lines

if TYPE_CHECKING:
    from mmv2.evaluation.tasks import TaskSettings


class FrozenHeader(Config):
    """What the examples of a file were made from."""

    task: str
    settings: dict[str, Any]
    """All settings of the task, the seed among them."""
    tokenizer: str
    """SHA-256 of tokenizer.json."""
    sources: dict[str, str]
    """Name of each source file -> its SHA-256."""
    prefixes: dict[str, str] = Field(default_factory=dict)
    """Name -> text with which the prompts of many examples begin; stored, and read by a model, once."""
    max_new_tokens: int = Field(ge=0)
    """Generation budget in tokens; 0: nothing is generated."""
    position_bounds: tuple[int, ...] = ()
    """Only where the prompts are text to read: every token is predicted, and results are summed over buckets of its
    position. A bucket reaches from the bound before it (exclusive) to its own (inclusive); the first token of the text
    is at position 2, after begin-of-text."""
    ages: tuple[int, ...] = ()
    """Only where it is asked where the last token of a prompt looks: attention is summed over groups of tokens by their
    age, counted back from the last one, which has age 0. A group reaches from its least age, told here, to the next."""
    num_examples: int = Field(ge=1)
    examples_sha256: str
    """SHA-256 of the prefixes and of the lines that follow the header; ``checksum`` computes it."""
    summary: dict[str, dict[str, float]]
    """Per context length: examples, documents or the like, and the mean share of the length that is used."""


class FrozenExample(Config):
    """One prompt, with all that scoring needs."""

    id: str
    """Unique among the examples of like subtask, context length, shots, label kind, prompt style and split."""
    subtask: str
    context_length: int = Field(ge=1)
    num_shots: int | None = None
    label_kind: str | None = None
    prompt_style: str | None = None
    split: str = "test"
    """dev: only for choosing among prompt styles."""
    prefix: str | None = None
    """Key of the header's ``prefixes``: the whole prompt is that text, then ``prompt``."""
    prompt: str = Field(min_length=1)
    references: tuple[str, ...]
    """Right answers; of an example with choices the first is the right one, stripped. None where nothing is asked."""
    choices: tuple[str, ...] = ()
    """Continuations of the whole prompt, ranked by log-likelihood; each begins with its own blank where it has one."""
    choice_heads: tuple[str, ...] = ()
    """What each choice begins with that is read and not scored: its log-likelihood is that of the rest (the partial
    scoring of WinoGrande). None: choices are scored whole."""
    max_new_tokens: int | None = Field(default=None, ge=0)
    """Generation budget of this example; None: the header's."""
    stops: tuple[str, ...] = ()
    """Texts that end the answer, besides end-of-text and the budget; the first to come is the last new text."""
    num_tokens: int = Field(ge=1)
    """Begin-of-text, whole prompt, and the generation budget or the longest choice, whichever is longer, together; at
    most ``context_length``, in RULER's regime bisect one more."""
    depth: float | None = Field(default=None, ge=0, le=1)
    """Where in the prompt the needed information stands: 0 first, 1 last."""
    marked: tuple[int, int] | None = None
    """First token and end of the stretch of the prompt at which it is asked how much the last token looks, counted from
    begin-of-text, which is 0."""
    baselines: dict[str, str]
    """Name of a trivial baseline -> its answer."""
    details: dict[str, Detail] = Field(default_factory=dict)
    document: dict[str, Any] | None = None
    """The row of the data set, where scores are computed from it; no part of records."""

    def budget(self, of_file: int) -> int:
        """New tokens allowed, where the header allows ``of_file``."""
        return of_file if self.max_new_tokens is None else self.max_new_tokens


LOOK_BACK = 200
"""Characters, and what is left of their first line: no tokenizer's rules look further back."""


class Encoder:
    """A tokenizer as prompts are encoded: no special tokens are added."""

    def __init__(self, tokenizer: Tokenizer):
        self.tokenizer = tokenizer
        self.remembered = cache(self.ids)
        """Like ``ids``, for texts that come again: prefixes and choices."""
        self.ending = cache(self._ending)
        """The ending of a text that tokenizers look back to: its last lines, where they are encoded as within it."""
        self.splits = cache(self._splits)
        """Whether encoding two texts apart is encoding them together."""

    def ids(self, text: str) -> list[int]:
        """Token ids of a text."""
        found: list[int] = self.tokenizer.encode(text, add_special_tokens=False).ids
        return found

    def _ending(self, text: str) -> str:
        ending = text[text.rfind("\n", 0, max(0, len(text) - LOOK_BACK)) + 1 :]
        ids = self.remembered(ending)
        return ending if self.remembered(text)[-len(ids) :] == ids else text

    def _splits(self, before: str, after: str) -> bool:
        return self.ids(before + after) == self.remembered(before) + self.remembered(after)

    def tokens_after(self, example: FrozenExample, max_new_tokens: int) -> int:
        """Tokens that may follow the prompt: the generation budget or the longest choice."""
        return max([example.budget(max_new_tokens), *(len(self.remembered(choice)) for choice in example.choices)])


def checksum(examples: Iterable[FrozenExample], prefixes: Mapping[str, str] | None = None) -> str:
    """Hexadecimal SHA-256 of the prefixes and of the lines in which a frozen file holds the examples."""
    return _checksum((example.model_dump_json() for example in examples), prefixes or {})


def _checksum(lines: Iterable[str], prefixes: Mapping[str, str]) -> str:
    found = hashlib.sha256()
    for line in (*(json.dumps([name, text]) for name, text in prefixes.items()), *lines):
        found.update(line.encode() + b"\n")
    return found.hexdigest()


def check_corpus_files(corpus_folder: Path, tokenizer_file: Path, names: Sequence[str]) -> None:
    """Compare what a task is frozen from with the checksums of the corpus, where the folder has a manifest.

    Args:
        corpus_folder: a corpus, or a folder without manifest, of which nothing is known to compare with.
        tokenizer_file: checked where it is the corpus' own; that of another model is named in the frozen header.
        names: source files, relative to the folder; those that the manifest does not list are the user's own.

    Raises:
        UserError: a file is missing, damaged or edited.
    """
    if not (corpus_folder / MANIFEST).exists():
        return
    manifest = read_manifest(corpus_folder)
    if tokenizer_file.resolve() == (corpus_folder / TOKENIZER).resolve():
        check_sha256(tokenizer_file, manifest.tokenizer_sha256)
    for name in names:
        listed = Path(name).as_posix()
        if listed in manifest.files:
            check_sha256(corpus_folder / name, manifest.files[listed])


def summarise(examples: Sequence[FrozenExample], **details: str) -> dict[str, dict[str, float]]:
    """The header's summary per context length: number of examples, means of details, and mean fill.

    Args:
        examples: all of the file.
        details: name in the summary -> key of a numeric detail, such as documents="num_documents".
    """
    summary = {}
    for length in dict.fromkeys(example.context_length for example in examples):
        these = [example for example in examples if example.context_length == length]
        columns = {name: [float(example.details[key] or 0) for example in these] for name, key in details.items()}
        columns["fill"] = [example.num_tokens / length for example in these]
        means = {name: float(np.mean(column)) for name, column in columns.items()}
        summary[str(length)] = {"examples": float(len(these)), **means}
    return summary


def freeze_examples(
    output: Path,
    task: str,
    settings: "TaskSettings",
    tokenizer_file: Path,
    sources: Mapping[str, Path],
    examples: Sequence[FrozenExample],
    summary: Mapping[str, Mapping[str, float]],
    prefixes: Mapping[str, str] | None = None,
    position_bounds: tuple[int, ...] = (),
    ages: tuple[int, ...] = (),
) -> None:
    """Check the examples against the tokenizer and write them with their header.

    Args:
        output: the frozen file.
        task: its name.
        settings: of the task; the order of ``context_lengths`` is not kept.
        tokenizer_file: tokenizer.json, or the folder of another model's tokenizer.
        sources: name -> file that the examples were made from.
        examples: at least one; their lengths are in ``num_tokens``.
        summary: such as from ``summarise``.
        prefixes, position_bounds, ages: see ``FrozenHeader``.

    Raises:
        UserError: a token reaches across the boundary of prefix, prompt or choice.
    """
    header = FrozenHeader(
        task=task,
        settings={**settings.model_dump(mode="json"), "context_lengths": sorted(set(settings.context_lengths))},
        tokenizer=tokenizer_hash(tokenizer_file),
        sources={name: sha256(file) for name, file in sources.items()},
        prefixes=dict(prefixes or {}),
        max_new_tokens=settings.max_new_tokens,
        position_bounds=position_bounds,
        ages=ages,
        num_examples=len(examples),
        examples_sha256=checksum(examples, prefixes),
        summary={length: dict(values) for length, values in summary.items()},
    )
    encoder = Encoder(open_tokenizer(tokenizer_file))
    for example in examples:
        check_boundaries(encoder, header, example)
    write_frozen(output, header, examples)


def check_boundaries(encoder: Encoder, header: FrozenHeader, example: FrozenExample) -> None:
    """Whether encoding prefix, prompt and choices apart is encoding them together, and ``num_tokens`` is true.

    Tokenizers do not look far back: of a prefix its ending is compared, and a choice after the prompt alone.

    Raises:
        UserError: a token reaches across a boundary.
    """
    ids = encoder.ids(example.prompt)
    prefix = "" if example.prefix is None else header.prefixes[example.prefix]
    prefix_ids = encoder.remembered(prefix)
    apart = [("prefix and prompt", encoder.ending(prefix), example.prompt)]
    for choice in (*example.choices, *example.choice_heads):
        apart.append(("prompt and choice", example.prompt, choice))
    for choice, head in zip(example.choices, example.choice_heads, strict=bool(example.choice_heads)):
        rest = choice.removeprefix(head)
        assert rest != choice, f"example {example.id}: a choice does not begin with its head"
        apart.append(("head and rest of a choice", head, rest))
    for names, before, after in apart:
        if not encoder.splits(before, after):
            raise UserError(
                f"{header.task}: example {example.id}: a token of this tokenizer reaches across the boundary "
                f"of {names}, {before[-12:]!r} + {after[:12]!r}; let the blank between them begin the second"
            )
    assert all((ids, *map(encoder.remembered, example.choices))), f"example {example.id}: a text without tokens"
    length = 1 + len(prefix_ids) + len(ids) + encoder.tokens_after(example, header.max_new_tokens)
    assert example.num_tokens == length, f"example {example.id}: {example.num_tokens} tokens, counted {length}"


def write_frozen(path: Path, header: FrozenHeader, examples: Sequence[FrozenExample]) -> None:
    """Write header and examples atomically."""
    assert header.num_examples == len(examples)
    assert header.examples_sha256 == checksum(examples, header.prefixes)
    assert list(header.position_bounds) == sorted(set(header.position_bounds))
    assert list(header.ages) == sorted({0, *header.ages} if header.ages else ())
    for example in examples:
        _check_kind(header, example)
    with atomic(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.writelines(item.model_dump_json() + "\n" for item in (header, *examples))


def _check_kind(header: FrozenHeader, example: FrozenExample) -> None:
    """An example is read, or looked at, or asks something."""
    # NVIDIA's fit leaves no room for begin-of-text; what is read fits still, as the last new token never is.
    uncounted = header.settings.get("regime") == "bisect"
    assert example.num_tokens <= example.context_length + uncounted
    assert bool(header.ages) == (example.marked is not None)
    if header.position_bounds or header.ages:
        assert (example.prefix, example.choices, header.max_new_tokens) == (None, (), 0), "reading asks nothing"
    else:
        assert example.references, "an answer is scored against references"
        assert example.choices or example.budget(header.max_new_tokens), "nothing is asked"
    if header.position_bounds:
        assert example.num_tokens <= header.position_bounds[-1], "every token has its bucket"
    if example.marked:
        start, stop = example.marked
        assert 0 <= start < stop <= example.num_tokens, "the stretch is part of the prompt"
    if example.choices:
        assert example.references[0] in [choice.strip() for choice in example.choices]


def read_frozen(path: Path) -> tuple[FrozenHeader, list[FrozenExample]]:
    """Read a frozen file.

    Raises:
        UserError: a line cannot be read, examples are missing, or one is not as it was written.
    """
    lines = read_lines(path)
    if not lines:
        raise UserError(f"{path}: empty; freeze the task again")
    header = parse_line(FrozenHeader, lines[0], path, 1)
    examples = [parse_line(FrozenExample, line, path, number) for number, line in enumerate(lines[1:], start=2)]
    if len(examples) != header.num_examples:
        raise UserError(
            f"{path}: line 1: num_examples: the header says {header.num_examples}, the file holds {len(examples)}; "
            f"freeze the task again"
        )
    if _checksum(lines[1:], header.prefixes) != header.examples_sha256:
        raise UserError(
            f"{path}: line 1: examples_sha256: the examples are not those that were frozen: the file was edited or "
            f"damaged; freeze the task again"
        )
    return header, examples
