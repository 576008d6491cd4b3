"""A tokenized corpus on disk: how it is written, and how it is opened.

<folder>/train-00000.bin ...   token ids of one stream, little-endian; each document is BOS ... EOS
<folder>/tokenizer.json        the tokenizer that made them
<folder>/evaluation/           evaluation files that belong to the corpus, if any
<folder>/manifest.json         sizes and checksums of all of these; written last, so its presence means "complete"

A corpus holds exactly ``largest_budget * unit_tokens`` tokens (the last document may be cut), and every data budget is
a prefix of the stream.
"""

from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from pydantic import Field
from tokenizers import Tokenizer

from mmv2.config import Config, CorpusConfig, fingerprint, validate
from mmv2.data.tokenizer import marker_ids
from mmv2.errors import UserError
from mmv2.files import atomic, check_sha256, read_json, sha256, write_json, write_text

MANIFEST = "manifest.json"
TOKENIZER = "tokenizer.json"
EVALUATION = "evaluation"
SHARD_TOKENS = 2**26
"""Tokens per shard file: at most this many stand in memory while writing."""


class Shard(Config):
    """One file of the token stream."""

    file: str
    num_tokens: int = Field(ge=1)
    sha256: str


class CorpusManifest(Config):
    """What a corpus folder holds."""

    source: str
    config: dict[str, Any]
    """The CorpusConfig it was made from."""
    tokenizer_sha256: str
    vocab_size: int
    bos_id: int
    eos_id: int
    dtype: Literal["uint16", "uint32"]
    num_tokens: int
    num_documents: int
    """Documents in the stream; the last may be cut."""
    max_token_id: int
    shards: tuple[Shard, ...]
    files: dict[str, str]
    """Evaluation file, relative to the folder -> SHA-256."""
    inputs: dict[str, str] = Field(default_factory=dict)
    """The user's files that it was made from, relative to ``data_root`` -> SHA-256."""


def read_manifest(folder: Path) -> CorpusManifest:
    """Read manifest.json; raises UserError when it is missing or damaged."""
    file = folder / MANIFEST
    if not file.exists():
        raise UserError(f"{file}: no such file, so the corpus is missing or incomplete; prepare it first")
    return validate(CorpusManifest, read_json(file), file)


class _ShardWriter:
    """Cuts a stream of documents into shard files, each written atomically."""

    def __init__(self, folder: Path, tokenizer: Tokenizer, shard_tokens: int):
        self.folder = folder
        self.bos_id, self.eos_id = marker_ids(tokenizer)
        self.vocab_size = tokenizer.get_vocab_size()
        self.dtype: Literal["uint16", "uint32"] = "uint16" if self.vocab_size <= 2**16 else "uint32"
        self.shard_tokens = shard_tokens
        self.shards: list[Shard] = []
        self.num_documents = 0
        self.max_token_id = 0
        self._pending = array("I")

    def write(self, documents: Iterable[Sequence[int]], num_tokens: int) -> None:
        """Write exactly ``num_tokens``; raises UserError when the documents hold fewer."""
        left = num_tokens
        for document in documents:
            self._pending.append(self.bos_id)
            self._pending.extend(document)
            self._pending.append(self.eos_id)
            self.num_documents += 1
            while left and len(self._pending) >= min(left, self.shard_tokens):
                left -= self._flush(min(left, self.shard_tokens))
            if not left:
                return
        raise UserError(
            f"corpus.unit_tokens: unit_tokens * largest_budget asks for {num_tokens} tokens, the documents hold "
            f"{num_tokens - left + len(self._pending)}; lower one of the two, or give more documents"
        )

    def _flush(self, count: int) -> int:
        tokens = np.array(self._pending[:count], dtype=np.uint32)
        largest = int(tokens.max())
        assert largest < self.vocab_size, f"token id {largest} outside a vocabulary of {self.vocab_size}"
        self.max_token_id = max(self.max_token_id, largest)
        file = self.folder / f"train-{len(self.shards):05d}.bin"
        with atomic(file) as temporary:
            tokens.astype(_stored(self.dtype)).tofile(temporary)
        self.shards.append(Shard(file=file.name, num_tokens=count, sha256=sha256(file)))
        del self._pending[:count]
        return count


def _stored(dtype: str) -> np.dtype[Any]:
    return np.dtype(dtype).newbyteorder("<")


def write_corpus(
    folder: Path,
    config: CorpusConfig,
    tokenizer: Tokenizer,
    documents: Iterable[Sequence[int]],
    shard_tokens: int = SHARD_TOKENS,
    inputs: Mapping[str, str] | None = None,
) -> CorpusManifest:
    """Write tokenizer, shards and, last, the manifest. Evaluation files must stand in ``folder/evaluation`` already.

    Args:
        folder: an existing folder.
        config: recorded in the manifest; sets the number of tokens.
        tokenizer: has BOS and EOS.
        documents: token ids without BOS and EOS; taken until there are enough.
        shard_tokens: tokens per file.
        inputs: for the manifest.
    """
    write_text(folder / TOKENIZER, tokenizer.to_str(pretty=True))
    writer = _ShardWriter(folder, tokenizer, shard_tokens)
    num_tokens = round(config.largest_budget * config.unit_tokens)
    writer.write(documents, num_tokens)
    evaluation = sorted(path for path in (folder / EVALUATION).rglob("*") if path.is_file())
    manifest = CorpusManifest(
        source=config.source,
        config=config.model_dump(mode="json"),
        tokenizer_sha256=sha256(folder / TOKENIZER),
        vocab_size=writer.vocab_size,
        bos_id=writer.bos_id,
        eos_id=writer.eos_id,
        dtype=writer.dtype,
        num_tokens=num_tokens,
        num_documents=writer.num_documents,
        max_token_id=writer.max_token_id,
        shards=tuple(writer.shards),
        files={path.relative_to(folder).as_posix(): sha256(path) for path in evaluation},
        inputs=dict(inputs or {}),
    )
    write_json(folder / MANIFEST, manifest.model_dump(mode="json"))
    return manifest


@dataclass(frozen=True)
class Corpus:
    """An opened corpus: one long stream of tokens, memory-mapped."""

    folder: Path
    manifest: CorpusManifest
    shards: tuple[np.ndarray, ...]

    @classmethod
    def open(cls, folder: Path, verify: bool = True) -> Self:
        """Open a corpus and, as one process of those that share it should, verify every byte of it.

        Raises:
            UserError: the manifest is missing or damaged, a shard is missing or has the wrong length; with ``verify``
                also: a file is missing or differs from its checksum, a token id is outside the vocabulary.
        """
        manifest = read_manifest(folder)
        for shard in manifest.shards:
            _check_length(folder / shard.file, shard, manifest)
        if verify:
            check_sha256(folder / TOKENIZER, manifest.tokenizer_sha256)
            for name, expected in manifest.files.items():
                check_sha256(folder / name, expected)
            for shard in manifest.shards:
                check_sha256(folder / shard.file, shard.sha256)
                _check_tokens(folder / shard.file, manifest)
        shards = tuple(
            np.memmap(folder / shard.file, dtype=_stored(manifest.dtype), mode="r") for shard in manifest.shards
        )
        found = sum(len(shard) for shard in shards)
        if found != manifest.num_tokens:
            raise UserError(
                f"{folder / MANIFEST}: num_tokens: {manifest.num_tokens}, but its shards hold {found}; make it again"
            )
        return cls(folder, manifest, shards)

    @property
    def tokenizer_file(self) -> Path:
        return self.folder / TOKENIZER

    @property
    def num_tokens(self) -> int:
        return self.manifest.num_tokens

    @property
    def fingerprint(self) -> str:
        """Hash of the manifest, and so of every byte of the corpus."""
        return fingerprint(self.manifest.model_dump(mode="json"))

    def tokens(self, start: int, stop: int) -> np.ndarray:
        """Tokens start <= i < stop of the stream, (stop - start,) int64; raises UserError beyond its end."""
        assert 0 <= start <= stop
        if stop > self.num_tokens:
            raise UserError(
                f"{self.folder / MANIFEST}: tokens up to {stop} are asked for, the corpus holds {self.num_tokens}; "
                f"lower budget or max_steps, or raise corpus.largest_budget"
            )
        parts, offset = [np.empty(0, dtype=np.int64)], 0
        for shard in self.shards:
            if start < offset + len(shard) and stop > offset:
                parts.append(shard[max(0, start - offset) : stop - offset].astype(np.int64))
            offset += len(shard)
        return np.concatenate(parts)

    def check_vocabulary(self, model_vocab_size: int) -> None:
        """Raise UserError unless a model with that many embeddings can read every token of the tokenizer."""
        if self.manifest.vocab_size > model_vocab_size:
            raise UserError(
                f"{self.tokenizer_file}: token id {self.manifest.vocab_size - 1} lies outside model.vocab_size "
                f"{model_vocab_size}; set model.vocab_size to at least {self.manifest.vocab_size}"
            )


def _check_length(file: Path, shard: Shard, manifest: CorpusManifest) -> None:
    if not file.is_file():
        raise UserError(f"{file}: no such file, but its manifest lists it; delete the folder and make it again")
    if file.stat().st_size != shard.num_tokens * _stored(manifest.dtype).itemsize:
        raise UserError(
            f"{file}: {file.stat().st_size} bytes, its manifest says {shard.num_tokens} tokens of {manifest.dtype}; "
            f"delete the folder and make it again"
        )


def _check_tokens(file: Path, manifest: CorpusManifest) -> None:
    largest = int(np.memmap(file, dtype=_stored(manifest.dtype), mode="r").max())
    if largest >= manifest.vocab_size:
        raise UserError(
            f"{file}: token id {largest} lies outside the vocabulary of {manifest.vocab_size} tokens; "
            f"make the corpus again with its own tokenizer"
        )
