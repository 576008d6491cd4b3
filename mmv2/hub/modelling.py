"""Memory Mosaics v2 as a transformers model with generate(). What it computes is in mmv2.model, mmv2.layers, mmv2.ops.

Shapes: B rows, T columns of this call, V vocabulary.
"""

from typing import Any, cast

import torch
from torch import Tensor, nn
from transformers import GenerationMixin, PreTrainedModel
from transformers.modeling_outputs import CausalLMOutputWithPast

from mmv2.hub.cache import MemoryMosaicsCache
from mmv2.hub.configuration import MemoryMosaicsConfig
from mmv2.hub.padding import extend_padded, forward_padded
from mmv2.layers.decoder import Decoder, DecoderState
from mmv2.layers.initialisation import init_linear_
from mmv2.model.config import MosaicConfig
from mmv2.model.model import memory_mosaics


class MemoryMosaicsForCausalLM(PreTrainedModel, GenerationMixin):
    """Memory Mosaics v2 with its classifier. ``model`` is the ``Decoder`` that the whole suite trains and evaluates."""

    config_class = MemoryMosaicsConfig
    base_model_prefix = "model"
    main_input_name = "input_ids"
    _tied_weights_keys = {"model.classifier.weight": "model.embedding.weight"}  # noqa: RUF012 (transformers' own form)
    _keep_in_fp32_modules_strict = {"gain_projection", "decay_projection", "theta_lambda"}  # noqa: RUF012 (exponents)
    _no_split_modules = ["Block"]  # noqa: RUF012
    _is_stateful = True  # what has been read cannot be taken back: no assisted decoding

    def __init__(self, config: MemoryMosaicsConfig):
        super().__init__(config)
        self._constructed = False
        self.model = memory_mosaics(config.sizes())
        self.post_init()
        self._constructed = True

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        past_key_values: MemoryMosaicsCache | None = None,
        labels: Tensor | None = None,
        use_cache: bool | None = None,
        logits_to_keep: int | Tensor = 0,
        return_dict: bool | None = None,
    ) -> CausalLMOutputWithPast | tuple[Tensor, ...]:
        """Logits in float32 at least, and the cache.

        In training mode the long-term delay m is drawn anew at every call without a cache, from torch's generator.

        Args:
            input_ids: (B, T) token ids.
            attention_mask: (B, columns of the cache + T), 0 where a column is padding, on whichever side. Logits there
                are 0.
            past_key_values: what has been read before; extended in place.
            labels: (B, T) token ids, -100 where there is no loss: adds ``loss``, the mean cross entropy of the next
                tokens.
            use_cache: return a cache; by default ``config.use_cache`` outside training.
            logits_to_keep: that many last columns, or the columns of these indices; 0: all.
            return_dict: False: a plain tuple.

        Raises:
            ValueError: mask or cache do not fit.
        """
        use_cache = (self.config.use_cache and not self.training) if use_cache is None else use_cache
        real_BT = self._real(input_ids, attention_mask, past_key_values)
        last_only = isinstance(logits_to_keep, int) and logits_to_keep == 1 and labels is None
        if use_cache or past_key_values is not None:
            cache = past_key_values if past_key_values is not None else MemoryMosaicsCache()
            logits_BTV, cache.state = self._extend(input_ids, real_BT, cache.state, last_only)
            cache.columns += input_ids.shape[1]
        else:
            cache = None
            logits_BTV = self._whole(input_ids, real_BT)
        loss = None if labels is None else self.loss_function(logits_BTV, labels, vocab_size=self.config.vocab_size)
        output = CausalLMOutputWithPast(loss, _kept(logits_BTV, logits_to_keep), past_key_values=cache)
        return output.to_tuple() if return_dict is False else output

    def _real(self, input_ids: Tensor, mask: Tensor | None, cache: MemoryMosaicsCache | None) -> Tensor | None:
        """Which of these columns hold tokens (B, T); None: all do."""
        if cache is not None and not isinstance(cache, MemoryMosaicsCache):
            raise ValueError(f"past_key_values: a {type(cache).__name__}; Memory Mosaics need a MemoryMosaicsCache")
        rows, new = input_ids.shape
        columns = new + (cache.columns if cache is not None else 0)
        if mask is None:
            return None
        if mask.shape != (rows, columns):
            raise ValueError(f"attention_mask: shape {tuple(mask.shape)}, but {(rows, columns)} is needed: all columns")
        real_BT = mask[:, -new:].bool()
        return None if real_BT.all() else real_BT

    def _whole(self, input_ids: Tensor, real_BT: Tensor | None) -> Tensor:
        config = cast(MosaicConfig, self.model.config)
        step_inputs = {"long_term_delay": config.draw_delays(_uniform)} if self.training else {}
        if real_BT is None:
            return self.model(input_ids, **step_inputs)
        return forward_padded(self.model, input_ids, real_BT, **step_inputs)

    def _extend(
        self, input_ids: Tensor, real_BT: Tensor | None, state: DecoderState | None, last_only: bool
    ) -> tuple[Tensor, DecoderState]:
        if real_BT is None:
            return self.model.extend(input_ids, state, last_only)
        return extend_padded(self.model, input_ids, real_BT, state, last_only)

    @classmethod
    def _supports_default_dynamic_cache(cls) -> bool:
        return False

    def _prepare_cache_for_generation(  # type: ignore[override]
        self, generation_config: Any, model_kwargs: dict[str, Any], *others: Any, **more: Any
    ) -> None:
        mask = model_kwargs.get("attention_mask")
        if mask is not None and not mask[:, -1].all():
            raise ValueError("attention_mask: a prompt ends in padding; pad on the left: tokenizer.padding_side='left'")
        if generation_config.cache_implementation is not None:
            raise ValueError(
                f"cache_implementation: {generation_config.cache_implementation!r} is not for Memory Mosaics, which "
                f"have a cache of their own; leave it out"
            )
        cast(Any, super())._prepare_cache_for_generation(generation_config, model_kwargs, *others, **more)
        if generation_config.use_cache and model_kwargs.get("past_key_values") is None:
            model_kwargs["past_key_values"] = MemoryMosaicsCache()

    def get_input_embeddings(self) -> nn.Embedding:
        return self.model.embedding

    def set_input_embeddings(self, value: nn.Module) -> None:
        self.model.embedding = cast(nn.Embedding, value)

    def get_output_embeddings(self) -> nn.Linear:
        return self.model.classifier

    def set_output_embeddings(self, new_embeddings: nn.Linear) -> None:
        self.model.classifier = new_embeddings

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        """Of what the constructor has not initialised already (Table 6): the larger matrices of a new vocabulary.

        Raises:
            ValueError: a checkpoint lacks weights; none are made up.
        """
        if not self._constructed:
            return
        for name, own in self.named_modules():
            if own is module:
                weights = [key for key, _ in module.named_parameters(name, recurse=False)]
                raise ValueError(f"{self.config.name_or_path}: the checkpoint lacks {', '.join(weights)}")
        init_linear_(cast(nn.Linear, module).weight, self.config.hidden_size)


def from_decoder(decoder: Decoder) -> MemoryMosaicsForCausalLM:
    """The same model, for transformers: it shares the decoder's weights."""
    with torch.device("meta"):
        model = MemoryMosaicsForCausalLM(MemoryMosaicsConfig(model=decoder.config.model_dump(mode="json")))
    model.model = decoder
    return model.train(decoder.training)


def _uniform(low: int, high: int) -> int:
    return int(torch.randint(low, high + 1, ()))


def _kept(logits_BTV: Tensor, logits_to_keep: int | Tensor) -> Tensor:
    kept = slice(-logits_to_keep, None) if isinstance(logits_to_keep, int) else logits_to_keep  # slice(0, None): all
    return logits_BTV[:, kept]
