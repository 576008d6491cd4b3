import pandas as pd
import pytest

from mmv2.errors import UserError
from mmv2.records import EXAMPLE
from mmv2.reporting.selection import (
    benchmarks_task,
    both_delays,
    check_comparable,
    compared,
    fine_tuned,
    last_stage,
    milestones,
    of_task,
    pretrained,
    several_budgets,
    where,
    with_reductions,
)


def record(run, **changes):
    """What ``of_task`` looks at of a record; what does not apply is empty, as in most tasks."""
    fields = {"run": run, "step": 1, "task": "x", "data_hash": "d", "subtask": "s", "context_length": 8}
    empty = {"num_shots": None, "label_kind": None, "prompt_style": None, "reduction": None, "init_from": None}
    return {**fields, **empty, "split": "test", "budget": 1.0, "example_id": "q1", **changes}


def runs(records):
    """Names of the runs that are left."""
    return sorted(records["run"].unique())


def test_of_a_task_the_last_step_of_each_run_counts_in_whatever_task():
    rows = [
        record("a", step=5, task="ruler_qa"),
        record("a", step=10, task="ruler_qa"),
        record("b", step=3, task="ruler_qa"),
        record("b", step=2, task="ruler_qa"),
        record("b", step=2, task="other"),
    ]
    assert of_task(pd.DataFrame(rows), "ruler_qa").index.tolist() == [1, 2]


@pytest.mark.parametrize("also", [[], [record("short", init_from="base", step=9)]])
def test_a_milestone_is_not_taken_for_the_trained_model(also):
    """A suite may ask milestones for a task, and final checkpoints of pre-trained runs alone."""
    tuned = [record("long", init_from="base", step=1), record("long", init_from="base", step=9, task="other")]
    records = pd.DataFrame([record("base", step=100), *tuned, *also])
    told = r"records: long answered x at step 1, not at its last, 9; evaluate its final checkpoint on x or leave"
    for choose in (fine_tuned, last_stage, lambda them: them):
        with pytest.raises(UserError, match=told):
            of_task(choose(records), "x")
    assert runs(of_task(pretrained(records), "x")) == ["base"]
    assert len(of_task(fine_tuned(records), "other")) == 1


def test_a_reduced_model_is_of_the_whole_ones_last_step():
    records = pd.DataFrame([record("a", step=9), record("a", step=2), record("a", step=9, reduction="r", task="y")])
    assert of_task(records, "y", reduction="r")["step"].tolist() == [9]


def test_runs_that_answered_other_data_are_not_pooled():
    records = pd.DataFrame([record("a"), record("b", data_hash="other"), record("c")])
    with pytest.raises(UserError, match=r"runs answered different x data \(d: a, c; other: b\); evaluate all"):
        of_task(records, "x")


def test_other_data_of_an_earlier_step_or_another_task_do_not_matter():
    records = [record("a"), record("b", step=0, data_hash="old"), record("b"), record("b", task="y", data_hash="y")]
    assert len(of_task(pd.DataFrame(records), "x")) == 2


@pytest.mark.parametrize("field", [name for name in EXAMPLE if name not in ("task", "split")])
def test_runs_with_as_many_but_other_examples_are_not_pooled(field):
    records = pd.DataFrame([record("a"), record("a", **{field: 2}), record("b"), record("b", **{field: 3})])
    told = r"did not answer the same x examples \(of 3, a, step 1 lacks 1; b, step 1 lacks 1\)"
    with pytest.raises(UserError, match=told):
        of_task(records, "x")


def test_a_run_with_lost_records_is_named():
    records = [record(run, example_id=name) for run in "abc" for name in ("q1", "q2", "q3")]
    with pytest.raises(UserError, match=r"\(of 3, b, step 1 lacks 2\); evaluate all runs on the same frozen file"):
        of_task(pd.DataFrame([row for row in records if row["run"] != "b" or row["example_id"] == "q2"]), "x")


def test_a_task_without_records_is_told_with_those_there_are():
    records = pd.DataFrame([("a", 5, "x"), ("a", 5, "w")], columns=["run", "step", "task"])
    with pytest.raises(UserError, match="records: none of task ruler_qa, only of w, x;"):
        of_task(records, "ruler_qa")


def test_another_split_is_taken_only_when_asked_for():
    records = pd.DataFrame([record("a"), record("a", split="dev", example_id="q2")])
    assert of_task(records, "x")["example_id"].tolist() == ["q1"]
    assert of_task(records, "x", split="dev")["example_id"].tolist() == ["q2"]
    with pytest.raises(UserError, match=r"none with split other \(there are: dev, test\)"):
        of_task(records, "x", split="other")


def test_reduced_models_are_taken_only_when_asked_for():
    records = pd.DataFrame([record("a", label="whole"), record("a", reduction="without_x", label="part"), record("b")])
    assert of_task(records, "x")["label"].tolist()[0] == "whole"
    assert len(of_task(records, "x")) == 2
    assert of_task(records, "x", reduction="without_x")["label"].tolist() == ["part"]
    with pytest.raises(UserError, match=r"none with reduction y \(there are: none, without_x\)"):
        of_task(records, "x", reduction="y")


def test_with_reductions_whole_and_reduced_models_must_have_answered_the_same():
    whole, part = record("a"), record("a", reduction="without_x")
    assert len(with_reductions(pd.DataFrame([whole, record("b"), part]), "x")) == 3
    with pytest.raises(UserError, match="none of runs with x records of a reduction among a"):
        with_reductions(pd.DataFrame([whole]), "x")
    with pytest.raises(UserError, match="did not answer the same x examples"):
        with_reductions(pd.DataFrame([whole, {**part, "example_id": "q2"}]), "x")


@pytest.mark.parametrize(("step", "reduction", "told"), [(2, "r", "a, step 2, r"), (1, None, "a, step 1")])
def test_a_checkpoint_with_lost_records_is_named_though_the_run_has_another_that_is_whole(step, reduction, told):
    whole = [record("a", step=2, example_id=name) for name in ("q1", "q2")]
    partial = record("a", step=step, reduction=reduction)
    for records in ([*whole, partial], [partial, *whole]):
        with pytest.raises(UserError, match=rf"\(of 2, {told} lacks 1\)"):
            check_comparable(pd.DataFrame(records))


def test_milestones_are_compared_at_the_lengths_that_all_of_them_answered():
    start = [record("base", context_length=length) for length in (8, 16)]
    end = [record("long", init_from="base", step=9, training_context=16, context_length=length) for length in (8, 16)]
    middle = record("long", init_from="base", step=1, training_context=16, context_length=16)
    found = milestones(pd.DataFrame([*start, *end, middle]), "x")
    assert set(found["context_length"]) == {16}
    assert sorted(found["step"]) == [0, 1, 9]
    elsewhere = {**middle, "context_length": 32}
    with pytest.raises(UserError, match="no length in common"):
        milestones(pd.DataFrame([*start, *end, elsewhere]), "x")


def test_pretrained_and_fine_tuned_runs_are_told_by_where_they_started():
    records = pd.DataFrame([record("a"), record("b", init_from="a", step=1), record("b", init_from="a", step=2)])
    assert runs(pretrained(records)) == ["a"]
    assert fine_tuned(records)["step"].tolist() == [1, 2]
    with pytest.raises(UserError, match="none of runs fine-tuned among a; give the suite a run with init_from"):
        fine_tuned(pretrained(records))
    with pytest.raises(UserError, match="none of runs trained from scratch among b"):
        pretrained(fine_tuned(records))


def test_milestones_begin_with_the_checkpoint_that_a_run_started_from():
    tuned = {"init_from": "a", "training_context": 8, "tokens_seen": 5}
    start = record("a", step=100, training_context=1, tokens_seen=9)
    records = [start, *(record("b", step=step, **tuned) for step in (1, 2)), record("c", **tuned)]
    found = milestones(pd.DataFrame(records), "x")
    assert runs(found) == ["b"], "c was evaluated at its end alone"
    assert found["step"].tolist() == [0, 1, 2]
    assert found["training_context"].tolist() == [8, 8, 8]
    assert found["tokens_seen"].tolist() == [0, 5, 5]
    with pytest.raises(UserError, match="with x records of several steps among c"):
        milestones(pd.DataFrame([start, record("c", **tuned)]), "x")
    other = record("z", step=100)
    with pytest.raises(UserError, match="b started from a, of which no x record is there"):
        milestones(pd.DataFrame([other, *records[1:3]]), "x")


def test_compared_are_runs_of_budget_1_whose_delay_was_drawn():
    several = [
        record("drawn", setting_delay_is_fixed=False),
        record("fixed", setting_delay_is_fixed=True),
        record("none", setting_delay_is_fixed=None),
        record("small", setting_delay_is_fixed=None, budget=0.2),
    ]
    records = pd.DataFrame(several)
    assert runs(compared(records)) == ["drawn", "none"]
    assert runs(compared(records.drop(columns="setting_delay_is_fixed"))) == ["drawn", "fixed", "none"]
    assert runs(both_delays(records)) == ["drawn", "fixed"]
    for lacking in (0, 1):
        with pytest.raises(UserError, match="none with setting_delay_is_fixed"):
            both_delays(records.drop(index=lacking))
    with pytest.raises(UserError, match=r"none with budget 1.0 \(there are: 0.2\)"):
        compared(records.iloc[3:])


def test_several_budgets_are_several():
    records = pd.DataFrame([record("a"), record("b", budget=8.0)])
    assert runs(several_budgets(records)) == ["a", "b"]
    with pytest.raises(UserError, match="none of runs with another data budget than 8 among b"):
        several_budgets(records.iloc[1:])


def test_where_takes_values_settings_and_empty_fields():
    records = pd.DataFrame([record("a", arch="x"), record("b", arch="y", init_from="a")])
    assert runs(where(records, arch="y", init_from="a")) == ["b"]
    assert runs(where(records, init_from=None)) == ["a"]
    assert runs(where(records, setting_unknown=None)) == ["a", "b"]
    with pytest.raises(UserError, match=r"none with arch z \(there are: x, y\)"):
        where(records, arch="z")


def test_benchmarks_are_those_that_were_asked_and_of_one_kind():
    tasks = {"own": ["ruler_qa", "benchmarks"], "real": ["persistent", "ruler_qa"], "none": ["ruler_qa"]}
    found = {name: benchmarks_task(pd.DataFrame({"task": these})) for name, these in tasks.items()}
    assert found == {"own": "benchmarks", "real": "persistent", "none": "benchmarks"}
    with pytest.raises(UserError, match=r"records: of benchmarks and persistent; .* take one"):
        benchmarks_task(pd.DataFrame({"task": ["benchmarks", "persistent"]}))
