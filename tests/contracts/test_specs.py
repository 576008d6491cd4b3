"""What every architecture's spec must fulfil."""

import importlib
import subprocess
import sys

import numpy as np
import pytest
import torch

from mmv2.layers.flops import parameters
from mmv2.registry import architecture_packages, architectures, no_step_inputs
from tests.contracts.common import SPECS, chunks, extend_by, random_tokens, state_bytes


def test_specs_import_without_torch():
    modules = ", ".join(f"mmv2.registry.architecture({name!r})" for name in architectures())
    code = f"import sys, mmv2.registry; {modules}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_tiny_is_small_and_longer_than_its_windows(spec):
    assert isinstance(spec.tiny, spec.config)
    assert parameters(spec.build, spec.tiny) < 50_000
    lengths = {name: value for name, value in spec.tiny if name.endswith(("_window", "_delay", "_delay_range"))}
    assert all(np.max(value) < spec.tiny.max_seq_len for value in lengths.values()), lengths


def test_packages_exist_and_hold_the_architecture_and_its_frame(spec):
    """Else an edit there would leave weights that the code no longer makes."""
    for package in spec.packages:
        importlib.import_module(package)
    (own,) = [package for package, found in architecture_packages().items() if found.name == spec.name]
    assert {own, "mmv2.layers"} <= set(spec.packages)


def test_labels_are_distinct():
    assert len({spec.label_for(spec.tiny) for spec in SPECS.values()}) == len(SPECS)
    assert len({spec.label for spec in architectures().values()}) == len(architectures())


def test_sizes_are_of_the_config_class(spec):
    assert all(type(config) is spec.config for config in spec.sizes.values())


def test_parameters_are_those_of_the_built_model(spec):
    for tied in (False, True):
        config = spec.tiny.model_copy(update={"tie_embeddings": tied})
        assert parameters(spec.build, config) == sum(p.numel() for p in spec.build(config).parameters())


def test_flops_hold_the_matrices_and_never_shrink_with_the_context(spec):
    counts = [spec.flops_per_token(spec.tiny, context) for context in (1, 2, 8, 64, 128, 256, 512)]
    embedding = spec.tiny.vocab_size * spec.tiny.hidden_size
    assert not spec.tiny.tie_embeddings
    assert counts[0] >= 2 * (parameters(spec.build, spec.tiny) - embedding)
    assert counts == sorted(counts)


@pytest.mark.parametrize("length", [1, 2, 5, 17, 40, 131])
def test_cache_bytes_are_those_of_the_state(spec, model, length):
    rows_BT = random_tokens(spec.tiny, 2, length)
    with torch.no_grad():
        for sizes in ([length], [1], [3, 1, 2]):
            _, state = extend_by(model, chunks(rows_BT, *sizes))
            assert state_bytes(state) == 2 * spec.cache_bytes(spec.tiny, length, 8)


def test_cache_bytes_never_shrink_with_the_context(spec):
    counts = [spec.cache_bytes(spec.tiny, context, 2) for context in range(1, 100)]
    assert counts[0] > 0
    assert counts == sorted(counts)


def test_step_inputs_depend_on_seed_and_step_alone(spec):
    config = spec.tiny
    drawn = {(seed, step): spec.step_inputs(config, seed, step) for seed in range(2) for step in range(40)}
    assert drawn == {key: spec.step_inputs(config, *key) for key in reversed(drawn)}
    assert all(len(values) == config.num_layers for inputs in drawn.values() for values in inputs.values())
    if spec.step_inputs is not no_step_inputs:
        assert len({str(drawn[0, step]) for step in range(40)}) > 1
        assert any(drawn[0, step] != drawn[1, step] for step in range(40))
