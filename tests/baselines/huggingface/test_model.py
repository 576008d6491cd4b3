"""The library's own model, its weights and its answers; the contract tests hold it to what all architectures must do.

B rows, T tokens per row, V vocabulary.
"""

import pytest
import torch
from transformers import AutoModelForCausalLM

from baselines.huggingface import MODEL_SPEC, build
from baselines.huggingface import model as module
from baselines.huggingface.model import HuggingFaceModel
from baselines.huggingface.translation import transformers_config
from mmv2.errors import UserError
from tests.baselines.huggingface.test_translation import config
from tests.contracts.common import CLOSE, chunks, extend_by, random_tokens, scattered

TINIES = [MODEL_SPEC.tiny, *MODEL_SPEC.more_tinies]
OTHERS = [
    config("bert", overrides={"is_decoder": True, "max_position_embeddings": 100}),
    config("bloom", intermediate_size=None),
    config("falcon_mamba", num_heads=1, overrides={"state_size": 4}),
    config("gpt2", overrides={"n_positions": 100}),
    config("mamba", num_heads=1, overrides={"state_size": 4}),
    config("mistral", overrides={"sliding_window": 7, "num_key_value_heads": 2}),
    config("mixtral", overrides={"num_local_experts": 4}),
    config("qwen3_next", num_layers=4, overrides={"num_experts": 4, "num_experts_per_tok": 2}),
]


def model_types(configs):
    return pytest.mark.parametrize("config", configs, ids=[one.model_type for one in configs])


@model_types(TINIES)
def test_it_is_the_librarys_model_with_the_librarys_initial_weights(config):
    torch.manual_seed(3)
    theirs = AutoModelForCausalLM.from_config(transformers_config(config)).eval()
    torch.manual_seed(3)
    ours = build(config).eval()
    assert type(ours.network) is type(theirs)
    assert all(torch.equal(ours.network.state_dict()[name], tensor) for name, tensor in theirs.state_dict().items())
    rows_BT = random_tokens(config, 2, 40)
    with torch.no_grad():
        assert torch.equal(ours(rows_BT), theirs(rows_BT).logits)


@model_types(TINIES)
def test_initialising_again_is_initialising(config):
    torch.manual_seed(3)
    made = build(config)
    expected = {name: tensor.clone() for name, tensor in made.state_dict().items()}
    torch.manual_seed(4)
    made.reset_parameters()
    assert any(not torch.equal(tensor, expected[name]) for name, tensor in made.state_dict().items())
    torch.manual_seed(3)
    made.reset_parameters()
    assert all(torch.equal(tensor, expected[name]) for name, tensor in made.state_dict().items())


@model_types(OTHERS)
def test_other_model_types_decode_as_they_read_and_from_copies(config):
    model, rows_BT = scattered(MODEL_SPEC, config), random_tokens(config, 3, 30)
    model.network.set_experts_implementation("eager")  # the other one has no float64
    with torch.no_grad():
        whole_BTV = model(rows_BT)
        logits_BTV, _ = extend_by(model, chunks(rows_BT, 5, 1, 1, 9))
        torch.testing.assert_close(logits_BTV, whole_BTV, **CLOSE)
        _, state = extend_by(model, [rows_BT[:, :12]])
        copy, chosen = state.clone(), state.select(torch.tensor([2, 0]))
        for own, rows in ((state, [0, 1, 2]), (copy, [0, 1, 2]), (chosen, [2, 0])):
            rest_BTV, _ = extend_by(model, chunks(rows_BT[rows, 12:], 1, 4), own)
            torch.testing.assert_close(rest_BTV, whole_BTV[rows, 12:], **CLOSE)


def test_the_last_logits_alone_are_the_last_logits():
    for one in (*TINIES, OTHERS[4]):
        model, rows_BT = build(one).eval(), random_tokens(one, 2, 12)
        with torch.no_grad():
            for sizes in ([12], [5, 7], [11, 1]):
                state = None
                for piece in chunks(rows_BT, *sizes):
                    last_B1V, state = model.extend(piece, state, last_only=True)
                torch.testing.assert_close(last_B1V, model(rows_BT)[:, -1:])


def test_reading_changes_no_weight():
    """RWKV's own setting halves weights in evaluation mode."""
    model = build(config("rwkv", num_layers=8, num_heads=1))
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    rows_BT = random_tokens(model.config, 1, 9)
    with torch.no_grad():
        trained, read = model.train()(rows_BT), model.eval()(rows_BT)
    assert torch.equal(trained, read)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_decays_that_are_logarithms_are_spared_by_weight_decay():
    """Of mamba a matrix; of mamba2, whose channels share them, a vector, which is spared in any case."""
    for model_type, ndim in (("mamba", 2), ("mamba2", 1)):
        own = next(one for one in (*TINIES, *OTHERS) if one.model_type == model_type)
        model = build(own)
        spared = model.undecayed()
        assert spared == [f"network.backbone.layers.{layer}.mixer.A_log" for layer in range(own.num_layers)]
        assert {dict(model.named_parameters())[name].ndim for name in spared} == {ndim}
    assert not build(MODEL_SPEC.tiny).undecayed()


def test_rwkv_decodes_with_keys_that_no_exponential_can_hold():
    model = build(MODEL_SPEC.more_tinies[-1]).eval()
    rows_BT = random_tokens(model.config, 2, 20)
    with torch.no_grad():
        model.network.rwkv.blocks[0].attention.key.weight.mul_(1e4)
        logits_BTV, _ = extend_by(model, chunks(rows_BT, 1))
        assert logits_BTV.isfinite().all()
        torch.testing.assert_close(logits_BTV, model(rows_BT), atol=1e-4, rtol=0)


@pytest.mark.parametrize("model_type", ["gpt2", "opt", "xglm"])
def test_a_table_of_positions_that_ends_is_told(model_type):
    model = HuggingFaceModel(config(model_type)).eval()
    rows_BT = random_tokens(model.config, 1, 49)
    with torch.no_grad():
        _, state = model.extend(rows_BT[:, :48])
        for read in (lambda: model(rows_BT), lambda: model.extend(rows_BT[:, 48:], state)):
            with pytest.raises(
                UserError, match=rf"{model_type}: 49 tokens, but its table of positions has 48, as many"
            ):
                read()


@pytest.mark.parametrize(
    ("model_type", "changes", "told"),
    [
        ("bert", {}, "gives back no cache; of encoders, set model.overrides.is_decoder: true"),
        ("electra", {}, r"its embedding is \(61, 128\), not vocab_size x hidden_size \(61, 32\); set model.overrides"),
        ("openai-gpt", {"intermediate_size": None}, "takes no cache"),
        ("bart", {"intermediate_size": None}, "has no list of num_layers 3 layers"),
        ("rwkv", {"num_layers": 1, "num_heads": 1}, "transformers cannot make it: ZeroDivisionError: "),
        ("gptj", {}, "transformers cannot run it with these values: RuntimeError: "),
    ],
)
def test_what_cannot_be_a_model_here_is_told_before_it_is_trained(model_type, changes, told):
    with pytest.raises(UserError, match=rf"^model_type {model_type}: {told}"):
        build(config(model_type, **changes))


def test_a_cache_that_forgets_is_told(monkeypatch):
    monkeypatch.setattr(module, "FORGETFUL", ())
    for model_type in ("mamba", "falcon_mamba"):
        with pytest.raises(UserError, match=r"decoding with its cache differs from reading whole texts"):
            build(config(model_type, num_heads=1))


def test_looking_ahead_and_at_other_rows_is_told(monkeypatch):
    logits = HuggingFaceModel._logits
    monkeypatch.setattr(HuggingFaceModel, "_logits", lambda self, rows: logits(self, rows) + rows[:, -1:, None])
    with pytest.raises(UserError, match=r"sees tokens before it reads them, so it is no language model"):
        build(MODEL_SPEC.tiny)
    monkeypatch.setattr(HuggingFaceModel, "_logits", lambda self, rows: logits(self, rows) + len(rows))
    with pytest.raises(UserError, match=r"a row's logits depend on the rows beside it"):
        build(MODEL_SPEC.tiny)


def test_the_checks_draw_no_random_numbers_and_leave_the_mode():
    torch.manual_seed(3)
    HuggingFaceModel(MODEL_SPEC.tiny)
    expected = torch.rand(3)
    torch.manual_seed(3)
    assert build(MODEL_SPEC.tiny).training
    assert torch.equal(torch.rand(3), expected)
