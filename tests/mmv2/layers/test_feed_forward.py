"""SwiGLU against its formula, number by number."""

import math

import torch

from mmv2.layers.feed_forward import SwiGLU


def test_swiglu_equals_its_formula():
    torch.manual_seed(0)
    layer = SwiGLU(4, 6).double()
    x = torch.randn(2, 3, 4, dtype=torch.float64)
    w1, w2, w3 = (w.weight.tolist() for w in (layer.w1, layer.w2, layer.w3))
    for place in ((0, 0), (1, 2)):
        vector = x[place].tolist()
        gate = [sum(w * v for w, v in zip(row, vector, strict=True)) for row in w1]
        value = [sum(w * v for w, v in zip(row, vector, strict=True)) for row in w3]
        inner = [g / (1 + math.exp(-g)) * v for g, v in zip(gate, value, strict=True)]
        expected = [sum(w * v for w, v in zip(row, inner, strict=True)) for row in w2]
        torch.testing.assert_close(layer(x)[place], torch.tensor(expected, dtype=torch.float64))


def test_initialisation_takes_each_matrix_own_inputs():
    """Table 6: d for W_1 and W_3, d' for W_2, and the block index."""
    torch.manual_seed(0)
    layer = SwiGLU(64, 400)
    layer.reset_parameters(layer=3)
    for linear, inputs in ((layer.w1, 64), (layer.w3, 64), (layer.w2, 400)):
        sigma = 1 / math.sqrt(2 * inputs * 4)
        assert abs(linear.weight.std().item() / sigma - 1) < 0.03
        assert linear.bias is None
