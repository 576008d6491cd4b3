import pytest

from mmv2.errors import UserError
from mmv2.reporting.figures.bits_per_byte_by_position import FIGURE


def test_points_are_bits_over_bytes_of_the_longest_windows(golden, draw, curves):
    panels = draw(FIGURE, golden)
    assert [axes.get_title() for axes in panels] == ["pre-trained at context 32", "fine-tuned at context 256"]
    of_run = golden[(golden["run"] == "s4") & (golden["task"] == "bits_per_byte") & (golden["context_length"] == 256)]
    found = curves(panels[0])["Transformer, budget 1"]
    assert list(found) == [32, 64, 128, 256]
    for bound, value in found.items():
        assert value == pytest.approx(of_run[f"detail_bits_{bound}"].sum() / of_run[f"detail_bytes_{bound}"].sum())
    low, high = panels[0].get_ylim()
    assert all(low < value < high for values in curves(panels[0]).values() for value in values.values())


def test_records_without_buckets_are_told(golden):
    plain = golden.drop(columns=[name for name in golden if name.startswith("detail_bits")])
    with pytest.raises(UserError, match="bits per position bucket"):
        FIGURE.draw(plain)
