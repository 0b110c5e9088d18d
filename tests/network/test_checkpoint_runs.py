"""Checkpoints: with recorders, within runs, in damaged files, and after a crash."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.conftest import busy_network, make
from tests.network.test_checkpoint import assert_equal, everything
from tests.recording.test_reading import assert_same, recorded

import spikelet as sl
from spikelet._util.files import replacing

ROOT = str(Path(__file__).parents[2])


def assert_all_same(found: sl.Network, expected: sl.Network) -> None:
    assert len(found.recorders) == len(expected.recorders)
    for f, e in zip(found.recorders, expected.recorders, strict=True):
        assert type(f) is type(e)
        assert_same(f, e)
    assert_equal(everything(found), everything(expected))


# Recorders


@pytest.mark.parametrize("on_disk", [False, True])
def test_recorders_come_back_and_go_on(on_disk: bool, tmp_path: Path) -> None:
    straight, _ = recorded()
    straight.run(75.0)
    net, _ = recorded(tmp_path / "r.h5" if on_disk else None)
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
    assert [r.path for r in net.recorders[1:]] == [tmp_path / "r.h5" if on_disk else None] * 6
    net.reset()
    straight.reset()
    net.run(5.0)
    straight.run(5.0)
    assert_all_same(net, straight)


def test_without_recorders_they_stay_away(tmp_path: Path) -> None:
    net, _ = recorded()
    net.save(tmp_path / "c")
    assert sl.Network.load(tmp_path / "c").recorders == []


def test_what_came_after_a_checkpoint_is_cut_off_when_the_network_runs(tmp_path: Path) -> None:
    straight, _ = recorded()
    straight.run(60.0)
    net, _ = recorded(tmp_path / "r.h5")
    net.run(40.0)
    net.save(tmp_path / "c", recorders=True)
    net.run(30.0)
    net = sl.Network.load(tmp_path / "c")
    stored: Any = sl.read_recording(tmp_path / "r.h5", "cells.V_m")
    assert stored.t == 70.0  # loading destroys nothing
    assert net.recorders[3].times[-1] == 40.0
    net.run(20.0)
    assert stored.t == 60.0
    assert_all_same(net, straight)


def test_the_folder_may_move(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    net, _ = recorded(tmp_path / "a" / "r.h5")
    net.run(10.0)
    net.save(tmp_path / "a" / "c", recorders=True)
    (tmp_path / "a").rename(tmp_path / "b")
    net = sl.Network.load(tmp_path / "b" / "c")
    assert net.recorders[1].path == tmp_path / "b" / "r.h5"
    net.run(10.0)
    assert net.recorders[3].times[-1] == 20.0


@pytest.mark.parametrize("what", ["none", "other", "shorter"])
def test_recordings_that_do_not_fit_are_refused(what: str, tmp_path: Path) -> None:
    net, _ = recorded(tmp_path / "r.h5")
    net.run(10.0)
    (tmp_path / "before.h5").write_bytes((tmp_path / "r.h5").read_bytes())
    net.run(10.0)
    net.save(tmp_path / "c", recorders=True)
    (tmp_path / "r.h5").unlink()
    if what == "other":
        recorded(tmp_path / "r.h5")[0].run(0.0)
    elif what == "shorter":
        (tmp_path / "before.h5").rename(tmp_path / "r.h5")
    kind: Any = FileNotFoundError if what == "none" else ValueError
    with pytest.raises(kind, match=r"r\.h5"):
        sl.Network.load(tmp_path / "c")


# Two networks of one file


def both(tmp_path: Path) -> tuple[sl.Network, sl.Network]:
    net = make()
    net.record(net.population(5, sl.LIF(I_e=900.0)), "V_m", to=tmp_path / "r.h5")
    net.run(10.0, save=tmp_path / "c")
    return net, sl.Network.load(tmp_path / "c")


def assert_shut_out(net: sl.Network, *, reading: bool = True) -> None:
    t = net.t
    recorder: Any = net.recorders[0]
    uses = (lambda: net.run(1.0), recorder.clear, lambda: recorder.values)
    for use in uses if reading else uses[:2]:
        with pytest.raises(OSError, match=r"another network.*r\.h5"):
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
    assert sl.read_recording(tmp_path / "r.h5").t == 30.0


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
    net, _ = recorded(tmp_path / "r.h5")
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
    assert sorted(p.name for p in tmp_path.iterdir()) == ["c.npz", "r.h5"]


def test_bad_ways_to_save_are_refused(tmp_path: Path) -> None:
    net = make()
    with pytest.raises(
        ValueError, match=r"^run: save_every requires save= \(the checkpoint file\)$"
    ):
        net.run(1.0, save_every=1.0)
    with pytest.raises(ValueError, match="save_every must be a multiple of dt"):
        net.run(1.0, save=tmp_path / "c", save_every=0.15)
    assert net.t == 0.0


def test_where_it_cannot_be_saved_is_noticed_before_the_run(tmp_path: Path) -> None:
    net, _ = recorded(tmp_path / "r.h5")
    net.run(1.0)
    (tmp_path / "link").symlink_to("r.h5")
    places: dict[str, tuple[Any, str]] = {
        "r.h5": (ValueError, "recorder"),
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


def test_errors_name_the_file_that_was_meant(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught, replacing(tmp_path / "a" / "b") as part:
        part.write_text("x")
    assert caught.value.filename == str(tmp_path / "a" / "b")
    (tmp_path / "c").mkdir()
    with pytest.raises(OSError, match=r"c'$") as other, replacing(tmp_path / "c") as part:
        part.write_text("x")
    assert other.value.filename == str(tmp_path / "c")
    assert [p.name for p in tmp_path.iterdir()] == ["c"]


def test_a_save_that_fails_leaves_the_old_one(tmp_path: Path, monkeypatch: Any) -> None:
    net = make()
    net.population(3, sl.LIF())
    net.save(tmp_path / "c")
    net.run(1.0)

    def fail(file: Any, **_: Any) -> None:
        file.write(b"half")
        raise OSError("full")

    monkeypatch.setattr(np, "savez", fail)
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


# Damaged files


def stored(path: Path) -> sl.Network:
    net, _ = recorded()
    net.run(12.3)
    net.save(path, recorders=True)
    return net


def test_cut_files_are_refused(tmp_path: Path) -> None:
    stored(tmp_path / "c")
    whole = (tmp_path / "c").read_bytes()
    for size in (*np.random.default_rng(0).integers(0, len(whole), 60), 0, 1, len(whole) - 1):
        (tmp_path / "c").write_bytes(whole[:size])
        with pytest.raises(ValueError, match=r"Network\.load.*c"):
            sl.Network.load(tmp_path / "c")


def test_flipped_bits_are_found_or_do_nothing(tmp_path: Path) -> None:
    net = stored(tmp_path / "c")
    whole = (tmp_path / "c").read_bytes()
    rng = np.random.default_rng(1)
    end = whole.rindex(b"PK\x05\x06")
    first = int.from_bytes(whole[end + 16 : end + 20], "little")  # of the list of members
    refused = harmless = 0
    anywhere = rng.integers(0, len(whole), 60)
    for at in (
        *anywhere,
        *rng.integers(first, len(whole), 150),
        *range(len(whole) - 22, len(whole)),
    ):
        damaged = bytearray(whole)
        damaged[at] ^= 1 << int(rng.integers(8))
        (tmp_path / "c").write_bytes(damaged)
        try:
            found = sl.Network.load(tmp_path / "c")
        except ValueError as error:
            refused += "Network.load" in str(error)
        else:
            assert_all_same(found, net)
            harmless += 1
    assert refused > 100
    assert refused + harmless == 60 + 150 + 22


def rewrite(path: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    """Change the description in a file."""
    with np.load(path) as file:
        arrays = dict(file)
    header = json.loads(str(arrays.pop("header")))
    change(header)
    with path.open("wb") as out:
        np.savez(out, header=np.array(json.dumps(header)), **arrays)


CHANGES: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "format": (lambda h: h.update(format="other 1"), "Network.save"),
    "newer": (lambda h: h.update(format="spikelet network 99", version="9.9"), r"99.*9\.9"),
    "field": (lambda h: h.update(weather="fine"), "weather"),
    "missing": (lambda h: h.pop("now"), "now"),
    "model": (lambda h: h["populations"][0]["model"].update(type="HH"), "HH"),
    "module": (lambda h: h["populations"][0]["model"].update(type="np"), "np"),
    "parameter": (lambda h: h["populations"][0]["model"]["fields"].update(x=1), "x"),
    "no parameter": (lambda h: h["populations"][0]["model"]["fields"].pop("V_th"), "V_th"),
    "value": (lambda h: h["populations"][0]["model"]["fields"].update(tau_m=-1), "tau_m"),
    "source": (lambda h: h["populations"][1]["model"].update(type="Sun"), "Sun"),
    "rule": (lambda h: h["projections"][0]["plasticity"].update(type="Hebb"), "Hebb"),
    "rule field": (lambda h: h["projections"][0]["plasticity"]["fields"].update(y=1), "y"),
    "input": (lambda h: h["inputs"][0]["what"].update(type="Light"), "Light"),
    "dtype": (lambda h: h.update(dtype="int8"), "dtype"),
    "dt": (lambda h: h.update(dt="soon"), "dt"),
    "count": (lambda h: h["populations"][0].update(n=91), "c"),
    "end": (lambda h: h["projections"][0].update(pre=77), "c"),
    "recorder": (lambda h: h["recorders"][0].update(what="moods"), "moods"),
    "interval": (lambda h: h["recorders"][3].update(every=0), "every"),
    "receptor": (lambda h: h["projections"][0].update(receptor=9), "receptor"),
    "arrays": (lambda h: h["arrays"].append("more"), "arrays"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_is_unknown_is_refused(change: str, tmp_path: Path) -> None:
    stored(tmp_path / "c")
    rewrite(tmp_path / "c", lambda _: None)
    sl.Network.load(tmp_path / "c")
    how, match = CHANGES[change]
    rewrite(tmp_path / "c", how)
    with pytest.raises(ValueError, match=match) as caught:
        sl.Network.load(tmp_path / "c")
    assert str(tmp_path / "c") in str(caught.value)


def first(header: dict[str, Any], name: str) -> Any:
    return header["recorders"][1] if name == "recorder" else header["recordings"][0][0]


RECORDERS: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "field": (lambda h: first(h, "recorder").update(mood=1), "mood"),
    "kind": (lambda h: first(h, "recorder").update(kind="state"), "kind"),
    "target": (lambda h: first(h, "recorder").update(target=-1), "target"),
    "file": (lambda h: first(h, "recorder").update(file=-1), "file"),
    "name": (lambda h: first(h, "recorder").update(name="cells.V_m"), "name|recorder"),
    "one less": (lambda h: h["recorders"].pop(), "poisson-cells.weights"),
    "list": (lambda h: h.update(recordings={}), "recordings"),
    "recording field": (lambda h: first(h, "").update(mood=1), "mood"),
    "recording": (lambda h: h["recordings"][0].__setitem__(0, 3), "fields"),
    "id": (lambda h: first(h, "")["header"].update(id=3), "id"),
    "dt": (lambda h: first(h, "")["header"].update(dt=0.7), "0.7"),
    "entries": (lambda h: first(h, "")["done"].update({"cells.spikes": [-1, 3]}), "-1"),
    "fewer": (lambda h: first(h, "")["done"].update({"cells.spikes": [3, 123]}), "3 up to"),
    "more": (lambda h: first(h, "")["done"].update({"cells.V_m": [122, 121]}), "122 up to"),
    "late": (lambda h: h.update(now=100), "after"),
}


@pytest.mark.parametrize("change", RECORDERS)
def test_recorders_that_do_not_fit_are_refused(change: str, tmp_path: Path) -> None:
    net, _ = recorded(tmp_path / "r.h5")
    net.run(12.3, save=tmp_path / "c")
    how, match = RECORDERS[change]
    rewrite(tmp_path / "c", how)
    with pytest.raises(ValueError, match=match):
        sl.Network.load(tmp_path / "c")


@pytest.mark.parametrize(
    "change", [lambda x: x[:-1], lambda x: x[::-1], lambda x: x + 1, lambda x: x.astype(float)]
)
def test_times_that_do_not_fit_are_refused(change: Any, tmp_path: Path) -> None:
    stored(tmp_path / "c")
    with np.load(tmp_path / "c") as file:
        arrays = dict(file)
    arrays["recorder3.stamps"] = change(arrays["recorder3.stamps"])
    with (tmp_path / "c").open("wb") as out:
        np.savez(out, **arrays)
    with pytest.raises(ValueError, match=r"recorder3\."):
        sl.Network.load(tmp_path / "c")


def test_files_of_the_version_before_are_read(tmp_path: Path) -> None:
    net = stored(tmp_path / "c")

    def older(header: dict[str, Any]) -> None:
        header["format"] = "spikelet network 2"
        for name in ("recorders", "recordings", "arrays"):
            del header[name]

    rewrite(tmp_path / "c", older)
    assert_equal(everything(sl.Network.load(tmp_path / "c")), everything(net))


def test_an_array_that_is_missing_is_refused(tmp_path: Path) -> None:
    stored(tmp_path / "c")
    with zipfile.ZipFile(tmp_path / "c") as old, zipfile.ZipFile(tmp_path / "d", "w") as new:
        for name in old.namelist():
            if name != "population0.held.npy":
                new.writestr(name, old.read(name))
    with pytest.raises(ValueError, match=r"d: the arrays are not those"):
        sl.Network.load(tmp_path / "d")


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


def normalisation(net: sl.Network) -> None:
    net.regulate(net.projections[0], sl.WeightNormalisation(total=1500.0, every=7.7))


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


EXTRAS = (reward, depression, scaling, normalisation, late, inhibition)


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
from spikelet.network import run as running
from tests.recording.test_reading import recorded

running.PIECE = 1 << 15
folder = Path(sys.argv[1])
if (folder / "c.npz").exists():
    net = sl.Network.load(folder / "c.npz")
else:
    for path in folder.glob("*.h5"):
        path.unlink()
    net, _ = recorded(folder / "r.h5", dtype="float32")
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
