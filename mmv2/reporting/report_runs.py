"""What was trained and what it cost, for the report page: read from what training wrote."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from mmv2.config import validate
from mmv2.errors import UserError
from mmv2.registry import architecture
from mmv2.reporting.metrics import read_metrics
from mmv2.reporting.search import last_loss
from mmv2.reporting.seeds import without_seed


@dataclass(frozen=True)
class Run:
    """What one training was and what it cost."""

    name: str
    label: str
    parameters: int
    budget: float
    context: int
    origin: str
    """The run whose weights it started from, or empty."""
    seed: int
    steps: int
    tokens: int
    seconds: float
    flops: float
    """Of the training: three times the forward FLOPs, for forward and backward pass."""
    loss: float
    """Mean over the last tenth of the steps."""
    device: str
    provenance: dict[str, Any]
    hashes: dict[str, str]


def read_run(folder: Path) -> Run:
    """Read ``final/config.json`` and ``metrics.jsonl`` of a run; raises UserError for missing or damaged files."""
    from mmv2.final import read_final_config  # it imports torch, which other pages do not need
    from mmv2.layers.flops import parameters

    final = read_final_config(folder / "final")
    spec = architecture(final.arch)
    model = validate(spec.config, final.model, folder / "final" / "config.json", "model")
    metrics = read_metrics([folder / "metrics.jsonl"])
    origin = final.provenance
    tokens = int(metrics["tokens_seen"].iloc[-1])
    hashes = {"weights": final.weights_sha256, "tokenizer": final.tokenizer_sha256}
    return Run(
        name=str(origin["run"]),
        label=spec.label_for(model),
        parameters=parameters(spec.build, model),
        budget=float(origin["budget"]),
        context=model.max_seq_len,
        origin=origin["init_from"] or "",
        seed=int(origin["seed"]),
        steps=int(metrics["step"].iloc[-1]),
        tokens=tokens,
        seconds=_seconds(metrics),
        flops=3.0 * tokens * spec.flops_per_token(model, model.max_seq_len),
        loss=last_loss(metrics, folder.name),
        device=str(origin.get("device", "")),
        provenance=origin,
        hashes={"fingerprint": str(origin["fingerprint"]), "corpus": str(origin["corpus"]), **hashes},
    )


@dataclass(frozen=True)
class TrainedModel:
    """The runs of one run file, which differ in nothing but the training seed."""

    name: str
    """What the names of its runs have in common."""
    runs: list[Run]

    @property
    def one(self) -> Run:
        """For what all of them have in common."""
        return self.runs[0]

    @property
    def origin(self) -> str:
        return without_seed(self.one.origin, self.one.seed)

    @property
    def loss(self) -> float:
        """Mean over seeds."""
        return sum(run.loss for run in self.runs) / len(self.runs)

    def total(self, name: str) -> float:
        """Of all runs together, such as seconds."""
        return total(self.runs, name)

    def hashes(self, name: str) -> list[str]:
        """Each once, in the order of seeds."""
        return list(dict.fromkeys(run.hashes[name] for run in self.runs))


def total(runs: Sequence[Run], name: str) -> float:
    """A number of every run, such as its tokens, summed."""
    return sum(getattr(run, name) for run in runs)


def trained_models(runs: Sequence[Run]) -> list[TrainedModel]:
    """The runs by what was trained, in their order.

    Raises:
        UserError: two runs of one have the same seed, or differ in what is told of them as one.
    """
    found: dict[str, list[Run]] = {}
    for run in runs:
        found.setdefault(without_seed(run.name, run.seed), []).append(run)
    for name, these in found.items():
        if len({run.seed for run in these}) < len(these) or len({_as_one(run) for run in these}) > 1:
            raise UserError(
                f"report: {' and '.join(run.name for run in these)}: training seeds of {name} have the same seed or "
                f"differ in more than that; train all seeds from the same run file"
            )
    return [TrainedModel(name, these) for name, these in found.items()]


def _as_one(run: Run) -> tuple[object, ...]:
    return run.label, run.parameters, run.budget, run.context, run.steps, run.tokens


def _seconds(metrics: pd.DataFrame) -> float:
    """Time in training steps, without evaluation, checkpoints and start-up."""
    return float((metrics["tokens_seen"].diff().fillna(metrics["tokens_seen"]) / metrics["tokens_per_second"]).sum())
