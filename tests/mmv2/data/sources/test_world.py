import itertools

import numpy as np
import pytest

from mmv2.data.sources._world import World, pseudo_words
from tests.mmv2.data.conftest import world_config


@pytest.fixture(scope="module")
def world(config):
    return World(config)


def test_words_are_new_and_all_different():
    words = list(itertools.islice(pseudo_words(np.random.default_rng(0)), 3000))
    assert len(set(words)) == 3000
    assert all(word.isalpha() and word.islower() and len(word) >= 4 for word in words)
    assert "the" not in words


def test_ids_are_those_of_the_tokenizer(world):
    rng = np.random.default_rng(0)
    facts = world.new_facts(rng, world.persistent_people[0], 6)
    tokens = ["Document", "1", "0", ":", "\n", *(token for fact in facts for token in fact.sentence), "\n", "\n"]
    ids = world.encode(tokens)
    assert world.tokenizer.encode(world.text(tokens)).ids == ids
    assert world.text(tokens).startswith("Document 10:\n")


def test_new_facts_are_of_different_relations_in_any_wording(world):
    rng = np.random.default_rng(0)
    starts = set()
    for _ in range(300):
        facts = world.new_facts(rng, ("A", "B"), 3)
        relations = [next(i for i, pool in enumerate(world.values) if fact.value in pool) for fact in facts]
        assert len(set(relations)) == 3
        starts |= {fact.start for fact in facts}
    assert len(starts) == 6 * 4


def test_people_are_dealt_once(world):
    groups = [world.evaluation_people["dev"], world.evaluation_people["test"], world.training_people]
    pairs = [world.name(pair) for pair in np.concatenate(groups)] + world.persistent_people
    assert len(pairs) == len(set(pairs)) == 60 * 60


def test_the_world_follows_its_seed():
    one, two, other = World(world_config()), World(world_config()), World(world_config(seed=4))
    assert one.persistent_people == two.persistent_people
    assert (one.persistent_values_PR == two.persistent_values_PR).all()
    assert one.first_names != other.first_names


def test_every_wording_is_held_out_for_some(world):
    assert sorted(np.unique(world.held_out_PR)) == [0, 1, 2, 3]
