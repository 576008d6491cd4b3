"""Tables 3, 5, 10, 12 and 13: which runs they show; what they share with Table 4 is tested there."""

import pandas as pd
import pytest

from mmv2.errors import UserError

PRETRAINED = ["1x: 32 / 4k", "2x: 64 / 8k", "4x: 128 / 16k", "8x: 256 / 32k", "16x: 512 / -"]
TUNED = ["1/8x: 32 / 4k", "1/4x: 64 / 8k", "1/2x: 128 / 16k", "1x: 256 / 32k"]


def official(table):
    """Rows of the official score that were measured with a model."""
    return table[table["source"].str.startswith("measured: s") & (table["score"] == "official")]


def test_pre_trained_models_stand_beside_the_papers_at_the_same_multiples(golden, table):
    found = table("table03_ruler_qa_pretrained", golden)
    assert list(found.columns[-5:]) == PRETRAINED
    assert official(found)["source"].tolist() == ["measured: s4", "measured: s1"]
    paper = found[(found["source"] == "published") & (found["model"] == "Memory Mosaics v2 large")]
    assert paper[PRETRAINED[:4]].to_numpy().tolist() == [[59.3, 48.8, 46.4, 26.5]]
    records = golden[(golden["run"] == "s1") & (golden["task"] == "ruler_qa") & (golden["context_length"] == 128)]
    (ours,) = official(found).query("source == 'measured: s1'")["4x: 128 / 16k"]
    assert ours.mean == pytest.approx(100 * records["score_official"].mean())


def test_more_data_is_told_by_budget_and_tokens(golden, table):
    found = table("table05_ruler_qa_more_data", golden)
    assert official(found)["budget"].tolist() == ["0.2", "1", "8", "1"]
    assert official(found)["training tokens"].tolist() == [200_000, 1_000_000, 8_000_000, 1_000_000]
    paper = found[found["source"] == "published"]
    assert paper["training tokens"].tolist() == [200 * 10**9, 10**12, 8 * 10**12, 10**12]
    assert "Transformer large, gqa 8k" in set(paper["model"])
    with pytest.raises(UserError, match="with another data budget than 1"):
        table("table05_ruler_qa_more_data", golden[golden["budget"] == 1])


def test_what_is_left_without_long_term_memory_stands_below_the_whole(golden, table):
    found = table("table10_ruler_qa_without_long_term", golden)
    assert list(found.columns[-5:-1]) == TUNED
    assert official(found)["model"].tolist() == ["Memory Mosaics v2", "Memory Mosaics v2, without long-term memory"]
    assert official(found)["source"].tolist() == ["measured: s1-long"] * 2
    whole, reduced = official(found)["parameters"]
    assert reduced < whole
    whole, part = official(found)["1x: 256 / 32k"]
    assert part.mean < whole.mean - 30
    with pytest.raises(UserError, match="ruler_qa records of a reduction"):
        table("table10_ruler_qa_without_long_term", golden[golden["reduction"].isna()])


def test_fixed_and_drawn_delays_are_told_of_pre_trained_models(golden, table):
    found = table("table12_stochastic_delay", golden)
    assert official(found)[["source", "long-term delay"]].to_numpy().tolist() == [
        ["measured: s1", "drawn"],
        ["measured: s2", "fixed"],
    ]
    paper = found[found["source"] == "published"]
    assert dict(zip(paper["long-term delay"], paper["8x: 256 / 32k"], strict=True)) == {"fixed": 15.9, "drawn": 31.7}
    with pytest.raises(UserError, match="none with setting_delay_is_fixed True"):
        table("table12_stochastic_delay", golden[golden["run"] != "s2"])
    mosaics = golden[golden["setting_delay_is_fixed"].notna()].infer_objects()
    alone = official(table("table12_stochastic_delay", mosaics.astype({"setting_delay_is_fixed": bool}).copy()))
    assert alone["long-term delay"].tolist() == ["drawn", "fixed"], "without another architecture, too"


def test_needles_have_a_row_per_haystack(golden, table):
    found = table("table13_ruler_s_niah", golden)
    assert official(found)[["source", "subtask"]].to_numpy().tolist() == [
        [f"measured: {run}-long", f"niah_single_{number}"] for run in ("s4", "s1") for number in (1, 2)
    ]
    assert (found["model"] == "Chance").sum() == 2


def test_question_answering_with_two_sources_has_their_mean_too(golden, table):
    """At any length at which both were asked; the paper's one number is taken as that mean."""
    qa = golden[(golden["task"] == "ruler_qa") & golden["run"].isin(["s1", "s4"]) & golden["reduction"].isna()]
    names = qa.assign(subtask="hotpotqa", score_official=1 - qa["score_official"])
    half = names[names["example_id"].isin(sorted(set(names["example_id"]))[::2])]
    found = official(table("table03_ruler_qa_pretrained", pd.concat([golden, half])))
    of_run = found[found["source"] == "measured: s1"]
    assert of_run["subtask"].tolist() == ["hotpotqa", "tiny", "mean of hotpotqa and tiny"]
    for head in PRETRAINED:
        one, other, mean = of_run[head]
        assert mean.mean == pytest.approx((one.mean + other.mean) / 2)
        assert mean.low < mean.mean < mean.high
        assert mean.num_examples == one.num_examples + other.num_examples


def test_needles_are_not_averaged(golden, table):
    assert not any(name.startswith("mean") for name in table("table13_ruler_s_niah", golden)["subtask"].dropna())
