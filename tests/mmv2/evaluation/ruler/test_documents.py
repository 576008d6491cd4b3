import random

import numpy as np
import pytest
from tokenizers import Tokenizer

from mmv2.data.tokenizer import build_word_level
from mmv2.errors import UserError
from mmv2.evaluation.frozen import Encoder
from mmv2.evaluation.question_files import DocumentQuestion
from mmv2.evaluation.ruler.documents import (
    own_documents,
    ruler_documents,
    ruler_order,
    short_documents,
    written,
)
from mmv2.evaluation.ruler.settings import RulerQaSettings

POOL = [f"p{number:02}" for number in range(30)]
SQUAD = DocumentQuestion("s", "who?", ("x",), own=("p05",), needed=("p05",), more=("p01", "p07", "p07", "p09"))
HOTPOT = DocumentQuestion("h", "who?", ("x",), own=tuple(POOL[10:20]), needed=("p13", "p17"), more=())


def test_ruler_draws_from_the_article_while_it_suffices():
    expected = ["p05", *random.Random(1).sample(SQUAD.more, 3)]
    assert ruler_documents(SQUAD, 4, POOL, random.Random(1)) == expected
    assert ruler_documents(SQUAD, 1, POOL, random.Random(1)) == ["p05"]
    assert ruler_documents(SQUAD, 5, POOL, random.Random(1)) == ["p05", *random.Random(1).sample(SQUAD.more, 4)]


def test_ruler_takes_all_of_the_article_then_draws_from_the_others():
    """A paragraph that stands twice in the article is shown twice, and is none of the others."""
    found = ruler_documents(SQUAD, 9, POOL, random.Random(1))
    others = [text for text in POOL if text not in {"p01", "p05", "p07", "p09"}]
    assert found == ["p05", "p01", "p07", "p07", "p09", *random.Random(1).sample(others, 4)]


def test_ruler_repeats_the_pool_where_it_does_not_suffice():
    assert ruler_documents(SQUAD, 30, POOL, random.Random(1)) == POOL
    assert ruler_documents(HOTPOT, 64, POOL, random.Random(1)) == [*POOL, *POOL, *POOL[:4]]


def test_hotpot_has_its_own_documents_first():
    found = ruler_documents(HOTPOT, 12, POOL, random.Random(1))
    assert found[:10] == list(HOTPOT.own)
    assert not set(found[10:]) & set(HOTPOT.own)
    assert ruler_documents(HOTPOT, 10, POOL, random.Random(1)) == list(HOTPOT.own)


@pytest.mark.parametrize("choose", ["ruler", "own"])
def test_fewer_documents_than_its_own_are_those_needed_and_some_distractors(choose):
    for number in range(2, 10):
        found = (
            short_documents(HOTPOT, number, random.Random(1))
            if choose == "ruler"
            else own_documents(HOTPOT, number, POOL, np.random.default_rng(1))
        )
        assert found[:2] == ["p13", "p17"]
        assert len(set(found)) == number
        assert set(found) <= set(HOTPOT.own)


def test_own_choice_shows_no_document_twice_and_no_more_than_there_are():
    for number in (1, 3, 4, 6, 30, 64):
        found = own_documents(SQUAD, number, POOL, np.random.default_rng(1))
        assert found[0] == "p05"
        assert len(found) == len(set(found)) == min(number, 30)
        assert len(set(found) & {"p01", "p07", "p09"}) == min(number - 1, 3)


@pytest.mark.parametrize(
    ("number", "depth"), [(20, 0.95), (28, 0.93), (48, 0.60), (100, 0.71), (200, 0.28), (400, 0.59)]
)
def test_rulers_order_depends_on_the_number_alone(number, depth):
    """Depths of SQuAD's paragraph, the first before the shuffle, that protocols of NVIDIA's generator name."""
    assert round(ruler_order(number, 42).index(0) / (number - 1), 2) == depth
    assert ruler_order(number, 42) != ruler_order(number, 43)


@pytest.fixture
def encoder(tokenizer_file):
    return Encoder(Tokenizer.from_file(str(tokenizer_file)))


def test_a_prompt_tells_where_the_first_and_the_last_needed_document_stand(encoder):
    documents = ruler_documents(HOTPOT, 11, POOL, random.Random(1))
    prompt = written(RulerQaSettings(context_lengths=(64,)), HOTPOT, documents, range(11), encoder)
    assert (prompt.first_depth, prompt.last_depth, prompt.num_documents) == (0.3, 0.7, 11)
    assert "\n\nDocument 4:\np13\n\nDocument 5:\np14\n\n" in prompt.text
    assert prompt.text.endswith("Question: who? Answer:")


def test_words_that_the_tokenizer_does_not_know_are_told():
    settings = RulerQaSettings(context_lengths=(64,), prompt_template="{context} {query}", document_template="{text}")
    written(settings, SQUAD, ["p05"], [0], Encoder(build_word_level(["p05", "who", "?"])))
    with pytest.raises(UserError, match="ruler_qa: question s: the tokenizer has no token for 'who', '\\?'; use words"):
        written(settings, SQUAD, ["p05"], [0], Encoder(build_word_level(["p05"])))


def test_of_a_repeated_document_the_first_place_counts(encoder):
    documents = ruler_documents(SQUAD, 60, POOL, random.Random(1))
    prompt = written(RulerQaSettings(context_lengths=(64,)), SQUAD, documents, range(60), encoder)
    assert (prompt.first_depth, prompt.last_depth) == (5 / 59, 35 / 59)
