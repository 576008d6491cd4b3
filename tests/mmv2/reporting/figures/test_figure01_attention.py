import pytest

from mmv2.errors import UserError
from mmv2.reporting.figures.figure01_attention import CHANCE, FIGURE


def test_a_point_is_attention_per_token_of_windows_as_long_as_the_training_context(golden, draw, curves):
    panels = draw(FIGURE, golden)
    assert [axes.get_title() for axes in panels] == [
        "pre-trained at context 32, prompts of 32 tokens",
        "fine-tuned at context 256, prompts of 256 tokens",
    ]
    of_run = golden[(golden["run"] == "s4") & (golden["task"] == "attention") & (golden["subtask"] == "text")]
    of_run = of_run[of_run["context_length"] == 32]
    places = {"age_1": 1.0, "age_2": (2 * 3) ** 0.5, "age_4": (4 * 7) ** 0.5, "age_8": (8 * 15) ** 0.5}
    (line, _) = [c.lines[0] for c in panels[0].containers if c.get_label() == "Transformer: attention"]
    found = dict(zip(line.get_xdata(), line.get_ydata(), strict=True))
    for mark, place in places.items():
        mass = sum(of_run[f"detail_attention.attention.{layer}.{mark}"].sum() for layer in (0, 1)) / 2
        assert found[place] == pytest.approx(mass / of_run[f"detail_positions.{mark}"].sum())
    assert len(found) == len(places) + 1, "and the group from 16 to the one before the first token"


def test_groups_that_a_memory_does_not_hold_are_left_out(golden, draw):
    axes = draw(FIGURE, golden)[0]
    places = {}
    for container in axes.containers:
        places.setdefault(container.get_label(), []).extend(container.lines[0].get_xdata())
    assert max(places["Memory Mosaics v2: short-term memory"]) < 8
    assert min(places["Memory Mosaics v2: long-term memory"]) >= 4
    assert {0.5, 64.0} <= set(places["Transformer: attention"]), "itself and the first token"
    assert 0.5 not in places["Memory Mosaics v2: long-term memory"]


def test_chance_is_one_over_what_a_map_holds(golden, draw):
    axes = draw(FIGURE, golden)[0]
    levels = sorted({line.get_ydata()[0] for line in axes.lines if line.get_label() == CHANCE})
    assert levels == pytest.approx([1 / 32, 1 / 28, 1 / 7])


def test_needles_stand_in_where_no_text_was_read(golden):
    without = golden[(golden["task"] != "attention") | (golden["subtask"] == "needle")]
    assert set(FIGURE.shown(without)["subtask"]) == {"needle"}


def test_one_prompt_alone_is_told(golden):
    one = golden[(golden["task"] == "attention") & (golden["example_id"] == "a0@None")]
    with pytest.raises(UserError, match="1 example: an interval needs at least 2"):
        FIGURE.draw(one)
