import errno
import json
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from mmv2.data.shards import Corpus
from mmv2.errors import UserError
from mmv2.training import checkpoint
from mmv2.training.checkpoint import Checkpoints, full_disk_told
from mmv2.training.optimizer import build_optimizer
from mmv2.training.parallel import World
from mmv2.training.start import start_model
from mmv2.training.step import train_step
from tests.mmv2.training.helpers import steps_in, tiny_run

WORLD = World(torch.device("cpu"))
Trained = tuple[torch.nn.Module, torch.optim.Optimizer]


def fresh(seed: int = 7, tie_embeddings: bool = False) -> Trained:
    run = tiny_run(seed=seed)
    model_config = run.model.model_copy(update={"tie_embeddings": tie_embeddings})
    model = start_model(run.model_copy(update={"model": model_config}), WORLD, None)
    return model, build_optimizer(model, run.training)


def advance(trained: Trained, corpus_folder: Path, step: int) -> Trained:
    train_step(*trained, tiny_run(), Corpus.open(corpus_folder), WORLD, step)
    return trained


@pytest.fixture
def checkpoints(tmp_path: Path) -> Checkpoints:
    found = Checkpoints(tmp_path, "0123456789abcdef", WORLD)
    found.prepare(print)
    return found


def save(checkpoints: Checkpoints, *steps: int, trained: Trained | None = None) -> None:
    for step in steps:
        checkpoints.save(step, *(trained or fresh()), {"tokens_seen": 128 * step})


@pytest.mark.parametrize("tie_embeddings", [False, True])
def test_training_goes_on_as_if_nothing_had_been(checkpoints: Checkpoints, corpus_folder: Path, tie_embeddings: bool):
    trained = advance(fresh(tie_embeddings=tie_embeddings), corpus_folder, 1)
    save(checkpoints, 1, trained=trained)
    torch.rand(3)  # the generators move on
    loaded = fresh(seed=8, tie_embeddings=tie_embeddings)
    checkpoints.load(1, *loaded)
    for model, _ in (advance(trained, corpus_folder, 2), advance(loaded, corpus_folder, 2)):
        expected = trained[0].state_dict()
        assert all(torch.equal(tensor, expected[name]) for name, tensor in model.state_dict().items())


def test_random_generators_come_back(checkpoints: Checkpoints):
    save(checkpoints, 1)
    expected = torch.rand(3)
    checkpoints.load(1, *fresh(seed=8))
    assert torch.equal(torch.rand(3), expected)


def test_loading_the_model_alone(checkpoints: Checkpoints):
    trained = fresh()
    save(checkpoints, 1, trained=trained)
    model, _ = fresh(seed=8)
    checkpoints.load_model(1, model)
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), trained[0].parameters(), strict=True))


def test_state_tells_where_the_run_was(checkpoints: Checkpoints):
    save(checkpoints, 5)
    state = json.loads((checkpoints.path(5) / "state.json").read_text())
    assert state == {"step": 5, "fingerprint": "0123456789abcdef", "tokens_seen": 640}


def test_the_newest_counts_and_none_is_zero(checkpoints: Checkpoints):
    assert checkpoints.newest() == 0
    save(checkpoints, 9, 10)
    assert checkpoints.newest() == 10


def test_the_last_ones_and_the_milestones_stay(checkpoints: Checkpoints):
    for step in range(1, 8):
        checkpoints.path(step).mkdir()
    checkpoints.rotate(keep_last=2, milestones=(2, 7))
    assert steps_in(checkpoints.folder) == [2, 5, 6, 7]
    assert not list(checkpoints.folder.glob("*.tmp"))


def test_leftovers_are_no_checkpoints_and_are_cleared(checkpoints: Checkpoints):
    for name in ("step-00000003.tmp", ".step-00000003.tmp"):
        (checkpoints.folder / name).mkdir()
    assert checkpoints.newest() == 0
    checkpoints.prepare(print)
    assert list(checkpoints.folder.iterdir()) == []


def test_checkpoints_of_other_settings_are_left_alone_and_named(checkpoints: Checkpoints, tmp_path: Path):
    save(checkpoints, 3)
    told: list[str] = []
    other = Checkpoints(tmp_path, "ffff456789abcdef", WORLD)
    other.prepare(told.append)
    assert other.newest() == 0
    assert steps_in(checkpoints.folder) == [3]
    assert len(told) == 1
    assert "0123456789abcdef" in told[0]


def flip_a_byte(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


@pytest.mark.parametrize("name", ["__0_0.distcp", ".metadata", "state.json"])
@pytest.mark.parametrize("damage", [flip_a_byte, Path.unlink])
def test_a_damaged_file_is_named_and_no_older_checkpoint_is_taken(checkpoints: Checkpoints, name: str, damage: Any):
    save(checkpoints, 3, 6)
    damage(checkpoints.path(6) / name)
    assert checkpoints.newest() == 6
    for load in (lambda: checkpoints.load(6, *fresh()), lambda: checkpoints.load_model(6, fresh()[0])):
        with pytest.raises(UserError, match=f"step-00000006/{name}: "):
            load()


def test_a_checkpoint_of_other_settings_is_refused(checkpoints: Checkpoints, tmp_path: Path):
    save(checkpoints, 3)
    other = Checkpoints(tmp_path, "ffff456789abcdef", WORLD)
    shutil.copytree(checkpoints.folder, other.folder)
    with pytest.raises(UserError, match="0123456789abcdef is not this run's ffff456789abcdef"):
        other.load(3, *fresh())


def refusal_of_step_6(checkpoints: Checkpoints, trained: Trained | None = None) -> str:
    with pytest.raises(UserError) as error, full_disk_told(checkpoints.folder):
        save(checkpoints, 6, trained=trained)
    return str(error.value)


def only_step_3_is_left_whole(checkpoints: Checkpoints) -> None:
    assert [path.name for path in checkpoints.folder.iterdir()] == ["step-00000003"]
    checkpoints.load(3, *fresh())


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
@pytest.mark.parametrize("place", ["write_json", "sha256", "get_state_dict", "atomic"])
def test_a_full_disk_is_told_in_one_line(
    checkpoints: Checkpoints, monkeypatch: pytest.MonkeyPatch, place: str, code: int
):
    save(checkpoints, 3)

    def full(*_: Any) -> None:
        raise OSError(code, "no room")

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, place, full)
        told = refusal_of_step_6(checkpoints)
    assert "no room (the disk or a quota is full); free some space" in told
    assert "\n" not in told
    only_step_3_is_left_whole(checkpoints)


def test_other_errors_of_the_disk_pass_through(tmp_path: Path):
    with pytest.raises(PermissionError), full_disk_told(tmp_path):
        raise PermissionError(errno.EACCES, "not yours")


@pytest.fixture
def file_size_limit() -> Iterator[None]:
    """Puts back the largest size of a file that a test changes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize(("width", "limit"), [(20, 8_000), (500, 300_000)])
def test_a_file_that_may_not_grow(checkpoints: Checkpoints, file_size_limit: None, width: int, limit: int):
    """Small tensors are refused when the buffer is written out, large ones in the middle of torch.save."""
    save(checkpoints, 3)
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    layer = torch.nn.Linear(width, width)
    assert "File too large" in refusal_of_step_6(checkpoints, (layer, torch.optim.AdamW(layer.parameters())))
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    only_step_3_is_left_whole(checkpoints)


SMALL_DISK = """
import sys
from pathlib import Path
from tests.mmv2.training.test_checkpoint import Checkpoints, WORLD, full_disk_told, save
checkpoints = Checkpoints(Path(sys.argv[1]), "0123456789abcdef", WORLD)
checkpoints.prepare(print)
with full_disk_told(checkpoints.folder):
    save(checkpoints, 3, 6)
"""


def test_a_disk_that_is_really_full(checkpoints: Checkpoints, tmp_path: Path):
    """A disk with room for one checkpoint, in a mount namespace of its own."""
    save(checkpoints, 3)
    size = sum(path.stat().st_size for path in checkpoints.path(3).iterdir())
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
    mounted = f'mount -t tmpfs -o size={size * 3 // 2} tmpfs "{disk}" || exit 77; '
    if subprocess.run([*mount, mounted], capture_output=True).returncode != 0:
        pytest.skip("no file system may be mounted here; the test with a limit on file sizes covers the same code")
    inside = f'"{sys.executable}" -c "$SCRIPT" "{disk}"; status=$?; ls -A "{disk}"/checkpoints/*; exit $status'
    done = subprocess.run(
        [*mount, mounted + inside],
        capture_output=True,
        text=True,
        env={**os.environ, "SCRIPT": SMALL_DISK},
        cwd=Path(__file__).parents[3],
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("mmv2.errors.UserError: ")
    assert "No space left on device" in done.stderr.splitlines()[-1]
    assert done.stdout.split() == ["step-00000003"]
