"""Tables 1, 2 and 9."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mmv2.errors import UserError
from mmv2.evaluation.statistics import Interval
from mmv2.registry import entry
from mmv2.reporting.published import read_published
from mmv2.reporting.tables._benchmarks import CONTEXT

PUBLISHED = Path(__file__).parents[4] / "results" / "published"
PERSISTENT = "average, persistent knowledge"
PROMPT = "average, information in the prompt"


def of(table, source, model=None):
    (row,) = table[(table["source"] == source) & ((table["model"] == model) if model else True)].to_dict("records")
    return row


def percent(records, subtask, run="s1-long", reduced=False):
    found = records[(records["run"] == run) & (records["subtask"] == subtask) & (records["task"] == "benchmarks")]
    return 100 * found[found["reduction"].notna() == reduced]["score_accuracy"].mean()


def test_the_groups_are_those_of_the_papers_tables():
    every, persistent, context = (
        set(read_published(PUBLISHED / name)) - {"model", "params", "flops_per_token", "context_length", "avg"}
        for name in (
            "table01_persistent_19.csv",
            "table02_persistent_13_without_long_term.csv",
            "table09_six_long_term_benchmarks.csv",
        )
    )
    assert set(CONTEXT) == context
    assert every - context == persistent


def test_benchmarks_stand_with_the_papers_whose_form_they_have(golden, table):
    found = table("table01_persistent", golden)
    heads = list(found.columns)
    assert {"colours / obqa", "people / nq", "own_facts / -", "- / bbh", "articles / squad"} <= set(heads)
    benchmarks = [head for head in heads if " / " in head]
    assert len(benchmarks) == 20
    assert heads[-23:] == ["average", PERSISTENT, PROMPT, *benchmarks]
    measured = [not head.startswith("- /") for head in benchmarks]
    assert measured == [True] * 3 + [False] * 11 + [True] * 2 + [False] * 4, "of each group what was measured is first"
    row = of(found, "measured: s1-long")
    assert row["people / nq"].mean == pytest.approx(percent(golden, "people"))
    assert row["- / bbh"] is None


def test_averages_weigh_every_benchmark_alike(golden, table):
    lost = golden[(golden["subtask"] != "people") | ~golden["example_id"].isin(["q1", "q2", "q3"])]
    row = of(table("table01_persistent", lost), "measured: s1-long")
    known = [percent(lost, name) for name in ("colours", "people", "own_facts")]
    prompt = [percent(lost, name) for name in ("articles", "reading")]
    assert row[PERSISTENT].mean == pytest.approx(np.mean(known))
    assert row[PROMPT].mean == pytest.approx(np.mean(prompt))
    assert row["average"].mean == pytest.approx(np.mean(known + prompt))
    assert row["average"].low < row["average"].mean < row["average"].high
    assert row["average"].high - row["average"].low < row["people / nq"].high - row["people / nq"].low
    assert row["examples per number"] == "5 to 8"


def test_flops_stand_where_the_paper_has_them(golden, table):
    """Those of the model that is left where the long-term memory was taken out."""
    found = table("table02_persistent_without_long_term", golden).set_index("model")["FLOPs per token"]
    assert found["Memory Mosaics v2 large"] == 18_900_000_000
    whole, reduced = (found[f"Memory Mosaics v2{rest}"] for rest in ("", ", without long-term memory"))
    assert 0 < reduced < whole
    assert "FLOPs per token" not in table("table01_persistent", golden)


def test_answers_that_were_cut_are_told_in_the_head(golden, table):
    budgets = {"detail_max_new_tokens": 64.0, "detail_protocol_max_new_tokens": 256.0}
    of_people, of_articles = (golden["subtask"] == name for name in ("people", "articles"))
    cut = golden.assign(**{name: np.where(of_people, value, np.nan) for name, value in budgets.items()})
    cut.loc[of_articles, list(budgets)] = 64.0
    for name in ("table01_persistent", "table02_persistent_without_long_term"):
        found = table(name, cut)
        heads = [head for head in found if " / " in head]
        assert [head for head in heads if "cut" in head] == ["people / nq (cut at 64 of 256 new tokens)"]
        told = of(found, "measured: s1-long", "Memory Mosaics v2")["people / nq (cut at 64 of 256 new tokens)"]
        assert told.mean == pytest.approx(percent(golden, "people"))


REAL = {"people": "nq", "colours": "obqa", "own_facts": "tqa", "articles": "squad", "reading": "race_high"}


def test_benchmarks_without_real_files_are_told(golden, table):
    """Of the 19 by their own names: in the head where they were asked all the same, in the cells where not."""
    asked = golden[golden["task"] == "benchmarks"]
    names = asked["subtask"].map(REAL)
    found = table("table01_persistent", asked.assign(task="persistent", subtask=names, detail_published=names))
    row = of(found, "measured: s1-long")
    for name in ("tqa", "race_high"):
        assert isinstance(row[f"{name} / {name} (made without real files)"], Interval)
    assert [head for head in found if row[head] == "not measured"] == [
        f"- / {name}" for name in ("humaneval_plus", "math", "race_middle")
    ]
    assert row["- / bbh"] is None, "of it there were files; the suite did not ask it"
    assert isinstance(of(found, "published", "Transformer large")["- / math"], float)
    assert "not measured" not in table("table01_persistent", golden).to_numpy(), (
        "a corpus' own benchmarks are not these"
    )


def test_benchmarks_beside_the_papers_stand_last_in_no_average(golden, table):
    letters = golden[golden["subtask"] == "people"].assign(
        subtask="letters", detail_group="beside", detail_published="", score_accuracy=1.0
    )
    more = pd.concat([golden, letters], ignore_index=True)
    found, without = table("table01_persistent", more), table("table01_persistent", golden)
    assert list(found.columns) == [*without.columns, "letters / -"]
    pd.testing.assert_frame_equal(found[without.columns], without)
    assert of(found, "measured: s1-long")["letters / -"].mean == 100
    assert not any("letters" in head for head in table("table02_persistent_without_long_term", more))


def test_published_averages_are_the_papers_where_it_prints_them(golden, table):
    for name, column, printed in (
        ("table01_persistent", "average", 52.2),
        ("table02_persistent_without_long_term", PERSISTENT, 56.8),
        ("table09_six_long_term", PROMPT, 42.1),
    ):
        assert of(table(name, golden), "published", "Memory Mosaics v2 large")[column] == printed
    one = of(table("table02_persistent_without_long_term", golden), "published", "Transformer large")
    assert one[PERSISTENT] == 57.1, "its rounded numbers average 57.2"
    large = of(table("table01_persistent", golden), "published", "Memory Mosaics v2 large")
    assert large[PERSISTENT] == pytest.approx(56.8, abs=0.11)
    assert large[PROMPT] == pytest.approx(42.1, abs=0.11)


@pytest.mark.parametrize(
    ("name", "average", "absent"),
    [("table02_persistent_without_long_term", PERSISTENT, "squad"), ("table09_six_long_term", PROMPT, "nq")],
)
def test_one_group_with_and_without_long_term_memory(name, average, absent, golden, table):
    found = table(name, golden)
    benchmarks = [head for head in found if " / " in head]
    assert list(found.columns)[-len(benchmarks) - 1 :] == [average, *benchmarks]
    assert not any(absent in head for head in found)
    part = of(found, "measured: s1-long", "Memory Mosaics v2, without long-term memory")
    assert part["parameters"] < of(found, "measured: s1-long", "Memory Mosaics v2")["parameters"]
    subtask = "people" if average == PERSISTENT else "articles"
    (head,) = (head for head in found if head.startswith(subtask))
    assert part[head].mean == pytest.approx(percent(golden, subtask, reduced=True))
    assert of(found, "published", "Memory Mosaics v2 large, without long-term")["parameters"] == 8_300_000_000
    assert "measured: s4-long" in set(found["source"])


def test_trivial_answers_stand_where_they_are_known(golden, table):
    found = table("table01_persistent", golden)
    chance = of(found, "measured: no model", "Chance")
    assert (chance["colours / obqa"].mean, chance["colours / obqa"].low) == (25, 25), "known, not estimated"
    assert chance["people / nq"].low < chance["people / nq"].mean
    nearest = of(found, "measured: no model", "Nearest match, no model")
    assert nearest["people / nq"] is None
    assert nearest[PERSISTENT] is None
    assert isinstance(nearest["articles / squad"], Interval)
    assert nearest[PROMPT] == 50


def test_a_group_without_benchmarks_is_told(golden, table):
    with pytest.raises(UserError, match=r"none with detail_group context \(there are: persistent\)"):
        table("table01_persistent", golden[golden["detail_group"] != "context"])


def test_tables_2_and_9_are_told_in_the_same_words():
    names = ("table02_persistent_without_long_term", "table09_six_long_term")
    one, other = (entry("table", name).caption for name in names)
    assert one.replace("benchmarks of persistent knowledge", "benchmarks whose answers stand in the prompt") == other
    assert one != other
