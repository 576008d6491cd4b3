"""Checkpoints of one run: written whole or not at all, checked when read, resumable on another number of ranks.

<output>/checkpoints/<fingerprint>/
  metrics.jsonl            one line per step (see ``metrics``)
  step-00000010/           after 10 steps; a name without .tmp is complete
    __<rank>_0.distcp, .metadata   model, optimizer and RNG states (torch.distributed.checkpoint)
    state.json             step, tokens_seen, rows consumed (the position in the data), fingerprint, the resolved run
    manifest.json          SHA-256 of every other file

The fingerprint stands for everything that determines the weights (see ``identity``): a run with other settings never
resumes from here. All ranks must see the same file system.
"""

import errno
import re
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from io import IOBase
from pathlib import Path
from typing import Any

import torch
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.filesystem import FileSystem, FileSystemReader, FileSystemWriter
from torch.distributed.checkpoint.state_dict import (
    get_model_state_dict,
    get_state_dict,
    set_model_state_dict,
    set_state_dict,
)
from torch.distributed.checkpoint.state_dict_loader import load
from torch.distributed.checkpoint.state_dict_saver import save

from mmv2.errors import UserError
from mmv2.files import atomic, check_sha256, read_json, remove, sha256, write_json
from mmv2.layers.decoder import LanguageModel
from mmv2.training.parallel import World


class Checkpoints:
    """The checkpoints of one fingerprint. All methods but ``path`` are to be called by all ranks."""

    def __init__(self, output_folder: Path, fingerprint: str, world: World):
        self.folder = output_folder / "checkpoints" / fingerprint
        self.fingerprint = fingerprint
        self.world = world

    def path(self, step: int) -> Path:
        """Where the checkpoint of a step is or would be."""
        return self.folder / f"step-{step:08d}"

    def prepare(self, say: Callable[[str], None]) -> None:
        """Make the folder, clear what a killed process left, and name what belongs to other settings."""
        with self.world.together():
            if self.world.is_main:
                self.folder.mkdir(parents=True, exist_ok=True)
                for leftover in self.folder.glob("*.tmp"):
                    remove(leftover)
                others = sorted(path.name for path in self.folder.parent.iterdir() if path != self.folder)
                if others:
                    say(f"{self.folder.parent}: leaving alone the checkpoints of other settings: {', '.join(others)}")

    def newest(self) -> int:
        """The step of the newest complete checkpoint; 0: there is none."""
        return max(self._steps(), default=0)

    def save(self, step: int, model: LanguageModel, optimizer: torch.optim.Optimizer, state: Mapping[str, Any]) -> None:
        """Write the checkpoint of a step; ``state`` goes to state.json with the step and the fingerprint.

        Raises:
            OSError: the disk is full, for instance. Nothing of this checkpoint is left then; the others stay.
        """
        partial = self.path(step).with_suffix(".tmp")
        try:
            with self.world.together():
                if self.world.is_main:
                    remove(partial)
                    partial.mkdir()
                    write_json(partial / "state.json", {"step": step, "fingerprint": self.fingerprint, **state})
            model_state, optimizer_state = get_state_dict(model, optimizer)
            _write(partial, {"model": model_state, "optimizer": optimizer_state, "rng": _rng_states(self.world)})
            checksums = self._checksums(partial)
            with self.world.together():
                if self.world.is_main:
                    write_json(partial / "manifest.json", checksums)
                    with atomic(self.path(step)) as temporary:
                        partial.rename(temporary)
        except BaseException:
            if self.world.is_main:
                remove(partial)
            raise

    def load(self, step: int, model: LanguageModel, optimizer: torch.optim.Optimizer) -> None:
        """Bring model, optimizer and random generators to where they were after a step.

        Raises:
            UserError: a file is missing or damaged, or the checkpoint belongs to other settings.
        """
        self._verify(step)
        model_state, optimizer_state = get_state_dict(model, optimizer)
        rng_states = _rng_states(self.world)
        reader = FileSystemReader(self.path(step))
        if f"rng.{next(iter(rng_states))}" not in reader.read_metadata().state_dict_metadata:
            rng_states = {}  # written by fewer ranks; this rank's generators stay as the run's seed made them
        _read(reader, {"model": model_state, "optimizer": optimizer_state, "rng": rng_states})
        set_state_dict(model, optimizer, model_state_dict=model_state, optim_state_dict=optimizer_state)
        _restore_rng(rng_states, self.world)

    def load_model(self, step: int, model: LanguageModel) -> None:
        """Fill only the model; raises as ``load`` does."""
        self._verify(step)
        model_state = get_model_state_dict(model)
        _read(FileSystemReader(self.path(step)), {"model": model_state})
        set_model_state_dict(model, model_state)

    def rotate(self, keep_last: int, milestones: Collection[int]) -> None:
        """Delete all but the last ``keep_last`` checkpoints; those of milestone steps stay and do not count."""
        rotating = sorted(step for step in self._steps() if step not in milestones)
        with self.world.together():
            if self.world.is_main:
                for step in rotating[:-keep_last]:
                    # Under its own name a half deleted folder would look complete.
                    remove(self.path(step).rename(self.path(step).with_suffix(".tmp")))

    def _steps(self) -> list[int]:
        """All complete ones, as the main rank sees them."""
        names = [re.fullmatch(r"step-(\d{8})", path.name) for path in self.folder.glob("step-*")]
        return self.world.gather([int(name[1]) for name in names if name])[0]

    def _checksums(self, folder: Path) -> dict[str, str]:
        """Of every file but the manifest; each rank reads its share."""
        checksums = {}
        with self.world.together():
            names = sorted(path.name for path in folder.iterdir())
            checksums = {name: sha256(folder / name) for name in names[self.world.rank :: self.world.size]}
        return dict(sorted(item for share in self.world.gather(checksums) for item in share.items()))

    def _verify(self, step: int) -> None:
        folder = self.path(step)
        with self.world.together():
            manifest = read_json(folder / "manifest.json")
            for name in sorted(manifest)[self.world.rank :: self.world.size]:
                check_sha256(folder / name, manifest[name])
            found = read_json(folder / "state.json")["fingerprint"]
            if found != self.fingerprint:
                raise UserError(
                    f"{folder}/state.json: fingerprint {found} is not this run's {self.fingerprint}; "
                    f"move the folder below checkpoints/{found}, where it belongs"
                )


@contextmanager
def full_disk_told(output_folder: Path) -> Iterator[None]:
    """Turn the errors of a full disk into one line for the user."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise
        raise UserError(
            f"{output_folder}: {error.strerror} (the disk or a quota is full); free some space and start the run "
            f"again: it goes on from its newest checkpoint, which is whole"
        ) from error


class _PlainErrors(FileSystem):
    """Writing as usual, but what the disk refused is told as OSError: torch.save hides it behind one of its own."""

    @contextmanager
    def create_stream(self, path: Any, mode: str) -> Iterator[IOBase]:
        with super().create_stream(path, mode) as stream:
            try:
                yield stream
            except RuntimeError as error:
                if isinstance(error.__context__, OSError):
                    raise error.__context__ from None
                raise


def _write(folder: Path, content: dict[str, Any]) -> None:
    writer = FileSystemWriter(folder)
    writer.fs = _PlainErrors()
    try:
        with _quiet():
            save(content, storage_writer=writer)
    except CheckpointException as failed:  # the same on all ranks
        raise next(iter(failed.failures.values()))[0] from failed


def _read(reader: FileSystemReader, content: dict[str, Any]) -> None:
    """Fill the tensors of ``content`` in place."""
    with _quiet():
        load(content, storage_reader=reader)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the warning that a single process is a single process."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="torch.distributed is disabled")
        yield


def _rng_states(world: World) -> dict[str, torch.Tensor]:
    """States of this rank's global generators. No step draws from them so far; one that does stays reproducible."""
    states = {f"cpu-{world.rank}": torch.get_rng_state()}
    if world.device.type == "cuda":
        states[f"cuda-{world.rank}"] = torch.cuda.get_rng_state(world.device)
    return states


def _restore_rng(states: Mapping[str, torch.Tensor], world: World) -> None:
    if f"cpu-{world.rank}" in states:
        torch.set_rng_state(states[f"cpu-{world.rank}"])
    if f"cuda-{world.rank}" in states:
        torch.cuda.set_rng_state(states[f"cuda-{world.rank}"], world.device)
