"""Every matrix of every architecture in the decoder frame starts with Table 6's spread, at its own layer."""

import math

import pytest
import torch

from mmv2.layers.decoder import Decoder
from tests.contracts.common import SPECS

WIDTH, LAYERS = 128, 4
EXCEPTIONS = {
    "mixer.output.weight": lambda x: 1 / math.sqrt(2 * WIDTH),  # W_o: d, though it may read the answers of two memories
    "mixer.memories.output.weight": lambda x: 1 / math.sqrt(2 * WIDTH),
}
"""By the end of the name: sigma at layer 0, where it is not 1 / sqrt(2 inputs)."""
OF_NO_LAYER = {
    "stored_keys": lambda x: (
        x.shape[-1] ** -0.5
    ),  # Memory Mosaics v1, whose authors have pairs of norm 1 in every layer
    "stored_values": lambda x: x.shape[-1] ** -0.5,
}
"""Those whose sigma does not fall with the layer."""


def expected(name, parameter):
    """Sigma of a matrix by its name in the model."""
    for end, sigma in OF_NO_LAYER.items():
        if name.endswith(end):
            return sigma(parameter)
    layer = int(name.split(".")[1]) if name.startswith("blocks.") else 0
    inputs = WIDTH if name == "embedding.weight" else parameter.shape[1]
    first = next(
        (sigma for end, sigma in EXCEPTIONS.items() if name.endswith(end)), lambda x: 1 / math.sqrt(2 * inputs)
    )
    return first(parameter) / math.sqrt(layer + 1)


DECODERS = {name: spec for name, spec in SPECS.items() if isinstance(spec.build(spec.tiny), Decoder)}


@pytest.mark.parametrize("spec", DECODERS.values(), ids=DECODERS)
def test_every_matrix_starts_with_the_spread_of_its_inputs_and_layer(spec):
    config = spec.tiny.model_copy(update={"hidden_size": WIDTH, "num_layers": LAYERS, "intermediate_size": 3 * WIDTH})
    torch.manual_seed(2)
    found = {name: parameter for name, parameter in spec.build(config).named_parameters() if parameter.ndim > 1}
    assert {f"blocks.{layer}." for layer in range(LAYERS)} <= {name[:9] for name in found}
    for name, parameter in found.items():
        # Five standard errors of a standard deviation, and what the clamp at 3 sigma takes.
        close = 5 / math.sqrt(2 * parameter.numel()) + 0.01
        assert parameter.std().item() == pytest.approx(expected(name, parameter), rel=close), name
