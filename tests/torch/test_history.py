"""What a training returns."""

from __future__ import annotations

import copy
import pickle

import pytest

torch = pytest.importorskip("torch")

from spikelet.torch import LIF, Epoch, History, fit


def test_a_history_is_a_list_of_epochs():
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(4, 2), LIF(tau_m=2.0, steps=3))
    data = [(10 * torch.rand(8, 4), torch.randint(0, 2, (8,)))]
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    history = fit(model, data, loss=lambda y, t: torch.nn.functional.cross_entropy(y.mean(0), t), epochs=2, optimizer=optimizer)  # fmt: skip
    assert isinstance(history, History)
    assert isinstance(history, list)
    assert [type(e) for e in history] == [Epoch, Epoch]
    assert history == list(history)
    for part in (history[:1], history[1:], history + history, history + list(history)):
        assert isinstance(part, History)
        assert all(type(e) is Epoch for e in part)
    assert history[:1] + history[1:] == history
    assert history[0] is next(iter(history))
    with pytest.raises(TypeError):
        history + 3
    for same in (pickle.loads(pickle.dumps(history)), copy.deepcopy(history)):
        assert same == history
        assert isinstance(same, History)
