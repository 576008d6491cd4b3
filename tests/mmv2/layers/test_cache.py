"""The growing tensor against torch.cat."""

import pytest
import torch

from mmv2.layers.cache import GROWTH, GrowingTensor


def entries(count, seed):
    return torch.randn(2, 3, count, 5, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("first", [0, 1, 4])
def test_appending_equals_concatenation(first):
    pieces = [entries(count, seed) for seed, count in enumerate([first, 1, 1, 0, 7, 1, 30, 1])]
    growing = GrowingTensor(pieces[0])
    for end, piece in enumerate(pieces[1:], start=2):
        growing.append(piece)
        expected = torch.cat(pieces[:end], dim=2)
        assert growing.length == expected.shape[2]
        assert torch.equal(growing.view(), expected)


def test_forgetting_equals_slicing():
    growing, expected = GrowingTensor(entries(5, 0)), entries(5, 0)
    for seed in range(1, 60):
        growing.append(entries(seed % 4, seed))
        growing.keep_last(6)
        expected = torch.cat([expected, entries(seed % 4, seed)], dim=2)[:, :, -6:]
        assert torch.equal(growing.view(), expected)


def test_the_first_entries_are_not_written_to():
    given = entries(4, 0)
    whole = given.clone()
    growing = GrowingTensor(given[:, :, :2])
    growing.append(entries(2, 1))
    assert torch.equal(given, whole)


def buffer_moves(growing, steps, keep):
    """How often the entries were copied, and the largest buffer."""
    moves, largest, place = 0, 0, growing.view().data_ptr()
    for seed in range(steps):
        growing.append(entries(1, seed))
        base = growing._buffer
        moves, largest = moves + (base.data_ptr() != place), max(largest, base.shape[2])
        place = base.data_ptr()
        if keep is not None:
            growing.keep_last(keep)
    return moves, largest


def test_few_copies_while_growing():
    moves, largest = buffer_moves(GrowingTensor(entries(1, 0)), steps=255, keep=None)
    assert moves <= 8
    assert largest <= GROWTH * 256


def test_a_window_stays_small_and_is_copied_once_per_window():
    moves, largest = buffer_moves(GrowingTensor(entries(8, 0)), steps=256, keep=8)
    assert moves <= 256 // 8
    assert largest <= GROWTH * 9


@pytest.mark.parametrize("room", [0, 3])
def test_copies_are_independent(room):
    growing = GrowingTensor(entries(4, 0))
    growing.append(entries(room, 1))
    before = growing.view().clone()
    copies = [growing.clone(), growing.clone(), growing]
    for seed, copy in enumerate(copies, start=2):
        copy.append(entries(2, seed))
    for seed, copy in enumerate(copies, start=2):
        assert torch.equal(copy.view(), torch.cat([before, entries(2, seed)], dim=2))


def test_expanding_repeats_every_sequence():
    growing = GrowingTensor(entries(4, 0))
    growing.append(entries(1, 1))
    wide = growing.expand(3)
    assert torch.equal(wide.view(), growing.view().repeat_interleave(3, dim=0))
    wide.append(torch.ones(6, 3, 1, 5))
    assert growing.length == 5


def test_copies_have_room_too():
    growing = GrowingTensor(entries(4, 0))
    growing.append(entries(1, 1))
    copy = growing.clone()
    place = copy.view().data_ptr()
    copy.append(entries(5, 2))
    assert copy.view().data_ptr() == place
