"""Suite files: their runs, searches, and what is refused. Mistakes in the shipped ones: tests/workflow."""

import re
from types import SimpleNamespace

import pytest

from mmv2.errors import UserError
from mmv2.registry import architecture
from mmv2.suites import SuiteConfig, load_suite, load_tasks, made_of, record_files
from tests.mmv2.run_files import BASE, refused


@pytest.fixture
def suite(write, tmp_path):
    """Loads a suite of transformer runs: name -> what its file overrides in BASE."""

    def run(files, **changes):
        write("runs/_base", **BASE)
        for name, content in files.items():
            write(f"runs/{name}", **{"base": "_base.yaml", "arch": "transformer", **content})
        settings = {"runs": list(files), "tasks": {"ruler_qa": {"context_lengths": [32]}}, "tables": [], "figures": []}
        return load_suite(write("suite", **{**settings, **changes}), tmp_path / "runs")

    return run


def test_tasks_are_read_without_runs(write):
    tasks = load_tasks(write("tasks", tasks={"ruler_qa": {"context_lengths": [32], "seed": 7}}))
    assert {name: (settings.context_lengths, settings.seed) for name, settings in tasks.items()} == {
        "ruler_qa": ((32,), 7)
    }


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"runs": ["one"]}, "tasks: missing or not a mapping"),
        ({"tasks": {"ruler_q": {}}}, "tasks: task 'ruler_q' is unknown"),
        ({"tasks": {"ruler_qa": {"context_lengths": []}}}, r"tasks\.ruler_qa\.context_lengths: "),
    ],
)
def test_wrong_tasks_are_told(write, content, message):
    with pytest.raises(UserError, match=rf"tasks\.yaml: {message}"):
        load_tasks(write("tasks", **content))


def test_a_chain_of_runs_loads_in_any_order(suite):
    longer = {"model": {"max_seq_len": 64, "norm_eps": 1.0e-6}}
    _, runs = suite({"three": {"init_from": "two"}, "two": {"init_from": "one", **longer}, "one": {}})
    assert {name: run.init_from for name, run in runs.items()} == {"three": "two", "two": "one", "one": None}


@pytest.mark.parametrize(
    ("runs", "named"),
    [
        ({"one": {"init_from": "one"}}, "one"),
        ({"one": {"init_from": "two"}, "two": {"init_from": "one"}}, "one"),
        ({"a": {"init_from": "b"}, "b": {"init_from": "c"}, "c": {"init_from": "a"}}, "a"),
    ],
    ids=["itself", "two", "three"],
)
def test_runs_that_start_from_each_other_are_refused(suite, tmp_path, runs, named):
    refused(tmp_path / "suite.yaml", f"runs: {named} has init_from", suite, runs)


def test_a_run_before_a_circle_is_not_called_part_of_it(suite):
    runs = {"a": {"init_from": "b"}, "b": {"init_from": "c"}, "c": {"init_from": "b"}}
    with pytest.raises(UserError, match="init_from") as error:
        suite(runs)
    assert "starts from a itself" not in str(error.value)


@pytest.mark.parametrize(
    "model", [{"hidden_size": 64}, {"num_layers": 3}, {"intermediate_size": 96}, {"vocab_size": 100}], ids=str
)
def test_weights_of_other_sizes_are_refused(suite, tmp_path, model):
    with pytest.raises(UserError, match=rf"suite\.yaml: runs: two has init_from 'one', .*model\.{next(iter(model))}"):
        suite({"one": {}, "two": {"init_from": "one", "model": model}})


def test_weights_of_another_architecture_are_refused(suite, write):
    del (plain := dict(BASE))["model"]
    write("runs/_plain", **plain)
    mosaic = {"base": "_plain.yaml", "arch": "mmv2", "model": architecture("mmv2").tiny.model_dump(mode="json")}
    with pytest.raises(UserError, match=r"suite\.yaml: runs: two has init_from 'one', .*mmv2"):
        suite({"one": mosaic, "two": {"init_from": "one"}})


def test_weights_of_a_run_elsewhere_are_refused(suite, tmp_path):
    told = "runs: two has init_from 'one', which is not in this suite"
    refused(tmp_path / "suite.yaml", told, suite, {"two": {"init_from": "one"}})


def test_two_runs_of_one_name_are_refused(suite, tmp_path):
    same = {"base": "../_base.yaml"}
    refused(tmp_path / "suite.yaml", "runs: two files are called one;", suite, {"one": {}, "other/one": same})


GRID = {"training.learning_rate": [1.0e-3, 3.0e-3], "model.num_layers": [1, 2, 3]}


def test_every_run_is_trained_with_every_seed_from_the_run_of_the_same_seed(suite):
    _, runs = suite({"one": {}, "two": {"init_from": "one"}}, seeds=[3, 5])
    assert {name: (run.training.seed, run.init_from) for name, run in runs.items()} == {
        "one.seed-3": (3, None),
        "one.seed-5": (5, None),
        "two.seed-3": (3, "one.seed-3"),
        "two.seed-5": (5, "one.seed-5"),
    }


def test_a_further_seed_leaves_the_names_of_others_alone(suite):
    _, one = suite({"one": {}, "two": {"init_from": "one"}}, seeds=[3])
    _, two = suite({"one": {}, "two": {"init_from": "one"}}, seeds=[3, 5])
    assert list(one) == ["one.seed-3", "two.seed-3"]
    assert all(two[name] == run for name, run in one.items())


def test_a_seed_named_twice_is_refused(suite):
    with pytest.raises(UserError, match=r"suite\.yaml: seeds: \[3, 3\] names one twice"):
        suite({"one": {}}, seeds=[3, 3])


def test_a_search_tries_every_combination_with_every_run_and_seed(suite):
    search = {"grids": {"one": [GRID], "two": [GRID]}, "seeds": [101, 102]}
    _, runs = suite({"one": {}, "two": {"budget": 2.0}}, runs=[], search=search)
    assert len(runs) == 2 * 2 * 3 * 2
    trial = runs["two.num_layers-1.learning_rate-0.003.seed-102"]
    tried = (trial.training.learning_rate, trial.model.num_layers, trial.training.seed, trial.budget)
    assert tried == (3.0e-3, 1, 102, 2.0)
    assert trial.training.warmup_steps == BASE["training"]["warmup_steps"]
    assert {(run.training.learning_rate, run.model.num_layers, run.training.seed) for run in runs.values()} == {
        (rate, layers, seed) for rate in (1.0e-3, 3.0e-3) for layers in (1, 2, 3) for seed in (101, 102)
    }


SHORTER = {"training.learning_rate": [1.0e-3]}


@pytest.mark.parametrize(
    ("search", "told"),
    [
        ({"grids": {"one": [{"training.learning_rat": [1.0]}]}}, r"training\.learning_rat: unknown key; did you mean"),
        ({"grids": {"one": [{"model.num_layers": [0]}]}}, r"model\.num_layers: input should be greater"),
        ({"grids": {"one": [{}]}}, r"search\.grids\.one\.0: "),
        ({"grids": {"one": []}}, r"search\.grids\.one: "),
        ({"grids": {"one": [{"training.learning_rate": []}]}}, r"search\.grids\.one\.0\.training\.learning_rate: "),
        ({"grids": {}}, r"search\.grids: "),
        ({"seeds": []}, r"search\.seeds: "),
        (
            {"grids": {"one": [GRID], "two": [GRID, SHORTER]}},
            r"search\.grids: runs differ in their number of trials \(one 6, two 7\); give every run as many$",
        ),
        (
            {"grids": {"one": [SHORTER, {"training.warmup_steps": [1, 2]}]}},
            r"search\.grids\.one: one\.warmup_steps-2 is the same trial as one\.learning_rate-0\.001; leave one",
        ),
        ({"seeds": [101, 101]}, r"search\.grids\.one: (\S+)\.seed-101 is the same trial as \1\.seed-101; leave one"),
    ],
    ids=["key", "value", "grid", "no grid", "no value", "no run", "seeds", "effort", "twice", "seed twice"],
)
def test_a_wrong_search_is_told_of_the_suite(suite, search, told):
    search = {"grids": {"one": [GRID]}, "seeds": [101], **search}
    with pytest.raises(UserError, match=rf"suite\.yaml: {told}"):
        suite({"one": {}, "two": {}}, runs=[], search=search)


def test_what_a_search_does_not_set_is_a_mistake_of_the_run_file(suite):
    with pytest.raises(UserError, match=r"one\.yaml: training\.warmup: unknown key"):
        suite({"one": {"training": {"warmup": 1}}}, runs=[], search={"grids": {"one": [GRID]}, "seeds": [101]})
    with pytest.raises(UserError, match=r"three\.yaml: no such file"):
        suite({}, runs=[], search={"grids": {"three": [GRID]}, "seeds": [101]})


def test_a_suite_without_any_run_is_refused(suite):
    with pytest.raises(UserError, match=r"suite\.yaml: runs: missing; name at least one run, or a search"):
        suite({}, runs=[])


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"answered_by": {"ruler": "all"}}, "answered_by"),
        ({"milestones": {"ruler": [32]}}, "milestones"),
        ({"reductions": {"without_long_term_memory": ["ruler"]}}, "reductions.without_long_term_memory"),
    ],
    ids=["answered_by", "milestones", "reductions"],
)
def test_a_task_named_elsewhere_must_be_one_of_the_suite(suite, changes, key):
    with pytest.raises(UserError, match=rf"suite\.yaml: {re.escape(key)}: no task 'ruler' in this suite; did you mean"):
        suite({"one": {}}, **changes)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (
            {"reductions": {"without_longterm": ["ruler_qa"]}},
            "reductions: no architecture has 'without_longterm'; did you",
        ),
        ({"milestones": {"ruler_qa": [64]}}, "milestones.ruler_qa: 64 is none of its context_lengths [32]"),
        ({"tables": ["table_search", "table_search"]}, "tables: table_search stands twice; name it once"),
    ],
    ids=["reductions", "milestones", "twice"],
)
def test_what_could_only_fail_after_training_is_told_before(suite, changes, told):
    with pytest.raises(UserError, match=rf"suite\.yaml: {re.escape(told)}"):
        suite({"one": {}}, **changes)


def test_a_trial_is_called_by_what_varies(suite):
    grid = {"budget": [0.5], "training.learning_rate": [1.0e-3, 2.0e-3]}
    _, runs = suite({"one": {}}, runs=[], search={"grids": {"one": [grid]}, "seeds": [7]})
    assert set(runs) == {"one.learning_rate-0.001", "one.learning_rate-0.002"}
    assert {run.budget for run in runs.values()} == {0.5}


def test_trials_of_several_grids_are_called_by_what_other_grids_leave_alone(suite):
    grids = [
        {"budget": [0.5], "training.learning_rate": [1.0e-3, 2.0e-3]},
        {"budget": [0.5], "training.betas": [[0.8, 0.9]], "training.weight_decay": [0]},
    ]
    _, runs = suite({"one": {}}, runs=[], search={"grids": {"one": grids}, "seeds": [7]})
    rate = BASE["training"]["learning_rate"]
    assert {name: (run.training.learning_rate, run.training.weight_decay) for name, run in runs.items()} == {
        "one.learning_rate-0.001": (1.0e-3, 0.1),
        "one.learning_rate-0.002": (2.0e-3, 0.1),
        "one.betas-0.8-0.9.weight_decay-0": (rate, 0),
    }
    assert {run.training.seed for run in runs.values()} == {7}
    assert runs["one.betas-0.8-0.9.weight_decay-0"].training.betas == (0.8, 0.9)


@pytest.mark.parametrize(
    ("init_from", "answers"),
    [
        (None, ["final/a", "final/before"]),
        ("one", ["final/a", "final/after", "step-00000002/a", "step-00000007/a", "part/a", "part/after"]),
    ],
)
def test_a_run_answers_what_its_checkpoints_are_asked(init_from, answers):
    suite = SuiteConfig.model_construct(
        tasks=dict.fromkeys(("a", "before", "after")),
        answered_by={"a": "all", "before": "pretrained", "after": "fine_tuned"},
        milestones={"a": (8,)},
        reductions={"part": ("a", "after"), "of_another_arch": ("a",)},
    )
    training, spec = SimpleNamespace(milestones=(2, 7)), SimpleNamespace(reductions={"part": None})
    run = SimpleNamespace(name="two", init_from=init_from, training=training, spec=spec)
    assert [file.as_posix() for file in record_files(suite, run)] == [f"records/two/{name}.jsonl" for name in answers]


def test_what_is_made_of_records_and_what_of_the_runs_themselves():
    kinds = {name: made_of("figure", name) for name in ("ruler_by_depth", "figure10_document_lengths")}
    assert kinds == {"ruler_by_depth": "records", "figure10_document_lengths": "documents"}
