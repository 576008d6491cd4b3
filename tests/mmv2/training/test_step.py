import copy
from pathlib import Path

import pytest
import torch
from torch import nn

from mmv2.data.loader import load_batch
from mmv2.data.shards import Corpus
from mmv2.errors import UserError
from mmv2.runs import RunConfig
from mmv2.training.optimizer import build_optimizer
from mmv2.training.parallel import World
from mmv2.training.start import start_model
from mmv2.training.step import StepResult, train_step, uses_bfloat16
from tests.mmv2.training.helpers import tiny_run

WORLD = World(torch.device("cpu"))


@pytest.fixture
def corpus(corpus_folder: Path) -> Corpus:
    return Corpus.open(corpus_folder)


def make_step(run: RunConfig, corpus: Corpus, step: int = 1) -> tuple[nn.Module, StepResult]:
    model = start_model(run, WORLD, None)
    return model, train_step(model, build_optimizer(model, run.training), run, corpus, WORLD, step)


def test_the_loss_is_the_mean_over_the_targets_of_the_step(corpus: Corpus):
    run = tiny_run("transformer")
    batch = load_batch(corpus, range(8, 12), run.model.max_seq_len)
    with torch.no_grad():
        summed = start_model(run, WORLD, None)(batch.tokens_BT, batch.documents, batch.targets_BT)
    _, result = make_step(run, corpus, step=3)
    assert result.loss == pytest.approx(summed.item() / batch.num_targets)


def test_the_gradient_norm_is_that_of_the_mean(corpus: Corpus):
    run = tiny_run("transformer")
    batch = load_batch(corpus, range(0, 4), run.model.max_seq_len)
    model = start_model(run, WORLD, None)
    (model(batch.tokens_BT, batch.documents, batch.targets_BT) / batch.num_targets).backward()
    squares = sum(parameter.grad.square().sum().item() for parameter in model.parameters())
    _, result = make_step(run, corpus)
    assert result.grad_norm == pytest.approx(squares**0.5, rel=1e-5)


def test_micro_batches_change_nothing(corpus: Corpus):
    models = [make_step(tiny_run(micro_batch_size=size), corpus) for size in (1, 2, 4)]
    for model, result in models[1:]:
        assert result.grad_norm == pytest.approx(models[0][1].grad_norm, rel=1e-5)
        for found, expected in zip(model.parameters(), models[0][0].parameters(), strict=True):
            torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)


def test_the_architecture_gets_what_it_draws_for_the_step(corpus: Corpus, monkeypatch: pytest.MonkeyPatch):
    run = tiny_run()
    seen = []
    model = start_model(run, WORLD, None)
    model.register_forward_pre_hook(lambda module, args, kwargs: seen.append(kwargs), with_kwargs=True)
    train_step(model, build_optimizer(model, run.training), run, corpus, WORLD, 5)
    assert seen == [run.spec.step_inputs(run.model, run.training.seed, 5)] * 2


@pytest.mark.parametrize(("poisoned", "told"), [("weight", "loss is nan at step 4"), ("gradient", "gradient norm is")])
def test_what_is_not_finite_stops_before_the_update(corpus: Corpus, poisoned: str, told: str):
    run = tiny_run("transformer")
    model = start_model(run, WORLD, None)
    if poisoned == "weight":
        model.norm.weight.data[0] = float("nan")
    else:
        model.norm.weight.register_hook(lambda gradient: gradient * float("inf"))
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(UserError, match=told):
        train_step(model, build_optimizer(model, run.training), run, corpus, WORLD, 4)
    for name, tensor in model.state_dict().items():
        torch.testing.assert_close(tensor, before[name], rtol=0, atol=0, equal_nan=True)


@pytest.mark.parametrize("asked", [False, True])
def test_a_request_to_stop_comes_back(corpus: Corpus, asked: bool):
    run = tiny_run("transformer")
    model = start_model(run, WORLD, None)
    optimizer = build_optimizer(model, run.training)
    assert train_step(model, optimizer, run, corpus, WORLD, 1, lambda: asked).stop == asked


@pytest.mark.parametrize(
    ("precision", "device", "expected"),
    [
        ("auto", "cpu", False),
        ("auto", "cuda", True),
        ("float32", "cuda", False),
        ("bfloat16", "cpu", True),
    ],
)
def test_precision(precision: str, device: str, expected: bool):
    assert uses_bfloat16(tiny_run(precision=precision), torch.device(device)) == expected


def test_bfloat16_keeps_parameters_in_float32(corpus: Corpus):
    model, result = make_step(tiny_run("transformer", precision="bfloat16"), corpus)
    exact = make_step(tiny_run("transformer"), corpus)[1]
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    assert result.loss != exact.loss
    assert result.loss == pytest.approx(exact.loss, rel=1e-2)


@pytest.mark.parametrize("max_norm", [1e-3, 1e3])
def test_the_optimizer_gets_the_gradient_clipped_to_the_norm_of_the_run(corpus: Corpus, max_norm: float):
    run = tiny_run("transformer", max_grad_norm=max_norm)
    model = start_model(run, WORLD, None)
    optimizer = build_optimizer(model, run.training)
    result = train_step(model, optimizer, run, corpus, WORLD, 1)
    # After the first step the running mean of the gradient is the gradient times 1 - beta_1.
    squares = sum(state["exp_avg"].square().sum().item() for state in optimizer.state.values())
    assert squares**0.5 / 0.1 == pytest.approx(min(result.grad_norm, max_norm), rel=1e-3)


def test_what_is_drawn_for_the_steps_depends_on_the_seed_of_the_training(corpus: Corpus):
    initial = start_model(tiny_run(seed=7), WORLD, None)
    seen: dict[int, list[list[int]]] = {7: [], 8: []}
    for seed, delays in seen.items():
        run, model = tiny_run(seed=seed), copy.deepcopy(initial)
        hook = lambda module, args, kwargs, delays=delays: delays.append(kwargs["long_term_delay"])  # noqa: E731
        model.register_forward_pre_hook(hook, with_kwargs=True)
        optimizer = build_optimizer(model, run.training)
        for step in range(1, 9):
            train_step(model, optimizer, run, corpus, WORLD, step)
        assert delays[::2] == [run.spec.step_inputs(run.model, seed, step)["long_term_delay"] for step in range(1, 9)]
    assert seen[7] != seen[8]
