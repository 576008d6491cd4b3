"""SIGKILL at every place where files are being written; afterwards the same run gives the same bytes."""

import os
import signal
from functools import partial
from pathlib import Path

import pytest

from mmv2.training.metrics import Metrics
from tests.mmv2.training.conftest import MILESTONE
from tests.mmv2.training.helpers import (
    Sabotage,
    checkpoint_folder,
    final_sha256,
    finish,
    kill_at,
    metrics_of,
    start,
    steps_in,
    tiny_run,
)

RUN = tiny_run(milestones=(MILESTONE,))
INTERVAL = RUN.training.checkpoint_interval


def tear_metrics() -> None:
    """Die in the middle of a line."""
    append = Metrics.append

    def tearing(self, line, durable):
        if line["step"] == 8:
            self._file.write('{"step": 8, "lo')
            self._file.flush()
            os.kill(os.getpid(), signal.SIGKILL)
        append(self, line, durable)

    Metrics.append = tearing


PLACES = {
    "before the tensors": (partial(kill_at, "mmv2.training.checkpoint", "save", 3), [3, 4]),
    "between two tensors": (partial(kill_at, "torch", "save", 300), [3]),
    "before the manifest": (partial(kill_at, "mmv2.training.checkpoint", "sha256", 5), [3]),
    "before the last rename": (partial(kill_at, "pathlib.Path", "rename", 4, after=True), [3]),
    "just after": (partial(kill_at, "mmv2.training.trainer.Checkpoints", "save", 2, after=True), [3, 4]),
    "in the rotation": (partial(kill_at, "shutil", "rmtree", 1), [4, 6, 9]),
    "in a line of the metrics": (tear_metrics, [3, 4, 6]),
    "in the export": (partial(kill_at, "mmv2.training.export", "save_final", 1, after=True), [4, 9, 10]),
}
"""Place -> sabotage, and the steps of the checkpoints that are left."""


@pytest.mark.parametrize("place", PLACES)
def test_killed_run_goes_on_to_the_same_bytes(place: str, undisturbed: Path, corpus_folder: Path, tmp_path: Path):
    sabotage, left = PLACES[place]
    kill(sabotage, corpus_folder, tmp_path)
    folder = checkpoint_folder(tmp_path)
    assert steps_in(folder) == left
    made = max(int(line.split('"step": ')[1].split(",")[0]) for line in (folder / "metrics.jsonl").open())
    assert made - left[-1] <= INTERVAL, "more than one interval is to be made again"

    assert finish(start(RUN, corpus_folder, tmp_path)) == 0
    assert final_sha256(tmp_path) == final_sha256(undisturbed)
    assert metrics_of(tmp_path) == metrics_of(undisturbed)
    assert [line["step"] for line in metrics_of(tmp_path)] == list(range(1, 11))
    assert not list(folder.glob("*.tmp"))


def test_a_checkpoint_in_the_making_is_no_checkpoint(corpus_folder: Path, tmp_path: Path):
    kill(PLACES["between two tensors"][0], corpus_folder, tmp_path)
    (partial_folder,) = checkpoint_folder(tmp_path).glob("*.tmp")
    assert list(partial_folder.glob("*.distcp")), "the kill came too early to test anything"


def kill(sabotage: Sabotage, corpus: Path, output: Path) -> None:
    assert finish(start(RUN, corpus, output, sabotage)) == -signal.SIGKILL
