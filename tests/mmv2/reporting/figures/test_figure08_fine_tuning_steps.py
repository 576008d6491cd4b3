import pytest

from mmv2.errors import UserError
from mmv2.reporting.figures.figure08_fine_tuning_steps import FIGURE
from tests.golden.make_records_laptop import LONG


def mean(records, run, step):
    found = records[(records["run"] == run) & (records["step"] == step) & (records["task"] == "ruler_qa")]
    found = found[(found["context_length"] == LONG) & found["reduction"].isna()]
    return pytest.approx(100 * found["score_official"].mean())


def test_points_are_milestones_at_the_fine_tuning_context_from_the_pre_trained_checkpoint_on(golden, draw, curves):
    (axes,) = draw(FIGURE, golden)
    found = curves(axes)
    assert list(found) == ["Memory Mosaics v2", "Transformer"], "runs evaluated at their end alone are left out"
    for label, run in {"Memory Mosaics v2": "s1", "Transformer": "s4"}.items():
        assert found[label] == {0: mean(golden, run, 100)} | {
            step: mean(golden, f"{run}-long", step) for step in (1, 2, 4, 8)
        }
    assert [text.get_text() for text in axes.get_xticklabels()] == ["0", "1", "2", "4", "8"]
    assert f"{LONG} tokens" in axes.get_ylabel()


def test_a_context_that_was_not_evaluated_is_told(golden):
    with pytest.raises(UserError, match="not evaluated at the training context of s1-long, s4-long"):
        FIGURE.draw(golden[golden["context_length"] != LONG])
