"""Checkpoints: with recorders, within runs, in damaged files, and after a crash."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.conftest import busy_network, make
from tests.support.recorded import assert_all_same, assert_equal, everything, recorded

import spikelet as sl
from spikelet._util import container

ROOT = str(Path(__file__).parents[2])

# Recorders


@pytest.mark.parametrize("on_disk", [False, True])
def test_loaded_recorders_continue(on_disk: bool, tmp_path: Path) -> None:
    straight, _ = recorded()
    straight.run(75.0)
    net, _ = recorded(tmp_path / "r.rec" if on_disk else None)
    for duration in (0.0, 31.1, 20.0, 23.9):
        net.run(duration)
        net.save(tmp_path / "c", recorders=True)
        net = sl.Network.load(tmp_path / "c", threads=2)
    assert_all_same(net, straight)
    names = [
        (r.target.name, len(r.target))
        for r in net.recorders
        if not isinstance(r, sl.WeightRecorder)
    ]
    assert names == [("cells", n) for n in (90, 90, 3, 90, 3, 0)]
    assert [r.path for r in net.recorders[1:]] == [tmp_path / "r.rec" if on_disk else None] * 6
    net.reset()
    straight.reset()
    net.run(5.0)
    straight.run(5.0)
    assert_all_same(net, straight)


def test_recorders_are_not_saved_by_default(tmp_path: Path) -> None:
    net, _ = recorded()
    net.save(tmp_path / "c")
    assert sl.Network.load(tmp_path / "c").recorders == ()


def test_recordings_after_a_checkpoint_are_cut_off_when_the_network_runs(tmp_path: Path) -> None:
    straight, _ = recorded()
    straight.run(60.0)
    net, _ = recorded(tmp_path / "r.rec")
    net.run(40.0)
    net.save(tmp_path / "c", recorders=True)
    net.run(30.0)
    net = sl.Network.load(tmp_path / "c")
    stored: Any = sl.read_recording(tmp_path / "r.rec", "cells.V_m")
    assert stored.t == 70.0  # loading destroys nothing
    assert net.recorders[3].times[-1] == 40.0
    net.run(20.0)
    assert stored.t == 60.0
    assert_all_same(net, straight)


def test_the_folder_may_move(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    net, _ = recorded(tmp_path / "a" / "r.rec")
    net.run(10.0)
    net.save(tmp_path / "a" / "c", recorders=True)
    (tmp_path / "a").rename(tmp_path / "b")
    net = sl.Network.load(tmp_path / "b" / "c")
    assert net.recorders[1].path == tmp_path / "b" / "r.rec"
    net.run(10.0)
    assert net.recorders[3].times[-1] == 20.0


@pytest.mark.parametrize("what", ["none", "other", "shorter"])
def test_recordings_that_do_not_fit_are_refused(what: str, tmp_path: Path) -> None:
    net, _ = recorded(tmp_path / "r.rec")
    net.run(10.0)
    (tmp_path / "before.rec").write_bytes((tmp_path / "r.rec").read_bytes())
    net.run(10.0)
    net.save(tmp_path / "c", recorders=True)
    (tmp_path / "r.rec").unlink()
    if what == "other":
        recorded(tmp_path / "r.rec")[0].run(0.0)
    elif what == "shorter":
        (tmp_path / "before.rec").rename(tmp_path / "r.rec")
    kind: Any = FileNotFoundError if what == "none" else ValueError
    with pytest.raises(kind, match=r"r\.rec"):
        sl.Network.load(tmp_path / "c")


@pytest.mark.parametrize("every", [0.1, 1.0, 5.0])
def test_a_checkpoint_is_not_replaced_by_a_state_that_is_no_number(
    every: float, tmp_path: Path
) -> None:
    """A run looks at states every few steps only, and would save them before."""
    net = make(dtype="float32")
    cells = net.population(2, sl.LIF(), name="cells")
    source = net.population(4, sl.SpikeSource.from_trains([[5.0]] * 4))
    net.connect(source, cells, sl.AllToAll(), weight=3e38, delay=1.0)
    with pytest.raises(FloatingPointError, match="population cells: I_syn_ex of neuron 0 is inf"):
        net.run(20.0, save=tmp_path / "c", save_every=every)
    loaded = sl.Network.load(tmp_path / "c")
    assert loaded.t >= 5.0
    loaded.projections[0].weights = 1.0
    loaded.run(20.0)
    with pytest.raises(
        (FloatingPointError, RuntimeError), match=r"I_syn_ex of neuron 0|has failed"
    ):
        net.save(tmp_path / "c")
    assert sl.Network.load(tmp_path / "c").t >= 5.0


# Two networks of one file


def both(tmp_path: Path) -> tuple[sl.Network, sl.Network]:
    net = make()
    net.record(net.population(5, sl.LIF(I_e=900.0)), "V_m", to=tmp_path / "r.rec")
    net.run(10.0, save=tmp_path / "c")
    return net, sl.Network.load(tmp_path / "c")


def assert_shut_out(net: sl.Network, *, reading: bool = True) -> None:
    t = net.t
    recorder: Any = net.recorders[0]
    uses = (lambda: net.run(1.0), recorder.clear, lambda: recorder.values)
    for use in uses if reading else uses[:2]:
        with pytest.raises(OSError, match=r"the recording was changed .*another network.*r\.rec"):
            use()
    assert net.t == t


def test_two_networks_of_one_checkpoint_do_not_mix(tmp_path: Path) -> None:
    _, a = both(tmp_path)
    b, c = sl.Network.load(tmp_path / "c"), sl.Network.load(tmp_path / "c")
    a.run(5.0)
    for n in (b, c):
        assert_shut_out(n)
    assert a.recorders[0].times[-1] == 15.0
    again = sl.Network.load(tmp_path / "c")
    again.run(20.0)
    assert_shut_out(a)
    assert again.recorders[0].times[-1] == 30.0
    assert sl.read_recording(tmp_path / "r.rec").t == 30.0


@pytest.mark.parametrize("first", ["old", "new"])
def test_a_network_and_its_copy_do_not_mix(first: str, tmp_path: Path) -> None:
    old, new = both(tmp_path)
    one, other = (old, new) if first == "old" else (new, old)
    one.run(5.0)
    assert_shut_out(other, reading=first == "new")  # the beginning is still as it was
    one.run(5.0)
    assert len(one.recorders[0].times) == 200


def test_clearing_after_a_load_takes_the_file_over(tmp_path: Path) -> None:
    old, new = both(tmp_path)
    new.recorders[0].clear()
    new.run(1.0)
    assert len(new.recorders[0].times) == 10
    assert_shut_out(old)


# Checkpoints within a run


def test_a_run_saves_itself(tmp_path: Path) -> None:
    path = tmp_path / "c.npz"
    straight, _ = recorded()
    straight.run(70.0)
    net, _ = recorded(tmp_path / "r.rec")
    times: set[float] = set()

    def look(t: float) -> None:
        if path.exists():
            times.add(sl.Network.load(path).t)

    net.run(4.9)
    net.run(45.1, save=path, save_every=20.0, progress=look)
    assert times <= {24.9, 44.9}
    assert sl.Network.load(path).t == 50.0
    assert_equal(everything(sl.Network.load(path)), everything(net))
    net = sl.Network.load(path)
    net.run(20.0, save=path)
    assert_all_same(sl.Network.load(path), straight)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["c.npz", "r.rec"]


def test_bad_ways_to_save_are_refused(tmp_path: Path) -> None:
    net = make()
    with pytest.raises(
        ValueError, match=r"^run: save_every requires save= \(the checkpoint file\)$"
    ):
        net.run(1.0, save_every=1.0)
    with pytest.raises(ValueError, match="save_every must be a multiple of dt"):
        net.run(1.0, save=tmp_path / "c", save_every=0.15)
    assert net.t == 0.0


def test_a_bad_place_to_save_is_reported_before_the_run(tmp_path: Path) -> None:
    net, _ = recorded(tmp_path / "r.rec")
    net.run(1.0)
    (tmp_path / "link").symlink_to("r.rec")
    places: dict[str, tuple[Any, str]] = {
        "r.rec": (ValueError, "recorder"),
        "link": (ValueError, "recorder"),
        "nowhere/c": (FileNotFoundError, "nowhere"),
        ".": (IsADirectoryError, tmp_path.name),
    }
    for name, (kind, match) in places.items():
        with pytest.raises(kind, match=match):
            net.run(1e6, save=tmp_path / name)
        with pytest.raises(kind, match=match):
            net.save(tmp_path / name)
    assert net.t == 1.0
    net.run(1.0)
    assert net.recorders[3].times[-1] == 2.0


def test_a_save_that_fails_leaves_the_old_one(tmp_path: Path, monkeypatch: Any) -> None:
    net = make()
    net.population(3, sl.LIF())
    net.save(tmp_path / "c")
    net.run(1.0)

    def fail(file: Any, *_: Any) -> None:
        file.write(b"half")
        raise OSError("full")

    monkeypatch.setattr(container, "write", fail)
    with pytest.raises(OSError, match="full"):
        net.save(tmp_path / "c")
    assert [p.name for p in tmp_path.iterdir()] == ["c"]
    assert sl.Network.load(tmp_path / "c").t == 0.0
    with pytest.raises(FileNotFoundError, match="nowhere"):
        net.save(tmp_path / "nowhere" / "c")


def test_links_and_permissions_are_as_for_any_file(tmp_path: Path) -> None:
    net = make()
    (tmp_path / "plain").write_text("")
    (tmp_path / "link").symlink_to("target")
    net.save(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").stat().st_mode == (tmp_path / "plain").stat().st_mode
    sl.Network.load(tmp_path / "link")


# Exact at any step


def reward(net: sl.Network) -> None:
    """Eligibility traces and rewards to come."""
    cells, poisson = net.populations[:2]
    rule = sl.RewardSTDP(w_max=900.0, A_plus=5.0, A_minus=5.0)
    net.connect(poisson, cells, sl.FixedIndegree(5), weight=300.0, delay=2.0, plasticity=rule)
    net.projections[-1].schedule_reward([7.0, 25.0, 31.1, 60.0], [1.0, -0.5, 2.0, 0.3])


def depression(net: sl.Network) -> None:
    cells, poisson = net.populations[:2]
    rule = sl.TsodyksMarkram(U=0.4, tau_fac=50.0)
    net.connect(poisson, cells, sl.FixedIndegree(5), weight=300.0, delay=2.0, plasticity=rule)


def scaling(net: sl.Network) -> None:
    net.regulate(net.projections[0], sl.SynapticScaling(rate=20.0, strength=0.5, every=11.3))


def normalization(net: sl.Network) -> None:
    net.regulate(net.projections[0], sl.WeightNormalization(total=1500.0, every=7.7))


def late(net: sl.Network) -> None:
    """Connections, parts, inputs and sources that begin during a run."""
    cells, poisson = net.populations[:2]
    net.run(9.9)
    part = cells[[3, 60, 12, 70]]
    rule = sl.TripletSTDP(
        w_max=900.0, A_plus=3.0, A_minus=2.0, A_plus_triplet=1.0, A_minus_triplet=1.0
    )
    net.connect(poisson[::3], part, sl.FixedProbability(0.7), weight=200.0, plasticity=rule)
    raster = net.population(4, sl.RasterSource(np.eye(4, dtype=int).repeat(60, 0)), name="raster")
    net.connect(raster, part, sl.OneToOne(), weight=800.0, delay=3.3)
    net.inject(part, sl.CurrentInput(np.linspace(0.0, 300.0, 900)))
    net.inject(cells[10:30], sl.NoiseInput(mean=50.0, std=80.0, every=1.7))
    net.inject(part, sl.PoissonInput(rate=2000.0, weight=40.0))
    cells[5:9].set(I_e=300.0)
    poisson.rate = 200.0


def inhibition(net: sl.Network) -> None:
    cells = net.populations[0]
    rule = sl.InhibitorySTDP(w_max=900.0)
    net.connect(cells, cells, sl.FixedIndegree(7), weight=50.0, receptor="in", plasticity=rule)


EXTRAS = (reward, depression, scaling, normalization, late, inhibition)


@pytest.mark.filterwarnings("ignore:connect .* weight")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("extra", EXTRAS)
def test_it_is_exact_at_any_step(extra: Any, dtype: str, tmp_path: Path) -> None:
    def build() -> sl.Network:
        net, cells, _, _ = busy_network(dtype=dtype, theta=True)
        extra(net)
        net.record(net.projections[-1], "weights", every=0.9)
        net.record(cells[3:70], "theta", every=1.3)
        net.record(cells, "V_m")
        return net

    straight, net = build(), build()
    for k, duration in enumerate((0.1, 3.2, 7.7, 0.3, 11.9, 30.2)):
        straight.run(duration)
        net.run(duration)
        net.save(tmp_path / "c", recorders=True)
        net = sl.Network.load(tmp_path / "c", threads=1 + k % 2)
        assert_equal(everything(net), everything(straight))
    assert [p.name for p in net.populations] == [p.name for p in straight.populations]
    assert [repr(p) for p in net.projections] == [repr(p) for p in straight.projections]
    assert_all_same(net, straight)
    for n in (net, straight):
        n.reset()
    assert_equal(everything(net), everything(straight))
    for n in (net, straight):
        n.run(20.0)
    assert_all_same(net, straight)


# Crashes

RESUME = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
import spikelet as sl
from spikelet._util import container
from spikelet.network import run as running
from tests.support.recorded import recorded

running.PIECE = 1 << 15
folder = Path(sys.argv[1])
if (folder / "c.npz").exists():
    net = sl.Network.load(folder / "c.npz")
else:
    for path in folder.glob("*.rec"):
        path.unlink()
    net, _ = recorded(folder / "r.rec", dtype="float32")
print(flush=True)
net.run(400.0 - net.t, save=folder / "c.npz", save_every=10.0)
print("done")
"""


def test_a_run_that_is_killed_is_resumed_exactly(tmp_path: Path) -> None:
    """However often it dies, checkpoint and recording end as if nothing had happened."""
    rng = np.random.default_rng(2)
    output = ""
    for kills in range(40):
        child = subprocess.Popen(
            [sys.executable, "-c", RESUME, str(tmp_path), ROOT], stdout=subprocess.PIPE, text=True
        )
        assert child.stdout is not None
        with child:
            child.stdout.readline()
            if kills < 4:
                time.sleep(rng.uniform(0.0, 0.3))
                child.kill()
            output = child.stdout.read()
        if output:
            break
    assert output == "done\n"
    straight, _ = recorded(dtype="float32")
    straight.run(400.0)
    assert_all_same(sl.Network.load(tmp_path / "c.npz"), straight)


SAVE = """
import sys
import spikelet as sl
from spikelet._util import container
sys.path.insert(0, sys.argv[2])
from tests.conftest import busy_network

net, *_ = busy_network(n=300, dtype="float32")
net.save(sys.argv[1])
print(flush=True)
while True:
    net.run(1.0)
    net.save(sys.argv[1])
"""


@pytest.mark.parametrize("delay", [0.01, 0.1, 0.3])
def test_a_save_that_is_killed_leaves_a_whole_file(delay: float, tmp_path: Path) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", SAVE, str(tmp_path / "c"), ROOT], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    with child:
        child.stdout.readline()
        time.sleep(delay)
        child.kill()
    found = sl.Network.load(tmp_path / "c")
    net, *_ = busy_network(n=300, dtype="float32")
    net.run(found.t)
    assert_equal(everything(found), everything(net))


@pytest.mark.parametrize("tie", ["potentiate", "ignore"])
def test_many_plastic_projections_are_saved_where_spikes_tie(tie: Any, tmp_path: Path) -> None:
    """Only some targets have a synapse of the source whose spike meets those of all targets."""
    stdp = sl.STDP(A_plus=0.3, A_minus=0.3, w_max=10.0, coincidence=tie)

    def build(threads: int) -> sl.Network:
        net = sl.Network(dt=0.1, seed=1, threads=threads)
        cells = net.population(128, sl.LIF())
        drive = net.population(1, sl.SpikeSource([1.0], [0]))
        net.connect(drive, cells, sl.AllToAll(), weight=20000.0, delay=0.1)
        source = net.population(40, sl.SpikeSource([2.3, 4.0], [1, 1]))  # cells fire at 1.3
        pairs = [([0, 1], [0, 127]), *(([k + 2], [0]) for k in range(20))]
        for pair in pairs:
            net.connect(source, cells, pair, weight=5.0, delay=1.0, plasticity=stdp)
        return net

    straight = build(1)
    straight.run(8.0)
    assert straight.projections[1].weights[1] != 5.0
    for stop in (3.1, 3.2, 3.3, 3.4, 3.5):
        net = build(2)
        net.run(stop)
        net.save(tmp_path / "c")
        net = sl.Network.load(tmp_path / "c", threads=1)
        net.run(8.0 - net.t)
        for got, want in zip(net.projections, straight.projections, strict=True):
            np.testing.assert_array_equal(got.weights, want.weights)
