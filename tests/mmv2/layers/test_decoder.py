"""The frame: its equations with a mixer that can be seen through, the loss, and the step inputs' way to the layers."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch.nn import functional

from mmv2.config import ModelConfig
from mmv2.layers.decoder import IGNORE, Decoder, Mixer, MixerState
from mmv2.layers.documents import Documents

CONFIG = ModelConfig(vocab_size=11, hidden_size=8, num_layers=2, num_heads=2, intermediate_size=12, max_seq_len=16)


@dataclass
class Seen(MixerState):
    """The sum of everything read."""

    total_B1D: torch.Tensor

    def select(self, rows_R):
        return Seen(self.total_B1D[rows_R])

    def content(self):
        return [self.total_B1D]


class RunningSum(Mixer):
    """Adds up what has been read so far, times a factor that a step may set."""

    def __init__(self, layer):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.empty(8))
        self.layer = layer

    def forward(self, x_BTD, documents, factor=1):
        return documents.join([part.cumsum(1) * self.weight * factor for part in documents.split(x_BTD)])

    def extend(self, x_BTD, state):
        sums_BTD = x_BTD.cumsum(1) + (state.total_B1D if state else 0)
        return sums_BTD * self.weight, Seen(sums_BTD[:, -1:])

    def reset_parameters(self, layer):
        assert layer == self.layer
        self.weight.fill_(0.1 * (layer + 1))


@pytest.fixture
def model():
    torch.manual_seed(0)
    return Decoder(CONFIG, RunningSum).double()


TOKENS = torch.tensor([[1, 4, 2, 10, 0], [3, 3, 7, 5, 9]])


def logits_by_hand(model, factors=(1, 1)):
    x = model.embedding.weight[TOKENS]
    for block, factor in zip(model.blocks, factors, strict=True):
        normed = x / (x.square().mean(-1, keepdim=True) + CONFIG.norm_eps).sqrt() * block.mixer_norm.weight
        x = x + normed.cumsum(1) * block.mixer.weight * factor
        normed = x / (x.square().mean(-1, keepdim=True) + CONFIG.norm_eps).sqrt() * block.feed_forward_norm.weight
        x = x + block.feed_forward(normed)
    normed = x / (x.square().mean(-1, keepdim=True) + CONFIG.norm_eps).sqrt() * model.norm.weight
    return normed @ model.classifier.weight.T


def test_logits_follow_the_frame(model):
    torch.testing.assert_close(model(TOKENS), logits_by_hand(model))


class First(RunningSum):
    """A mixer that hands on what the feed-forward of its layer has seen."""

    def extend(self, x_BTD, state):
        mixed_BTD, seen = super().extend(x_BTD, state[0] if state else None)
        return mixed_BTD, (seen, state[1] if state else None)


class Second(RunningSum):
    """A feed-forward that adds up too."""

    def extend(self, x_BTD, state):
        answer_BTD, seen = super().extend(x_BTD, state[1])
        return answer_BTD, (state[0], seen)


@pytest.fixture
def summing_twice():
    torch.manual_seed(0)
    return Decoder(CONFIG, First, Second).double()


def test_a_mixer_may_stand_in_the_feed_forwards_place(summing_twice):
    expected = functional.embedding(TOKENS, summing_twice.embedding.weight)
    for block in summing_twice.blocks:
        for norm, part in ((block.mixer_norm, block.mixer), (block.feed_forward_norm, block.feed_forward)):
            expected = expected + norm(expected).cumsum(1) * part.weight
    expected = summing_twice.norm(expected) @ summing_twice.classifier.weight.T
    torch.testing.assert_close(summing_twice(TOKENS), expected)


def test_a_mixer_in_the_feed_forwards_place_stays_within_documents(summing_twice):
    starts = np.array([[True, False, True, False, False], [True, False, False, False, True]])
    packed = summing_twice(TOKENS, Documents.from_starts(starts))
    for row, begin, end in [(0, 0, 2), (0, 2, 5), (1, 0, 4), (1, 4, 5)]:
        torch.testing.assert_close(packed[row : row + 1, begin:end], summing_twice(TOKENS[row : row + 1, begin:end]))


def test_mixer_and_feed_forward_share_the_state_of_their_layer(summing_twice):
    logits, state = summing_twice.extend(TOKENS[:, :2])
    more, _ = summing_twice.extend(TOKENS[:, 2:], state)
    torch.testing.assert_close(torch.cat([logits, more], 1), summing_twice(TOKENS))


def test_every_layer_gets_its_own_step_input(model):
    torch.testing.assert_close(model(TOKENS, factor=[2, -3]), logits_by_hand(model, factors=(2, -3)))


def test_the_loss_is_summed_over_the_targets_that_count(model):
    targets = torch.tensor([[4, 2, IGNORE, 0, IGNORE], [IGNORE, 7, 5, 9, 1]])
    expected = 0
    for row, column in (targets != IGNORE).nonzero():
        expected = expected - functional.log_softmax(model(TOKENS)[row, column], -1)[targets[row, column]]
    torch.testing.assert_close(model(TOKENS, targets_BT=targets), expected)


def test_extending_equals_the_whole_pass(model):
    logits, state = model.extend(TOKENS[:, :2])
    more, _ = model.extend(TOKENS[:, 2:], state)
    torch.testing.assert_close(torch.cat([logits, more], 1), model(TOKENS))


def test_initial_weights_have_the_stated_spread():
    torch.manual_seed(0)
    wide = CONFIG.model_copy(update={"hidden_size": 128, "num_heads": 1, "vocab_size": 500})
    model = Decoder(wide, RunningSum)
    for weight in (model.embedding.weight, model.classifier.weight):
        assert weight.std().item() == pytest.approx((2 * 128) ** -0.5, rel=0.03)
    assert not torch.equal(model.embedding.weight, model.classifier.weight)
    assert all(torch.equal(norm.weight, torch.ones(128)) for norm in (model.norm, model.blocks[1].mixer_norm))


def test_tied_weights_stay_one_parameter():
    with torch.device("meta"):
        model = Decoder(CONFIG.model_copy(update={"tie_embeddings": True}), RunningSum)
    assert model.classifier.weight is model.embedding.weight
    model.to_empty(device="cpu")
    model.reset_parameters()
    assert model.classifier.weight is model.embedding.weight
