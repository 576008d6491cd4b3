import pytest

from mmv2.errors import UserError
from mmv2.reporting.figures.ruler_by_depth import BINS, FIGURE


def test_points_are_means_over_bins_of_depth(golden, draw, curves):
    axes = draw(FIGURE, golden)[0]
    assert axes.get_title() == "tiny, 32 tokens"
    of_run = golden[(golden["run"] == "s1-long") & (golden["task"] == "ruler_qa") & (golden["step"] == 8)]
    of_run = of_run[(of_run["context_length"] == 32) & of_run["reduction"].isna()]
    found = curves(axes)["Memory Mosaics v2"]
    assert len(found) == BINS
    for place, value in found.items():
        inside = of_run[(of_run["depth"] - place).abs() < 0.5 / BINS + 1e-9]
        assert value == pytest.approx(100 * inside["score_official"].mean())


def test_the_end_of_the_prompt_belongs_to_the_last_bin(golden, draw, curves):
    (axes, *_) = draw(FIGURE, golden.assign(depth=1.0))
    assert list(curves(axes)["Memory Mosaics v2"]) == [pytest.approx(0.9)]


def test_panels_are_tasks_and_the_shortest_training_and_longest_length(golden, draw):
    titles = [axes.get_title() for axes in draw(FIGURE, golden)]
    rows = ("tiny", "niah_single_1", "niah_single_2")
    assert titles == [f"{row}, {length} tokens" for row in rows for length in (32, 256, 512)]
    one = draw(FIGURE, golden[golden["task"] == "ruler_qa"])
    assert [axes.get_title() for axes in one] == titles[:3]


def test_tasks_without_a_common_length_are_told(golden):
    apart = golden[(golden["task"] == "ruler_qa") == (golden["context_length"] == 64)]
    with pytest.raises(UserError, match="no context length in common"):
        FIGURE.draw(apart)


def test_chance_and_copying_are_level_lines(golden, draw, curves):
    axes = draw(FIGURE, golden)[0]
    asked = golden[(golden["task"] == "ruler_qa") & (golden["context_length"] == 32) & golden["init_from"].notna()]
    for label, column in (("Chance", "chance"), ("Nearest match, no model", "baseline_nearest_match")):
        (line,) = [line for line in axes.lines if line.get_label() == label]
        expected = 100 * asked.drop_duplicates("example_id")[column].mean()
        assert list(line.get_ydata()) == pytest.approx(len(line.get_ydata()) * [expected])
        assert (min(line.get_xdata()), max(line.get_xdata())) == (0, 1)
