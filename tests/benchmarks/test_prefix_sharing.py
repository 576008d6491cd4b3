"""The benchmark compares the same prompts read in two ways, and finds the same answers. Its times are not judged."""

import json
import sys

import pytest

from benchmarks import prefix_sharing


@pytest.fixture
def options(tmp_path, monkeypatch):
    sizes = "--width 32 --layers 1 --shots 2 --classes 12 --queries 6 --singly 3 --batch-size 4 --vocab 400"
    sizes += " --max-new-tokens 16"
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
        assert row["shared_seconds_per_query"] > 0
        assert row["whole_seconds_per_query"] > 0
    assert found["sizes"]["shots"] == 2
    assert set(found["data_sha256"]) == {"train.csv", "test.csv"}
    assert found["tokens_of_the_longest_prompt"] > 300


def test_the_two_ways_differ_in_nothing_but_the_sharing(options, tmp_path):
    _, header, examples = prefix_sharing.workload(options, tmp_path)
    joined_header, joined = prefix_sharing.whole(header, examples)
    assert not joined_header.prefixes
    assert len(examples) == 6
    for one, other in zip(examples, joined, strict=True):
        assert header.prefixes[one.prefix] + one.prompt == other.prompt
        assert (one.num_tokens, one.choices, one.references) == (other.num_tokens, other.choices, other.references)
