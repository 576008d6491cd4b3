"""Every run of suite ablations differs from the one that it stands beside in what it is named for, and in no more."""

from pathlib import Path

import pytest

from mmv2.layers.flops import parameters
from mmv2.suites import load_suite

CONFIG = Path(__file__).parents[2] / "workflow" / "config"
SEED = ".seed-1"
SUITE, PLANNED = load_suite(CONFIG / "suites" / "ablations.yaml", CONFIG / "runs")
RUNS = {name.removesuffix(SEED): run for name, run in PLANNED.items()}
SMALL = {f"model.{name}" for name in ("hidden_size", "num_heads", "intermediate_size")}
SPLIT = {f"model.{name}" for name in ("short_term_window", "long_term_delay", "long_term_delay_range")}
STAR = {"model.num_kv_heads", "model.max_seq_len", "corpus.document_tokens", "budget", "training.global_batch_size"}
FIRST = {
    "transformer": ("mmv2", {"arch", "model.rope_theta", "training.learning_rate"}),
    "mmv2_constant_bandwidth": ("mmv2", {"model.adaptive_bandwidth"}),
    "mmv2_fixed_bandwidth": ("mmv2_constant_bandwidth", {"model.fixed_bandwidth"}),
    "mmv2_delay_longest": ("mmv2", {"model.long_term_delay", "model.long_term_delay_range"}),
    "mmv2_delay_middle": ("mmv2", {"model.long_term_delay", "model.long_term_delay_range"}),
    "mmv2_delay_shortest": ("mmv2", {"model.long_term_delay_range"}),
    "mmv2_leaky_keys": ("mmv2", {"model.key_extractor"}),
    "mmv2_plain_keys": ("mmv2", {"model.key_extractor"}),
    "mmv2_rotary": ("mmv2", {"model.rope_theta"}),
    "mmv2_short_term_alone": ("mmv2", {"model.long_term_memory"}),
    "mmv2_small": ("mmv2", SMALL),
    "memory_mosaics_v1": ("mmv2", {"arch", "model.intermediate_size"}),
    "memory_mosaics_v1_ffn": ("memory_mosaics_v1", {"model.persistent_memory", "model.intermediate_size"}),
    "transformer_small": ("transformer", SMALL),
    "transformer_star": ("transformer", STAR),
    "gpt_neox": ("transformer", {"arch", "model.intermediate_size"}),
    "mamba2": ("transformer", {"arch", "model.num_layers", "model.intermediate_size"}),
    "rwkv": ("transformer", {"arch", "model.num_heads", "model.intermediate_size"}),
    "parts_adaptive_bandwidth": ("transformer", {"arch"}),
    "parts_gated_keys": ("parts_adaptive_bandwidth", {"model.parts"}),
    "parts_lookahead_values": ("parts_adaptive_bandwidth", {"model.parts"}),
    "parts_normalised_keys": ("parts_adaptive_bandwidth", {"model.parts"}),
    "parts_symmetric_keys": ("parts_adaptive_bandwidth", {"model.parts"}),
    "parts_long_short": ("parts_adaptive_bandwidth", {"model.parts", *SPLIT}),
    "parts_adaptive_normalised": ("parts_normalised_keys", {"model.parts"}),
    "parts_all": ("parts_long_short", {"model.parts"}),
    "parts_all_but_long_short": ("parts_all", {"model.parts", *SPLIT}),
    "parts_all_mosaic": (
        "parts_all",
        {"model.rope", "model.rope_theta", "model.initial_bandwidth", "training.learning_rate"},
    ),
    "parts_all_but_long_short_mosaic": ("parts_all_mosaic", {"model.parts", *SPLIT}),
}
"""Run trained from scratch -> the run beside it, and the keys in which the two differ of those that both have."""
EACH = ("adaptive_bandwidth", "gated_keys", "long_short", "lookahead_values", "normalised_keys", "symmetric_keys")
UNSPLIT = tuple(part for part in EACH if part != "long_short")
PARTS = {f"parts_{part}": (part,) for part in EACH}
PARTS["parts_adaptive_normalised"] = ("adaptive_bandwidth", "normalised_keys")
PARTS |= dict.fromkeys(("parts_all", "parts_all_mosaic"), EACH)
PARTS |= dict.fromkeys(("parts_all_but_long_short", "parts_all_but_long_short_mosaic"), UNSPLIT)
LONG = {
    "model.max_seq_len",
    *(f"corpus.{key}" for key in ("stream_seed", "largest_budget", "document_tokens", "episode_shots")),
    "budget",
    *(f"training.{key}" for key in ("global_batch_size", "max_steps", "learning_rate", "warmup_steps")),
    *(f"training.{key}" for key in ("checkpoint_interval", "log_interval")),
}
"""Keys of the fine-tuning, the same for all."""
SCRATCH = [name for name, run in RUNS.items() if run.init_from is None]
TUNED = [name for name, run in RUNS.items() if run.init_from is not None]


def settings(name):
    """A run's keys, dotted."""
    content = RUNS[name].model_dump(mode="json", exclude={"name"})
    found = {key: value for key, value in content.items() if not isinstance(value, dict)}
    for section in ("model", "corpus", "training"):
        found |= {f"{section}.{key}": value for key, value in content[section].items()}
    return found


def differing(one, other):
    """The keys in which two runs differ of those that both have, and whether there are no others."""
    mine, theirs = settings(one), settings(other)
    return {key for key in mine.keys() & theirs.keys() if mine[key] != theirs[key]}, mine.keys() == theirs.keys()


def test_one_seed_of_the_full_suite_is_the_same_training():
    _, full = load_suite(CONFIG / "suites" / "laptop_full.yaml", CONFIG / "runs")
    both = PLANNED.keys() & full.keys()
    assert {"mmv2.seed-1", "mmv2_long.seed-1", "parts_long_short_long.seed-1"} <= both
    assert all(PLANNED[name].scientific() == full[name].scientific() for name in both)


def test_every_run_stands_beside_another():
    assert {*FIRST, "mmv2"} == set(SCRATCH)
    assert {"mmv2_long", "transformer_long"} <= set(TUNED)


@pytest.mark.parametrize("name", FIRST)
def test_a_run_differs_from_the_one_beside_it_in_what_it_is_named_for(name):
    beside, named_for = FIRST[name]
    keys, same_config = differing(name, beside)
    assert keys == named_for
    assert same_config == ("arch" not in named_for)


def test_parts_are_those_of_the_name():
    assert {name: run.model.parts for name, run in RUNS.items() if name in PARTS} == PARTS
    assert {name.removesuffix("_long") for name, run in RUNS.items() if run.arch == "transformer_parts"} == set(PARTS)


@pytest.mark.parametrize("name", TUNED)
def test_a_fine_tuning_is_of_its_run_and_by_the_recipe_of_all(name):
    start = RUNS[name].init_from.removesuffix(SEED)
    assert name == f"{start}_long"
    keys, same_config = differing(name, start)
    assert same_config
    assert keys - {"training.milestones"} <= {*LONG, "init_from"}
    recipe = {key: settings("mmv2_long")[key] for key in LONG}
    assert {key: settings(name)[key] for key in LONG} == recipe


def test_what_many_shot_tables_and_figures_show_is_fine_tuned():
    assert SUITE.answered_by["many_shot"] == SUITE.answered_by["benchmarks"] == "fine_tuned"
    shown = {"memory_mosaics_v1", "memory_mosaics_v1_ffn", "parts_long_short", "gpt_neox", "mamba2", "rwkv"}
    shown |= {"mmv2", "mmv2_small", "transformer", "transformer_small", "transformer_star"}
    assert {f"{name}_long" for name in shown} <= set(TUNED)


@pytest.mark.parametrize("name", ["gpt_neox", "mamba2", "rwkv"])
def test_models_of_the_library_are_as_large_as_the_transformer(name):
    sizes = [parameters(RUNS[one].spec.build, RUNS[one].model) for one in (name, "transformer")]
    assert sizes[0] == pytest.approx(sizes[1], rel=0.02)
