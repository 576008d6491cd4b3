"""What the exported folders say; that they hold the weights of their step is tested with the trainer."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from mmv2.data.shards import Corpus
from mmv2.errors import UserError
from mmv2.files import read_json, sha256
from mmv2.provenance import code_version, environment
from mmv2.training.checkpoint import Checkpoints
from mmv2.training.export import export, milestone_folder
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
        export(tiny_run(), Corpus.open(corpus_folder), checkpoints, start_model(tiny_run(), WORLD, None), tmp_path)
    assert not (tmp_path / "final").exists()
