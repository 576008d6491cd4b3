import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mmv2.errors import UserError
from mmv2.files import read_json, write_json
from mmv2.runs import RunConfig
from mmv2.training import launch as launch_module
from mmv2.training.launch import read_run
from mmv2.training.trainer import STOPPED
from tests.mmv2.training.conftest import MILESTONE
from tests.mmv2.training.helpers import checkpoint_folder, final_sha256, metrics_of, steps_in, tiny_run

ROOT = Path(__file__).parents[3]
RUN = tiny_run(milestones=(MILESTONE,))
ENDLESS = tiny_run("transformer", max_steps=64, checkpoint_interval=1000, micro_batch_size=1)


def command(run: RunConfig, corpus: Path, output: Path, *options: str) -> list[str]:
    file = output / "given.json"
    write_json(file, run.model_dump(mode="json"))
    folders = [f"--corpus={corpus}", f"--output={output}", "--device=cpu"]
    return [sys.executable, "-m", "mmv2.training.launch", str(file), *folders, *options]


def launch(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(*arguments), capture_output=True, text=True, cwd=ROOT)


def test_a_resolved_run_comes_back_from_json(tmp_path: Path):
    write_json(tmp_path / "any.json", RUN.model_dump(mode="json"))
    assert read_run(tmp_path / "any.json") == RUN


def test_a_wrong_key_in_json_is_named(tmp_path: Path):
    content = RUN.model_dump(mode="json")
    content["training"]["sed"] = 1
    write_json(tmp_path / "any.json", content)
    with pytest.raises(UserError, match=r"any.json: training.sed: unknown key; did you mean 'seed'"):
        read_run(tmp_path / "any.json")


def test_one_process(undisturbed: Path, corpus_folder: Path, tmp_path: Path):
    done = launch(RUN, corpus_folder, tmp_path)
    assert done.returncode == 0, done.stderr
    assert final_sha256(tmp_path) == final_sha256(undisturbed)


def test_an_error_is_one_line(tmp_path: Path):
    done = launch(RUN, tmp_path / "nowhere", tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1


def test_more_ranks_than_gpus_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("torch.cuda.device_count", lambda: 1)
    with pytest.raises(UserError, match="2 ranks need a GPU each, there are 1"):
        launch_module.launch(RUN, tmp_path, tmp_path, processes=2)


@pytest.mark.parametrize("processes", [0, -1])
def test_no_process_at_all_is_refused(processes: int, tmp_path: Path):
    with pytest.raises(UserError, match=f"^--processes {processes}: a run needs at least one"):
        launch_module.launch(RUN, tmp_path, tmp_path, processes=processes)


@pytest.mark.parametrize("processes", [1, 2])
def test_a_device_that_is_not_there_is_told_before_ranks_start(
    processes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    monkeypatch.setattr(launch_module, "_torchrun", lambda *arguments: pytest.fail("ranks were started"))
    with pytest.raises(UserError, match=r"^--device cuda: GPU 0 is not there"):
        launch_module.launch(RUN, tmp_path, tmp_path, processes=processes, device="cuda")


def test_an_output_folder_that_cannot_be_made_is_told(tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"file/output: this folder cannot be made \(Not a directory\)"):
        launch_module.launch(RUN, tmp_path, tmp_path / "file/output")


def test_an_output_folder_without_permission_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("mmv2.files.os.access", lambda folder, mode: False)
    with pytest.raises(UserError, match=r"output: nothing can be written to this folder \(no permission\)"):
        launch_module.launch(RUN, tmp_path, tmp_path / "output")


@pytest.mark.distributed
def test_two_processes(undisturbed: Path, corpus_folder: Path, tmp_path: Path):
    done = launch(RUN, corpus_folder, tmp_path, "--processes=2")
    assert done.returncode == 0, done.stderr
    assert metrics_of(tmp_path)[-1] == pytest.approx(metrics_of(undisturbed)[-1], rel=1e-5)
    assert read_json(tmp_path / "run.json") == RUN.model_dump(mode="json")
    assert len(list((checkpoint_folder(tmp_path) / "step-00000010").glob("*.distcp"))) == 2


@pytest.mark.distributed
def test_an_error_of_two_processes_is_one_line(tmp_path: Path):
    done = launch(RUN, tmp_path / "nowhere", tmp_path, "--processes=2")
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1


def interrupt(corpus: Path, output: Path, send: Callable[[int], None]) -> tuple[int, str]:
    """Run two processes, do something to them once they make steps; returns exit status and standard error."""
    running = subprocess.Popen(
        command(ENDLESS, corpus, output, "--processes=2"), stderr=subprocess.PIPE, text=True, cwd=ROOT
    )
    while not list(output.glob("checkpoints/*/metrics.jsonl")):
        assert running.poll() is None
        time.sleep(0.01)
    send(running.pid)
    _, told = running.communicate(timeout=120)
    return running.returncode, told


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.mark.distributed
def test_sigterm_to_the_launcher_stops_its_ranks_with_a_checkpoint(corpus_folder: Path, tmp_path: Path):
    status, told = interrupt(corpus_folder, tmp_path, lambda pid: os.kill(pid, signal.SIGTERM))
    assert status == STOPPED, told
    assert len(steps_in(checkpoint_folder(tmp_path))) == 1
    assert "stopped by SIGTERM after step" in told


@pytest.mark.distributed
def test_a_killed_rank_is_told(corpus_folder: Path, tmp_path: Path):
    status, told = interrupt(corpus_folder, tmp_path, lambda pid: os.kill(children(pid)[-1], signal.SIGKILL))
    assert status == 1
    assert "error: rank" in told
