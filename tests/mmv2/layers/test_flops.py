"""Counts against a model small enough to count by hand."""

import torch

from mmv2.config import ModelConfig
from mmv2.layers.decoder import Decoder, Mixer
from mmv2.layers.flops import causal_read_flops, matrix_flops, parameters, window_read_flops

CONFIG = ModelConfig(vocab_size=7, hidden_size=4, num_layers=3, num_heads=2, intermediate_size=5, max_seq_len=8)


class OneMatrix(Mixer):
    """A mixer of 16 parameters that are counted only."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.empty(4, 4))

    def forward(self, x_BTD, documents, **step_inputs):
        raise NotImplementedError

    def extend(self, x_BTD, state):
        raise NotImplementedError

    def reset_parameters(self, layer):
        self.weight.zero_()


def build(config):
    model = Decoder(config, lambda layer: OneMatrix())
    assert model.embedding.weight.is_meta
    return model


INSIDE = 3 * (16 + 3 * 4 * 5 + 2 * 4) + 4
"""Mixer, feed-forward and two norms per block, and the last norm."""


def test_parameters_by_hand():
    assert parameters(build, CONFIG) == INSIDE + 2 * 7 * 4
    assert parameters(build, CONFIG.model_copy(update={"tie_embeddings": True})) == INSIDE + 7 * 4


def test_flops_leave_out_the_embedding_but_not_a_tied_classifier():
    assert matrix_flops(build, CONFIG) == 2 * (INSIDE + 7 * 4)
    assert matrix_flops(build, CONFIG.model_copy(update={"tie_embeddings": True})) == 2 * (INSIDE + 7 * 4)


def test_reads_by_hand():
    assert causal_read_flops(CONFIG, 100) == 2 * 3 * 100 * 4
    assert window_read_flops(CONFIG, 10, 10) == 2 * 3 * 10 * 4
    assert window_read_flops(CONFIG, 11, 10) == window_read_flops(CONFIG, 1000, 10) == 4 * 3 * 10 * 4
