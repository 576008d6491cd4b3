import itertools

import numpy as np
import pytest
import torch

from mmv2.config import CorpusConfig
from mmv2.data.loader import load_batch, rows_of_step
from mmv2.data.shards import Corpus, write_corpus
from mmv2.data.tokenizer import build_word_level
from mmv2.errors import UserError
from mmv2.layers.decoder import IGNORE

BOS, EOS = 0, 1
SEQ_LEN = 8


@pytest.fixture
def corpus(tmp_path):
    """Documents of 3 to 12 tokens: some end with a row, some are cut by it."""
    rng = np.random.default_rng(4)
    documents = [rng.integers(3, 23, size=size).tolist() for size in (6, 1, 3, 10, 4, 2, 5, 9, 1, 8)]
    config = CorpusConfig(source="test", seed=0, unit_tokens=64, largest_budget=1.0)
    write_corpus(tmp_path, config, build_word_level(f"w{n}" for n in range(20)), documents, shard_tokens=20)
    return Corpus.open(tmp_path)


def test_rows_are_the_stream(corpus):
    batch = load_batch(corpus, range(2, 5), SEQ_LEN)
    assert batch.tokens_BT.tolist() == corpus.tokens(16, 40).reshape(3, SEQ_LEN).tolist()
    assert batch.tokens_BT.dtype == batch.targets_BT.dtype == torch.int64


def test_targets_are_the_next_tokens_of_the_same_document(corpus):
    stream = corpus.tokens(0, 64).tolist()
    batch = load_batch(corpus, range(0, 8), SEQ_LEN)
    following = [*stream[1:], None]
    expected = [IGNORE if token in (BOS, None) else token for token in following]
    assert batch.targets_BT.flatten().tolist() == expected
    assert batch.num_targets == sum(target != IGNORE for target in expected)
    ends = [place for place, token in enumerate(stream) if token == EOS]
    assert len(ends) > 5
    assert all(expected[place] == IGNORE for place in ends)


def test_a_cut_document_keeps_its_last_target(corpus):
    cut = [row for row in range(7) if corpus.tokens(row * 8 + 8, row * 8 + 9) != BOS]
    assert cut
    for row in cut:
        batch = load_batch(corpus, range(row, row + 1), SEQ_LEN)
        assert batch.targets_BT[0, -1] == corpus.tokens(row * 8 + 8, row * 8 + 9)[0]


def test_documents_begin_at_markers_and_rows(corpus):
    batch = load_batch(corpus, range(0, 8), SEQ_LEN)
    places_BT = torch.arange(64).reshape(8, SEQ_LEN)
    # Padding repeats a document's first token, so that the set of places is the document.
    found = {frozenset(document.tolist()) for part in batch.documents.split(places_BT) for document in part}
    starts = [place for place, token in enumerate(corpus.tokens(0, 64)) if token == BOS or place % SEQ_LEN == 0]
    assert len(starts) > 8 + 5
    assert found == {frozenset(range(start, stop)) for start, stop in itertools.pairwise([*starts, 64])}


def test_beyond_the_end_is_refused(corpus):
    load_batch(corpus, range(7, 8), SEQ_LEN)
    with pytest.raises(UserError, match="the corpus holds 64"):
        load_batch(corpus, range(7, 9), SEQ_LEN)


@pytest.mark.parametrize("world_size", [1, 2, 3, 6])
def test_ranks_share_each_step_and_steps_follow_each_other(world_size):
    rows = [row for step in range(4) for rank in range(world_size) for row in rows_of_step(step, 6, rank, world_size)]
    assert rows == list(range(24))


def test_ranks_must_divide_the_batch():
    with pytest.raises(UserError, match=r"training\.global_batch_size: 6 .* 4 ranks"):
        rows_of_step(0, 6, 0, 4)
