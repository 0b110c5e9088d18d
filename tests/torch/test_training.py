"""Training: a resumed run is the same run, a checkpoint is whole at any time, history says what happened."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import spikelet.torch as st
from spikelet.torch import OverTime, losses
from spikelet.torch.training import Epoch, evaluate, fit


@pytest.fixture(autouse=True)
def one_thread():
    """Small tensors gain nothing from threads, and lose much where others compute."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def data(n: int = 96) -> TensorDataset:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, n)
    x = rng.normal(0, 0.5, (n, 6)).astype(np.float32)
    x[np.arange(n), labels] += 2
    return TensorDataset(torch.from_numpy(x), torch.from_numpy(labels))


def setup(**loader):
    torch.manual_seed(5)
    model = nn.Sequential(
        nn.Linear(6, 16), st.LIF(tau_m=3.0, gain=1.0, steps=6), nn.Dropout(0.2),
        OverTime(nn.BatchNorm1d(16)), nn.Linear(16, 3), st.LIF(tau_m=3.0, gain=1.0),
    )  # fmt: skip
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.05, total_steps=6 * 3)
    loader = {"generator": torch.Generator().manual_seed(2)} | loader
    return model, DataLoader(data(), 32, shuffle=True, **loader), optimizer, scheduler


def run(epochs, parts=None, **options):
    model, loader, optimizer, scheduler = parts or setup()
    options = {"loss": losses.rate_cross_entropy, "seed": 3} | options
    history = fit(model, loader, epochs=epochs, optimizer=optimizer, scheduler=scheduler, **options)
    return model, history


def numbers(history):
    return [(e.epoch, e.loss, e.accuracy, e.test_accuracy, e.spikes) for e in history]


def same(a: nn.Module, b: nn.Module) -> bool:
    return all(
        torch.equal(v, w)
        for v, w in zip(a.state_dict().values(), b.state_dict().values(), strict=True)
    )


def test_learns_and_says_so():
    test = DataLoader(data(), 50)
    model, history = run(6, test=test)
    assert [e.epoch for e in history] == [1, 2, 3, 4, 5, 6]
    assert history[-1].loss < 0.7 * history[0].loss
    assert history[-1].test_accuracy > 0.9
    assert history[-1].test_accuracy == evaluate(model, test)[0]
    assert all(0 < e.spikes < 6 and e.seconds > 0 for e in history)
    assert "epoch 6: loss" in str(history[-1])
    assert "spikes a neuron" in str(history[-1])


def test_spikes_are_those_of_a_neuron_and_sample():
    model = nn.Sequential(st.IF(v_threshold=1.0, steps=4))
    x = torch.tensor([[0.5, 1.0, 0.0], [0.25, 0.0, 0.0]])
    _, spikes = evaluate(model, [(x, torch.tensor([0, 0]))])
    assert spikes == pytest.approx((2 + 4 + 0 + 1 + 0 + 0) / 6)


@pytest.mark.parametrize("generator", ["own", "torch's"])
def test_resumed_run_is_the_same_run(tmp_path, generator):
    options = {} if generator == "own" else {"generator": None}
    whole, expected = run(5, setup(**options))
    path = tmp_path / "run.pt"
    run(2, setup(**options), checkpoint=path)
    torch.manual_seed(99)  # whatever happens in between
    torch.rand(7)
    resumed, history = run(5, setup(**options), checkpoint=path)
    assert numbers(history) == numbers(expected)
    assert same(resumed, whole)
    assert [p.name for p in tmp_path.iterdir()] == ["run.pt"]


def test_interrupted_in_the_middle_of_an_epoch(tmp_path):
    whole, expected = run(4)
    path = tmp_path / "run.pt"
    calls = 0

    def loss(output, labels):
        nonlocal calls
        calls += 1
        if calls == 8:  # the second batch of the third epoch
            raise KeyboardInterrupt
        return losses.rate_cross_entropy(output, labels)

    with pytest.raises(KeyboardInterrupt):
        run(4, checkpoint=path, loss=loss)
    resumed, history = run(4, checkpoint=path)
    assert numbers(history) == numbers(expected)
    assert same(resumed, whole)


def test_failed_write_leaves_the_old_checkpoint(tmp_path, monkeypatch):
    path = tmp_path / "run.pt"
    run(1, checkpoint=path)
    before = path.read_bytes()

    def save(_state, file):
        file.write(b"half of it")
        raise OSError("disk full")

    monkeypatch.setattr(torch, "save", save)
    with pytest.raises(OSError, match="disk full"):
        run(2, checkpoint=path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["run.pt"]


def test_finished_run_is_only_loaded(tmp_path):
    path = tmp_path / "run.pt"
    model, history = run(2, checkpoint=path)
    again, same_history = run(2, checkpoint=path)
    assert history == same_history
    assert same(model, again)
    _, anew = run(2, checkpoint=path, resume=False)
    assert numbers(anew) == numbers(history)


def test_progress(capsys):
    pytest.importorskip("rich")
    run(1, progress=True)
    assert "96/96" in capsys.readouterr().err
    seen: list[Epoch] = []
    _, history = run(2, progress=seen.append)
    assert seen == history


def test_checkpoint_that_does_not_fit(tmp_path):
    path = tmp_path / "run.pt"
    run(1, checkpoint=path)
    with pytest.raises(ValueError, match="seed must be 3, as in the saved run, got 4"):
        run(2, checkpoint=path, seed=4)
    model, loader, optimizer, _ = setup()
    with pytest.raises(ValueError, match="scheduler must be given if and only if"):
        run(2, (model, loader, optimizer, None), checkpoint=path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match=r"does not fit .*resume=False to start anew"):
        run(2, checkpoint=path)
    run(1, checkpoint=path, resume=False)
    other = nn.Sequential(nn.Linear(6, 3), st.LIF())
    _, _, optimizer, scheduler = setup()
    with pytest.raises(ValueError, match=r"does not fit .*resume=False to start anew"):
        run(2, (other, loader, optimizer, scheduler), checkpoint=path)


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
