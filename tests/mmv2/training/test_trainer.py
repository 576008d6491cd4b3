import shutil
import signal
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from mmv2.errors import UserError
from mmv2.files import read_json, sha256
from mmv2.final import load_final
from mmv2.training import trainer
from mmv2.training.checkpoint import Checkpoints
from mmv2.training.parallel import World
from mmv2.training.start import start_model
from mmv2.training.trainer import STOPPED, train
from tests.mmv2.training.conftest import MILESTONE
from tests.mmv2.training.helpers import (
    checkpoint_folder,
    final_sha256,
    finish,
    metrics_of,
    start,
    steps_in,
    terminate_at,
    tiny_run,
)

RUN = tiny_run(milestones=(MILESTONE,))


def test_makes_every_step_once_and_keeps_the_last_checkpoints(undisturbed: Path):
    metrics = metrics_of(undisturbed)
    assert [line["step"] for line in metrics] == list(range(1, 11))
    assert metrics[-1]["tokens_seen"] == 10 * RUN.tokens_per_step
    assert metrics[-1]["learning_rate"] == pytest.approx(3e-5)
    assert set(metrics[0]) == {"step", "loss", "learning_rate", "grad_norm", "tokens_seen"}
    assert steps_in(checkpoint_folder(undisturbed)) == [4, 9, 10]


def test_learns(undisturbed: Path, corpus_folder: Path, tmp_path: Path):
    assert finish(start(tiny_run(max_steps=60), corpus_folder, tmp_path)) == 0
    losses = [line["loss"] for line in metrics_of(tmp_path)]
    assert sum(losses[-10:]) / 10 < sum(losses[:10]) / 10 - 0.2


def test_exports_say_where_they_come_from(undisturbed: Path):
    final = load_final(undisturbed / "final")
    assert (final.arch, final.config) == ("mmv2", RUN.model)
    assert final.provenance["run"] == "tiny"
    assert final.provenance["step"] == 10
    assert final.provenance["tokens_seen"] == 10 * RUN.tokens_per_step
    assert final.provenance["fingerprint"] == checkpoint_folder(undisturbed).name
    assert {"corpus", "code_version", "environment", "device"} <= set(final.provenance)


def test_milestones_hold_the_weights_of_their_step(undisturbed: Path, corpus_folder: Path, tmp_path: Path):
    milestone = undisturbed / "milestones" / f"step-{MILESTONE:08d}"
    found = load_final(milestone)
    assert found.provenance["step"] == MILESTONE
    assert finish(start(RUN, corpus_folder, tmp_path, partial(terminate_at, MILESTONE))) == STOPPED
    stopped = Checkpoints(tmp_path, checkpoint_folder(tmp_path).name, World(torch.device("cpu")))
    assert stopped.newest() == MILESTONE
    expected = start_model(tiny_run(seed=8), stopped.world, None)
    stopped.load_model(MILESTONE, expected)
    for name, tensor in found.model.state_dict().items():
        assert torch.equal(tensor, expected.state_dict()[name])


@pytest.mark.parametrize("step", [1, 5, 9])
def test_sigterm_leaves_a_checkpoint_to_go_on_from(step: int, undisturbed: Path, corpus_folder: Path, tmp_path: Path):
    assert finish(start(RUN, corpus_folder, tmp_path, partial(terminate_at, step))) == STOPPED == 143
    assert steps_in(checkpoint_folder(tmp_path))[-1] == step
    assert not (tmp_path / "final").exists()
    assert finish(start(RUN, corpus_folder, tmp_path)) == 0
    assert final_sha256(tmp_path) == final_sha256(undisturbed)
    assert metrics_of(tmp_path) == metrics_of(undisturbed)


def test_sigterm_in_the_last_step_lets_the_run_finish(undisturbed: Path, corpus_folder: Path, tmp_path: Path):
    assert finish(start(RUN, corpus_folder, tmp_path, partial(terminate_at, 10))) == 0
    assert final_sha256(tmp_path) == final_sha256(undisturbed)


def test_intervals_and_logging_change_no_weight(undisturbed: Path, corpus_folder: Path, tmp_path: Path):
    run = tiny_run(milestones=(MILESTONE,), checkpoint_interval=100, keep_last=1, log_interval=5)
    assert finish(start(run, corpus_folder, tmp_path)) == 0
    assert final_sha256(tmp_path) == final_sha256(undisturbed)
    assert steps_in(checkpoint_folder(tmp_path)) == [4, 10]


def test_a_finished_run_is_only_exported_again(
    undisturbed: Path, corpus_folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
):
    output = tmp_path / "copy"
    shutil.copytree(undisturbed / "checkpoints", output / "checkpoints")
    train(RUN, corpus_folder, output, device="cpu")
    assert capfd.readouterr().err == ""
    for name in ("final/model.safetensors", f"milestones/step-{MILESTONE:08d}/model.safetensors", "metrics.jsonl"):
        assert sha256(output / name) == sha256(undisturbed / name)


def test_a_milestone_that_the_run_has_passed_is_told(undisturbed: Path, corpus_folder: Path, tmp_path: Path):
    shutil.copytree(undisturbed / "checkpoints", tmp_path / "checkpoints")
    folder = checkpoint_folder(tmp_path)
    shutil.rmtree(folder / "step-00000010")  # one step is left to do
    with pytest.raises(UserError, match=rf"milestones: the run passed step 5 before .* or delete {folder} to"):
        train(tiny_run(milestones=(MILESTONE, 5)), corpus_folder, tmp_path, device="cpu")
    assert steps_in(folder) == [4, 9]
    train(tiny_run(milestones=(MILESTONE, 10)), corpus_folder, tmp_path, device="cpu")
    assert load_final(tmp_path / "milestones/step-00000010").provenance["step"] == 10
    assert final_sha256(tmp_path) == final_sha256(undisturbed)


def test_other_settings_start_anew(
    undisturbed: Path, corpus_folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
):
    shutil.copytree(undisturbed / "checkpoints", tmp_path / "checkpoints")
    before = checkpoint_folder(tmp_path)
    train(tiny_run(seed=8), corpus_folder, tmp_path, device="cpu")
    assert len(metrics_of(tmp_path)) == 10
    assert final_sha256(tmp_path) != final_sha256(undisturbed)
    assert steps_in(before) == [4, 9, 10]
    assert before.name in capfd.readouterr().err


def diverge_at(step: int) -> None:
    """The weights become infinite before a step."""
    original = trainer.train_step

    def diverging(model: Any, *args: Any) -> Any:
        if args[4] == step:
            model.norm.weight.data.fill_(float("inf"))
        return original(model, *args)

    trainer.train_step = diverging


def test_a_loss_that_is_not_finite_keeps_the_last_good_checkpoint(
    undisturbed: Path, corpus_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(trainer, "train_step", trainer.train_step)
    diverge_at(5)
    with pytest.raises(UserError, match="loss is nan at step 5"):
        train(RUN, corpus_folder, tmp_path, device="cpu")
    assert steps_in(checkpoint_folder(tmp_path)) == [3, 4]
    monkeypatch.undo()
    train(RUN, corpus_folder, tmp_path, device="cpu")
    assert final_sha256(tmp_path) == final_sha256(undisturbed)


def test_the_signal_handler_goes_with_the_run(corpus_folder: Path, tmp_path: Path):
    before = signal.getsignal(signal.SIGTERM)
    train(tiny_run("transformer", max_steps=2), corpus_folder, tmp_path, device="cpu")
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_full_disk_keeps_the_previous_checkpoint(
    corpus_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, undisturbed: Path
):
    save = Checkpoints.save

    def full(self: Checkpoints, step: int, *args: Any) -> None:
        if step == 6:
            raise OSError(28, "No space left on device")
        save(self, step, *args)

    monkeypatch.setattr(Checkpoints, "save", full)
    with pytest.raises(UserError, match="No space left on device"):
        train(RUN, corpus_folder, tmp_path, device="cpu")
    monkeypatch.undo()
    train(RUN, corpus_folder, tmp_path, device="cpu")
    assert final_sha256(tmp_path) == final_sha256(undisturbed)


def test_fine_tuning_starts_from_the_final_weights(undisturbed: Path, corpus_folder: Path, tmp_path: Path):
    run = tiny_run(name="tuned", init_from="tiny", learning_rate=1e-9, max_steps=2).model_copy(update={"budget": 0.5})
    train(run, corpus_folder, tmp_path, undisturbed / "final", device="cpu")
    tuned, first = (load_file(output / "final" / "model.safetensors") for output in (tmp_path, undisturbed))
    assert max((tuned[name] - first[name]).abs().max().item() for name in first) < 1e-7
    state = read_json(checkpoint_folder(tmp_path) / "step-00000002" / "state.json")
    assert state["run"]["init_from"] == "tiny"
    assert state["rows"] == 8
    provenance = read_json(tmp_path / "final" / "config.json")["provenance"]
    assert (provenance["budget"], provenance["tokens_seen"]) == (1.0, 8 * run.model.max_seq_len), "of the pre-training"
