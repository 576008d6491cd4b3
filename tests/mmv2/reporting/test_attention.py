import numpy as np
import pytest

from mmv2.reporting.attention import check_of_reach, lacking, looked_at, maps, mean
from mmv2.reporting.style import looks


@pytest.fixture(scope="module")
def measured(golden):
    return looked_at(golden)


def test_maps_of_a_run_share_its_colour_and_differ_else(measured):
    found = looks(measured)
    told = {of_map.look.label: of_map for of_map in maps(measured, found)}
    assert len(told) == 6
    short, long = (told[f"Memory Mosaics v2, trained at 32: {name}-term memory"] for name in ("short", "long"))
    assert short.look.colour == long.look.colour == found["s1"].colour
    assert short.look.marker != long.look.marker
    assert short.look.line != long.look.line
    assert set(long.records["run"]) == {"s1"}
    assert told["Transformer, trained at 32: attention"].look.colour == found["s4"].colour


def test_numbers_are_means_over_layers_and_the_most_of_all_heads(measured):
    of_map = next(of_map for of_map in maps(measured, looks(measured)) if of_map.name == "long_term")
    row = of_map.records.iloc[3]
    assert of_map.layers() == [0, 1]
    both = [row[f"detail_attention.long_term.{layer}.marked"] for layer in (0, 1)]
    assert of_map.attention("marked").iloc[3] == pytest.approx(np.mean(both))
    assert of_map.most().iloc[3] == max(row["detail_most.long_term.0"], row["detail_most.long_term.1"])
    assert of_map.flat("age_8").iloc[3] == row["detail_flat.long_term.age_8"]
    assert of_map.numbers() == ["beta_0", "beta_1", "alpha"]
    assert of_map.learnt("alpha", "initial") == [1 / 3, 1 / 3]
    assert of_map.learnt("beta_0", "most") == [9, 9]


def test_more_than_ten_layers_are_in_order(measured):
    of_map = next(iter(maps(measured, looks(measured))))
    of_map.records[f"detail_most.{of_map.name}.10"] = 0.5
    assert of_map.layers() == [0, 1, 10]


def test_runs_without_maps_are_said_to_have_none(measured):
    table = measured.copy()
    table.loc[table["arch"] == "transformer", "detail_maps"] = ""
    found = looks(table)
    drawn = list(maps(table, found))
    assert {of_map.records["arch"].iloc[0] for of_map in drawn} == {"mmv2"}
    told = [entry.get_label() for entry in lacking(drawn, found, "attention maps")]
    assert told == [f"Transformer, trained at {context}: has no attention maps" for context in (32, 256)]


def test_attention_per_token_is_a_sum_over_a_sum(measured):
    of_map = next(of_map for of_map in maps(measured, looks(measured)) if of_map.name == "attention")
    values, tokens = of_map.attention("age_8"), of_map.records["detail_positions.age_8"]
    found = mean(values.to_frame().assign(seed=1), values, tokens)
    assert found.mean == pytest.approx(values.sum() / tokens.sum())
    assert 0 < found.low < found.mean < found.high < 3 * found.mean, "not stretched by made-up prompts"


def test_the_check_of_reach_is_told_of_every_run_and_length(golden):
    assert check_of_reach(golden) == "check of reach: passed"
    text, needle = (golden["subtask"] == name for name in ("text", "needle"))
    early = (golden["run"] == "s1") & (golden["context_length"] == 32)
    reach = golden["score_in_reach"].mask(early & text, 0.8).mask(early & needle, 0.75)
    broken = golden.assign(score_in_reach=reach.mask((golden["run"] == "s4") & text, 0.95))
    assert check_of_reach(broken).count("tokens") == 4
    assert "failed (s1, 32 tokens, lowest in_reach 0.750; s4, 32 tokens, lowest in_reach 0.950;" in check_of_reach(
        broken
    )
    without = golden.drop(columns="score_in_reach")
    assert check_of_reach(without) == "check of reach: no model has attention maps"
