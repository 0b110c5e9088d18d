"""What is trained repeatably draws from its seed, and leaves torch as it was."""

from __future__ import annotations

import pytest
import torch

from spikelet.torch.repeatable import repeatable


def test_torch_is_left_as_it_was() -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        state = torch.get_rng_state()
        drawn = []
        for _ in range(2):
            with repeatable(7):
                assert torch.get_num_threads() == 1
                drawn.append(torch.rand(3))
        assert torch.equal(*drawn)
        with repeatable(8):
            assert not torch.equal(torch.rand(3), drawn[0])
        with pytest.raises(ZeroDivisionError), repeatable(8):
            raise ZeroDivisionError
        assert torch.equal(torch.get_rng_state(), state)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)
