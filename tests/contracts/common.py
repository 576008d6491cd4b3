"""What the contract tests share: a model that shows every error, tokens, and cached decoding in pieces.

Equalities are tested in float64, where an error in the logic cannot pass for rounding; what float32 and bfloat16 make
of them is tested apart.

B rows, T tokens per row, V vocabulary.
"""

import dataclasses
from functools import wraps
from itertools import chain, repeat

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from mmv2.registry import architectures


def _one_for_each_tiny(spec):
    """The spec by a name, once with each of its tiny configs as ``tiny``."""
    yield spec.name, spec
    for tiny in spec.more_tinies:
        yield f"{spec.name}-{spec.label_for(tiny)}", dataclasses.replace(spec, tiny=tiny)


SPECS = dict(chain.from_iterable(map(_one_for_each_tiny, architectures().values())))
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
    if any(type(module).__module__.startswith("transformers.") for module in model.modules()):
        model.forward, model.extend = in_float64(model, model.forward), in_float64(model, model.extend)
    return model.eval()


class Float64Kept(TorchDispatchMode):
    """Whatever asks for float32 gets float64.

    Code of a library casts inputs of some operations to float32 whatever they are; its logic shows in float64 all the
    same. Our own code must leave float64 alone, and is tested without this.
    """

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        if kwargs.get("dtype") == torch.float32:
            kwargs["dtype"] = torch.float64
        return func(*args, **kwargs)


def in_float64(model, method):
    """The method of a model, within ``Float64Kept`` as long as the model is one of float64."""

    @wraps(method)
    def wrapped(*args, **kwargs):
        if next(model.parameters()).dtype != torch.float64:
            return method(*args, **kwargs)
        with Float64Kept():
            return method(*args, **kwargs)

    return wrapped


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
