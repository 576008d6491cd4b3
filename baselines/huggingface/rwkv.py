"""Decoding with RWKV, whose state the library's code gets right for a single sequence alone.

Of one token (``models/rwkv/modeling_rwkv.py`` of transformers 5.23) it adds the last token's input (B, D) to this one's
(B, 1, D), so that with several sequences everything grows to (B, B, D).

Shapes: B sequences, T tokens of each, D hidden size, L layers, V vocabulary.
"""

from typing import Any

from torch import Tensor
from transformers import PreTrainedModel

NOTHING_YET = -1e30
"""The largest exponent so far, before the first token (the library's own value)."""


def extend_rwkv(
    network: PreTrainedModel, tokens_BT: Tensor, state: list[Tensor] | None, **options: Any
) -> tuple[Tensor, list[Tensor]]:
    """Logits (B, T, V) and the state after these tokens: five tensors (B, D, L), those passed in, changed in place."""
    state = state or _before_the_first(network, len(tokens_BT))
    given: list[Any] = state
    if tokens_BT.shape[1] == 1:
        given = [_LastInputs(state[0]), _LastInputs(state[1]), *state[2:]]
    return network(tokens_BT, state=given, use_cache=True, **options).logits, state


def _before_the_first(network: PreTrainedModel, rows: int) -> list[Tensor]:
    weight_VD: Any = network.get_input_embeddings().weight
    layers = network.config.num_hidden_layers
    state = [weight_VD.new_zeros(rows, weight_VD.shape[1], layers) for _ in range(5)]
    state[4] += NOTHING_YET
    return state


class _LastInputs:
    """The last inputs of all layers (B, D, L), which answer for one of them with the dimension of tokens: (B, 1, D)."""

    def __init__(self, inputs_BDL: Tensor):
        self.inputs_BDL = inputs_BDL

    def __getitem__(self, place: Any) -> Tensor:
        return self.inputs_BDL[place][:, None]

    def __setitem__(self, place: Any, inputs_BD: Tensor) -> None:
        self.inputs_BDL[place] = inputs_BD
