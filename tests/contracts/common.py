"""What the contract tests share: a model that shows every error, tokens, and cached decoding in pieces.

Equalities are tested in float64, where an error in the logic cannot pass for rounding; what float32 and bfloat16 make
of them is tested apart.

B rows, T tokens per row, V vocabulary.
"""

from itertools import chain, repeat

import torch

from mmv2.registry import architectures

SPECS = architectures()
CONTEXTS = 4
"""Sequences are this many training contexts long, and a training context is longer than every window and delay."""
CLOSE = {"atol": 1e-9, "rtol": 1e-9}


def scattered(spec, config):
    """A float64 model whose every parameter is moved from its initial value, so that each one shows in the logits."""
    torch.manual_seed(11)
    model = spec.build(config).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.2)
    return model.eval()


def random_tokens(config, batch, length, seed=0):
    return torch.randint(config.vocab_size, (batch, length), generator=torch.Generator().manual_seed(seed))


def whole_length(config):
    return CONTEXTS * config.max_seq_len + 3


def drawn_inputs(spec):
    """No step inputs, as at inference, and those of two training steps."""
    return [{}] + [spec.step_inputs(spec.tiny, 5, step) for step in (0, 7)]


def chunks(rows_BT, *sizes):
    """Cut into consecutive pieces; the last size is repeated to the end."""
    pieces, start = [], 0
    for size in chain(sizes, repeat(sizes[-1])):
        if start >= rows_BT.shape[1]:
            return pieces
        pieces.append(rows_BT[:, start : start + size])
        start += size


def extend_by(model, pieces, state=None):
    logits = []
    for piece in pieces:
        part, state = model.extend(piece, state)
        logits.append(part)
    return torch.cat(logits, dim=1), state


def state_bytes(state):
    return sum(tensor.nbytes for layer in state.layers for tensor in layer.content())
