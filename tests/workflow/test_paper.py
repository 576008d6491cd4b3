"""Suite paper has the paper's own sizes and training, as far as the paper states them."""

import re
from pathlib import Path

import pytest

from mmv2.evaluation.persistent.table import PUBLISHED
from mmv2.info import PUBLISHED_TABLE_2, TABLE_2_CONTEXT, in_billions
from mmv2.layers.flops import parameters
from mmv2.reporting.published import count, read_published
from mmv2.suites import load_suite

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "workflow" / "config"
SUITE, RUNS = load_suite(CONFIG / "suites" / "paper.yaml", CONFIG / "runs")
PRETRAINED = {name: run for name, run in RUNS.items() if run.init_from is None}
TUNED = {name: run for name, run in RUNS.items() if run.init_from is not None}


@pytest.mark.parametrize("name", ["mmv2_large", "transformer_large"])
def test_parameters_and_flops_are_those_that_table_2_prints(name):
    run, printed = RUNS[name], read_published(ROOT / PUBLISHED_TABLE_2).set_index("model").loc[name]
    assert in_billions(parameters(run.spec.build, run.model)) == printed["params"]
    assert in_billions(run.spec.flops_per_token(run.model, TABLE_2_CONTEXT)) == printed["flops_per_token"]


@pytest.mark.parametrize("name", ["mmv2_small", "mmv2_large", "transformer_small", "transformer_large"])
def test_models_are_the_named_sizes(name):
    arch, size = name.split("_")
    assert RUNS[name].model == RUNS[name].spec.sizes[size]
    assert RUNS[f"{name}_long"].model == RUNS[name].model.model_copy(update={"max_seq_len": 32_768})
    assert RUNS[name].arch == arch


@pytest.mark.parametrize(
    ("name", "tokens"),
    [
        ("mmv2_small", "200B"),
        ("transformer_small", "200B"),
        ("mmv2_large", "1T"),
        ("transformer_large_fifth", "200B"),
        ("transformer_large", "1T"),
        ("transformer_large_star", "8T"),
    ],
)
def test_training_tokens_are_the_papers_to_a_step(name, tokens):
    run = RUNS[name]
    left = count(tokens) - run.max_steps * run.tokens_per_step
    assert 0 <= left < run.tokens_per_step
    assert run.tokens_per_step == 1024 * 4096


def test_budgets_of_the_large_size_keep_the_papers_proportions():
    large = {name: run.budget for name, run in PRETRAINED.items() if "large" in name}
    assert large == {
        "mmv2_large": 1.0,
        "transformer_large": 1.0,
        "transformer_large_fifth": 0.2,
        "transformer_large_star": 8.0,
    }


def test_every_stated_setting_of_the_training_is_the_papers():
    for name, run in PRETRAINED.items():
        training = run.training
        assert training.learning_rate == (3e-4 if "small" in name else 1e-3), name
        assert (training.warmup_steps, training.min_lr_ratio) == (2000, 0.01), name
        assert (training.betas, training.weight_decay, training.max_grad_norm) == ((0.9, 0.95), 0.1, 1.0), name
    for name, run in TUNED.items():
        assert run.model.max_seq_len == 32_768, name
        assert (run.training.global_batch_size, run.max_steps) == (1024, 800), name


def test_memories_have_the_papers_window_and_delays():
    split = [run for run in RUNS.values() if hasattr(run.model, "long_term_delay")]
    assert len(split) == 7
    for run in split:
        drawn = (64, 64) if run.name == "mmv2_small_fixed_delay" else (64, 256)
        model = run.model
        assert (model.short_term_window, model.long_term_delay, model.long_term_delay_range) == (256, 64, drawn), (
            run.name
        )


def test_shots_go_as_far_as_the_papers():
    many_shot = SUITE.tasks["many_shot"]
    most = {name: many_shot.shots_of(name)[-1] for name in many_shot.datasets}
    assert most == {"banking77": 16, "goemotions": 16, "tacred": 10}


def test_every_pretrained_model_but_the_fixed_delay_is_fine_tuned():
    assert {run.init_from for run in TUNED.values()} == set(PRETRAINED) - {"mmv2_small_fixed_delay"}


def test_all_19_benchmarks_and_all_lengths_are_asked():
    assert set(SUITE.tasks["persistent"].benchmarks) == {*PUBLISHED, "mmlu_letters"}, (
        "and what stands beside, in no mean"
    )
    assert len(PUBLISHED) == 19
    assert SUITE.tasks["ruler_qa"].context_lengths == tuple(1024 * k for k in (4, 8, 16, 32, 64))
    assert SUITE.tasks["ruler_qa"].max_new_tokens == 32


def test_it_asks_for_every_table_and_figure_that_needs_no_other_model():
    tables, figures = (
        {int(found[1]) for name in names if (found := re.match(r"(?:table|figure)(\d\d)_", name))}
        for names in (SUITE.tables, SUITE.figures)
    )
    assert tables == set(range(1, 14)) - {7, 8}, "those are of models that compress their memory"
    assert figures == set(range(1, 15))
