"""FLOPs per token and decoding state of a transformers model, counted from the model itself on the meta device.

FLOPs are Table 2's: two for each parameter but those of embeddings, the classifier among them, and the reads. Of a
mixture of experts only those count that a token visits. What is read, the model's own state after ``context`` tokens
tells:

    attention       context * heads * (key width + value width): scores and sum over, on average, half the context;
                    behind a full window of w tokens twice that at context = w, as in mmv2.layers.flops
    recurrent state 5 for each number of it: decay, form and add what is new, multiply and add for the answer
    RWKV            11 for each channel of each layer: 5 for the answer, 5 for the two sums kept, one division
"""

import re
from functools import cache
from typing import Any

import torch
from torch import nn
from transformers.cache_utils import LinearAttentionCacheLayerMixin

from baselines.huggingface.config import HuggingFaceConfig
from baselines.huggingface.model import FORGETFUL, HuggingFaceModel
from baselines.huggingface.state import HuggingFaceState
from mmv2.errors import UserError

RWKV_CHANNEL = 11
RECURRENT_NUMBER = 5
EXPERTS_PER_TOKEN = ("num_experts_per_tok", "num_experts_per_token", "moe_topk", "moe_top_k")
"""What config classes call the number of experts that a token visits."""


@cache
def _on_meta(config: HuggingFaceConfig) -> HuggingFaceModel:
    with torch.device("meta"):
        # In bfloat16, the only type whose grouped products of experts have shapes without numbers.
        return HuggingFaceModel(config).to(torch.bfloat16).eval()


@cache
@torch.no_grad()
def _state(config: HuggingFaceConfig, context: int) -> HuggingFaceState:
    """After so many tokens of one sequence; shapes alone."""
    model = _on_meta(config)
    # The states of these do not grow, and their code reads token by token.
    length = 1 if config.model_type in ("rwkv", *FORGETFUL) else context
    tokens_1T = torch.zeros(1, length, dtype=torch.long, device="meta")
    return model.extend(tokens_1T, last_only=True)[1].layers[0]


def cache_bytes(config: HuggingFaceConfig, context: int, bytes_per_number: int) -> int:
    """Of all that the library keeps of one sequence, which is more than must be kept where it keeps buffers whole."""
    return bytes_per_number * sum(tensor.numel() for tensor in _state(config, context).content())


def flops_per_token(config: HuggingFaceConfig, context: int) -> int:
    """Forward FLOPs per token at a context length."""
    kept = _state(config, context).cache
    if config.model_type == "rwkv":
        reads = RWKV_CHANNEL * config.num_layers * config.hidden_size
    else:
        heads = getattr(_on_meta(config).network.config, "num_attention_heads", 0)
        reads = sum(_reads(layer, heads, context) for layer in kept.layers)
    return 2 * _visited_parameters(config) + reads


def _reads(layer: Any, heads: int, context: int) -> int:
    """Of one layer, from its cache."""
    found = 0
    if isinstance(layer, LinearAttentionCacheLayerMixin):
        states = layer.recurrent_states.values()
        found += RECURRENT_NUMBER * sum(state.numel() for state in states if state is not None)
    if getattr(layer, "keys", None) is not None:
        window = getattr(layer, "sliding_window", None) or context
        found += (
            (context if context <= window else 2 * window) * heads * (layer.keys.shape[-1] + layer.values.shape[-1])
        )
    return found


def _visited_parameters(config: HuggingFaceConfig) -> int:
    """Without embeddings, but with the classifier, tied or not; of experts the share that one token visits."""
    total = 0
    for name, module in _on_meta(config).named_modules():
        if not isinstance(module, nn.Embedding):
            experts = re.search(r"\bexperts\b", name) is not None
            for parameter in module.parameters(recurse=False):
                total += _of_visited_experts(config, parameter) if experts else parameter.numel()
    return total


def _of_visited_experts(config: HuggingFaceConfig, parameter: nn.Parameter) -> int:
    """Of what all experts have together, one after the other in the first dimension."""
    settings = _on_meta(config).network.config
    visited = next((getattr(settings, name) for name in EXPERTS_PER_TOKEN if hasattr(settings, name)), None)
    if visited is None:
        raise UserError(f"model_type {config.model_type}: how many experts a token visits is not known; use another")
    return parameter.numel() * int(visited) // len(parameter)
