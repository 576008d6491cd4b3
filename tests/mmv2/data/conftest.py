"""A small tiny-world corpus, made once for all tests that only read it."""

import pytest

from mmv2.data.prepare import prepare_corpus
from mmv2.data.shards import Corpus
from mmv2.data.sources.tiny_world import EvaluationSizes, TinyWorldConfig


def world_config(**changes):
    """60 thousand tokens of a world with small pools."""
    values = {
        "source": "tiny_world",
        "seed": 3,
        "unit_tokens": 30_000,
        "largest_budget": 2.0,
        "first_names": 60,
        "last_names": 60,
        "persistent_people": 20,
        "values_per_relation": 12,
        "classes": 10,
        "evaluation": EvaluationSizes(
            articles=3,
            paragraphs_per_article=10,
            dev_people=6,
            train_rows_per_class=8,
            test_rows_per_class=6,
            benchmark_rows=12,
        ),
    }
    return TinyWorldConfig(**{**values, **changes})


@pytest.fixture(scope="session")
def config():
    return world_config()


@pytest.fixture(scope="session")
def corpus(config, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tiny_world") / "corpus"
    prepare_corpus(config, folder)
    return Corpus.open(folder)
