import pytest
import torch
from torch import nn

from mmv2.training.optimizer import average_and_clip_, build_optimizer, set_learning_rate
from tests.mmv2.training.helpers import tiny_run


@pytest.fixture
def model() -> nn.Module:
    return tiny_run().spec.build(tiny_run().model)


def test_matrices_decay_and_vectors_do_not(model: nn.Module):
    optimizer = build_optimizer(model, tiny_run(weight_decay=0.3).training)
    decay = {id(p): group["weight_decay"] for group in optimizer.param_groups for p in group["params"]}
    found = {name: decay[id(parameter)] for name, parameter in model.named_parameters()}
    assert found["embedding.weight"] == found["classifier.weight"] == 0.3
    assert found["blocks.0.mixer.output.weight"] == found["blocks.1.feed_forward.w2.weight"] == 0.3
    assert found["norm.weight"] == found["blocks.0.mixer_norm.weight"] == 0.0
    assert found["blocks.0.mixer.long_term.theta_beta_1"] == found["blocks.0.mixer.short_term.gamma"] == 0.0


class Two(nn.ParameterDict):
    """Two parameters, in place of a model."""

    def __init__(self, *spared: str):
        super().__init__({"mix": nn.Parameter(torch.ones(1, 1, 8)), "filter": nn.Parameter(torch.ones(8, 1, 4))})
        self.spared = spared

    def undecayed(self):
        return self.spared


@pytest.mark.parametrize(("spared", "of_filter"), [((), 0.3), (("filter",), 0.0)])
def test_a_vector_among_dimensions_of_one_does_not_decay_nor_what_a_model_spares(spared, of_filter):
    optimizer = build_optimizer(Two(*spared), tiny_run(weight_decay=0.3).training)
    decay = {tuple(p.shape): group["weight_decay"] for group in optimizer.param_groups for p in group["params"]}
    assert decay == {(1, 1, 8): 0.0, (8, 1, 4): of_filter}


def test_takes_its_settings_from_the_run(model: nn.Module):
    optimizer = build_optimizer(model, tiny_run(betas=(0.8, 0.9), learning_rate=0.25).training)
    set_learning_rate(optimizer, 0.125)
    assert [group["betas"] for group in optimizer.param_groups] == [(0.8, 0.9)] * 2
    assert [group["lr"] for group in optimizer.param_groups] == [0.125] * 2


def with_gradients(*gradients: list[float]) -> list[nn.Parameter]:
    parameters = [nn.Parameter(torch.zeros(len(gradient))) for gradient in gradients]
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = torch.tensor(gradient)
    return parameters


def test_long_gradients_are_averaged_and_shortened_to_the_norm():
    parameters = with_gradients([30.0], [0.0, 40.0])
    assert average_and_clip_(parameters, num_targets=10, max_norm=1.0) == pytest.approx(5.0)
    assert [p.grad.tolist() for p in parameters] == [pytest.approx([0.6]), pytest.approx([0.0, 0.8])]


def test_short_gradients_are_only_averaged():
    parameters = with_gradients([3.0], [0.0, 4.0])
    assert average_and_clip_(parameters, num_targets=10, max_norm=1.0) == pytest.approx(0.5)
    assert [p.grad.tolist() for p in parameters] == [pytest.approx([0.3]), pytest.approx([0.0, 0.4])]


def test_parameters_without_gradient_are_passed_over():
    parameters = [*with_gradients([2.0]), nn.Parameter(torch.zeros(3))]
    assert average_and_clip_(parameters, num_targets=2, max_norm=9.0) == pytest.approx(1.0)
    assert parameters[1].grad is None
