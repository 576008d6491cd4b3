"""What the exported folders say; that they hold the weights of their step is tested with the trainer."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from mmv2.data.shards import Corpus
from mmv2.errors import UserError
from mmv2.files import read_json, sha256, write_json
from mmv2.provenance import code_version, environment
from mmv2.training.checkpoint import Checkpoints
from mmv2.training.export import export, milestone_folder, pretraining_budget, settings
from mmv2.training.parallel import World
from mmv2.training.start import start_model
from tests.mmv2.training.conftest import MILESTONE
from tests.mmv2.training.helpers import checkpoint_folder, tiny_run

RUN = tiny_run(milestones=(MILESTONE,))
WORLD = World(torch.device("cpu"))


@pytest.mark.parametrize("step", [MILESTONE, RUN.max_steps])
def test_everything_that_a_result_cites_is_recorded(step: int, undisturbed: Path, corpus_folder: Path):
    folder = milestone_folder(undisturbed, step) if step == MILESTONE else undisturbed / "final"
    assert read_json(folder / "config.json")["provenance"] == {
        "run": "tiny",
        "step": step,
        "tokens_seen": step * RUN.training.global_batch_size * RUN.model.max_seq_len,
        "budget": RUN.budget,
        "seed": RUN.training.seed,
        "init_from": None,
        "settings": settings(RUN),
        "fingerprint": checkpoint_folder(undisturbed).name,
        "corpus": Corpus.open(corpus_folder).fingerprint,
        "code_version": code_version(),
        "environment": environment(),
        "device": "cpu",
    }
    assert sha256(folder / "tokenizer.json") == sha256(corpus_folder / "tokenizer.json")
    assert {tensor.dtype for tensor in load_file(folder / "model.safetensors").values()} == {torch.float32}


def test_a_checkpoint_that_is_not_there_is_told_and_nothing_is_left(corpus_folder: Path, tmp_path: Path):
    checkpoints = Checkpoints(tmp_path, "0123456789abcdef", WORLD)
    with pytest.raises(UserError, match="step-00000010"):
        export(tiny_run(), Corpus.open(corpus_folder), checkpoints, start_model(tiny_run(), WORLD, None), 1.0, tmp_path)
    assert not (tmp_path / "final").exists()


def test_settings_are_the_values_that_runs_are_compared_by():
    found = settings(tiny_run(milestones=(MILESTONE,)))
    expected = {
        "learning_rate": 3e-3,
        "global_batch_size": 4,
        "warmup_steps": 2,
        "max_steps": 10,
        "min_lr_ratio": 0.01,
        "weight_decay": 0.1,
        "training_seed": 7,
        "corpus_seed": 0,
        "short_term_window": 8,
        "long_term_delay": 3,
        "delay_is_fixed": False,
        "hidden_size": 32,
        "head_dim": 8,
    }
    assert expected.items() <= found.items()
    assert not {"seed", "milestones", "checkpoint_interval", "betas", "long_term_delay_range"} & set(found)


def test_settings_tell_a_fixed_delay_and_steps_that_follow_from_the_budget():
    run = tiny_run(max_steps=None)
    fixed = run.model.model_copy(update={"long_term_delay_range": (3, 3)})
    found = settings(run.model_copy(update={"model": fixed}))
    assert (found["delay_is_fixed"], found["max_steps"]) == (True, run.max_steps)
    transformer = settings(tiny_run("transformer"))
    assert "delay_is_fixed" not in transformer
    assert transformer["kv_heads"] == 2


def test_the_budget_is_that_of_the_pre_training(undisturbed: Path, tmp_path: Path):
    run = tiny_run().model_copy(update={"budget": 0.25})
    assert pretraining_budget(run, None) == 0.25
    assert pretraining_budget(run, undisturbed / "final") == 1.0
    content = read_json(undisturbed / "final" / "config.json")
    for budget in (None, "8"):
        content["provenance"]["budget"] = budget
        write_json(tmp_path / "config.json", content)
        with pytest.raises(UserError, match=r"config\.json: provenance\.budget: missing or no number"):
            pretraining_budget(run, tmp_path)
