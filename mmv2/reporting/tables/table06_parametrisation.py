"""Table 6: how parameters are parametrised and initialised, as printed and as the model itself has them."""

import math
from collections.abc import Sequence
from typing import Any

import pandas as pd

from mmv2.model.config import MosaicConfig
from mmv2.reporting.fresh_models import CLAMPED_SD, Sample, deviation, evaluated, sample
from mmv2.reporting.of_runs import RunModel, RunTableSpec, mosaics, runs_alike

TOLERANCE = 1e-6
"""Relative, of what is computed and not drawn."""
ERRORS = 5
"""Standard errors within which what is drawn must lie."""


def build(models: Sequence[RunModel], published: pd.DataFrame) -> pd.DataFrame:
    """Form and initial value of every parameter: as the paper prints them, and measured on a freshly initialised model.

    l is the block's index from 0, d the model's width, d' that of the persistent memory. Measured are all layers and
    both memories together, of theta where there is a form, of one draw of the model's own initialisation, with a seed
    of its own. "sd / sigma" and "furthest / sigma" are over the sigma that the paper prints for each layer; clamping
    at 3 sigma makes the standard deviation a little smaller than sigma. "as printed" says yes where the code's form
    gives the paper's numbers at ten values of theta, between and beyond its bounds, and where what is measured is the
    printed initial value, or lies within 5 standard errors of its distribution's mean and standard deviation and inside
    its bounds. Parameters of the model that the paper's table does not name, such as the gains of norms, stand below it
    with their names in the code; "not in the model": an option has taken it out. Runs whose models begin alike share
    rows; those that start from another run's weights are left out.
    """
    rows: list[dict[str, Any]] = []
    for config, runs in _beginning_alike(models):
        rows += [{"runs": runs_alike(runs), **row} for row in _rows(config, published)]
    return pd.DataFrame(rows)


def _beginning_alike(models: Sequence[RunModel]) -> list[tuple[MosaicConfig, list[str]]]:
    """Models and runs that differ in nothing that a parameter's initial value or form depends on."""
    found: dict[MosaicConfig, tuple[MosaicConfig, list[str]]] = {}
    for config, runs in mosaics([model for model in models if model.init_from is None]):
        found.setdefault(_beginning(config), (config, []))[1].extend(runs)
    return list(found.values())


def _beginning(config: MosaicConfig) -> MosaicConfig:
    """The config without what only says which pairs are held, unless a constant bandwidth starts from these."""
    if config.bandwidth == "constant":
        return config
    ends = {"long_term_delay": 1, "long_term_delay_range": (1, 1), "short_term_window": 2, "max_seq_len": 2}
    return config.model_copy(update=ends)


def _rows(config: MosaicConfig, published: pd.DataFrame) -> list[dict[str, Any]]:
    printed = published.fillna("").set_index("parameter")
    sigmas = {
        str(name): initial.partition("sigma = ")[2]
        for name, initial in printed["initial"].items()
        if "sigma" in initial
    }
    found = sample(config, sigmas)
    rows = []
    for name, row in printed.iterrows():
        told = {"parameter": name, "part": row["part"], "form (paper)": row["form"], "initial (paper)": row["initial"]}
        measured = found.pop(str(name), None)
        if measured is None:
            rows.append({**told, **_EMPTY, "as printed": "not in the model"})
            continue
        form_is_so = not row["form"] or deviation(config, str(name), row["form"]) <= TOLERANCE
        is_so = form_is_so and _is_as_printed(measured, row["initial"])
        rows.append({**told, **_measured(measured), "as printed": "yes" if is_so else "no"})
    beyond = {"part": "", "form (paper)": "", "initial (paper)": "", "as printed": "not in the paper"}
    return rows + [{"parameter": name, **_measured(numbers), **beyond} for name, numbers in found.items()]


def _measured(numbers: Sample) -> dict[str, Any]:
    scaled = numbers.scaled
    return {
        "numbers": numbers.count,
        "mean": numbers.mean,
        "sd": numbers.sd,
        "least": numbers.least,
        "most": numbers.most,
        "sd / sigma": scaled.sd if scaled else None,
        "furthest / sigma": scaled.furthest if scaled else None,
    }


_EMPTY = dict.fromkeys(_measured(Sample(count=1)))


def _is_as_printed(numbers: Sample, initial: str) -> bool:
    """Whether a fresh model's numbers are the printed initial value, or can be a sample of the printed distribution."""
    if initial.startswith("theta = "):
        theta = evaluated(initial.removeprefix("theta = "))
        return max(abs(numbers.least - theta), abs(numbers.most - theta)) <= TOLERANCE
    if initial == "U(0, 1)":
        return numbers.least >= 0 and numbers.most <= 1 and _drawn_from(numbers, 0.5, math.sqrt(1 / 12))
    assert "clamped to 3 sigma" in initial, f"{initial}: no initial value that can be checked"
    assert numbers.scaled
    return numbers.scaled.furthest <= 3 + TOLERANCE and _drawn_from(numbers.scaled, 0, CLAMPED_SD)


def _drawn_from(numbers: Sample, mean: float, sd: float) -> bool:
    """Mean and standard deviation within ``ERRORS`` standard errors; that of the latter is at most a normal's."""
    error = sd / math.sqrt(numbers.count)
    return abs(numbers.mean - mean) <= ERRORS * error and abs(numbers.sd - sd) <= ERRORS * error / math.sqrt(2)


TABLE = RunTableSpec(
    title="Parametrisation and initial values (Table 6)",
    published="table06_parametrisation.csv",
    decimals=4,
    build=build,
)
