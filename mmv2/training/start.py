"""The model before its first step: numerics, seed, initial weights, sharding."""

from pathlib import Path

import torch

from mmv2.data.shards import Corpus
from mmv2.errors import UserError
from mmv2.files import sha256
from mmv2.final import CONFIG, TOKENIZER, WEIGHTS, check_final, load_weights
from mmv2.layers.decoder import LanguageModel
from mmv2.runs import RunConfig
from mmv2.training.parallel import World, shard


def set_numerics(run: RunConfig, device: torch.device) -> None:
    """On a CPU the bytes of a run depend on the threads of a rank, and on deterministic kernels."""
    torch.set_num_threads(run.training.threads)
    torch.use_deterministic_algorithms(device.type == "cpu")


def start_model(run: RunConfig, world: World, init_folder: Path | None) -> LanguageModel:
    """The run's model on this rank's device: from its seed, or from the weights of another run.

    Every rank makes the whole model, the same one, before it keeps its part: float32 parameters must fit one device.
    """
    torch.manual_seed(run.training.seed)
    with world.device:
        model = run.spec.build(run.model)
    if init_folder is not None:
        load_weights(model, init_folder / WEIGHTS)
    shard(model, world)
    return model.train()


def check_start(run: RunConfig, corpus: Corpus, world: World, init_folder: Path | None) -> None:
    """Raise UserError for what would only show in the middle of the run, or not at all."""
    training = run.training
    if corpus.manifest.config != run.corpus.model_dump(mode="json"):
        raise UserError(
            f"{corpus.folder}: was made with other settings than corpus: of run {run.name}; "
            f"give the folder of {run.corpus_name}, or prepare it"
        )
    corpus.check_vocabulary(run.model.vocab_size)
    needed = run.max_steps * run.tokens_per_step
    if needed > corpus.num_tokens:
        raise UserError(
            f"{corpus.folder}: holds {corpus.num_tokens} tokens, run {run.name} needs {needed}; "
            f"prepare a larger corpus, or lower budget or training.max_steps"
        )
    micro_batch_size = training.micro_batch_size or 1
    if training.global_batch_size % (micro_batch_size * world.size):
        raise UserError(
            f"run {run.name}: training.global_batch_size: {training.global_batch_size} is not a multiple of "
            f"micro_batch_size {micro_batch_size} times {world.size} ranks; change one of the three"
        )
    _check_init(run, corpus, init_folder)


def _check_init(run: RunConfig, corpus: Corpus, init_folder: Path | None) -> None:
    """The other run must be whole, of the same architecture and tokens; ``load_weights`` compares the shapes."""
    if init_folder is None:
        if run.init_from is not None:
            raise UserError(
                f"run {run.name}: init_from is {run.init_from!r}; give the final/ folder of that run with --init FOLDER"
            )
        return
    if run.init_from is None:
        raise UserError(f"run {run.name}: has no init_from, so it starts from its seed; leave out --init {init_folder}")
    final = check_final(init_folder)
    if final.arch != run.arch:
        raise UserError(
            f"{init_folder / CONFIG}: arch is {final.arch!r}, run {run.name} has {run.arch!r}; use one of both"
        )
    if final.tokenizer_sha256 != sha256(corpus.tokenizer_file):
        raise UserError(
            f"{init_folder / TOKENIZER}: differs from {corpus.tokenizer_file}; prepare the corpus of run "
            f"{run.name} with the tokenizer of run {run.init_from}"
        )
