"""Two gloo ranks against one: the same weights, checkpoints that either can go on from, and failures told to both."""

import itertools
import os
import pkgutil
from functools import partial
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from mmv2.registry import architecture
from mmv2.training.trainer import STOPPED
from tests.mmv2.training.conftest import MILESTONE
from tests.mmv2.training.helpers import (
    TOLD,
    Sabotage,
    checkpoint_folder,
    finish,
    kill_at,
    metrics_of,
    run_ranks,
    start,
    steps_in,
    terminate_at,
    tiny_run,
)

pytestmark = pytest.mark.distributed
RUN = tiny_run(milestones=(MILESTONE,))


def assert_same_training(found: Path, expected: Path) -> None:
    """Equal up to the order of sums: weights within 1e-6, metrics within 1e-5 of their size."""
    folders = ("final", f"milestones/step-{MILESTONE:08d}")
    for folder in folders:
        weights, others = (load_file(output / folder / "model.safetensors") for output in (found, expected))
        assert weights.keys() == others.keys()
        for name in weights:
            torch.testing.assert_close(weights[name], others[name], rtol=0, atol=1e-6)
    assert len(metrics_of(found)) == len(metrics_of(expected)) == 10
    for line, other in zip(metrics_of(found), metrics_of(expected), strict=True):
        assert line == pytest.approx(other, rel=1e-5)


def test_two_ranks_train_as_one(undisturbed: Path, corpus_folder: Path, tmp_path: Path):
    assert run_ranks(2, RUN, corpus_folder, tmp_path) == [0, 0]
    assert_same_training(tmp_path, undisturbed)


def test_ranks_with_several_micro_batches_and_tied_embeddings(corpus_folder: Path, tmp_path: Path):
    run = tiny_run("transformer", micro_batch_size=1, milestones=(MILESTONE,))
    run = run.model_copy(update={"model": run.model.model_copy(update={"tie_embeddings": True})})
    assert run_ranks(2, run, corpus_folder, tmp_path / "two") == [0, 0]
    assert finish(start(run, corpus_folder, tmp_path / "one")) == 0
    assert_same_training(tmp_path / "two", tmp_path / "one")


@pytest.mark.parametrize("model_type", ["mamba2", "rwkv"])
def test_ranks_with_a_model_of_transformers(model_type: str, corpus_folder: Path, tmp_path: Path):
    """Not GPT-NeoX: its keys' biases have no gradient but rounding, of which AdamW makes steps of full size."""
    tinies = {tiny.model_dump()["model_type"]: tiny for tiny in architecture("huggingface").more_tinies}
    tiny = tinies[model_type]
    run = tiny_run("huggingface", micro_batch_size=1, milestones=(MILESTONE,)).model_copy(update={"model": tiny})
    assert run_ranks(2, run, corpus_folder, tmp_path / "two") == [0, 0]
    assert finish(start(run, corpus_folder, tmp_path / "one")) == 0
    assert_same_training(tmp_path / "two", tmp_path / "one")


def test_one_rank_goes_on_where_two_were_stopped(undisturbed: Path, corpus_folder: Path, tmp_path: Path):
    """SIGTERM reaches rank 1 only; both stop after the same step."""
    assert run_ranks(2, RUN, corpus_folder, tmp_path, partial(terminate_at, 5, rank=1)) == [STOPPED, STOPPED]
    assert steps_in(checkpoint_folder(tmp_path))[-1] == 5
    assert finish(start(RUN, corpus_folder, tmp_path)) == 0
    assert_same_training(tmp_path, undisturbed)


def test_two_ranks_go_on_where_one_was_stopped(undisturbed: Path, corpus_folder: Path, tmp_path: Path):
    assert finish(start(RUN, corpus_folder, tmp_path, partial(terminate_at, 5))) == STOPPED
    assert run_ranks(2, RUN, corpus_folder, tmp_path) == [0, 0]
    assert_same_training(tmp_path, undisturbed)


def test_ranks_killed_in_the_middle_of_a_checkpoint(undisturbed: Path, corpus_folder: Path, tmp_path: Path):
    assert 0 not in run_ranks(2, RUN, corpus_folder, tmp_path, partial(kill_at, "torch", "save", 250))
    assert steps_in(checkpoint_folder(tmp_path)) == [3]
    assert list(checkpoint_folder(tmp_path).glob("*.tmp"))
    assert run_ranks(2, RUN, corpus_folder, tmp_path) == [0, 0]
    assert_same_training(tmp_path, undisturbed)


def fill_disk_of(rank: int, owner: str, name: str, call: int) -> None:
    """A sabotage: the disk is full for one rank alone, at the n-th call of a function."""
    holder = pkgutil.resolve_name(owner)
    original, calls = getattr(holder, name), itertools.count(1)

    def full(*args: object, **kwargs: object) -> object:
        if next(calls) == call and int(os.environ["RANK"]) == rank:
            raise OSError(28, "No space left on device")
        return original(*args, **kwargs)

    setattr(holder, name, full)


FULL_DISKS: dict[str, Sabotage] = {
    "first file": partial(fill_disk_of, 0, "mmv2.training.checkpoint", "write_json", 3),
    "tensors of rank 1": partial(fill_disk_of, 1, "mmv2.training.checkpoint:_PlainErrors", "create_stream", 2),
    "checksums of rank 1": partial(fill_disk_of, 1, "mmv2.training.checkpoint", "sha256", 3),
    "last rename": partial(fill_disk_of, 0, "mmv2.training.checkpoint", "atomic", 2),
}
"""All in the second checkpoint."""


@pytest.mark.parametrize("place", FULL_DISKS)
def test_a_disk_that_is_full_for_one_rank_is_told_by_both(place: str, corpus_folder: Path, tmp_path: Path):
    run = tiny_run("transformer")
    assert run_ranks(2, run, corpus_folder, tmp_path, FULL_DISKS[place]) == [TOLD, TOLD]
    assert steps_in(checkpoint_folder(tmp_path)) == [3]
    assert not list(checkpoint_folder(tmp_path).glob("*.tmp"))


def test_settings_that_do_not_fit_the_ranks_are_told_by_both(corpus_folder: Path, tmp_path: Path):
    assert run_ranks(2, tiny_run(micro_batch_size=4), corpus_folder, tmp_path) == [TOLD, TOLD]
