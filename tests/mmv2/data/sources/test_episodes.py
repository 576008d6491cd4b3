import numpy as np
import pytest

from mmv2.data.sources._episodes import UNFAMILIAR, Instances
from mmv2.data.sources._world import World
from tests.mmv2.data.conftest import world_config


@pytest.fixture(scope="module")
def instances(config):
    return Instances(World(config))


def test_an_instance_tells_its_class_by_its_own_words(instances):
    world = instances.world
    classes = np.arange(10).repeat(20)
    for instance, label in zip(
        instances.draw(np.random.default_rng(0), world.keywords["banking"], classes), classes, strict=True
    ):
        own = set(world.keywords["banking"][label])
        assert len(own & set(instance)) == 2
        assert sum(word in world.fillers for word in instance) == 2


def test_keywords_belong_to_one_class():
    world = World(world_config())
    words = [word for form in world.keywords.values() for pool in form for word in pool]
    assert len(set(words)) == len(words) == 2 * 10 * 12


def test_held_out_rows_are_distinct_and_balanced(instances):
    rows = [row for splits in instances.held_out.values() for split in splits.values() for row in split]
    assert len({instance for instance, _ in rows}) == len(rows) == 3 * 10 * (8 + 6 + 6)
    classes = [label for _, label in instances.held_out["banking"]["test"]]
    assert classes == [label for label in range(10) for _ in range(6)]


def test_held_out_instances_are_never_drawn():
    """So few instances that many draws would hit them."""
    config = world_config(keywords_per_class=4, instance_keywords=1, fillers=10, instance_fillers=1)
    instances = Instances(World(config))
    keywords = instances.world.keywords["banking"]
    held_out = {row[0] for form in instances.held_out.values() for split in form.values() for row in split}
    of_the_class = {instance for instance in held_out if set(instance) & set(keywords[0])}
    drawn = set(instances.draw(np.random.default_rng(0), keywords, np.zeros(2000, dtype=int)))
    assert len(of_the_class) >= 20
    assert not held_out & drawn
    assert len(drawn) == 4 * 20 * 2 - len(of_the_class)


def test_fresh_classes_deal_the_keywords_of_the_form_anew(instances):
    world = instances.world
    fresh = instances.fresh_classes(np.random.default_rng(0), "emotions", 8)
    words = [word for keywords in fresh for word in keywords]
    assert len(set(words)) == len(words) == 8 * 12
    assert set(words) <= {word for keywords in world.keywords["emotions"] for word in keywords}
    shared = max(len(set(keywords) & set(own)) for keywords in fresh for own in world.keywords["emotions"])
    assert shared < 6


def test_unfamiliar_classes_mix_the_keywords_of_the_world(instances):
    owner = {word: place for place, words in enumerate(instances.world.keywords["banking"]) for word in words}
    owners = [
        {owner[word] for word in instance if word in owner} for instance, _ in instances.held_out[UNFAMILIAR]["test"]
    ]
    assert sum(len(one) == 2 for one in owners) > 0.8 * len(owners) == 0.8 * 10 * 6
