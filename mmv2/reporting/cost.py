"""What a model costs, from what records tell of its settings: forward FLOPs per token, as Table 2 counts them.

No model is loaded: shapes are counted on the meta device from a config made of the recorded settings.
"""

from typing import Any

import pandas as pd

from mmv2.config import ModelConfig
from mmv2.errors import UserError
from mmv2.layers.flops import parameters
from mmv2.registry import architecture, architectures


def flops_per_token(run: pd.Series, context: int) -> int | None:
    """Of the forward pass of a model at a context length in tokens; None: its architecture is not known here.

    Of a reduced model it is of what is left.

    Args:
        run: a record of it, with its settings.
        context: in tokens.

    Raises:
        UserError: a model made of its recorded settings has another number of parameters than the recorded one.
    """
    if run["arch"] not in architectures():
        return None
    spec, config = architecture(run["arch"]), model_config(run)
    if pd.notna(run["reduction"]):
        import torch  # slow to load, and needed for reduced models alone

        with torch.device("meta"):
            config = spec.reductions[run["reduction"]](spec.build(config)).config
    made = parameters(spec.build, config)
    if made != run["num_parameters"]:
        raise UserError(
            f"records: {run['run']}: a model of its recorded settings has {made:,} parameters, "
            f"recorded are {run['num_parameters']:,}; evaluate it again with this version"
        )
    return spec.flops_per_token(config, context)


def model_config(run: pd.Series) -> ModelConfig:
    """The config of a run's whole model as far as shapes depend on it; raises UserError where settings are lacking."""
    kind = architecture(run["arch"]).config
    given = {name: _value(run.get(f"setting_{name}")) for name in kind.model_fields}
    found = {name: value for name, value in given.items() if value is not None}
    # What has several values stands in no record; of these no shape depends on the numbers.
    if "long_term_delay_range" in kind.model_fields and "long_term_delay" in found:
        found["long_term_delay_range"] = (found["long_term_delay"],) * 2
    if "parts" in kind.model_fields:
        named = str(run.get("setting_parts_named"))
        found["parts"] = () if named == "none" else tuple(named.split("+"))
    if run.get("setting_bandwidth") == "fixed":
        found["fixed_bandwidth"] = {"short_term": 1.0, "long_term": 1.0}
    try:
        return kind(**found)
    except ValueError as error:
        first = str(error).splitlines()[-3:]
        raise UserError(f"records: {run['run']}: its settings make no config of {run['arch']} ({first})") from None


def _value(told: Any) -> Any:
    """A setting as its config has it: a column of a table turns whole numbers into fractions where some are missing."""
    if told is None or (not isinstance(told, str) and pd.isna(told)):
        return None
    number = told.item() if hasattr(told, "item") else told
    return int(number) if isinstance(number, float) and number.is_integer() else number
