import numpy as np
import pandas as pd
import pytest

from mmv2.errors import UserError
from mmv2.evaluation.contrasts import contrast
from tests.mmv2.reporting.claims.evidence import evidence


def accuracy(terms):
    return contrast(terms, seed=0).mean


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


def test_models_are_compared_at_the_largest_size_that_all_have():
    found, width = evidence(), "setting_hidden_size"
    larger = found.records["run"].eq("mosaic").to_numpy()
    of_larger = found.records[larger].assign(run="large", member="large", num_parameters=10**9)
    found.records = pd.concat([found.records, of_larger.assign(**{width: 2 * of_larger[width]})], ignore_index=True)
    assert found.pre_trained("mmv2").records["run"].unique().tolist() == ["large"]
    both = [found.chosen("mmv2", fixed_delay=fixed) for fixed in (False, True)]
    common = found.at_common_size(*both)
    assert common.pre_trained("mmv2").records["run"].unique().tolist() == ["mosaic"]
    apart = both[1].assign(**{width: 1})
    with pytest.raises(UserError, match=r"mosaic_fixed.*: no size in common; train one size of all"):
        found.at_common_size(both[0], apart)


def test_two_runs_of_one_kind_and_seed_are_not_pooled():
    found = evidence()
    name = found.records["run"] + "-twin"
    twin = found.records.assign(run=name, member=name)
    found.records = twin.merge(found.records, how="outer")
    with pytest.raises(UserError, match=r"mosaic-twin and mosaic\.seed-1 have the same training seed 1"):
        found.pre_trained("mmv2")


def test_a_mean_is_over_subtasks_then_cells():
    found = evidence().fine_tuned("mmv2").of("benchmarks")
    expected = np.mean([0.8, 0.7, 0.8])
    assert accuracy(found.mean()) == pytest.approx(expected)
    assert found.percent == pytest.approx(100 * expected)
    assert accuracy(found.mean(-0.5)) == pytest.approx(-expected / 2)


def test_a_slope_is_that_of_least_squares_over_the_doublings():
    found = evidence(("mosaic_tuned", "semantic", 2, 0.55)).fine_tuned("mmv2").in_context("semantic")
    assert accuracy(found.slope()) == pytest.approx(np.polyfit([0, 1, 2], [0.5, 0.55, 0.9], 1)[0])
    assert found.doublings == 2
    with pytest.raises(UserError, match="one number of shots"):
        found.at(shots=[2]).doublings  # noqa: B018


def test_development_examples_do_not_count():
    model = evidence().fine_tuned("mmv2")
    assert set(model.of("many_shot", label_kind="semantic").records["split"]) == {"test"}
    found = model.in_context("semantic")
    assert set(found.records["split"]) == {"test"}
    assert set(found.records["chosen_style"]) == {"newline_ordered"}


def test_ability_is_the_best_cell_of_either_budget():
    found = evidence(("transformer_8_tuned", "semantic", 1, 0.95))
    # The other prompt style, which is not the one chosen, is 5 points better and counts here: somewhere on that task.
    told = found.able("transformer", "many_shot", label_kind="semantic")
    assert told.text.startswith("Transformer is at best 87.5 [")
    assert told.text.endswith("] points above chance on many_shot, semantic (20 needed at the lower end)")
    assert told.met


@pytest.mark.parametrize(("rate", "met"), [(0.4, False), (0.7, True)])
def test_a_mean_clear_of_chance_with_too_wide_an_interval_is_none(rate, met):
    """Of 40 queries; the other style of the synthetic world is 5 points better."""
    changes = [("mosaic_tuned", "semantic", shots, rate - 0.05) for shots in (1, 2, 4)]
    found = evidence(*changes).able("mmv2", "many_shot", label_kind="semantic")
    assert f"at best {100 * (rate - 0.125):.1f} [" in found.text
    assert found.met == met


def test_another_cell_may_be_clear_where_that_of_the_greatest_mean_is_not():
    found = evidence(*(("mosaic_tuned", "semantic", shots, 0.7) for shots in (1, 2, 4)))
    cell = found.records["num_shots"].eq(4) & found.records["label_kind"].eq("semantic")
    right = found.records[cell & found.records["score_main"].eq(1)].groupby(["run", "step", "prompt_style", "split"])
    found.records = pd.concat([found.records[~cell], right.head(2)])
    told = found.able("mmv2", "many_shot", label_kind="semantic")
    assert told.text.startswith("Memory Mosaics v2 is at best 62.5 [")
    assert told.met


def test_a_reduced_model_does_not_vouch_for_the_whole():
    weak = [("mosaic_tuned", "benchmarks", "reading", 0.1), ("mosaic_reduced", "benchmarks", "reading", 0.9)]
    assert not evidence(*weak).able("mmv2", "benchmarks", detail_group="context").met


def test_a_published_number_is_one_cell():
    found = evidence()
    table = "table05_ruler_qa_more_data.csv"
    assert found.published(table, "32k", model="transformer_large", train_tokens="1T") == 41.1
    with pytest.raises(UserError, match="no single number for model transformer_large"):
        found.published(table, "32k", model="transformer_large")
    with pytest.raises(UserError, match="64k: no single number"):
        found.published(table, "64k", model="transformer_large", train_tokens="1T")


def test_a_small_model_does_not_vouch_for_a_large_one():
    weak = [("mosaic", "ruler_qa", length, 0.1) for length in (64, 128, 256, 512)]
    weak += [("mosaic_tuned", "ruler_qa", length, 0.1) for length in (64, 512)] + [
        ("mosaic_tuned_1", "ruler_qa", 512, 0.1)
    ]
    found = evidence(*weak)
    assert found.records.query("run == 'mosaic_small_tuned'")["score_main"].mean() > 0.5
    assert not found.able("mmv2", "ruler_qa").met
