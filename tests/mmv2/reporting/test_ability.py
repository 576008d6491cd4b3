import pandas as pd
import pytest

from mmv2.reporting.ability import clearest
from mmv2.reporting.evidence import Evidence
from tests.mmv2.reporting.claims.evidence import PUBLISHED, evidence


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


def test_a_small_model_does_not_vouch_for_a_large_one():
    weak = [("mosaic", "ruler_qa", length, 0.1) for length in (64, 128, 256, 512)]
    weak += [("mosaic_tuned", "ruler_qa", length, 0.1) for length in (64, 512)] + [
        ("mosaic_tuned_1", "ruler_qa", 512, 0.1)
    ]
    found = evidence(*weak)
    assert found.records.query("run == 'mosaic_small_tuned'")["score_main"].mean() > 0.5
    assert not found.able("mmv2", "ruler_qa").met


def test_nor_does_a_small_one_with_more_data():
    found = evidence(*(("transformer_tuned", "ruler_qa", length, 0.1) for length in (64, 512)))
    assert found.able("transformer", "ruler_qa").met
    records = found.records[found.records["run"] != "transformer"]
    width = records["setting_hidden_size"].mask(records["run"] == "transformer_8_tuned", 8)
    assert Evidence(records, PUBLISHED).able("transformer", "ruler_qa").met
    assert not Evidence(records.assign(setting_hidden_size=width), PUBLISHED).able("transformer", "ruler_qa").met


def test_chance_that_differs_between_examples_is_paired_with_them():
    """A model that is right where guessing is easier: less is left of its lead, and less of its spread."""
    records = evidence().records
    cell = records.query("run == 'transformer' and task == 'ruler_qa' and context_length == 64")
    cell = cell.assign(score_main=[1.0, 0.0] * (len(cell) // 2))
    paired = clearest([cell.assign(chance=0.05 + 0.65 * cell["score_main"])])
    known = clearest([cell.assign(chance=0.375)])
    assert paired.mean == pytest.approx(known.mean) == 12.5
    assert paired.high - paired.low < 0.8 * (known.high - known.low)
