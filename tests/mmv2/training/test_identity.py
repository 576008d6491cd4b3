from pathlib import Path
from typing import Any

import pytest

from mmv2.config import OPERATIONAL, TrainingConfig
from mmv2.data.shards import Corpus
from mmv2.final import load_weights
from mmv2.runs import RunConfig
from mmv2.training import identity
from mmv2.training.identity import CODE, run_fingerprint
from mmv2.training.optimizer import build_optimizer
from mmv2.training.parallel import shard
from mmv2.training.schedule import learning_rate
from mmv2.training.start import start_model
from mmv2.training.step import train_step
from tests.mmv2.training.helpers import tiny_run

OTHER: dict[str, Any] = {
    "seed": 8,
    "global_batch_size": 8,
    "micro_batch_size": 1,
    "max_steps": 11,
    "learning_rate": 1e-3,
    "min_lr_ratio": 0.5,
    "warmup_steps": 1,
    "weight_decay": 0.0,
    "betas": (0.9, 0.99),
    "max_grad_norm": 2.0,
    "precision": "bfloat16",
    "threads": 2,
    "checkpoint_interval": 5,
    "keep_last": 1,
    "milestones": (3,),
    "log_interval": 7,
}
"""For every training setting a value that ``tiny_run`` does not have."""


@pytest.fixture
def corpus(corpus_folder: Path) -> Corpus:
    return Corpus.open(corpus_folder)


def test_every_setting_is_listed_here():
    assert set(OTHER) == set(TrainingConfig.model_fields)


@pytest.mark.parametrize("key", OTHER)
def test_changes_with_every_setting_but_the_operational_ones(key: str, corpus: Corpus):
    same = run_fingerprint(tiny_run(), corpus, None) == run_fingerprint(tiny_run(**{key: OTHER[key]}), corpus, None)
    assert same == (key in OPERATIONAL)


def changed(**values: Any) -> RunConfig:
    return tiny_run().model_copy(update=values)


def test_changes_with_model_and_budget_but_not_with_the_name(corpus: Corpus):
    model = tiny_run().model.model_copy(update={"norm_eps": 1e-6})
    runs = [tiny_run(), changed(model=model), changed(budget=0.5), tiny_run("transformer")]
    assert len({run_fingerprint(run, corpus, None) for run in runs}) == 4
    assert run_fingerprint(changed(name="other"), corpus, None) == run_fingerprint(tiny_run(), corpus, None)


def test_changes_with_the_initial_weights(corpus: Corpus, tmp_path: Path):
    found = set()
    for content in ("a", "b"):
        (tmp_path / "model.safetensors").write_text(content)
        found.add(run_fingerprint(tiny_run(init_from="first"), corpus, tmp_path))
    assert len(found) == 2


def test_changes_with_the_corpus_and_with_the_code(corpus: Corpus, monkeypatch: pytest.MonkeyPatch):
    before = run_fingerprint(tiny_run(), corpus, None)
    other = Corpus(corpus.folder, corpus.manifest.model_copy(update={"max_token_id": 1}), corpus.shards)
    assert run_fingerprint(tiny_run(), other, None) != before
    monkeypatch.setattr(identity, "source_hash", lambda packages: str(sorted(packages)))
    assert run_fingerprint(tiny_run(), corpus, None) != before


def test_hashes_what_loads_the_initial_weights_and_what_a_step_calls():
    called = (load_weights, start_model, shard, build_optimizer, train_step, learning_rate)
    assert {function.__module__ for function in called} <= set(CODE)


def test_hashes_the_code_of_the_architecture_and_of_the_step(corpus: Corpus, monkeypatch: pytest.MonkeyPatch):
    hashed = []
    monkeypatch.setattr(identity, "source_hash", lambda packages: hashed.extend(packages) or "")
    run_fingerprint(tiny_run(), corpus, None)
    assert {*CODE, "mmv2.model", "mmv2.layers", "mmv2.ops"} == set(hashed)
