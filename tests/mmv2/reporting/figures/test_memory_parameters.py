import pytest

from mmv2.errors import UserError
from mmv2.reporting.figures.memory_parameters import FIGURE


def test_points_are_means_of_heads_and_bars_their_range(golden, draw, curves):
    panels = draw(FIGURE, golden)
    assert [axes.get_title() for axes in panels] == [
        f"{number}, {stage}"
        for stage in ("pre-trained at context 32", "fine-tuned at context 256")
        for number in ("beta_0", "beta_1", "alpha")
    ]
    for axes, initial in zip(panels, (4.5, 4.5, 1 / 3) * 2, strict=True):
        assert curves(axes)["Memory Mosaics v2: long-term memory"] == {0: 0.9 * initial, 1: 0.9 * initial}
        container = next(c for c in axes.containers if c.get_label() == "Memory Mosaics v2: short-term memory")
        (bars,) = container.lines[2]
        ends = [segment[:, 1].tolist() for segment in bars.get_segments()]
        assert ends == [pytest.approx([0.5 * initial, 2 * initial])] * 2
        (before,) = {tuple(line.get_ydata()) for line in axes.lines if line.get_label().startswith("Before")}
        assert before == (initial, initial)
        assert axes.get_yscale() == "linear"


def test_an_axis_is_logarithmic_where_heads_differ_much(golden, draw):
    wide = golden.copy()
    wide["detail_learnt.short_term.0.beta_1.most"] = 95.0
    wide["detail_learnt.short_term.0.alpha.least"] = 1e-4
    assert [axes.get_yscale() for axes in draw(FIGURE, wide)][:3] == ["linear", "log", "linear"]


def test_runs_without_memories_are_said_to_have_none(golden):
    texts = [text.get_text() for text in FIGURE.draw(golden).legends[0].get_texts()]
    assert "Transformer: has no memories" in texts


def test_without_any_memory_it_says_so(golden):
    with pytest.raises(UserError, match="no model's attention has learned numbers"):
        FIGURE.draw(golden[golden["arch"] == "transformer"])
