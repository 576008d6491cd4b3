import pandas as pd
import pytest

from mmv2.reporting.fields import main_score, ratio_name


@pytest.mark.parametrize(
    ("ratio", "name"), [(0.125, "1/8x"), (1 / 3, "1/3x"), (1.0, "1x"), (16.0, "16x"), (1.5, "1.5x"), (0.75, "0.75x")]
)
def test_ratios_are_named_as_people_say_them(ratio, name):
    assert ratio_name(ratio) == name


def test_the_main_score_is_that_of_the_records():
    assert main_score(pd.DataFrame({"main_score": ["accuracy", "accuracy"]})) == "score_accuracy"
