"""The model as a whole: both forms of the persistent memory, counts by hand, its state while decoding."""

from pathlib import Path

import numpy as np
import pytest
import torch

from baselines.memory_mosaics_v1 import MODEL_SPEC
from baselines.memory_mosaics_v1.persistent import PersistentMemory
from mmv2.config import validate
from mmv2.errors import UserError
from mmv2.evaluation import attention, generation
from mmv2.evaluation.attention import look
from mmv2.layers.feed_forward import SwiGLU
from mmv2.layers.flops import parameters
from mmv2.runs import load_run
from tests.contracts.common import random_tokens, scattered

ROOT = Path(__file__).parents[3]
TINY = MODEL_SPEC.tiny
FORMS = {"key_value": PersistentMemory, "ffn": SwiGLU}


def tiny(form):
    return TINY.model_copy(update={"persistent_memory": form})


@pytest.mark.parametrize(("form", "expected"), FORMS.items())
def test_the_persistent_memory_stands_where_the_feed_forward_does(form, expected):
    assert {type(block.feed_forward) for block in MODEL_SPEC.build(tiny(form)).blocks} == {expected}


def test_the_contract_tests_see_both_forms():
    seen = [MODEL_SPEC.tiny, *MODEL_SPEC.more_tinies]
    assert {config.persistent_memory for config in seen} == set(FORMS)


def test_pairs_are_the_default_as_in_the_paper():
    assert TINY.persistent_memory == "key_value"
    assert MODEL_SPEC.config.model_fields["theta_scale"].default == 10


def test_the_state_by_hand():
    pairs = 2 * 32 * 100 * 2  # of 100 tokens, two bytes each
    recurrence = 32 * 4 + 4 * 8  # kbar in float32 and a logarithm per unit
    assert MODEL_SPEC.cache_bytes(tiny("key_value"), 100, 2) == 2 * (pairs + 2 * recurrence)
    assert MODEL_SPEC.cache_bytes(tiny("ffn"), 100, 2) == 2 * (pairs + recurrence)


def test_parameters_by_hand():
    contextual = 3 * 32**2 + 4 * 4  # W_phi, W_psi, W_o; lambda, beta, gamma, the values' norm
    pairs = 2 * 32**2 + 2 * 40 * 32 + 3 * 4  # W_phi, W_o; N_p keys and values; lambda, beta, the values' norm
    around = 32 + 2 * 61 * 32
    assert parameters(MODEL_SPEC.build, tiny("key_value")) == 2 * (contextual + pairs + 2 * 32) + around
    assert parameters(MODEL_SPEC.build, tiny("ffn")) == 2 * (contextual + 3 * 40 * 32 + 2 * 32) + around


def test_flops_by_hand():
    multiplied_once = 2 * (5 * 32**2 + 7 * 4 + 2 * 32) + 32 + 61 * 32  # matrices, numbers per unit, norms; classifier
    persistent_reads = 2 * 4 * 40 * (2 * 8 + 2 * 8)  # layers, units, pairs: a score, and its share of the sum
    contextual_reads = 2 * 4 * (100 // 2) * (2 * 8 + 2 * 8)  # half the context on average
    assert MODEL_SPEC.flops_per_token(TINY, 100) == 2 * multiplied_once + persistent_reads + contextual_reads


def test_a_block_of_the_papers_size_has_the_matrices_of_gpt_2():
    size = MODEL_SPEC.sizes["gpt2_small"]
    numbers = 12 * (4 * 12 + 3 * 12 + 2 * 768) + 768  # per unit, and gains of norms
    assert parameters(MODEL_SPEC.build, size) == 12 * 12 * 768**2 + 50_304 * 768 + numbers


@pytest.mark.parametrize(
    ("name", "form"), [("memory_mosaics_v1", "key_value"), ("memory_mosaics_v1_ffn", "ffn")], ids=lambda part: part
)
@pytest.mark.parametrize("stage", ["", "_long"], ids=["pretrained", "long"])
def test_the_laptops_size_has_the_parameters_of_v2(name, form, stage):
    v2, v1 = (load_run(ROOT / f"workflow/config/runs/laptop_full/{one}{stage}.yaml") for one in ("mmv2", name))
    shared = [name for name in type(v2.model).model_fields if hasattr(v1.model, name) and name != "intermediate_size"]
    assert [getattr(v1.model, one) for one in shared] == [getattr(v2.model, one) for one in shared]
    assert (v1.model.persistent_memory, v1.model.theta_scale) == (form, 10)
    assert parameters(v1.spec.build, v1.model) == pytest.approx(parameters(v2.spec.build, v2.model), rel=1e-3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"persistent_memory": "swiglu"},
            "model.persistent_memory: input should be 'key_value' or 'ffn', not 'swiglu'",
        ),
        ({"theta_scale": 0.0}, "model.theta_scale: input should be greater than 0, not 0.0"),
        ({"short_term_window": 8}, "model.short_term_window: unknown key"),
    ],
)
def test_what_the_model_does_not_have_is_refused(change, message):
    with pytest.raises(UserError, match=f"^run.yaml: {message}"):
        validate(MODEL_SPEC.config, {**TINY.model_dump(), **change}, "run.yaml", "model")


def test_where_the_last_layer_looks_does_not_depend_on_the_pieces_of_a_prompt(monkeypatch):
    model, tokens_BT = scattered(MODEL_SPEC, TINY), random_tokens(TINY, 2, 50)
    marks_BTM = torch.eye(50, dtype=torch.float64).expand(2, -1, -1)
    whole = look(model, tokens_BT, marks_BTM)
    for module in (attention, generation):
        monkeypatch.setattr(module, "PREFILL", 16)
    pieces = look(model, tokens_BT, marks_BTM)
    for name, expected in whole.learnt.items():
        np.testing.assert_allclose(pieces.learnt[name], expected, atol=1e-9)
