"""The mean bandwidth of a trained model, and the run that keeps it as constants."""

import pytest
import torch
import yaml

from mmv2.cli import main
from mmv2.config import validate
from mmv2.data.tokenizer import build_word_level
from mmv2.errors import UserError
from mmv2.final import load_final
from mmv2.model.bandwidth import as_run_settings, mean_bandwidth
from mmv2.model.config import TINY, MosaicConfig
from tests.mmv2.evaluation.small_world import random_model, write_final


@pytest.fixture
def tokenizer_file(tmp_path):
    build_word_level(["a", "b"]).save(str(tmp_path / "tokenizer.json"))
    return tmp_path / "tokenizer.json"


def by_loops(model, name):
    """Over layers, heads and positions one by one."""
    first, end = model.config.ages(name)
    betas = []
    for block in model.blocks:
        beta_0_H, beta_1_H, alpha_H = getattr(block.mixer, name).bandwidth()
        for position in range(model.config.max_seq_len):
            ages = [age for age in range(first, position + 1) if end is None or age < end]
            if ages:
                betas += (beta_1_H.double() * len(ages) ** alpha_H.double() + beta_0_H.double()).tolist()
    return sum(betas) / len(betas)


@pytest.mark.parametrize("changes", [{}, {"short_term_pairs": "caption", "max_seq_len": 50}], ids=str)
def test_it_is_the_mean_over_layers_heads_and_positions_that_hold_something(changes):
    model = random_model("mmv2", **changes)
    found = mean_bandwidth(model)
    assert found.short_term == pytest.approx(by_loops(model, "short_term"), rel=1e-5)
    assert found.long_term == pytest.approx(by_loops(model, "long_term"), rel=1e-5)


def test_the_command_prints_what_a_run_file_takes(tmp_path, tokenizer_file, capsys):
    folder = write_final(tmp_path / "final", "mmv2", tokenizer_file)
    main(["bandwidth", str(folder)])
    settings = yaml.safe_load(capsys.readouterr().out)["model"]
    config = validate(MosaicConfig, {**TINY.model_dump(mode="json"), **settings}, "run.yaml")
    assert config.bandwidth == "fixed"
    assert config.fixed_bandwidth == mean_bandwidth(load_final(folder).model)
    again = random_model("mmv2", adaptive_bandwidth=False, fixed_bandwidth=config.fixed_bandwidth)
    assert mean_bandwidth(again).model_dump() == pytest.approx(config.fixed_bandwidth.model_dump(), rel=1e-6)
    for block in again.blocks:
        beta_H = block.mixer.long_term.bandwidth().beta_H
        torch.testing.assert_close(beta_H, torch.full_like(beta_H, config.fixed_bandwidth.long_term))


@pytest.mark.parametrize(
    ("arch", "changes", "told"),
    [
        ("transformer", {}, "config.json: arch: transformer has no bandwidths of two memories; give a run of mmv2"),
        ("mmv2", {"long_term_memory": False}, "config.json: model.long_term_memory: false, so it has no bandwidth"),
    ],
)
def test_a_model_without_both_is_refused(tmp_path, tokenizer_file, arch, changes, told):
    folder = write_final(tmp_path / "final", arch, tokenizer_file, **changes)
    with pytest.raises(UserError, match=told):
        as_run_settings(folder)
