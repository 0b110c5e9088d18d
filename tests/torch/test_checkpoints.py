"""A resumed training run is the same run, and its checkpoint is whole at any time."""

from __future__ import annotations

import pytest
import torch
from tests.support.torch_runs import run, setup
from torch import nn

import spikelet.torch as st
from spikelet.torch import losses


@pytest.fixture(autouse=True)
def one_thread():
    """Small tensors gain nothing from threads, and lose much where others compute."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def numbers(history):
    return [(e.epoch, e.loss, e.accuracy, e.test_accuracy, e.spikes) for e in history]


def same(a: nn.Module, b: nn.Module) -> bool:
    return all(
        torch.equal(v, w)
        for v, w in zip(a.state_dict().values(), b.state_dict().values(), strict=True)
    )


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
