"""Training: a resumed run is the same run, a checkpoint is whole at any time, history says what happened."""

from __future__ import annotations

import pytest
import torch
from tests.support.torch_runs import data, run, setup
from torch import nn
from torch.utils.data import DataLoader

import spikelet.torch as st
from spikelet.torch.training import Epoch, evaluate


@pytest.fixture(autouse=True)
def one_thread():
    """Small tensors gain nothing from threads, and lose much where others compute."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_training_learns_and_reports_it():
    test = DataLoader(data(), 50)
    model, history = run(6, test=test)
    assert [e.epoch for e in history] == [1, 2, 3, 4, 5, 6]
    assert history[-1].loss < 0.7 * history[0].loss
    assert history[-1].test_accuracy > 0.9
    assert history[-1].test_accuracy == evaluate(model, test)[0]
    assert all(0 < e.spikes < 6 and e.seconds > 0 for e in history)
    assert "epoch 6: loss" in str(history[-1])
    assert "spikes per neuron" in str(history[-1])


def test_spikes_are_those_of_a_neuron_and_sample():
    model = nn.Sequential(st.IF(v_threshold=1.0, steps=4))
    x = torch.tensor([[0.5, 1.0, 0.0], [0.25, 0.0, 0.0]])
    _, spikes = evaluate(model, [(x, torch.tensor([0, 0]))])
    assert spikes == pytest.approx((2 + 4 + 0 + 1 + 0 + 0) / 6)


def test_progress(capsys):
    pytest.importorskip("rich")
    run(1, progress=True)
    assert "96/96" in capsys.readouterr().err
    seen: list[Epoch] = []
    _, history = run(2, progress=seen.append)
    assert seen == history


def test_bad_input(tmp_path):
    with pytest.raises(ValueError, match="fit: epochs must be >= 1"):
        run(0)
    with pytest.raises(ValueError, match="checkpoint must be in an existing folder"):
        run(1, checkpoint=tmp_path / "missing" / "run.pt")
    model, _, optimizer, _ = setup()
    with pytest.raises(ValueError, match="train_loader must give at least one sample"):
        run(1, (model, [], optimizer, None))
    with pytest.raises(ValueError, match="loss in epoch 1 of 1 must be finite"):
        run(1, loss=lambda y, _: y.sum() * torch.nan)
    with pytest.raises(ValueError, match="data must give at least one sample"):
        evaluate(nn.Identity(), [])
