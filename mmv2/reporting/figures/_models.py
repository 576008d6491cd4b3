"""What panels of models are called, in figures that are made of models in place of records."""

from collections import Counter
from collections.abc import Sequence

import pandas as pd

from mmv2.layers.flops import parameters
from mmv2.model import build
from mmv2.model.config import MosaicConfig
from mmv2.registry import architecture
from mmv2.reporting.variants import named


def names_of(panels: Sequence[Sequence[MosaicConfig]]) -> list[str]:
    """The names that tables have for the models of each panel, a line each; with the size where panels share a name."""
    names = Counter(name for configs in panels for name in {_name(config) for config in configs})

    def told(config: MosaicConfig) -> str:
        name = _name(config)
        return f"{name}, {parameters(build, config):,} parameters" if names[name] > 1 else name

    return ["\n".join(dict.fromkeys(map(told, configs))) for configs in panels]


def _name(config: MosaicConfig) -> str:
    told = (*type(config).model_fields, "bandwidth", "delay_is_fixed")
    settings = {f"setting_{name}": getattr(config, name) for name in told}
    label = architecture("mmv2").label_for(config)
    return named(pd.Series({"arch": "mmv2", "label": label, "reduction": None, **settings}))
