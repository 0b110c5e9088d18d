"""A resumed training run is the same run, and its checkpoint is whole at any time."""

from __future__ import annotations

import io
import zipfile

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
    """`torch.load` checks no checksum: 766 of 1300 flips once resumed from other numbers."""
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
    state = torch.load(path, weights_only=True)
    change(state)
    torch.save(state, path)
    parts = setup()
    before = state_of(parts)
    with pytest.raises(ValueError, match=r"does not fit .*resume=False to start anew"):
        run(2, parts, checkpoint=path)
    assert state_of(parts) == before


def test_an_array_does_not_reach_beyond_the_file(tmp_path):
    """The size of an array is stated twice; `torch.load` believes the larger one."""
    path = tmp_path / "run.pt"
    run(1, checkpoint=path)
    with zipfile.ZipFile(path) as archive:
        files = {member.filename: archive.read(member) for member in archive.infolist()}
    name = next(name for name in files if name.endswith("/data.pkl"))
    size = files[name].index(b"K\x60", files[name].index(b"FloatStorage"))  # of 6 x 16 weights
    files[name] = files[name][:size] + b"J\xff\xff\xff\x7f" + files[name][size + 2 :]
    shape = files[name].index(b"K\x10K\x06", size)
    files[name] = files[name][:shape] + b"J\x00\x00\xff\x06K\x06" + files[name][shape + 4 :]
    with zipfile.ZipFile(path, "w") as archive:
        for member, data in files.items():
            archive.writestr(member, data)
    with pytest.raises(ValueError, match=r"does not fit .*resume=False to start anew"):
        run(2, checkpoint=path)


def test_checksums_are_written_whatever_the_setting(tmp_path):
    if not hasattr(torch.serialization, "set_crc32_options"):
        pytest.skip("needs PyTorch 2.6")
    torch.serialization.set_crc32_options(False)
    try:
        run(1, checkpoint=tmp_path / "run.pt")
        assert torch.serialization.get_crc32_options() is False
        assert len(run(1, checkpoint=tmp_path / "run.pt")[1]) == 1
    finally:
        torch.serialization.set_crc32_options(True)
