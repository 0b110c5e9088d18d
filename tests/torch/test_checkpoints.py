"""A resumed training run is the same run, and its checkpoint is whole at any time."""

from __future__ import annotations

import io
import json
from collections import Counter
from typing import Any

import pytest
import torch
from tests.support.torch_runs import run, setup
from torch import nn

import spikelet.torch as st
from spikelet._util import container
from spikelet.torch import losses
from spikelet.torch.checkpoints import restored, stored

pytestmark = pytest.mark.usefixtures("one_thread")


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

    def write(file, _header, _arrays):
        file.write(b"half of it")
        raise OSError("disk full")

    monkeypatch.setattr(container, "write", write)
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
    optimizer.add_param_group({"params": list(other.parameters())})
    with pytest.raises(ValueError, match=r"does not fit .*resume=False to start anew"):
        run(2, (other, loader, optimizer, scheduler), checkpoint=path)


def state_of(parts):
    """Return model, optimizer, scheduler and random numbers as bytes."""
    memory = io.BytesIO()
    model, loader, optimizer, scheduler = parts
    random = torch.get_rng_state(), loader.generator.get_state()
    torch.save([x.state_dict() for x in (model, optimizer, scheduler)] + list(random), memory)
    return memory.getvalue()


def test_a_flipped_bit_is_refused(tmp_path):
    """Without checksums, 766 of 1300 flips once resumed from other numbers."""
    path = tmp_path / "run.pt"
    _, history = run(1, checkpoint=path)
    whole, refused = path.read_bytes(), 0
    for byte in range(0, len(whole), 301):
        path.write_bytes(whole[:byte] + bytes([whole[byte] ^ 4]) + whole[byte + 1 :])
        parts = setup()
        before = state_of(parts)
        try:
            assert numbers(run(1, parts, checkpoint=path)[1]) == numbers(history)
        except ValueError:
            refused += 1
            assert state_of(parts) == before
    assert refused > 10


CRAFTED = {
    "model dtype": lambda s: s["model"].update({"0.bias": s["model"]["0.bias"].double()}),
    "model shape": lambda s: s["model"].update({"0.bias": s["model"]["0.bias"][:3]}),
    "model name": lambda s: s["model"].pop("0.bias"),
    "state shape": lambda s: s["optimizer"]["state"][0].update(exp_avg=torch.zeros(2)),
    "state number": lambda s: s["optimizer"]["state"][1].update(exp_avg=torch.zeros(())),
    "state name": lambda s: [x.pop("exp_avg_sq") for x in s["optimizer"]["state"].values()],
    "other optimizer": lambda s: s["optimizer"]["param_groups"][0].pop("betas"),
    "option": lambda s: s["optimizer"]["param_groups"][0].update(lr="x"),
    "huge": lambda s: s["optimizer"]["param_groups"][0].update(weight_decay=10**30),
    "parameters": lambda s: s["optimizer"]["param_groups"][0].update(params=[0]),
    "method": lambda s: s["scheduler"].update(step=5),
    "schedule": lambda s: s["scheduler"].update(last_epoch="x"),
    "history": lambda s: s["history"][0].update(loss="x"),
    "epoch": lambda s: s["history"].append(s["history"][0]),
    "random": lambda s: s.update(random=s["random"][:100]),
    "more": lambda s: s.update(more=1),
}


@pytest.mark.parametrize("change", CRAFTED.values(), ids=CRAFTED)
def test_crafted_checkpoints_change_nothing(tmp_path, change):
    path = tmp_path / "run.pt"
    run(1, checkpoint=path)
    header, arrays = container.read(path)
    state = {name: restored(value, arrays) for name, value in header["state"].items()}
    change(state)
    changed: dict[str, Any] = {}
    header["state"] = {name: stored(name, value, changed) for name, value in state.items()}
    with path.open("wb") as file:
        container.write(file, header, changed)
    parts = setup()
    before = state_of(parts)
    with pytest.raises(ValueError, match=r"does not fit .*resume=False to start anew"):
        run(2, parts, checkpoint=path)
    assert state_of(parts) == before


@pytest.mark.parametrize(
    "value",
    [
        torch.tensor(0.1, dtype=torch.bfloat16),
        torch.rand(3, 0, 2, dtype=torch.float16),
        torch.arange(6).view(2, 3).t(),
        {"a": (1, [2.5, None]), 3: Counter({4: 2}), "b": [True, float("inf"), "x"]},
    ],
    ids=str,
)
def test_values_are_restored_with_their_types(value):
    arrays: dict[str, Any] = {}
    found = restored(json.loads(json.dumps(stored("model", value, arrays))), arrays)
    if isinstance(value, torch.Tensor):
        assert (found.dtype, found.shape) == (value.dtype, value.shape)
        assert torch.equal(found, value)
    else:
        assert found == value
        assert [type(v) for v in found.values()] == [tuple, Counter, list]


def test_what_cannot_be_stored_is_refused_before_the_training(tmp_path):
    parts = setup()
    parts[2].param_groups[0]["note"] = object()
    before = state_of((parts[0], parts[1], parts[0], parts[3]))
    with pytest.raises(
        TypeError, match=r"state of the optimizer must hold numbers, .* got 'object'"
    ):
        run(1, parts, checkpoint=tmp_path / "run.pt")
    assert state_of((parts[0], parts[1], parts[0], parts[3])) == before


@pytest.mark.parametrize("schedule", ["MultiStepLR", "OneCycleLR", "SequentialLR"])
def test_schedulers_go_on(tmp_path, schedule):
    def parts():
        model, loader, optimizer, _ = setup()
        schedulers = torch.optim.lr_scheduler
        make = {
            "MultiStepLR": lambda: schedulers.MultiStepLR(optimizer, [1, 3]),
            "OneCycleLR": lambda: schedulers.OneCycleLR(optimizer, 0.1, total_steps=100),
            "SequentialLR": lambda: schedulers.SequentialLR(
                optimizer, [schedulers.ConstantLR(optimizer), schedulers.StepLR(optimizer, 2)], [3]
            ),
        }
        return model, loader, optimizer, make[schedule]()

    whole, expected = run(3, parts())
    run(1, parts(), checkpoint=tmp_path / "run.pt")
    resumed, history = run(3, parts(), checkpoint=tmp_path / "run.pt")
    assert numbers(history) == numbers(expected)
    assert same(resumed, whole)


def test_checkpoints_of_pytorch_are_refused(tmp_path):
    path = tmp_path / "run.pt"
    torch.save({"seed": 3}, path)
    with pytest.raises(ValueError, match=r"must hold arrays, got .*resume=False to start anew"):
        run(2, checkpoint=path)
