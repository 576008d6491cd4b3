"""What every language model here must do, asked of a freshly made one: some of transformers' models do not.

No random numbers are drawn and nothing is kept; it costs a few forward passes over sixteen tokens.
"""

import torch
from torch import Tensor

from baselines.huggingface.model import HuggingFaceModel, told
from baselines.huggingface.sizes import flops_per_token
from mmv2.errors import UserError

LENGTH = 8
PIECES = (5, 1, 2)
"""How these tokens are read with a cache: several at first, one, several after others."""
TOLERANCE = 5e-5
"""Of the largest logit, for rounding in float32."""
ENCODERS = "; of encoders that can be decoders, set model.overrides.is_decoder: true"


@torch.no_grad()
def check_behaviour(model: HuggingFaceModel) -> None:
    """Raise UserError unless the model is causal, keeps rows apart, and decodes with a cache what it reads without."""
    kind = model.kind
    places_T = torch.arange(LENGTH, device=model.device) % model.config.vocab_size
    rows_BT = torch.stack([places_T, places_T])
    rows_BT[1, -1] = (rows_BT[1, -1] + 1) % model.config.vocab_size  # the only difference
    training = model.training
    model.eval()
    try:
        logits_BTV = model(rows_BT)
        alone_1TV = model(rows_BT[:1])
        steps_BTV = _in_pieces(model, rows_BT)
        flops_per_token(model.config, model.config.max_seq_len)
    except UserError:
        raise
    except Exception as error:  # whatever the library's code meets
        raise UserError(f"{kind}: transformers cannot run it with these values: {told(error)}") from error
    finally:
        model.train(training)
    if not _close(logits_BTV[0, :-1], logits_BTV[1, :-1]):
        raise UserError(f"{kind}: sees tokens before it reads them, so it is no language model; use another{ENCODERS}")
    if not _close(logits_BTV[:1], alone_1TV):
        raise UserError(f"{kind}: a row's logits depend on the rows beside it; use another")
    if not _close(logits_BTV, steps_BTV):
        raise UserError(f"{kind}: decoding with its cache differs from reading whole texts; use another")


def _in_pieces(model: HuggingFaceModel, rows_BT: Tensor) -> Tensor:
    """With copies of the state of the first row, whose tokens both share up to the last."""
    first, *others = rows_BT.split(PIECES, dim=1)
    part, state = model.extend(first[:1])
    found, state = [part.expand(len(rows_BT), -1, -1)], state.expand(len(rows_BT))
    for piece in others:
        part, state = model.extend(piece, state)
        found.append(part)
    return torch.cat(found, dim=1)


def _close(one: Tensor, other: Tensor) -> bool:
    return one.shape == other.shape and bool((one - other).abs().max() <= TOLERANCE * one.abs().max())
