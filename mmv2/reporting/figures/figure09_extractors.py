"""Figure 9: what keys and values are made of, token by token."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mmv2.model.config import MosaicConfig
from mmv2.reporting.fresh_models import SEED
from mmv2.reporting.of_runs import RunFigureSpec, RunModel, mosaics, of_mosaics, runs_alike
from mmv2.reporting.style import new_panels

if TYPE_CHECKING:
    from torch import Tensor

TOKENS = 24


def draw(models: Sequence[RunModel]) -> Figure:
    """What the key and the value of every position are made of: the extractors of Memory Mosaics v2 (Eqs. 8 and 9).

    A row of a panel is a position t, a column a token s; shades are the weight of W x_s in the key (W = W_phi) or the
    value (W = W_psi) of t, before the norm, as a share of all weights of that row. Left: keys look back, each token
    fading as fast as the gates of later ones say; g and lambda are those of the model's own matrices before training,
    for tokens drawn from a normal, in the first head of the first block's short-term memory. Right: values look one
    token ahead, with that head's gamma. Both are computed by the reference form of the operators, fed with tokens whose
    features name them. A row of panels for each kind of key extractor among the runs; models of one kind differ in
    size, and the first is shown. Leaky and plain keys are no part of the paper's model.
    """
    kinds = _kinds(models)
    figure, grid = new_panels(len(kinds), 2, width=3.4, height=3.1, sharey=False)
    for (config, runs), row in zip(kinds, grid, strict=True):
        shares = key_and_value_weights(config)
        for axes, weights_TS, title in zip(row, shares, (f"{config.key_extractor} keys", "values"), strict=True):
            _panel(figure, axes, weights_TS, title)
        row[0].set_ylabel(f"position t\n{runs_alike(runs)}")
    return figure


def _kinds(models: Sequence[RunModel]) -> list[tuple[MosaicConfig, list[str]]]:
    """A config for each kind of key extractor, and its runs."""
    found: dict[str, tuple[MosaicConfig, list[str]]] = {}
    for config, runs in mosaics(models):
        found.setdefault(config.key_extractor, (config, []))[1].extend(runs)
    return list(found.values())


def key_and_value_weights(config: MosaicConfig) -> tuple[np.ndarray, np.ndarray]:
    """Shares (t, s) of token s in the key and in the value at t, of a head before training; rows add up to 1."""
    import torch

    from mmv2.layers.keys import gates, leaky_gates
    from mmv2.model.memory import LEAKY_SCALE, AssociativeMemory
    from mmv2.ops.gated_keys.reference import gated_keys
    from mmv2.ops.lookahead_values.reference import lookahead_values

    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(SEED)
        memory = AssociativeMemory(config, "short_term")
        memory.reset_parameters(layer=0)
        x_1TD = torch.nn.functional.rms_norm(torch.randn(1, TOKENS, config.hidden_size), (config.hidden_size,))
        ones_1HTS = torch.eye(TOKENS).expand(1, config.num_heads, -1, -1)  # the features of token s are one at s
        if memory.extractor == "gated":
            keys_1HTS, _ = gated_keys(ones_1HTS, *gates(x_1TD, memory.gain_projection, memory.decay_projection))
        elif memory.extractor == "leaky":
            decay_H = LEAKY_SCALE * memory.theta_lambda.abs()
            keys_1HTS, _ = gated_keys(ones_1HTS, *leaky_gates(decay_H, x_1TD))
        else:
            keys_1HTS = ones_1HTS
        values_1HNS = lookahead_values(ones_1HTS, memory.gamma, memory.value_scale())
    return _shares(keys_1HTS), _shares(values_1HNS)


def _shares(weights_1HTS: "Tensor") -> np.ndarray:
    """Of the first head; the norm, a common factor of a row, cancels out."""
    weights_TS = weights_1HTS[0, 0].numpy()
    return weights_TS / weights_TS.sum(-1, keepdims=True)


def _panel(figure: Figure, axes: Axes, weights_TS: np.ndarray, title: str) -> None:
    image = axes.imshow(weights_TS, cmap="Greys", vmin=0, vmax=1)
    axes.grid(False)
    axes.set_title(title)
    axes.set_xlabel("token s")
    figure.colorbar(image, ax=axes, label="share of the weights", shrink=0.8)


FIGURE = RunFigureSpec(title="Extractors of keys and values (Figure 9)", shown=of_mosaics, draw=draw)
