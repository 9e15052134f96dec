"""memory: what batches lie in is used again, and never too soon."""

import pytest

torch = pytest.importorskip("torch")

from videonet.training.data.memory import BufferPool, SharedRingBuffer  # noqa: E402


def test_memory_is_used_again_once_nobody_has_it():
    memory = BufferPool()
    first = memory.empty(3, 4)
    where = first.data_ptr()
    del first
    assert memory.empty(2, 5).data_ptr() == where


def test_memory_that_somebody_has_a_part_of_is_not_used_again():
    memory = BufferPool()
    whole = memory.empty(3, 4)
    part = whole[1:, :2]
    part.fill_(7)
    del whole
    for _ in range(3):
        memory.empty(3, 4).fill_(1)
    assert (part == 7).all()


def test_memory_that_is_too_small_is_replaced():
    memory = BufferPool()
    memory.empty(2, 2)
    larger = memory.empty(50, 50).fill_(1)
    assert larger.shape == (50, 50)
    assert larger.dtype == torch.uint8


def test_the_last_tensors_of_a_ring_are_intact_and_shared():
    ring = SharedRingBuffer(3)
    made = [ring.empty(number + 1, 5).fill_(number) for number in range(7)]
    for number in (4, 5, 6):
        assert made[number].shape == (number + 1, 5)
        assert (made[number] == number).all()
        assert made[number].is_shared()


def test_a_place_in_a_ring_is_used_again_if_it_is_large_enough():
    ring = SharedRingBuffer(2)
    first = ring.empty(10)
    ring.empty(1)
    assert ring.empty(3, 3).data_ptr() == first.data_ptr()
