"""What a finished run leaves for evaluation: ``final/`` and the like for each milestone, exported from checkpoints."""

from pathlib import Path
from typing import cast

from torch import Tensor
from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict

from mmv2.data.shards import Corpus
from mmv2.errors import UserError
from mmv2.files import write_text
from mmv2.final import save_final
from mmv2.layers.decoder import Decoder
from mmv2.provenance import code_version, environment
from mmv2.runs import RunConfig
from mmv2.training.checkpoint import Checkpoints


def milestone_folder(output_folder: Path, step: int) -> Path:
    """Where the weights after a milestone step are."""
    return output_folder / "milestones" / f"step-{step:08d}"


def check_milestones(run: RunConfig, checkpoints: Checkpoints) -> None:
    """Raise UserError for a milestone that can no longer be exported. To be called by all ranks, before any step."""
    newest = checkpoints.newest()
    with checkpoints.world.together():
        for step in run.training.milestones:
            if step <= newest and not checkpoints.path(step).is_dir():
                raise UserError(
                    f"run {run.name}: training.milestones: the run passed step {step} before this milestone was asked "
                    f"for, and kept no checkpoint of it; leave it out, or delete {checkpoints.folder} to train anew"
                )


def export(run: RunConfig, corpus: Corpus, checkpoints: Checkpoints, model: Decoder, output_folder: Path) -> None:
    """Write all folders and the metrics; the model's own weights are replaced on the way. To be called by all ranks.

    Raises:
        UserError: a checkpoint is missing or damaged.
    """
    folders = {milestone_folder(output_folder, step): step for step in run.training.milestones}
    for folder, step in {**folders, output_folder / "final": run.max_steps}.items():
        checkpoints.load_model(step, model)
        options = StateDictOptions(full_state_dict=True, cpu_offload=True)
        weights = cast(dict[str, Tensor], get_model_state_dict(model, options=options))
        with checkpoints.world.together():
            if checkpoints.world.is_main:
                provenance = _provenance(run, corpus, checkpoints, step)
                save_final(folder, weights, run.arch, run.model, corpus.tokenizer_file, provenance)
    with checkpoints.world.together():
        if checkpoints.world.is_main:
            write_text(output_folder / "metrics.jsonl", (checkpoints.folder / "metrics.jsonl").read_text())


def _provenance(run: RunConfig, corpus: Corpus, checkpoints: Checkpoints, step: int) -> dict[str, object]:
    return {
        "run": run.name,
        "step": step,
        "tokens_seen": step * run.tokens_per_step,
        "budget": run.budget,
        "seed": run.training.seed,
        "init_from": run.init_from,
        "fingerprint": checkpoints.fingerprint,
        "corpus": corpus.fingerprint,
        "code_version": code_version(),
        "environment": environment(),
        "device": str(checkpoints.world.device),
    }
