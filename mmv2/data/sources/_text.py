"""Makes a corpus from text files: split by file, tokenizer, token stream, evaluation files.

Memory does not grow with the corpus: files are read in blocks, and their tokens wait on disk until they are shuffled.

Shapes: N documents.
"""

import json
import math
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from numpy.random import default_rng
from tokenizers import Tokenizer

from mmv2.data.shards import EVALUATION, write_corpus
from mmv2.data.sources import Inputs
from mmv2.data.sources.local_text import OURS, SQUAD_FILES, LocalTextConfig, SquadSplit
from mmv2.data.tokenizer import BOS, EOS, train_bpe
from mmv2.errors import UserError
from mmv2.evaluation.squad import read_squad
from mmv2.files import atomic, read_json, write_json

BLOCK = 2**20
"""Characters read and encoded at once; a block ends with a line, and no token reaches beyond it."""
MARKERS = 2
"""BOS and EOS of a document."""
# What a random stream is for: the second part of its seed.
SPLIT, ORDER = range(2)


@dataclass(frozen=True)
class Split:
    """Files by use, relative to ``data_root``, sorted."""

    dev: list[str]
    test: list[str]
    train: list[str]


def split_files(config: LocalTextConfig, names: Sequence[str]) -> Split:
    """Hold files out by the config's seed."""
    order = default_rng((config.seed, SPLIT)).permutation(len(names))
    dev, test, train = np.split(order, np.cumsum([config.dev_files, config.test_files]))
    return Split(*([names[place] for place in sorted(part)] for part in (dev, test, train)))


def write_text_corpus(config: LocalTextConfig, names: Sequence[str], folder: Path, inputs: Inputs) -> None:
    """Write all files of the corpus.

    Args:
        config: of the corpus.
        names: all text files, relative to the root of ``inputs``.
        folder: of the corpus; it exists and is empty.
        inputs: the root, and checksums for the manifest.

    Raises:
        UserError: a file is no UTF-8 text or holds a document marker, or there is too little text.
    """
    split = split_files(config, names)
    evaluation = folder / EVALUATION
    for file, held_out in zip(OURS, (split.dev, split.test), strict=True):
        _write_texts(evaluation / file, inputs.root, held_out)
    for file, source in config.evaluation.items():
        shutil.copyfile(inputs.root / source, evaluation / file)
    if config.squad:
        _split_squad(config.squad, inputs.root, evaluation)
    train = [inputs.root / name for name in split.train]
    tokenizer = train_bpe(_beginnings(train, config.tokenizer_characters), config.vocab_size)
    with tempfile.TemporaryFile(dir=folder) as waiting:
        documents = _documents(config, train, tokenizer, waiting)
        write_corpus(folder, config, tokenizer, documents, inputs=inputs.sha256)


def blocks(path: Path) -> Iterator[str]:
    """The text of a file in pieces of about ``BLOCK`` characters that end with a line.

    Raises:
        UserError: it is no UTF-8 text, or holds a document marker.
    """
    try:
        with path.open(encoding="utf-8-sig") as file:
            while lines := file.readlines(BLOCK):
                text = "".join(lines)
                for marker in (BOS, EOS):
                    if marker in text:
                        raise UserError(f"{path}: holds {marker}, which marks where documents begin or end; remove it")
                yield text
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: no text in UTF-8 ({error.reason}); convert it, or leave it out by glob") from None


def _beginnings(files: Sequence[Path], characters: int) -> Iterator[str]:
    """Equally long beginnings of all files, together at most ``characters``."""
    for file in files:
        left = characters // len(files)
        for text in blocks(file):
            yield text[:left]
            left -= len(text)
            if left <= 0:
                break


def _documents(
    config: LocalTextConfig, files: Sequence[Path], tokenizer: Tokenizer, waiting: IO[bytes]
) -> Iterator[list[int]]:
    """Documents of as many files as are needed, files and documents in random order, each document once.

    Args:
        waiting: an empty file for their tokens.
    """
    rng = default_rng((config.seed, ORDER, config.stream_seed))
    needed = round(config.largest_budget * config.unit_tokens)
    starts_N, stops_N = np.empty(0, np.int64), np.empty(0, np.int64)
    for path in (files[place] for place in rng.permutation(len(files))):
        begin = int(stops_N[-1]) if len(stops_N) else 0
        end = begin + _encode(path, tokenizer, waiting)
        if begin == end:
            continue
        starts = np.arange(begin, end, config.document_tokens - MARKERS if config.document_tokens else end - begin)
        starts_N, stops_N = np.append(starts_N, starts), np.append(stops_N, [*starts[1:], end])
        if end + MARKERS * len(starts_N) >= needed:
            break
    if not len(starts_N):
        return
    waiting.flush()
    tokens = np.memmap(waiting, dtype=np.uint32, mode="r")
    for place in rng.permutation(len(starts_N)):
        yield tokens[starts_N[place] : stops_N[place]].tolist()


def _encode(path: Path, tokenizer: Tokenizer, waiting: IO[bytes]) -> int:
    """Append the tokens of a file, uint32; returns how many."""
    count = 0
    for text in blocks(path):
        ids = np.array(tokenizer.encode(text, add_special_tokens=False).ids, dtype=np.uint32)
        waiting.write(ids.tobytes())
        count += len(ids)
    return count


def _write_texts(file: Path, root: Path, names: Sequence[str]) -> None:
    """One row {id, text} per file."""
    with atomic(file) as temporary, temporary.open("w", encoding="utf-8") as lines:
        for name in names:
            lines.write(json.dumps({"id": name, "text": "".join(blocks(root / name))}) + "\n")


def _split_squad(squad: SquadSplit, root: Path, folder: Path) -> None:
    path = root / squad.file
    read_squad(path)  # tells what is wrong with it
    content = read_json(path)
    most = squad.max_paragraph_words or math.inf
    articles = []
    for article in content["data"]:
        paragraphs = [paragraph for paragraph in article["paragraphs"] if len(paragraph["context"].split()) <= most]
        if paragraphs:
            articles.append({**article, "paragraphs": paragraphs})
    if squad.dev_articles >= len(articles):
        raise UserError(
            f"corpus.squad.dev_articles: {squad.dev_articles}, but {path} has {len(articles)} articles"
            f"{' with paragraphs of max_paragraph_words' if squad.max_paragraph_words else ''}; leave at least one for "
            f"the test file"
        )
    parts = (articles[-squad.dev_articles :], articles[: -squad.dev_articles])
    for file, part in zip(SQUAD_FILES, parts, strict=True):
        write_json(folder / file, {**content, "data": part})
