"""The mean bandwidth of a trained model, to train another one with it as a constant: ``mmv2 bandwidth``.

H memory units (heads), N positions.
"""

from pathlib import Path
from typing import cast

import torch
import yaml

from mmv2.errors import UserError
from mmv2.final import CONFIG, load_final
from mmv2.layers.decoder import Block, Decoder
from mmv2.layers.memory_mixer import MemoryMixer
from mmv2.model.config import FixedBandwidth, MosaicConfig
from mmv2.ops.memory_read import Ages


def as_run_settings(folder: Path) -> str:
    """The mean bandwidths of a trained model as YAML lines of a run file, which train a model with those constants.

    Args:
        folder: ``final/`` of a run of Memory Mosaics v2.

    Raises:
        UserError: missing or damaged files, another architecture, or a model without its long-term memory.
    """
    final = load_final(folder)
    if not isinstance(final.config, MosaicConfig):
        raise UserError(f"{folder / CONFIG}: arch: {final.arch} has no bandwidths of two memories; give a run of mmv2")
    try:
        fixed = mean_bandwidth(cast(Decoder, final.model))
    except UserError as error:
        raise UserError(f"{folder / CONFIG}: {error}") from None
    content = {"model": {"adaptive_bandwidth": False, "fixed_bandwidth": fixed.model_dump()}}
    return yaml.safe_dump(content, sort_keys=False)


@torch.no_grad()
def mean_bandwidth(model: Decoder) -> FixedBandwidth:
    """beta of Eq. 6, in the mean over layers, memory units and positions of the training context, of each memory.

    Positions at which a memory is empty do not count: their beta multiplies nothing. m is that of inference.

    Raises:
        UserError: the model has no long-term memory.
    """
    config = cast(MosaicConfig, model.config)
    if not config.long_term_memory:
        raise UserError("model.long_term_memory: false, so it has no bandwidth; give the model that has one")
    return FixedBandwidth(**{name: _mean_of(model, name) for name in config.memories})


def _mean_of(model: Decoder, name: str) -> float:
    """Of one memory. All layers and heads have equally many positions, so that their means weigh alike."""
    means = []
    for block in model.blocks:
        mixer = cast(MemoryMixer, cast(Block, block).mixer)
        ages: Ages = mixer.ages[name]
        held_N = ages.pairs(torch.arange(ages.min_age, model.config.max_seq_len, device=model.device))
        beta_HN = mixer.memories[name].bandwidth().beta(held_N)  # (H, 1) where it does not depend on n
        means.append(beta_HN.double().mean())
    return float(torch.stack(means).mean())
