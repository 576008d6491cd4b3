"""The fingerprint of a run: everything that determines its weights, and nothing else."""

from pathlib import Path

from mmv2.config import fingerprint
from mmv2.data.shards import Corpus
from mmv2.files import sha256
from mmv2.provenance import source_hash
from mmv2.runs import RunConfig

CODE = (
    "mmv2.data.shards",
    "mmv2.data.loader",
    "mmv2.final",
    "mmv2.training.optimizer",
    "mmv2.training.parallel",
    "mmv2.training.schedule",
    "mmv2.training.start",
    "mmv2.training.step",
)
"""What determines weights besides the architecture's own packages; the rest of training decides only when to write."""


def run_fingerprint(run: RunConfig, corpus: Corpus, init_folder: Path | None) -> str:
    """Hash the run's scientific settings, its data, its initial weights and the code that makes weights of them.

    The number of ranks and the device are left out: a run may go on elsewhere, with the rounding of that place.
    """
    content = {
        "run": run.scientific(),
        "corpus": corpus.fingerprint,
        "init": sha256(init_folder / "model.safetensors") if init_folder else None,
        "code": source_hash(tuple({*run.spec.packages, *CODE})),
    }
    return fingerprint(content)
