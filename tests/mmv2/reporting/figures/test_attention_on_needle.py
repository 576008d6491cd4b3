import pytest

from mmv2.errors import UserError
from mmv2.reporting.figures.attention_on_needle import CHANCE, FIGURE
from mmv2.reporting.style import REFERENCE

FLAT = "detail_flat.short_term.marked"


def of_run(golden, run, length, depth):
    found = golden[(golden["run"] == run) & (golden["task"] == "attention") & (golden["subtask"] == "needle")]
    return found[(found["context_length"] == length) & (found["depth"] == depth)]


def test_points_are_percent_of_attention_at_every_depth(golden, draw, curves):
    panels = draw(FIGURE, golden)
    assert [axes.get_title() for axes in panels] == [
        f"{told}, {length} tokens"
        for told in ("most attentive head", "mean of heads and layers")
        for length in (32, 256, 512)
    ]
    for column, length in enumerate((32, 256, 512)):
        best, mean = (curves(panels[column + 3 * row])["Memory Mosaics v2: long-term memory"] for row in (0, 1))
        assert list(best) == list(mean) == [0, 0.5, 1]
        for depth in best:
            these = of_run(golden, "s1-long", length, depth)
            layers = [f"detail_{{}}.long_term.{layer}{{}}" for layer in (0, 1)]
            most = these[[name.format("most", "") for name in layers]].max(axis=1)
            both = these[[name.format("attention", ".marked") for name in layers]].mean(axis=1)
            assert best[depth] == pytest.approx(100 * most.mean())
            assert mean[depth] == pytest.approx(100 * both.mean())


def test_chance_is_drawn_for_each_map(golden, draw):
    """A window that holds the needle gives it much without looking for it."""
    near = (golden["task"] == "attention") & (golden["depth"] == 1)
    panels = draw(FIGURE, golden.assign(**{FLAT: golden[FLAT].mask(near, 6 / 7)}))
    dotted = [line for line in panels[0].lines if line.get_zorder() == REFERENCE["zorder"]]
    levels = {tuple(round(value, 6) for value in line.get_ydata()) for line in dotted}
    long_term, attention = (round(100 * 6 / held, 6) for held in (28, 32))
    assert levels == {(0, 0, round(600 / 7, 6)), 3 * (long_term,), 3 * (attention,)}
    assert panels[0].get_ylim()[1] > 600 / 7
    assert CHANCE in [text.get_text() for text in FIGURE.draw(golden).legends[0].get_texts()]


def crosses(axes):
    return [list(line.get_xdata()) for line in axes.lines if line.get_label() == "Check failed"]


def title(records):
    return FIGURE.draw(records).legends[0].get_title().get_text()


def test_a_failed_check_is_marked_at_its_depth_and_told(golden, draw):
    assert not any(crosses(axes) for axes in draw(FIGURE, golden))
    assert title(golden).endswith("check of reach: passed")
    broken = golden.copy()
    broken.loc[of_run(golden, "s1-long", 256, 0).index, "score_in_reach"] = 0.9
    panels = draw(FIGURE, broken)
    assert [crosses(axes) for axes in panels] == [[], [[0.0]], []] * 2
    assert title(broken).endswith("check of reach: failed (s1-long, 256 tokens, lowest in_reach 0.900)")


def test_a_check_that_fails_in_a_window_of_text_alone_is_told(golden):
    """Needles may begin after what a mask cuts."""
    text = (golden["subtask"] == "text") & (golden["run"] == "s4-long") & (golden["context_length"] == 512)
    broken = golden.assign(score_in_reach=golden["score_in_reach"].mask(text, 0.933))
    assert title(broken).endswith("check of reach: failed (s4-long, 512 tokens, lowest in_reach 0.933)")


def test_pre_trained_runs_are_drawn_where_none_is_fine_tuned(golden):
    assert set(FIGURE.shown(golden)["run"]) == {"s1-long", "s4-long"}
    assert set(FIGURE.shown(golden[golden["init_from"].isna()])["run"]) == {"s1", "s4"}


def test_windows_of_text_alone_are_told(golden):
    with pytest.raises(UserError, match="on windows of text alone; give its task needles"):
        FIGURE.draw(golden[golden["subtask"] != "needle"])
