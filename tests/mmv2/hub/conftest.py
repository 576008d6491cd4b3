"""A model in float64 whose every weight shows, as transformers sees it, and prompts of unlike length."""

import pytest
import torch

from mmv2.hub.modelling import from_decoder
from tests.mmv2.evaluation.small_world import random_model

LENGTHS = (37, 1, 20, 21, 37)
"""Tokens of the rows of a padded batch: longer and shorter than every window and delay, two of them equal."""


@pytest.fixture
def decoder():
    return random_model("mmv2").double()


@pytest.fixture
def model(decoder):
    return from_decoder(decoder)


@pytest.fixture
def rows():
    """Prompts of unlike length."""
    generator = torch.Generator().manual_seed(1)
    return [torch.randint(61, (1, length), generator=generator) for length in LENGTHS]


@pytest.fixture
def padded(rows):
    """The prompts as one batch, padded on the left: token ids and mask."""
    width = max(row.shape[1] for row in rows)
    fill = [torch.full((1, width - row.shape[1]), 7) for row in rows]
    ids = torch.cat([torch.cat(pair, dim=1) for pair in zip(fill, rows, strict=True)])
    mask = torch.cat([torch.cat([torch.zeros_like(f), torch.ones_like(r)], 1) for f, r in zip(fill, rows, strict=True)])
    return {"input_ids": ids, "attention_mask": mask}
