"""What users do next with a model from text: send it, store it, redefine it, share it, plot it."""

from __future__ import annotations

import copy
import multiprocessing
import pickle
import subprocess
import sys
import threading
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.conftest import make, source, spawn, train
from tests.neurons.equations.test_equations import AdEx, adex

import spikelet as sl

QIF = sl.Equations(
    "tau*dv/dt = v*v + I_e + g; dg/dt = -g/5.0", threshold="v >= 10", reset="v = -10", refractory=1.0,
    parameters={"tau": (10.0, "ms", "> 0"), "I_e": 1.0}, receptors={"x": "g += weight"}, name="QIF",
)  # fmt: skip


def count(model: Any) -> int:
    """Return the spikes of three neurons: a job for other processes."""
    net = make()
    cells = net.population(3, model)
    spikes = net.record(cells, "spikes")
    net.run(150.0)
    return len(spikes.times)


def trial(drive: float, seed: int) -> dict[str, float]:
    """Run one point of a sweep."""
    net = make(seed=seed)
    cells = net.population(20, QIF(I_e=drive))
    net.inject(cells, sl.NoiseInput(0.0, 0.5))
    spikes = net.record(cells, "spikes")
    net.run(100.0)
    return {"spikes": float(len(spikes.times)), "drive": cells.I_e}


def test_instances_in_other_processes() -> None:
    models = [QIF(I_e=value) for value in (0.5, [1.0, 2.0, 3.0], 4.0)]
    expected = [count(model) for model in models]
    assert min(expected) > 0
    for how in ("spawn", "fork"):
        with ProcessPoolExecutor(2, multiprocessing.get_context(how)) as pool:
            assert list(pool.map(count, models)) == expected
            made = list(pool.map(type(models[0]).replace, models))
        assert [m.equations for m in made] == [QIF] * 3


def test_instances_in_loky() -> None:
    joblib = pytest.importorskip("joblib")
    models = [QIF(I_e=value) for value in (0.5, 2.0)]
    found = joblib.Parallel(n_jobs=2)(joblib.delayed(count)(model) for model in models)
    assert found == [count(model) for model in models]


def test_a_child_that_inherits_a_network_goes_on() -> None:
    code = """
import os, sys
import spikelet as sl
from tests.neurons.equations.test_equations_users import QIF
net = sl.Network(dt=0.1, seed=1, threads=2, dtype="float64")
cells = net.population(300, QIF())
spikes = net.record(cells, "spikes")
net.run(50.0)
read, write = os.pipe()
child = os.fork()
net.run(50.0)
text = f"{spikes.ids.sum()} {spikes.times.sum()!r} {cells.v[:].sum()!r}"
if child == 0:
    os.write(write, text.encode())
    os._exit(0)
os.waitpid(child, 0)
print(os.read(read, 1000).decode() == text, len(spikes.times) > 0)
"""
    root = str(Path(__file__).parents[3])
    assert spawn(f"import sys; sys.path.insert(0, {root!r})\n{code}").split() == ["True", "True"]


def test_a_sweep_over_a_parameter() -> None:
    found = {
        how: sl.sweep(trial, {"drive": [0.5, 2.0]}, seeds=2, executor=how, workers=2)
        for how in ("serial", "joblib")
    }
    values = {how: [run["spikes"] for run in result] for how, result in found.items()}
    assert values["serial"] == values["joblib"]
    assert len(set(values["serial"])) > 1


def test_a_file_needs_no_script(tmp_path: Path) -> None:
    """Another process that has never seen the text goes on with the same bits."""
    net = make(seed=3)
    cells = net.population(50, QIF(I_e=np.linspace(0, 3, 50)), name="Q")
    net.connect(cells, cells, sl.FixedIndegree(5), weight=0.4, delay=1.0)
    spikes = net.record(cells, "spikes")
    net.run(80.0)
    net.save(tmp_path / "net.npz", recorders=True)
    net.run(80.0)
    code = f"""
import spikelet as sl
net = sl.Network.load({str(tmp_path / "net.npz")!r})
net.run(80.0)
q = net.populations[0]
print(repr(q.model.equations), len(net.recorders[0].times), q.v[:].sum().hex(), q.I_e[49])
q.I_e = 9.0
net.run(10.0)
net.population(2, q.model.equations(tau=5.0))
"""
    expected = f"{QIF!r} {len(spikes.times)} {cells.v[:].sum().hex()} 3.0"
    assert spawn(code).strip() == expected


def test_one_name_and_other_texts(tmp_path: Path) -> None:
    """As in a notebook: the cell with the definition runs again, with a change."""
    net = make()
    networks = []
    for slope in (1.0, 2.0, 3.0):
        Cell = sl.Equations(f"dx/dt = -{slope}*x", initial={"x": 1.0}, name="Cell")
        networks.append(net.population(2, Cell()))
    copies = [pickle.loads(pickle.dumps(p.model)) for p in networks]
    net.save(tmp_path / "net.npz")
    loaded = sl.Network.load(tmp_path / "net.npz")
    for which in (networks, loaded.populations):
        texts = [p.model.equations.text for p in which]
        assert texts == [m.equations.text for m in copies]
        assert len(set(texts)) == 3
    for n in (net, loaded):
        n.run(1.0)
        for k, p in enumerate(n.populations):
            np.testing.assert_allclose(np.asarray(p.x), np.exp(-k - 1.0), rtol=1e-13)


def test_one_name_and_another_threshold(tmp_path: Path) -> None:
    """Texts of the same equations with other resets are not mixed up either."""
    net = make()
    for reset in ("v = -10", "v = -5"):
        made = sl.Equations("dv/dt = (v*v + 1)/9", threshold="v > 10", reset=reset, name="Cell")
        net.population(1, made())
    net.save(tmp_path / "net.npz")
    resets = [p.model.equations.reset for p in sl.Network.load(tmp_path / "net.npz").populations]
    assert resets == ["v = -10", "v = -5"]


@pytest.mark.parametrize("n", [0, 1])
def test_few_neurons(n: int, tmp_path: Path) -> None:
    net = make(threads=2)
    cells = net.population(n, AdEx(I_e=800.0))
    other = net.population(n, AdEx(a=np.full(n, 3.0)))
    net.connect(cells, other, sl.AllToAll(), weight=100.0)
    net.inject(cells, sl.PoissonInput(100.0, 10.0))
    net.inject(other, sl.NoiseInput(10.0, 20.0))
    spikes, v = net.record(cells, "spikes"), net.record(cells, "V_m")
    net.run(20.0)
    cells.a = 5.0
    cells.V_m = sl.Uniform(-70.0, -60.0)
    net.run(20.0)
    net.save(tmp_path / "net.npz", recorders=True)
    again = sl.Network.load(tmp_path / "net.npz")
    again.run(10.0)
    assert v.values.shape == (400, n)
    assert (len(spikes.times) > 0) == (n > 0)
    assert len(again.populations[0].w) == n


def test_two_threads_with_two_networks() -> None:
    results: dict[int, list[Any]] = {}

    def work(k: int) -> None:
        made = adex()
        net = make(seed=k % 2, threads=2)
        cells = net.population(150, made(I_e=600.0))
        net.connect(cells, cells, sl.FixedIndegree(10), weight=50.0, delay=1.0)
        net.inject(cells, sl.NoiseInput(0.0, 100.0))
        spikes = net.record(cells, "spikes")
        for _ in range(10):
            net.run(5.0)
        results[k] = train(spikes)

    workers = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for w in workers:
        w.start()
    for w in workers:
        w.join()
    assert results[0] == results[2]
    assert results[1] == results[3]
    assert results[0] != results[1]


def test_one_network_and_two_models_of_one_text() -> None:
    """Parameters of one population do not reach another's, nor the model itself."""
    model = QIF()
    net = make()
    a, b = net.population(3, model), net.population(3, model)
    a.I_e = 5.0
    a[:1].tau = 3.0
    assert (b.I_e, b.tau, model.I_e) == (1.0, 10.0, 1.0)
    net.run(30.0)
    assert a.v[0] != a.v[1] != b.v[0] == b.v[2]
    assert copy.deepcopy(a.model).equations is QIF
    assert net.populations[0].model.tau.tolist() == [3.0, 10.0, 10.0]


def test_parts_have_states_inputs_and_recorders() -> None:
    net = make()
    cells = net.population(20, QIF(I_e=-1.0), name="Q")
    part = cells[::2]
    part.v = np.linspace(-3, -2, 10)
    spike = source(net, [5])
    p = net.connect(spike, part[3:6], sl.AllToAll(), weight=2.0, delay=0.1, receptor="x")
    several = net.record(part, ("v", "g"))
    net.run(2.0)
    np.testing.assert_array_equal(np.flatnonzero(cells.g), [6, 8, 10])
    assert several.values.shape == (2, 20, 10)
    assert "Q" in repr(p)
    assert "x" in repr(p) or "receptor" not in repr(p)


def test_values_are_in_the_unit_of_their_parameter() -> None:
    """Defaults, later values, changes between runs and files mean the same, as do quantities."""
    text: dict[str, Any] = {"threshold": "rand() < rate*dt", "name": "S"}
    hz = sl.Equations(
        "dx/dt = -x/tau", parameters={"rate": (50.0, "Hz"), "tau": (0.01, "s")}, **text
    )
    base = sl.Equations(
        "dx/dt = -x/tau", parameters={"rate": (0.1, "1/ms"), "tau": (10.0, "ms")}, **text
    )
    assert (hz().units()["rate"], hz().rate, hz().tau) == ("Hz", 50.0, 0.01)

    def spikes(model: Any, **changes: float) -> list[int]:
        net = make(seed=3)
        cells = net.population(50, model)
        cells.x = 1.0
        cells.set(**changes)
        found = net.record(cells, "spikes")
        net.run(100.0)
        return [*found.ids.tolist(), float(cells.x[0])]

    expected = spikes(base())
    assert len(expected) > 300
    assert spikes(hz(rate=100.0)) == expected
    assert spikes(hz(), rate=100.0) == expected
    assert spikes(pickle.loads(pickle.dumps(hz(rate=100.0)))) == expected
    assert spikes(sl.Equations.from_dict(hz.to_dict())(rate=100.0)) == expected

    class PerSecond:
        """A rate as pint has it."""

        def __init__(self, magnitude: float) -> None:
            self.magnitude = magnitude

        def to(self, unit: str) -> PerSecond:
            assert unit == "1/ms"
            return PerSecond(self.magnitude / 1000)

    assert spikes(hz(rate=PerSecond(100.0))) == expected


def test_statistics_and_plots() -> None:
    pytest.importorskip("matplotlib")
    plot = sl.plot
    net = make()
    cells = net.population(30, AdEx(I_e=np.linspace(500, 900, 30)), name="E")
    spikes, v, w = (net.record(cells, what) for what in ("spikes", "V_m", "w"))
    net.run(300.0)
    assert np.isfinite(sl.statistics.cvs(spikes)).any()
    assert plot.trace(w).get_ylabel() == "w (pA)"
    assert plot.trace(v).get_ylabel() == "V_m (mV)"
    assert plot.raster(spikes) is not None


def test_other_simulators_and_networks_refuse_it() -> None:
    net = make()
    net.population(3, QIF(), name="Q")
    with pytest.raises(ValueError, match="QIF"):
        net.to_nest()


def test_a_definition_is_data_only(tmp_path: Path) -> None:
    """A file that names functions or imports is refused, and runs nothing."""
    bad = QIF.to_dict() | {"text": "dv/dt = __import__('os').system('touch ran')"}
    with pytest.raises(ValueError, match="QIF"):
        sl.Equations.from_dict(bad)
    code = f"import pickle; print(pickle.loads({pickle.dumps(QIF(tau=2.0))!r}))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=True
    )
    assert done.stdout.strip() == "QIF(tau=2.0, I_e=1.0)"
    assert list(tmp_path.iterdir()) == []


def test_a_source_whose_rate_is_an_expression_of_time() -> None:
    kind = sl.Equations(
        "dx/dt = 0",
        threshold="rand() < dt*rate*(1 + sin(2*pi*t/period))",
        parameters={"rate": (0.05, "1/ms"), "period": (100.0, "ms")},
    )
    net = make()
    spikes = net.record(net.population(400, kind()), "spikes")
    net.run(1000.0)
    mean = 400 * 50 * (0.25 + np.array([1, 1, -1, -1]) / (2 * np.pi))  # in each quarter of a period
    found = np.histogram(spikes.times % 100.0, 4, (0.0, 100.0))[0]
    assert (np.abs(found - mean) < 5 * np.sqrt(mean)).all()
