"""The benchmark compares the same prompts read in two ways, and finds the same answers. Its times are not judged."""

import json
import sys

import pytest

from benchmarks import prefix_sharing
from mmv2.evaluation.frozen import Encoder


@pytest.fixture
def options(tmp_path, monkeypatch):
    sizes = "--width 32 --layers 1 --prefix 150 --queries 6 --batch-size 4"
    monkeypatch.setattr(sys, "argv", ["prefix_sharing", *sizes.split(), "--output", str(tmp_path / "out.json")])
    return prefix_sharing.parse_options()


def test_both_ways_give_the_same_answers(options, capsys):
    prefix_sharing.main()
    found = json.loads(capsys.readouterr().out)
    assert found == json.loads(options.output.read_text())
    assert [row["arch"] for row in found["rows"]] == ["mmv2", "transformer"]
    for row in found["rows"]:
        assert row["same_predictions"] is True
        assert row["largest_difference"] < 1e-4
        assert row["distinct_predictions"] > 1
        assert row["shared_seconds"] > 0
        assert row["whole_seconds"] > 0
    assert found["sizes"]["prefix"] == 150


def test_the_two_ways_differ_in_nothing_but_the_sharing(options):
    tokenizer = prefix_sharing.build_word_level([*prefix_sharing.WORDS, "label", *"0123456789"])
    (shared, apart), (whole, joined) = (
        prefix_sharing.workload(options, Encoder(tokenizer), sharing) for sharing in (True, False)
    )
    assert not whole.prefixes
    assert [shared.prefixes[one.prefix] + one.prompt for one in apart] == [one.prompt for one in joined]
    assert [one.num_tokens for one in apart] == [one.num_tokens for one in joined]
    assert [one.choices for one in apart] == [one.choices for one in joined]
