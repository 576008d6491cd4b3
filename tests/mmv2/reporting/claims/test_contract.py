"""What every claim must fulfil, over the registry."""

import re
from pathlib import Path

import pandas as pd
import pytest

from mmv2.registry import entries
from tests.mmv2.reporting.claims.evidence import PUBLISHED, evidence

CLAIMS = entries("claim")
NUMBER = re.compile(r"\d+\.\d")


@pytest.fixture(scope="module")
def world():
    return evidence()


@pytest.fixture(params=sorted(CLAIMS))
def name(request):
    return request.param


def test_a_claim_says_what_the_paper_says_and_how_it_is_judged(name):
    spec = CLAIMS[name]
    assert spec.statement.endswith(".")
    assert spec.rule.endswith(".")
    assert all((PUBLISHED / file).is_file() for file in spec.published)
    assert spec.published or "Figure" in spec.place, "what stands in a table has published numbers"


def test_no_measured_or_published_number_is_typed(name):
    source = Path(__file__).parents[4] / "mmv2" / "reporting" / "claims" / f"{name}.py"
    numbers = set(NUMBER.findall(source.read_text()))
    assert numbers <= {"1.0", "8.0"}, "budgets alone"


def test_a_verdict_is_a_pure_function_of_the_records(name, world):
    before = world.records.copy()
    first, second = CLAIMS[name].judge(world), CLAIMS[name].judge(world)
    assert first == second
    pd.testing.assert_frame_equal(world.records, before)


def test_the_order_of_records_does_not_matter(name, world):
    other = evidence()
    other.records = other.records.sample(frac=1, random_state=0)
    assert CLAIMS[name].judge(other) == CLAIMS[name].judge(world)


def test_every_comparison_tells_where_it_comes_from(name, world):
    verdict = CLAIMS[name].judge(world)
    assert verdict.comparisons or verdict.counts
    for one in verdict.comparisons:
        assert one.low <= one.mean <= one.high
        assert one.files == ("records.jsonl",)
        assert one.num_seeds == 1
        assert (one.demand is None) == (one.finding is None)


def test_numbers_of_several_training_seeds_say_so(name):
    one, three = (CLAIMS[name].judge(evidence(seeds=seeds)) for seeds in ((1,), (1, 2, 3)))
    for single, several in zip(one.comparisons, three.comparisons, strict=True):
        assert several.num_seeds == 3
        assert several.mean == pytest.approx(single.mean)
        # The seeds of this world agree, so that they add no width.
        assert (several.low, several.high) == pytest.approx((single.low, single.high), abs=3)
