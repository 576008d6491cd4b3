"""How long the documents of a corpus are, and the sequences that training reads of them (Figure 10).

Read from the shards, shard by shard; the corpus folder is left as it is.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from pydantic import Field

from mmv2.config import Config, validate
from mmv2.data.shards import Corpus
from mmv2.files import read_json, write_json

Counts = tuple[tuple[int, int], ...]
"""Pairs of a length in tokens, BOS and EOS included, and how many have it; in order."""


class SequenceLengths(Config):
    """Of the pieces that rows of one training context hold: documents, cut where a row ends."""

    context: int = Field(ge=1)
    runs: tuple[str, ...]
    """Runs that are trained on the corpus at this context."""
    lengths: Counts


class DocumentLengths(Config):
    """Of one corpus."""

    corpus: str
    """Name of its folder."""
    source: str
    num_tokens: int
    documents: Counts
    """Of all documents, uncut; the last may be cut by the corpus's end."""
    sequences: tuple[SequenceLengths, ...]
    """By context."""

    @property
    def told(self) -> str:
        """The corpus in a line."""
        return f"{self.corpus}: {self.num_tokens:,} tokens in {sum(count for _, count in self.documents):,} documents"


def write_document_lengths(folder: Path, contexts: Mapping[str, int], output: Path) -> None:
    """Count the lengths in a whole corpus, of which a run may read a part.

    Args:
        folder: of the corpus.
        contexts: run -> tokens of a row.
        output: JSON of ``DocumentLengths``.

    Raises:
        UserError: the corpus is missing or incomplete.
    """
    corpus = Corpus.open(folder, verify=False)
    found = DocumentLengths(
        corpus=folder.name,
        source=corpus.manifest.source,
        num_tokens=corpus.num_tokens,
        documents=_counts(corpus, None),
        sequences=tuple(
            SequenceLengths(
                context=context,
                runs=tuple(run for run, of_run in contexts.items() if of_run == context),
                lengths=_counts(corpus, context),
            )
            for context in sorted(set(contexts.values()))
        ),
    )
    write_json(output, found.model_dump(mode="json"))


def read_document_lengths(files: Sequence[Path]) -> list[DocumentLengths]:
    """What ``write_document_lengths`` wrote; raises UserError for a missing or damaged file."""
    return [validate(DocumentLengths, read_json(file), file) for file in files]


def _counts(corpus: Corpus, context: int | None) -> Counts:
    """Lengths between places where a document begins or, with a context, where a row does."""
    found: Counter[int] = Counter()
    before = 0
    for places in _beginnings(corpus, context):
        lengths, counts = np.unique(np.diff(places, prepend=before), return_counts=True)
        found.update(dict(zip(lengths.tolist(), counts.tolist(), strict=True)))
        before = int(places[-1]) if len(places) else before
    del found[0]  # before the first token
    return tuple(sorted(found.items()))


def _beginnings(corpus: Corpus, context: int | None) -> Iterator[np.ndarray]:
    """Where documents and rows begin, shard by shard, and last the end of what is read: whole rows."""
    end = corpus.num_tokens if context is None else corpus.num_tokens // context * context
    offset = 0
    for shard in corpus.shards:
        places = offset + np.flatnonzero(shard == corpus.manifest.bos_id)
        if context is not None:
            places = np.union1d(places, np.arange(-(-offset // context) * context, offset + len(shard), context))
        yield places[places < end]
        offset += len(shard)
    yield np.array([end])
