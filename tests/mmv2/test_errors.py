import pytest

from mmv2.errors import choices


@pytest.mark.parametrize(
    ("wrong", "allowed", "told"),
    [
        ("transfomer", ["transformer", "mmv2"], "did you mean 'transformer'? allowed: mmv2, transformer"),
        ("zzz", {"mmv2": 1, "transformer": 2}, "allowed: mmv2, transformer"),
        ("zzz", [], "allowed: none"),
    ],
)
def test_the_nearest_name_and_all_others_in_order(wrong, allowed, told):
    assert choices(wrong, allowed) == told
