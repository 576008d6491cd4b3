"""A causal language model of transformers as the whole suite knows language models.

Shapes: B rows, T tokens per row, V vocabulary, D documents of a rectangle, L their padded length.
"""

import inspect
import re
from collections.abc import Collection, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoModelForCausalLM, PreTrainedModel

from baselines.huggingface.config import HuggingFaceConfig
from baselines.huggingface.rwkv import extend_rwkv
from baselines.huggingface.state import HuggingFaceState
from baselines.huggingface.translation import transformers_config
from mmv2.errors import UserError
from mmv2.layers.decoder import DecoderState, LanguageModel
from mmv2.layers.documents import Documents

CACHE_NAMES = ("past_key_values", "cache_params", "state")
"""What models of the library call their decoding state, as an argument and in what they give back."""
FORGETFUL = ("falcon_mamba", "mamba")
"""Model types that, reading several tokens after others, start from an empty recurrent state (transformers 5.23): they
read one token at a time."""


class HuggingFaceModel(LanguageModel):
    """Any of them: ``network`` is the library's own model, as it is exported."""

    config: HuggingFaceConfig

    def __init__(self, config: HuggingFaceConfig):
        """Make and initialise it as the library does; raises UserError for one that is not what the config says."""
        super().__init__()
        self.config = config
        self.kind = f"model_type {config.model_type}"
        """For errors."""
        try:
            self.network = self._made()
        except Exception as error:  # whatever the library's constructors meet
            raise UserError(f"{self.kind}: transformers cannot make it: {told(error)}") from error
        arguments = inspect.signature(self.network.forward).parameters
        self._cache_name = next((name for name in CACHE_NAMES if name in arguments), "")
        self._can_leave_out_logits = "logits_to_keep" in arguments
        self._most_tokens = _table_of_positions(self.network)
        self._check()

    def _made(self) -> PreTrainedModel:
        return AutoModelForCausalLM.from_config(transformers_config(self.config))

    def _check(self) -> None:
        config = self.config
        inputs: Any = self.network.get_input_embeddings()
        outputs: Any = self.network.get_output_embeddings()
        if not self._cache_name:
            raise UserError(f"{self.kind}: takes no cache, so that it cannot decode token by token; use another")
        if inputs.weight.shape != (config.vocab_size, config.hidden_size):
            raise UserError(
                f"{self.kind}: its embedding is {tuple(inputs.weight.shape)}, not vocab_size x hidden_size "
                f"{(config.vocab_size, config.hidden_size)}; set model.overrides that make it so"
            )
        if (outputs is not None and outputs.weight is inputs.weight) != config.tie_embeddings:
            raise UserError(f"{self.kind}: cannot have tie_embeddings: {config.tie_embeddings}; change it")
        lists = (module for module in self.network.modules() if isinstance(module, nn.ModuleList))
        if all(len(found) != config.num_layers for found in lists):
            raise UserError(f"{self.kind}: has no list of num_layers {config.num_layers} layers; use another")

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Initialise as the library does: with what a new model of it holds, buffers included."""
        with self.device:
            made = self._made()
        self.network.tie_weights()  # to_empty() makes two parameters of a shared one
        own = dict(self.network.named_parameters()) | dict(self.network.named_buffers())
        for name, tensor in (*made.named_parameters(), *made.named_buffers()):
            own[name].copy_(tensor)

    def layers_to_shard(self) -> Sequence[nn.Module]:
        """None: layers are called once for each rectangle of documents, of which ranks have different numbers."""
        return ()

    def undecayed(self) -> Collection[str]:
        """Logarithms of decays: pulled to zero they would all become the same decay. Mamba's authors spare them too."""
        return [name for name, _ in self.named_parameters() if name.endswith(".A_log")]

    def logits(self, tokens_BT: Tensor, documents: Documents, **step_inputs: Sequence[int]) -> Tensor:
        # One document per row and padding at its end, where nothing causal looks: attention and states start anew.
        return documents.join([self._logits(tokens_DL) for tokens_DL in documents.split(tokens_BT)])

    def _logits(self, tokens_DL: Tensor) -> Tensor:
        self._check_length(tokens_DL.shape[1])
        return _float(self.network(tokens_DL, use_cache=False).logits)

    def extend(
        self, tokens_BT: Tensor, state: DecoderState | None = None, last_only: bool = False
    ) -> tuple[Tensor, DecoderState]:
        if state is not None and self.config.model_type in FORGETFUL and tokens_BT.shape[1] > 1:
            return self._one_by_one(tokens_BT, state, last_only)
        before: HuggingFaceState | None = state.layers[0] if state else None
        length = (before.length if before else 0) + tokens_BT.shape[1]
        self._check_length(length)
        cache = before.cache if before else None
        less = {"logits_to_keep": 1} if last_only and self._can_leave_out_logits else {}
        if self._cache_name == "state":
            logits_BTV, cache = extend_rwkv(self.network, tokens_BT, cache, **less)
        else:
            output = self.network(tokens_BT, use_cache=True, **{self._cache_name: cache}, **less)
            logits_BTV, cache = output.logits, output.get(self._cache_name)
            if cache is None:
                raise UserError(f"{self.kind}: gives back no cache; of encoders, set model.overrides.is_decoder: true")
        after = DecoderState([HuggingFaceState(cache, length)])
        return _float(logits_BTV[:, -1:] if last_only else logits_BTV), after

    def _one_by_one(self, tokens_BT: Tensor, state: DecoderState, last_only: bool) -> tuple[Tensor, DecoderState]:
        parts = []
        for token_B1 in tokens_BT.split(1, dim=1):
            logits_B1V, state = self.extend(token_B1, state)
            parts.append(logits_B1V)
        return (logits_B1V if last_only else torch.cat(parts, dim=1)), state

    def _check_length(self, length: int) -> None:
        if self._most_tokens is not None and length > self._most_tokens:
            raise UserError(
                f"{self.kind}: {length} tokens, but its table of positions has {self._most_tokens}, as many as "
                f"max_seq_len unless model.overrides say more; train it with a table for the longest text"
            )


def told(error: Exception) -> str:
    """In one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"


def _table_of_positions(network: PreTrainedModel) -> int | None:
    """How many positions a model has an entry for; None: it has no such table, and reads on without end.

    The library does not tell; a table is known by its name and length, of which some models add 2.
    """
    positions = getattr(network.config, "max_position_embeddings", None)
    tables = [*network.named_parameters(), *network.named_buffers()]
    lengths = {len(table) for name, table in tables if table.ndim == 2 and re.search(r"pos|wpe", name)}
    return positions if lengths & {positions, (positions or 0) + 2} else None


def _float(logits: Tensor) -> Tensor:
    return logits.to(torch.promote_types(logits.dtype, torch.float32))
