import math

import numpy as np
import pytest
import torch

from mmv2.data.tokenizer import build_word_level, train_bpe
from mmv2.evaluation import reading
from mmv2.evaluation.reading import bucket_details, predict_tokens, token_bytes
from mmv2.registry import architectures
from tests.mmv2.evaluation.small_world import random_model


@pytest.fixture(params=sorted(architectures()))
def model(request):
    return random_model(request.param).double()


@pytest.mark.parametrize(("tokens", "logits"), [(1024, 2**26), (7, 2**26), (1024, 2 * 61 * 5), (1024, 1)])
def test_every_token_is_predicted_from_begin_of_text_and_all_before_it(model, monkeypatch, tokens, logits):
    monkeypatch.setattr(reading, "MOST_TOKENS", tokens)
    monkeypatch.setattr(reading, "MOST_LOGITS", logits)
    texts_BT = torch.randint(61, (2, 50), generator=torch.Generator().manual_seed(4))
    with torch.no_grad():
        logits_BTV = model(torch.cat([torch.zeros(2, 1, dtype=torch.int64), texts_BT], 1))[:, :-1]
    bits_BT = -logits_BTV.log_softmax(-1).gather(-1, texts_BT[..., None])[..., 0] / math.log(2)
    texts_BT[0, 3], texts_BT[1, 49] = logits_BTV[0, 3].argmax(), logits_BTV[1, 49].argmax()
    bits, hits = predict_tokens(model, texts_BT, bos_id=0)
    assert bits.shape == hits.shape == (2, 50)
    np.testing.assert_allclose(bits[0, :3], bits_BT[0, :3].numpy(), atol=1e-9)
    np.testing.assert_allclose(bits[1, :49], bits_BT[1, :49].numpy(), atol=1e-9)
    assert hits[0, 3]
    assert hits[1, 49]
    assert hits.sum() < 20


def test_never_more_logits_at_once_than_allowed(model, monkeypatch):
    monkeypatch.setattr(reading, "MOST_LOGITS", 2 * 61 * 5)
    sizes = []
    extend = model.extend

    def spy(tokens, state=None):
        logits, state = extend(tokens, state)
        sizes.append(logits.numel())
        return logits, state

    monkeypatch.setattr(model, "extend", spy)
    predict_tokens(model, torch.ones(2, 23, dtype=torch.int64), bos_id=0)
    assert max(sizes) == 2 * 61 * 5
    assert len(sizes) == 5


TEXT = "  Füße 😀 naïve\n\n x\u2028 ende  \n"


@pytest.fixture(scope="module")
def byte_level():
    """A character that it was not trained on is as many tokens as it has bytes."""
    return train_bpe(["ende ende naïve naïve"], 268)


def test_the_bytes_of_all_tokens_are_those_of_the_text(byte_level):
    encoding = byte_level.encode(TEXT)
    found = token_bytes(TEXT, encoding.offsets)
    assert len(encoding.ids) > len("ende ") + 10
    assert found.sum() == len(TEXT.encode())
    assert (found >= 0).all()
    assert found[encoding.tokens.index("Ġ")] == 1


def test_a_character_of_several_tokens_counts_once(byte_level):
    encoding = byte_level.encode("a😀b")
    assert len(encoding.ids) == 6
    assert token_bytes("a😀b", encoding.offsets).tolist() == [1, 4, 0, 0, 0, 1]


def test_blanks_that_a_tokenizer_drops_count_for_the_token_after_them():
    text = " mira  lives ä in Oslo.\n "
    encoding = build_word_level(["mira", "lives", "in", "Oslo", ".", "\n"]).encode(text)
    assert token_bytes(text, encoding.offsets).tolist() == [5, 7, 3, 3, 5, 1, 2]
    assert token_bytes(text, encoding.offsets).sum() == len(text.encode())


def test_a_bucket_reaches_from_the_bound_before_it_to_its_own():
    bits, hits, sizes = np.array([1.0, 2.0, 4.0, 8.0]), np.array([True, False, True, True]), np.array([3, 1, 0, 5])
    assert bucket_details((2, 4, 8, 16), bits, hits, sizes) == {
        **{"bits_2": 1.0, "bytes_2": 3, "tokens_2": 1, "hits_2": 1},
        **{"bits_4": 6.0, "bytes_4": 1, "tokens_4": 2, "hits_4": 1},
        **{"bits_8": 8.0, "bytes_8": 5, "tokens_8": 1, "hits_8": 1},
        **{"bits_16": 0.0, "bytes_16": 0, "tokens_16": 0, "hits_16": 0},
    }
