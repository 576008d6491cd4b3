"""Frozen evaluation data: the very prompts, made once per tokenizer and task, and the hashes that bind them.

A frozen file is JSON lines: first a header, then one example per line. It depends on the tokenizer (lengths are counted
in its tokens), so models are compared on one frozen file, and a model with another tokenizer is refused.
"""

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from pydantic import Field

from mmv2.config import Config
from mmv2.data.shards import MANIFEST, TOKENIZER, read_manifest
from mmv2.errors import UserError
from mmv2.files import atomic, check_sha256
from mmv2.jsonl import parse_line, read_lines
from mmv2.records import Detail


class FrozenHeader(Config):
    """What the examples of a file were made from."""

    task: str
    settings: dict[str, Any]
    """All settings of the task, the seed among them."""
    tokenizer: str
    """SHA-256 of tokenizer.json."""
    sources: dict[str, str]
    """Name of each source file -> its SHA-256."""
    max_new_tokens: int = Field(ge=1)
    """Generation budget in tokens."""
    num_examples: int = Field(ge=1)
    examples_sha256: str
    """SHA-256 of the lines that follow the header; ``checksum`` computes it."""
    summary: dict[str, dict[str, float]]
    """Per context length: examples, documents or the like, and the mean share of the length that is used."""


class FrozenExample(Config):
    """One prompt, with all that scoring needs."""

    id: str
    """Unique among the examples of like subtask, context length, shots, label kind and prompt style."""
    subtask: str
    context_length: int = Field(ge=1)
    num_shots: int | None = None
    label_kind: str | None = None
    prompt_style: str | None = None
    prompt: str
    references: tuple[str, ...] = Field(min_length=1)
    num_tokens: int = Field(ge=1)
    """Begin-of-text, prompt and generation budget together; at most ``context_length``."""
    depth: float | None = Field(default=None, ge=0, le=1)
    """Where in the prompt the needed information stands: 0 first, 1 last."""
    baselines: dict[str, str]
    """Name of a trivial baseline -> its answer."""
    details: dict[str, Detail] = Field(default_factory=dict)


def checksum(examples: Iterable[FrozenExample]) -> str:
    """Hexadecimal SHA-256 of the lines in which a frozen file holds the examples."""
    return _checksum(example.model_dump_json() for example in examples)


def _checksum(lines: Iterable[str]) -> str:
    found = hashlib.sha256()
    for line in lines:
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


def write_frozen(path: Path, header: FrozenHeader, examples: Sequence[FrozenExample]) -> None:
    """Write header and examples atomically."""
    assert header.num_examples == len(examples)
    assert header.examples_sha256 == checksum(examples)
    assert all(example.num_tokens <= example.context_length for example in examples)
    with atomic(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.writelines(item.model_dump_json() + "\n" for item in (header, *examples))


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
    if _checksum(lines[1:]) != header.examples_sha256:
        raise UserError(
            f"{path}: line 1: examples_sha256: the examples are not those that were frozen: the file was edited or "
            f"damaged; freeze the task again"
        )
    return header, examples
