"""The benchmark runs, compares like with like, and writes what it measured. Its speeds are not judged."""

import csv
import sys

import pytest
import torch

from benchmarks import training_speed
from mmv2.config import ModelConfig


@pytest.fixture
def rows(tmp_path, monkeypatch, capsys):
    sizes = "--width 32 --heads 2 --layers 1 --context 64 --batch 2 --vocabulary 50 --steps 1 --repeats 2"
    file = tmp_path / "speed.csv"
    monkeypatch.setattr(sys, "argv", ["training_speed", *sizes.split(), "--csv", str(file)])
    training_speed.main()
    assert "tokens/s" in capsys.readouterr().out
    with file.open(newline="") as opened:
        return list(csv.DictReader(opened))


def test_every_model_is_measured_beside_llama(rows):
    measured = [(row["model"], row["rows"]) for row in rows]
    ours = [(model, kind) for model in ("transformer", "mmv2") for kind in ("whole", "packed")]
    assert measured == [("llama", "whole"), *ours]
    assert all(float(row["tokens_per_second"]) > 0 for row in rows)
    assert rows[0]["ratio_to_llama"] == "1.0"
    assert all(row["torch"] == torch.__version__ and row["code"] for row in rows)


def test_llama_and_our_transformer_are_the_same_model(rows):
    assert rows[0]["parameters"] == rows[1]["parameters"]
    assert float(rows[1]["flops_to_llama"]) == 1.0


def test_the_models_have_the_same_shape(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["training_speed"])
    options = training_speed.parse_options()
    shapes = [
        training_speed.model_config(training_speed.architecture(name), options).model_dump(
            include=set(ModelConfig.model_fields)
        )
        for name in ("transformer", "mmv2")
    ]
    assert shapes[0] == shapes[1]
