import pytest

from mmv2.evaluation.ruler.niah import DEPTHS, ruler_place


@pytest.mark.parametrize(
    ("num_sentences", "percent", "place"), [(150, 82, 122), (300, 41, 122), (40, 100, 40), (40, 0, 0), (10, 3, 0)]
)
def test_places_are_rounded_as_nvidia_rounds_them(num_sentences, percent, place):
    assert percent in DEPTHS
    assert ruler_place(num_sentences, percent) == place
