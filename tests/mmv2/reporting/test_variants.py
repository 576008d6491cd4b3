import pandas as pd

from mmv2.reporting.variants import named


def test_checkpoints_are_named_by_what_is_special_about_them():
    plain = pd.Series({"arch": "mmv2", "label": "L", "reduction": None})
    assert named(plain) == "L"
    special = pd.Series({**plain, "setting_delay_is_fixed": True, "reduction": "without_long_term_memory"})
    assert named(special) == "L, fixed delay, without long-term memory"
