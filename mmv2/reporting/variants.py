"""Which models are the paper's own, and in which ways others differ: by their settings, never by the name of a run."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from mmv2.reporting.fields import FIXED_DELAY, field, words

APART = ("transformer_parts", "memory_mosaics_v1", "huggingface")
"""Architectures that have results of their own and stand in none of the paper's main comparison; others, such as a
user's, do."""


@dataclass(frozen=True)
class _Option:
    """A setting in which a model is not the paper's."""

    arch: str
    setting: str
    usual: str | float | bool | None
    """The paper's value; a setting that records do not have is the usual one."""
    words: Mapping[Any, str] | str | Callable[[Any], str]
    """What another value makes of the model, by value or for all."""

    def differs(self, records: pd.DataFrame) -> pd.Series:
        column = field(records, f"setting_{self.setting}")
        found = field(records, "arch").eq(self.arch) & column.notna()
        return found if self.usual is None else found & column.ne(self.usual)

    def told(self, value: Any) -> str:
        match self.words:
            case str(words):
                return words.format(value)
            case Mapping() as words:
                return words.get(value, f"{self.setting} {value}")
            case words:
                return words(value)


def _parts(named: str) -> str:
    """Such as gated keys, or 5 parts, no split."""
    hyphens = {"long short": "long-short split", "lookahead": "look-ahead"}
    words = [part.replace("_", " ") for part in named.split("+")]
    for joined, told in hyphens.items():
        words = [word.replace(joined, told) for word in words]
    few = len(words) < 3
    return " and ".join(words) if few else f"{len(words)} parts" + (", no split" if "long_short" not in named else "")


_OPTIONS = (
    _Option("mmv2", "bandwidth", "adaptive", {"constant": "constant bandwidth", "fixed": "fixed bandwidth"}),
    _Option("mmv2", "key_extractor", "gated", {"leaky": "leaky keys", "plain": "plain keys"}),
    _Option("mmv2", "rope_theta", None, "rotary positions"),
    _Option("mmv2", "initial_theta_beta", 1.5, "initial theta_beta {:g}"),
    _Option("mmv2", "long_term_memory", True, "short-term memory alone"),
    _Option("mmv2", "short_term_pairs", "equation", "h short-term pairs"),
    _Option("mmv2", "value_scale", "literal", "trainable value scale"),
    _Option("mmv2", "delay_draw", "step", "delay drawn per layer"),
    _Option("transformer_parts", "parts_named", "none", _parts),
    _Option("transformer_parts", "rope", True, "no positions"),
    _Option("transformer_parts", "initial_bandwidth", "transformer", "MMv2's initial bandwidth"),
    _Option("memory_mosaics_v1", "theta_scale", 10.0, "theta scale {:g}"),
)
"""Of Memory Mosaics v2 the settings of Section 3 and Table 6; docs/ablations.md tells what the others are."""
GROUPED = "grouped-query attention"


def ablated(records: pd.DataFrame, but: Sequence[str] = (), also: Sequence[str] = ()) -> pd.Series:
    """Whether each record is of a model that is none of the paper's: another form of one, or of ``APART``.

    One with a fixed delay, or reduced after training, is the paper's.

    Args:
        records: as from ``read_records``.
        but: settings in which a model may be another.
        also: architectures of ``APART`` whose usual form counts too.
    """
    assert set(but) <= {option.setting for option in _OPTIONS}, but
    found = field(records, "arch").isin(set(APART) - set(also))
    for option in _OPTIONS:
        if option.setting not in but:
            found |= option.differs(records)
    return found


def is_fixed(run: pd.Series) -> bool:
    """Whether the long-term delay of a record's run was fixed in training; of numpy's truth or of Python's."""
    fixed = run.get(FIXED_DELAY)
    return not pd.isna(fixed) and bool(fixed)


def grouped(records: pd.DataFrame) -> pd.Series:
    """Whether each record is of a transformer whose queries share keys: transformer large* of Table 5."""
    shared = field(records, "setting_num_kv_heads")
    found = shared.notna() & shared.ne(field(records, "setting_num_heads"))
    return found & field(records, "arch").eq("transformer")


def named(run: pd.Series) -> str:
    """What a run or checkpoint is, in words: its architecture and in which ways it is special."""
    return ", ".join([run["label"], *variant(run)])


def variant(run: pd.Series) -> list[str]:
    """In which ways a run or checkpoint is not what its architecture's name says, in words."""
    alone = pd.DataFrame([run])
    told = [option.told(run[f"setting_{option.setting}"]) for option in _OPTIONS if option.differs(alone).any()]
    grouping = [GROUPED] if grouped(alone).any() else []
    fixed = ["fixed delay"] if is_fixed(run) else []
    reduced = [] if pd.isna(run["reduction"]) else [words(run["reduction"])]
    return told + grouping + fixed + reduced
