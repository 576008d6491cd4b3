import pandas as pd
import pytest

from mmv2.errors import UserError
from tests.mmv2.reporting.claims.evidence import evidence


def test_models_are_found_by_what_they_are():
    found = evidence()
    assert found.pre_trained("mmv2").records["run"].unique().tolist() == ["mosaic"]
    assert found.pre_trained("mmv2", fixed_delay=True).records["run"].unique().tolist() == ["mosaic_fixed"]
    assert found.fine_tuned("transformer", 8.0).records["run"].unique().tolist() == ["transformer_8_tuned"]
    tuned = found.fine_tuned("mmv2")
    assert set(tuned.records["step"]) == {9}
    assert tuned.records["reduction"].isna().all()
    assert set(found.fine_tuned("mmv2", step=1).records["step"]) == {1}
    reduced = found.fine_tuned("mmv2", reduction="without_long_term_memory")
    assert set(reduced.records["reduction"]) == {"without_long_term_memory"}
    names = [model.arm for model in (tuned, reduced, found.pre_trained("mmv2"))]
    assert len(set(names)) == 1, "they come from one training"
    assert found.pre_trained("mmv2", fixed_delay=True).arm != tuned.arm


def test_of_several_sizes_the_largest_counts():
    found = evidence()
    small = found.records.assign(run="small-" + found.records["run"], num_parameters=1000)
    found.records = small.merge(found.records, how="outer").sample(frac=1, random_state=0)
    assert found.pre_trained("mmv2").records["run"].unique().tolist() == ["mosaic"]


def widened(records, runs, width):
    """The records of some runs once more, as of other trainings of that width."""
    of_runs = records[records["run"].isin(runs)]
    names = {name: f"wide_{width}_" + of_runs[name] for name in ("run", "member")}
    return of_runs.assign(**names, num_parameters=10**9, setting_hidden_size=width)


def test_models_are_compared_at_the_largest_width_that_both_architectures_have():
    for runs, expected in ((["mosaic"], "mosaic"), (["mosaic", "transformer"], "wide_32_mosaic")):
        found = evidence()
        found.records = pd.concat([found.records, widened(found.records, runs, 32)], ignore_index=True)
        assert found.pre_trained("mmv2").records["run"].unique().tolist() == [expected]
    with pytest.raises(UserError, match=r"no Transformer, budget 1, fine-tuned of width 32; give the suite"):
        found.fine_tuned("transformer")


def test_without_a_width_in_common_nothing_is_compared():
    found = evidence()
    transformers = found.records["arch"] == "transformer"
    found.records.loc[transformers, "setting_hidden_size"] = 4
    with pytest.raises(UserError, match=r"widths \[8, 16\] and \[4\] of mmv2 and transformer have none in common"):
        found.pre_trained("mmv2")


def test_further_models_narrow_the_size_down():
    found = evidence()
    found.records = pd.concat([found.records, widened(found.records, ["mosaic", "transformer"], 32)], ignore_index=True)
    both = [found.chosen("mmv2", fixed_delay=fixed) for fixed in (False, True)]
    assert found.at_common_size(*both).pre_trained("mmv2").records["run"].unique().tolist() == ["mosaic"]
    apart = both[1].assign(setting_hidden_size=1)
    with pytest.raises(UserError, match=r"mosaic_fixed.*: no size in common; train one size of all"):
        found.at_common_size(both[0], apart)


def test_another_training_is_no_other_seed():
    found = evidence()
    other = found.records[found.records["run"] == "transformer"]
    other = other.assign(run="other", member="other", seed=2, setting_learning_rate=0.1)
    found.records = pd.concat([found.records, other], ignore_index=True)
    with pytest.raises(
        UserError, match=r"training seeds of Transformer, budget 1, pre-trained differ in setting_learn"
    ):
        found.pre_trained("transformer")


def test_two_runs_of_one_kind_and_seed_are_not_pooled():
    found = evidence()
    name = found.records["run"] + "-twin"
    twin = found.records.assign(run=name, member=name)
    found.records = twin.merge(found.records, how="outer")
    with pytest.raises(UserError, match=r"mosaic-twin and mosaic\.seed-1 have the same training seed 1"):
        found.pre_trained("mmv2")


def test_a_published_number_is_one_cell():
    found = evidence()
    table = "table05_ruler_qa_more_data.csv"
    assert found.published(table, "32k", model="transformer_large", train_tokens="1T") == 41.1
    with pytest.raises(UserError, match="no single number for model transformer_large"):
        found.published(table, "32k", model="transformer_large")
    with pytest.raises(UserError, match="64k: no single number"):
        found.published(table, "64k", model="transformer_large", train_tokens="1T")
