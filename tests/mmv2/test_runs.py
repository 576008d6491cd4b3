"""Run files: what follows from them, and what is refused. Mistakes in the shipped ones: tests/workflow."""

import re

import pytest

from mmv2.errors import UserError
from mmv2.runs import load_run
from tests.mmv2.run_files import BASE, refused


@pytest.fixture
def load(write):
    """A transformer run whose file overrides BASE."""

    def run(name="one", **changes):
        write("_base", **BASE)
        return load_run(write(name, **{"base": "_base.yaml", "arch": "transformer", **changes}))

    return run


@pytest.mark.parametrize(
    ("changes", "max_steps"),
    [
        ({}, 78),  # 10,000 tokens in steps of 4 x 32; what does not fill a step is left over
        ({"budget": 0.2}, 15),
        ({"budget": 8}, 625),
        ({"budget": 1.28, "training": {"global_batch_size": 8}}, 50),
        ({"model": {"max_seq_len": 64}}, 39),
        ({"training": {"max_steps": 11}}, 11),
        ({"training": {"max_steps": 78}, "budget": 0.2}, 78),  # the corpus, not the budget, bounds max_steps
    ],
)
def test_the_budget_becomes_steps(load, changes, max_steps):
    run = load(**changes)
    assert run.max_steps == max_steps
    assert run.tokens_per_step == run.training.global_batch_size * run.model.max_seq_len


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"budget": 8.5}, "budget: the run needs 85000 tokens, the corpus holds 80000;"),
        ({"training": {"max_steps": 626}}, "budget: the run needs 80128 tokens, the corpus holds 80000;"),
        ({"budget": 0.01}, "training.warmup_steps: 2 exceeds the run's 0 steps (128 tokens each);"),
        ({"training": {"warmup_steps": 79}}, "training.warmup_steps: 79 exceeds the run's 78 steps"),
        ({"training": {"milestones": [5, 79]}}, "training.milestones: 79 comes after the run's last step 78;"),
    ],
)
def test_what_only_the_sections_together_tell(load, tmp_path, changes, told):
    with pytest.raises(UserError, match=rf"(one|_base)\.yaml: {re.escape(told)}"):
        load(**changes)


def test_a_file_overrides_its_base_key_by_key(load):
    run = load(training={"seed": 5}, model={"num_layers": 1})
    assert (run.name, run.arch, run.training.seed, run.model.num_layers) == ("one", "transformer", 5, 1)
    assert run.training.learning_rate == BASE["training"]["learning_rate"]
    assert run.model.hidden_size == BASE["model"]["hidden_size"]


def test_of_several_bases_the_later_override_the_earlier(write):
    write("_base", **BASE)
    longer = write("_long", model={"max_seq_len": 64}, training={"warmup_steps": 1, "learning_rate": 2.0e-3})
    content = {"base": ["_base.yaml", "_long.yaml"], "arch": "transformer", "training": {"learning_rate": 5.0e-3}}
    run = load_run(write("one", **content))
    assert (run.model.max_seq_len, run.training.warmup_steps, run.training.learning_rate) == (64, 1, 5.0e-3)
    assert run.model.hidden_size == BASE["model"]["hidden_size"]
    write("_long", model={"max_seq_len": "64"})
    refused(longer, "model.max_seq_len: input should be a valid integer", load_run, write("one", **content))


def test_a_base_of_a_base_is_refused(write):
    write("root", **BASE)
    middle = write("middle", base="root.yaml", arch="transformer")
    path = write("one", base="middle.yaml", budget=1.0)
    refused(middle, "base: a base cannot have a base itself", load_run, path)


@pytest.mark.parametrize("in_base", [True, False])
def test_a_name_is_refused(write, tmp_path, in_base):
    base = write("_base", **BASE, **({"name": "two"} if in_base else {}))
    path = write("one", base="_base.yaml", arch="transformer", **({} if in_base else {"name": "two"}))
    refused(base if in_base else path, "name: ", load_run, path)


@pytest.mark.parametrize(
    ("section", "changes", "told"),
    [
        ("training", {"learning_rat": 1.0}, "training.learning_rat: unknown key; did you mean 'learning_rate'?"),
        ("training", {"learning_rate": "3e-3"}, "training.learning_rate: input should be a valid number"),
        ("training", {"micro_batch_size": 3}, "training.micro_batch_size: 3 does not divide"),
        ("model", {"hidden_sise": 3}, "model.hidden_sise: unknown key; did you mean 'hidden_size'?"),
        ("model", {"num_layers": 0}, "model.num_layers: input should be greater"),
        ("corpus", {"source": "tiny_word"}, "corpus.source: source 'tiny_word' is unknown; did you mean 'tiny_world'?"),
        ("corpus", {"unit_tokens": 1.5}, "corpus.unit_tokens: input should be a valid integer"),
    ],
)
@pytest.mark.parametrize("in_base", [True, False])
def test_a_mistake_is_told_of_the_file_that_holds_it(write, section, changes, told, in_base):
    wrong = {section: {**BASE[section], **changes}}
    base = write("_base", **{**BASE, **(wrong if in_base else {})})
    path = write("one", base="_base.yaml", arch="transformer", **({} if in_base else {section: changes}))
    refused(base if in_base else path, told, load_run, path)


@pytest.mark.parametrize("key", ["arch", "model", "corpus", "budget", "training"])
def test_a_missing_section_is_told(write, key):
    content = {"arch": "transformer", **BASE}
    del content[key]
    path = write("one", **content)
    refused(path, f"{key}: missing", load_run, path)


def test_runs_with_equal_corpus_settings_share_a_corpus(load):
    first, second = load(), load("two", training={"seed": 9}, budget=2.0, model={"num_layers": 1})
    stated = load("three", corpus={"stream_seed": 0, "largest_budget": 8.0})  # the defaults, spelt out
    assert first.corpus_name == second.corpus_name == stated.corpus_name
    assert re.fullmatch("tiny_world-[0-9a-f]{8}", first.corpus_name)
    others = [load(corpus=changes) for changes in ({"seed": 2}, {"unit_tokens": 9_000}, {"largest_budget": 9.0})]
    assert len({run.corpus_name for run in [first, *others]}) == 4


@pytest.mark.parametrize(
    "training", [{"checkpoint_interval": 3}, {"keep_last": 5}, {"log_interval": 7}, {"milestones": [3, 78]}], ids=str
)
def test_what_is_kept_and_told_is_not_scientific(load, training):
    assert load("two", training=training).scientific() == load().scientific()


@pytest.mark.parametrize(
    "changes",
    [
        {"training": {"seed": 2}},
        {"training": {"threads": 2}},
        {"training": {"max_grad_norm": 2.0}},
        {"training": {"max_steps": 50}},
        {"model": {"norm_eps": 1.0e-6}},
        {"corpus": {"seed": 2}},
        {"budget": 2.0},
        {"init_from": "two"},
    ],
    ids=str,
)
def test_everything_else_is_scientific(load, changes):
    assert load(**changes).scientific() != load().scientific()


def test_the_steps_that_follow_from_the_budget_are_scientific(load):
    assert load().scientific()["max_steps"] == 78
    assert load(training={"max_steps": 11}).scientific()["max_steps"] == 11
