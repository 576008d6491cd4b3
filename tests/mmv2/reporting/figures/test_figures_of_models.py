"""Figures 2, 9 and 11, drawn from the config of models."""

import numpy as np
import pytest
import torch

from mmv2.layers.flops import parameters
from mmv2.model import build
from mmv2.reporting.figures import figure02_block, figure09_extractors, figure11_masks
from mmv2.reporting.figures.figure02_block import parts
from mmv2.reporting.figures.figure09_extractors import TOKENS, key_and_value_weights
from mmv2.reporting.figures.figure11_masks import held_by
from tests.mmv2.reporting.run_models import TRANSFORMER, mosaic

NEITHER, SHORT, LONG, BOTH = range(4)


def numbers_in(text):
    """The numbers of parameters that a box tells."""
    (told,) = [line for line in text.splitlines() if line.endswith(" parameters")]
    return int(told.removesuffix(" parameters").rsplit(" ", 1)[-1].replace(",", ""))


def test_boxes_tell_the_parameters_of_the_model():
    model = mosaic()
    block = build(model.config).blocks[0]
    found = parts(model.config)
    told = [numbers_in(part.text) for part in (*found.memories, found.above[0], found.above[2])]
    assert sum(told) == sum(p.numel() for p in (*block.mixer.parameters(), *block.feed_forward.parameters()))
    assert [part.text.splitlines()[:3] for part in found.memories] == [
        ["short-term memory", "4 heads of 8", "pairs t-7 .. t-1"],
        ["long-term memory", "4 heads of 8", "pairs 1 .. t-3"],
    ]
    assert "W_o: 64 to 32" in found.above[0].text
    assert "W_1, W_3: 32 to 48, W_2: 48 to 32" in found.above[2].text
    assert (found.before[0].text, found.after[1].text) == ("embedding W_e, 61 tokens to 32", "classifier W_c: 32 to 61")
    assert found.num_layers == 2


def test_options_change_their_box():
    caption = parts(mosaic(short_term_pairs="caption", long_term_memory=False).config)
    (only,) = caption.memories
    assert "pairs t-8 .. t-1" in only.text
    assert "W_o: 32 to 32" in caption.above[0].text
    text = parts(mosaic(key_extractor="leaky", rope_theta=100.0, adaptive_bandwidth=False).config).memories[0].text
    assert "leaky keys, as in v1, rotary" in text
    assert "learned constant beta" in text
    assert "embedding W_e, tied" in parts(mosaic(tie_embeddings=True).config).before[0].text


def test_a_panel_for_each_kind_of_block(draw):
    models = [mosaic("a"), mosaic("b", max_seq_len=64), mosaic("c", num_layers=3), TRANSFORMER]
    figure = figure02_block.FIGURE.draw(models)
    sizes = [f"{parameters(build, models[number].config):,} parameters" for number in (0, 2)]
    assert [axes.get_title() for axes in figure.axes] == [f"Memory Mosaics v2, {size}" for size in sizes]
    assert "3 blocks" in [text.get_text() for text in figure.axes[1].texts]


def test_panels_are_called_as_tables_call_the_models():
    models = [mosaic("a"), mosaic("b", long_term_delay_range=(3, 3)), mosaic("c", num_layers=3)]
    models.append(mosaic("d", key_extractor="leaky"))
    small, large = (f"{parameters(build, models[number].config):,} parameters" for number in (0, 2))
    assert [axes.get_title() for axes in figure02_block.FIGURE.draw(models).axes] == [
        f"Memory Mosaics v2, {small}\nMemory Mosaics v2, fixed delay",
        f"Memory Mosaics v2, {large}",
        "Memory Mosaics v2, leaky keys",
    ]


@pytest.mark.parametrize("window", [3, 8])
@pytest.mark.parametrize("delay", [1, 3])
def test_masks_are_what_the_equations_say(window, delay):
    found = held_by(mosaic(short_term_window=window, long_term_delay=1, long_term_delay_range=(1, 3)).config, delay, 12)
    for t in range(12):
        for i in range(12):
            short, long = t - window + 1 <= i <= t - 1, i <= t - delay
            assert found[t, i] == (i < 11) * (short + 2 * long), (t, i)


def test_masks_know_the_options():
    caption = held_by(mosaic(short_term_pairs="caption").config, 3, 12)
    assert caption[10, 2] == BOTH, "h pairs"
    assert held_by(mosaic().config, 3, 12)[10, 2] == LONG, "h - 1 pairs"
    alone = held_by(mosaic(long_term_memory=False).config, 3, 12)
    assert set(np.unique(alone)) == {NEITHER, SHORT}


def test_a_row_of_masks_for_each_way_of_holding_pairs(draw):
    models = [mosaic("a"), mosaic("b", max_seq_len=64), mosaic("c", long_term_delay_range=(3, 3)), TRANSFORMER]
    panels = draw(figure11_masks.FIGURE, models)
    delays = [int(axes.get_title().rpartition("= ")[2]) for axes in panels]
    assert delays == [3, 8, 3], "at inference m is the shortest"
    assert [axes.get_ylabel() for axes in panels if axes.get_ylabel()] == [
        "Memory Mosaics v2\nh = 8\n\nposition t",
        "Memory Mosaics v2,\nfixed delay\nh = 8\n\nposition t",
    ]
    for axes, delay in zip(panels, delays, strict=True):
        shown = axes.images[0].get_array()
        np.testing.assert_array_equal(shown, held_by(mosaic().config, delay, len(shown)))
        assert BOTH in shown or delay == 8


def test_another_delay_at_inference_is_another_row():
    figure = figure11_masks.FIGURE.draw([mosaic("a"), mosaic("b", long_term_delay=4)])
    assert [axes.get_title() for axes in figure.axes if axes.get_title()] == [
        "inference and training, shortest:\nm = 3",
        "training, longest:\nm = 8",
        "inference:\nm = 4",
        "training, shortest:\nm = 3",
        "training, longest:\nm = 8",
    ]


def test_keys_look_back_and_values_one_token_ahead():
    keys, values = key_and_value_weights(mosaic().config)
    assert keys.shape == (TOKENS, TOKENS)
    assert values.shape == (TOKENS - 1, TOKENS)
    np.testing.assert_allclose(keys.sum(1), 1, rtol=1e-6)
    assert (np.triu(keys, 1) == 0).all()
    fading = keys[1:, 0] / keys[1:, 1]
    np.testing.assert_allclose(fading, fading[0], rtol=1e-4), "older tokens fade alike"
    assert np.count_nonzero(values) == 2 * (TOKENS - 1)
    np.testing.assert_allclose(np.diag(values), values[0, 0], rtol=1e-6)
    assert 0 < values[0, 0] < 1


def test_gates_differ_by_token_and_leaks_do_not():
    def decays(extractor):
        keys, _ = key_and_value_weights(mosaic(key_extractor=extractor).config)
        return keys[2:, 0] / keys[1:-1, 0]

    assert np.ptp(decays("gated")) > 0.05
    weights, _ = key_and_value_weights(mosaic(key_extractor="leaky").config)
    ratios = [weights[t, t - 1] / weights[t, t] for t in range(1, TOKENS)]
    np.testing.assert_allclose(ratios, np.exp(-0.5), rtol=1e-4)
    plain, _ = key_and_value_weights(mosaic(key_extractor="plain").config)
    np.testing.assert_array_equal(plain, np.eye(TOKENS))


def test_a_row_for_each_key_extractor_and_random_numbers_are_left_alone(draw):
    torch.manual_seed(3)
    before = torch.get_rng_state()
    panels = draw(figure09_extractors.FIGURE, [mosaic("a"), mosaic("b", key_extractor="plain"), TRANSFORMER])
    assert [axes.get_title() for axes in panels if axes.get_title()] == ["gated keys", "values", "plain keys", "values"]
    assert torch.equal(torch.get_rng_state(), before)
