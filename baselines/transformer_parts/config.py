"""Which parts of Memory Mosaics v2 a transformer gets. Imports no torch; docs/ablations.md tells what each one is."""

from typing import Literal, Self

from pydantic import Field, model_validator

from baselines.transformer.config import TransformerConfig
from mmv2.layers.delays import check_delays

Part = Literal[
    "adaptive_bandwidth", "gated_keys", "long_short", "lookahead_values", "normalised_keys", "symmetric_keys"
]
SPLIT_KEYS = ("short_term_window", "long_term_delay", "long_term_delay_range")
"""Required with the part long_short."""
MORE_SPLIT_KEYS = {"delay_draw": "step", "allow_memory_gap": False}
"""Of use with the part long_short alone; their defaults."""


class PartsConfig(TransformerConfig):
    """A transformer with parts of Memory Mosaics v2. With all of them and without rotary encoding it is that model."""

    parts: tuple[Part, ...]
    """In alphabetical order, each once; none: a transformer."""
    rope: bool = True
    """Turn queries and keys by their positions; false: no position encoding, and no rope_theta."""
    initial_bandwidth: Literal["transformer", "mosaic"] = "transformer"
    """How normalised_keys start. transformer: scores spread as those of raw keys do in the first block. mosaic: the
    mean bandwidth is that of Memory Mosaics v2 (Table 6), many times larger."""
    short_term_window: int | None = Field(default=None, ge=2)
    """h of part long_short: the short-term read reaches h - 1 tokens back."""
    long_term_delay: int | None = Field(default=None, ge=1)
    """m of part long_short at inference: the long-term read reaches tokens of age m and more."""
    long_term_delay_range: tuple[int, int] | None = None
    """m in training is drawn uniformly from this range, both ends included; equal ends fix it."""
    delay_draw: Literal["step", "layer"] = "step"
    """Draw one m per training step for all layers, or one for each layer."""
    allow_memory_gap: bool = False
    """Permit an m that leaves tokens which neither read reaches."""

    @property
    def youngest(self) -> int:
        """Least age of what a token reads: itself, or where values look ahead the token before."""
        return 1 if "lookahead_values" in self.parts else 0

    @property
    def ages(self) -> dict[str, tuple[int, int | None]]:
        """Of each read by name: ages [first, end) of what it reaches at inference; end None: no upper limit."""
        if self.short_term_window is None or self.long_term_delay is None:
            return {"self_attention": (self.youngest, None)}
        return {"short_term": (self.youngest, self.short_term_window), "long_term": (self.long_term_delay, None)}

    @property
    def parts_named(self) -> str:
        """All parts in one word, for records."""
        return "+".join(self.parts) or "none"

    @property
    def num_parts(self) -> int:
        return len(self.parts)

    @property
    def delay_is_fixed(self) -> bool | None:
        """Whether training draws no m, but keeps one; None: there is none."""
        return None if self.long_term_delay_range is None else len(set(self.long_term_delay_range)) == 1

    @model_validator(mode="after")
    def _parts_are_a_set(self) -> Self:
        if self.parts != (right := tuple(sorted(set(self.parts)))):
            raise ValueError(f"parts: {list(self.parts)} is not in alphabetical order, each once; write {list(right)}")
        if self.kv_heads != self.num_heads:
            raise ValueError(
                f"num_kv_heads: {self.num_kv_heads} shares keys among heads, each of which has parts; leave it out"
            )
        return self

    @model_validator(mode="after")
    def _only_what_turns_has_a_base(self) -> Self:
        if not self.rope and self.rope_theta != type(self).model_fields["rope_theta"].default:
            raise ValueError(f"rope_theta: {self.rope_theta} turns nothing beside rope: false; leave out one of them")
        return self

    @model_validator(mode="after")
    def _raw_keys_keep_their_scale(self) -> Self:
        if self.initial_bandwidth == "mosaic" and "normalised_keys" not in self.parts:
            raise ValueError(
                "initial_bandwidth: mosaic is a scale for keys of unit norm; add normalised_keys, or leave it out"
            )
        return self

    @model_validator(mode="after")
    def _delays_make_sense(self) -> Self:
        given = [key for key in SPLIT_KEYS if getattr(self, key) is not None]
        if "long_short" not in self.parts:
            unused = given + [key for key, default in MORE_SPLIT_KEYS.items() if getattr(self, key) != default]
            if unused:
                raise ValueError(
                    f"{unused[0]}: needs the part long_short, which parts does not name; leave one of them out"
                )
            return self
        missing = [key for key in SPLIT_KEYS if key not in given]
        if missing:
            raise ValueError(f"{missing[0]}: missing; the part long_short needs it")
        assert self.short_term_window is not None
        assert self.long_term_delay is not None
        assert self.long_term_delay_range is not None
        check_delays(
            self.long_term_delay,
            self.long_term_delay_range,
            self.short_term_window,
            self.max_seq_len,
            self.allow_memory_gap,
            self.delay_draw == "layer",
        )
        return self


TINY = PartsConfig(
    vocab_size=61,
    hidden_size=32,
    num_layers=2,
    num_heads=4,
    intermediate_size=48,
    max_seq_len=32,
    parts=("adaptive_bandwidth", "gated_keys", "long_short", "lookahead_values", "normalised_keys", "symmetric_keys"),
    rope=False,
    initial_bandwidth="mosaic",
    short_term_window=8,
    long_term_delay=3,
    long_term_delay_range=(3, 8),
)
"""For tests: all parts."""
