import math

import pytest
import torch

from mmv2.layers import initialisation
from mmv2.model import build as build_model
from mmv2.reporting import fresh_models
from mmv2.reporting.fresh_models import CLAMPED_SD, THETAS, deviation, evaluated, sample
from mmv2.reporting.published import read_published
from mmv2.reporting.tables.table06_parametrisation import TABLE
from tests.mmv2.reporting.run_models import mosaic
from tests.mmv2.reporting.tables.conftest import PUBLISHED

WIDE = {"hidden_size": 64, "intermediate_size": 96, "num_heads": 16}


def build(*models):
    return TABLE.build(models, read_published(PUBLISHED / TABLE.published))


def verdicts(*models):
    return dict(build(*models)[["parameter", "as printed"]].itertuples(index=False, name=None))


NORMS = ("norm", "mixer_norm", "feed_forward_norm")


def test_a_fresh_model_is_as_printed_and_every_parameter_of_it_is_told():
    model = mosaic(**WIDE)
    table = build(model)
    found = verdicts(model)
    assert [name for name, verdict in found.items() if verdict == "not in the paper"] == list(NORMS)
    assert {verdict for name, verdict in found.items() if name not in NORMS} == {"yes"}
    numbers = sum(parameter.numel() for parameter in build_model(model.config).parameters())
    assert table["numbers"].sum() == numbers


def test_numbers_are_those_of_the_model_itself():
    config = mosaic(**WIDE).config
    with torch.random.fork_rng():
        torch.manual_seed(7)
        model = build_model(config)
    fresh = sample(config, {"W_2": "1/sqrt(2*d'*(l+1))"})
    weights = [block.feed_forward.w2.weight for block in model.blocks]
    assert fresh["W_2"].count == sum(weight.numel() for weight in weights)
    both = torch.cat([weight.detach().flatten() for weight in weights])
    assert fresh["W_2"].sd == pytest.approx(float(both.std()), rel=0.03), "another draw"
    scaled = torch.cat([w.detach().flatten() * math.sqrt(2 * 96 * (layer + 1)) for layer, w in enumerate(weights)])
    assert fresh["W_2"].scaled.sd == pytest.approx(float(scaled.std()), rel=0.03)


def test_the_state_of_the_random_numbers_is_left_alone():
    torch.manual_seed(3)
    before = torch.get_rng_state()
    build(mosaic())
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("fill", "wrong"),
    [
        (lambda weight, sigma: weight.normal_(std=1.2 * sigma).clamp_(-3 * sigma, 3 * sigma), "another sigma"),
        (lambda weight, sigma: weight.normal_(std=sigma), "not clamped"),
        (lambda weight, sigma: weight.normal_(mean=0.2 * sigma, std=sigma).clamp_(-3 * sigma, 3 * sigma), "a mean"),
    ],
)
def test_another_initialisation_is_not_as_printed(fill, wrong, monkeypatch):
    def init(weight, fan_in, layer=0):
        with torch.no_grad():
            fill(weight, 1 / math.sqrt(2 * fan_in * (layer + 1)))

    for module in ("decoder", "feed_forward", "memory_mixer"):
        monkeypatch.setattr(f"mmv2.layers.{module}.init_linear_", init)
    monkeypatch.setattr("mmv2.model.memory.init_linear_", init)
    found = verdicts(mosaic(**WIDE))
    assert all(found[name] == "no" for name in ("W_e", "W_1", "W_2", "W_o", "W_phi")), wrong
    assert initialisation.init_linear_ is not init


def test_the_layers_share_of_sigma_counts(monkeypatch):
    original = initialisation.init_linear_
    monkeypatch.setattr("mmv2.layers.feed_forward.init_linear_", lambda weight, fan_in, layer: original(weight, fan_in))
    found = verdicts(mosaic(**WIDE))
    assert (found["W_1"], found["W_2"], found["W_o"]) == ("no", "no", "yes")


def test_options_that_differ_from_the_paper_are_told():
    assert verdicts(mosaic(value_scale="trainable", **WIDE))["alpha_psi"] == "no"
    assert verdicts(mosaic(initial_theta_beta=2.0, **WIDE))["beta_1"] == "no"
    constant = verdicts(mosaic(adaptive_bandwidth=False, key_extractor="plain", **WIDE))
    assert {constant[name] for name in ("beta_0", "beta_1", "alpha", "W_g", "W_lambda")} == {"not in the model"}
    assert constant["theta_beta"] == "not in the paper"


def test_runs_that_begin_alike_share_rows_and_fine_tuned_ones_have_none():
    longer = {"max_seq_len": 64, "long_term_delay_range": (3, 3)}
    table = build(mosaic("a"), mosaic("b", **longer), mosaic("c", hidden_size=16), mosaic("d", init_from="a", **longer))
    assert list(dict.fromkeys(table["runs"])) == ["a, b", "c"]


def test_forms_are_compared_beyond_their_bounds():
    config = mosaic().config
    assert min(THETAS) < -15
    assert max(THETAS) > 15
    assert deviation(config, "alpha", "min(abs(theta), 1)") == 0
    for name, wrong in {"beta_0": "exp(min(theta, 12))", "alpha": "abs(theta)", "alpha_psi": "exp(abs(theta))"}.items():
        assert deviation(config, name, wrong) > 0.5


def test_a_clamped_normal_has_the_standard_deviation_that_is_expected():
    generator = torch.Generator().manual_seed(1)
    drawn = torch.randn(4_000_000, generator=generator, dtype=torch.float64).clamp(-3, 3)
    assert float(drawn.std()) == pytest.approx(CLAMPED_SD, abs=0.001)
    assert CLAMPED_SD < 0.998


def test_formulas_are_of_their_own_names_only():
    assert evaluated("1/sqrt(2*d'*(l+1))", d_prime=2, l=1) == pytest.approx(1 / math.sqrt(8))
    with pytest.raises(NameError):
        evaluated("open('x')")
    assert fresh_models.SEED == 0
