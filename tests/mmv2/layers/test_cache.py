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
    copies = [growing.select(torch.arange(2)), growing.select(torch.arange(2)), growing]
    for seed, copy in enumerate(copies, start=2):
        copy.append(entries(2, seed))
    for seed, copy in enumerate(copies, start=2):
        assert torch.equal(copy.view(), torch.cat([before, entries(2, seed)], dim=2))


def test_sequences_are_chosen_in_any_order_and_more_than_once():
    growing = GrowingTensor(entries(4, 0))
    growing.append(entries(1, 1))
    growing.keep_last(3)
    rows = torch.tensor([1, 0, 1])
    chosen = growing.select(rows)
    assert torch.equal(chosen.view(), growing.view()[rows])
    chosen.append(torch.ones(3, 3, 1, 5))
    assert (growing.length, chosen.length) == (3, 4)


def test_sequences_of_unlike_length_end_side_by_side():
    parts = [GrowingTensor(entries(4, 0)), GrowingTensor(entries(0, 1)), GrowingTensor(entries(2, 2))]
    parts[0].keep_last(3)
    joined = GrowingTensor.join(parts)
    assert joined.view().shape == (6, 3, 3, 5)
    for place, part in enumerate(parts):
        rows = joined.view()[2 * place : 2 * place + 2]
        assert torch.equal(rows[:, :, 3 - part.length :], part.view())
        assert not rows[:, :, : 3 - part.length].any()


def test_copies_have_room_too():
    growing = GrowingTensor(entries(4, 0))
    growing.append(entries(1, 1))
    copy = growing.select(torch.arange(2))
    place = copy.view().data_ptr()
    copy.append(entries(5, 2))
    assert copy.view().data_ptr() == place


def one(count, seed):
    return entries(count, seed)[:1]


def test_copies_of_one_sequence_share_its_entries_and_own_what_they_append():
    growing = GrowingTensor(one(4, 0))
    growing.append(one(1, 1))
    before = growing.view().clone()
    copies = growing.select(torch.zeros(2, dtype=torch.long))
    assert copies.shared.data_ptr() == growing.view().data_ptr()
    growing.append(one(3, 2))
    for seed in (3, 4):
        copies.append(entries(seed, seed))
    own = torch.cat([entries(3, 3), entries(4, 4)], dim=2)
    expected = torch.cat([before.expand(2, -1, -1, -1), own], dim=2)
    assert torch.equal(copies.view(), expected)
    assert torch.equal(growing.view(), torch.cat([before, one(3, 2)], dim=2))
    assert all(torch.equal(copies.view(first), expected[:, :, first:]) for first in range(13))
    rows = torch.tensor([1, 1, 0])
    chosen = copies.select(rows)
    chosen.append(entries(2, 5)[[0, 1, 0]])
    assert torch.equal(chosen.view(), torch.cat([expected[rows], entries(2, 5)[[0, 1, 0]]], dim=2))
    assert torch.equal(copies.view(), expected)
    assert chosen.shared.data_ptr() == copies.shared.data_ptr()


def test_shared_entries_are_forgotten_first():
    copies = GrowingTensor(one(5, 0)).select(torch.zeros(2, dtype=torch.long))
    expected = copies.view().clone()
    for seed in range(1, 20):
        copies.append(entries(seed % 3, seed))
        copies.keep_last(4)
        expected = torch.cat([expected, entries(seed % 3, seed)], dim=2)[:, :, -4:]
        assert copies.length == 4
        assert torch.equal(copies.view(), expected)
    assert copies.shared is None


def test_a_single_copy_is_a_copy():
    growing = GrowingTensor(one(4, 0))
    copy = growing.select(torch.zeros(1, dtype=torch.long))
    assert copy.shared is None
    assert copy.view().data_ptr() != growing.view().data_ptr()
