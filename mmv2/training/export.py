"""What a finished run leaves for evaluation: ``final/`` and the like for each milestone, exported from checkpoints."""

from pathlib import Path
from typing import cast

from torch import Tensor
from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict

from mmv2.config import OPERATIONAL, Config, Detail, ModelConfig
from mmv2.data.shards import Corpus
from mmv2.errors import UserError
from mmv2.files import write_text
from mmv2.final import CONFIG, read_final_config, save_final
from mmv2.layers.decoder import LanguageModel
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


def pretraining_budget(run: RunConfig, init_folder: Path | None) -> float:
    """The data budget of the run itself, or of the first in the chain of runs whose weights it goes on from.

    So fine-tuned models are compared by what they were pre-trained on.

    Args:
        run: its own budget counts where it starts from its seed.
        init_folder: final/ folder of the run that it starts from.

    Raises:
        UserError: the folder does not tell its budget.
    """
    if init_folder is None:
        return run.budget
    budget = read_final_config(init_folder).provenance.get("budget")
    if not isinstance(budget, float):
        raise UserError(f"{init_folder / CONFIG}: provenance.budget: missing or no number; export that run again")
    return budget


def export(
    run: RunConfig, corpus: Corpus, checkpoints: Checkpoints, model: LanguageModel, budget: float, output_folder: Path
) -> None:
    """Write all folders and the metrics; the model's own weights are replaced on the way. To be called by all ranks.

    Args:
        run, corpus: what was trained, and on which data.
        checkpoints: of the run.
        model: receives the weights of one checkpoint after the other.
        budget: see ``pretraining_budget``.
        output_folder: of the run.

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
                provenance = _provenance(run, corpus, checkpoints, budget, step)
                save_final(folder, weights, run.arch, run.model, corpus.tokenizer_file, provenance)
    with checkpoints.world.together():
        if checkpoints.world.is_main:
            write_text(output_folder / "metrics.jsonl", (checkpoints.folder / "metrics.jsonl").read_text())


def _provenance(
    run: RunConfig, corpus: Corpus, checkpoints: Checkpoints, budget: float, step: int
) -> dict[str, object]:
    return {
        "run": run.name,
        "step": step,
        "tokens_seen": step * run.tokens_per_step,
        "budget": budget,
        "seed": run.training.seed,
        "init_from": run.init_from,
        "settings": settings(run),
        "fingerprint": checkpoints.fingerprint,
        "corpus": corpus.fingerprint,
        "code_version": code_version(),
        "environment": environment(),
        "device": str(checkpoints.world.device),
    }


def settings(run: RunConfig) -> dict[str, Detail]:
    """What records tell of a run's settings: the keys of its model and training that have one value, and both seeds.

    Properties of the model's config are among them, such as ``head_dim`` and ``delay_is_fixed``.
    """
    training = {name: value for name, value in _scalars(run.training).items() if name not in OPERATIONAL}
    seeds: dict[str, Detail] = {"training_seed": training.pop("seed"), "corpus_seed": run.corpus.seed}
    return {**_scalars(run.model), **training, "max_steps": run.max_steps, **seeds}


def _scalars(config: Config) -> dict[str, Detail]:
    classes = [cls for cls in type(config).__mro__ if issubclass(cls, ModelConfig)]
    properties = [name for cls in classes for name, value in vars(cls).items() if isinstance(value, property)]
    values = {name: getattr(config, name) for name in (*type(config).model_fields, *properties)}
    return {name: value for name, value in values.items() if isinstance(value, Detail)}
