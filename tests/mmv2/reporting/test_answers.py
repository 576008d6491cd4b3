from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from mmv2.errors import UserError
from mmv2.evaluation.contrasts import contrast
from tests.mmv2.reporting.claims.evidence import evidence


def accuracy(terms):
    return contrast(terms, seed=0).mean


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


def test_the_range_of_shots_is_of_the_data_set_that_has_least():
    found = evidence().fine_tuned("mmv2").in_context("semantic")
    longer = found.records.assign(subtask="longer", num_shots=found.records["num_shots"] ** 2)
    both = replace(found, records=pd.concat([found.records, longer]))
    assert both.doublings == 2
    alone = replace(found, records=pd.concat([longer, found.records[found.records["num_shots"] == 4]]))
    with pytest.raises(UserError, match=r"one number of shots \(4\) of "):
        alone.doublings  # noqa: B018


def test_development_examples_do_not_count():
    model = evidence().fine_tuned("mmv2")
    assert set(model.of("many_shot", label_kind="semantic").records["split"]) == {"test"}
    found = model.in_context("semantic")
    assert set(found.records["split"]) == {"test"}
    assert set(found.records["chosen_style"]) == {"newline_ordered"}
