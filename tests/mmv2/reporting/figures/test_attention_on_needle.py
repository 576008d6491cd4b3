import pytest

from mmv2.errors import UserError
from mmv2.reporting.figures.attention_on_needle import CHANCE, FIGURE


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
    (chance,) = [line for line in panels[0].lines if line.get_label() == CHANCE]
    assert chance.get_ydata()[0] == pytest.approx(100 * 6 / 32)


def crosses(axes):
    return [list(line.get_xdata()) for line in axes.lines if line.get_label() == "Check failed"]


def test_a_failed_check_is_marked_at_its_depth_and_told(golden, draw):
    assert not any(crosses(axes) for axes in draw(FIGURE, golden))
    assert FIGURE.draw(golden).legends[0].get_title().get_text().endswith("check of reach: passed")
    broken = golden.copy()
    broken.loc[of_run(golden, "s1-long", 256, 0).index, "score_in_reach"] = 0.9
    panels = draw(FIGURE, broken)
    assert [crosses(axes) for axes in panels] == [[], [[0.0]], []] * 2
    title = FIGURE.draw(broken).legends[0].get_title().get_text()
    assert title.endswith("check of reach: FAILED by Memory Mosaics v2")


def test_pre_trained_runs_are_drawn_where_none_is_fine_tuned(golden):
    assert set(FIGURE.shown(golden)["run"]) == {"s1-long", "s4-long"}
    assert set(FIGURE.shown(golden[golden["init_from"].isna()])["run"]) == {"s1", "s4"}


def test_windows_of_text_alone_are_told(golden):
    with pytest.raises(UserError, match="on windows of text alone; give its task needles"):
        FIGURE.draw(golden[golden["subtask"] != "needle"])
