"""The class `Equations`, and its models as users of a network have them."""

from __future__ import annotations

import copy
import json
import pickle
import re
import threading
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.conftest import at_each_level, make, source, spawn, trace, train

import spikelet as sl

ADEX = """
    C_m*dV_m/dt = -g_L*(V_m - E_L) + g_L*Delta_T*exp((V_m - V_th)/Delta_T) - w + I_syn_ex + I_syn_in + I_e : mV
    tau_w*dw/dt = a*(V_m - E_L) - w : pA
    dI_syn_ex/dt = -I_syn_ex/tau_syn_ex : pA
    dI_syn_in/dt = -I_syn_in/tau_syn_in : pA
"""


def adex(**options: Any) -> sl.Equations:
    arguments: dict[str, Any] = {
        "threshold": "V_m >= V_peak", "reset": "V_m = V_reset; w += b", "refractory": "t_ref", "name": "AdEx",
        "receptors": {"ex": "I_syn_ex += weight", "in": "I_syn_in += weight"},
        "parameters": {
            "C_m": (281.0, "pF", "> 0"), "g_L": (30.0, "nS"), "E_L": (-70.6, "mV"), "V_th": (-50.4, "mV"),
            "Delta_T": (2.0, "mV", "> 0"), "tau_w": (144.0, "ms", "> 0"), "a": (4.0, "nS"), "b": (80.5, "pA"),
            "V_peak": (0.0, "mV"), "V_reset": (-60.0, "mV"), "t_ref": (2.0, "ms", ">= 0"), "I_e": (0.0, "pA"),
            "tau_syn_ex": (0.2, "ms", "> 0"), "tau_syn_in": (2.0, "ms", "> 0"),
        },
    }  # fmt: skip
    return sl.Equations(options.pop("text", ADEX), **(arguments | options))


AdEx = adex()


def test_what_it_says_of_itself() -> None:
    assert AdEx.name == "AdEx"
    assert AdEx.states == ("V_m", "w", "I_syn_ex", "I_syn_in")
    assert AdEx.receptors == ("ex", "in")
    assert AdEx.parameters["a"] == 4.0
    assert list(AdEx.parameters)[:3] == ["C_m", "g_L", "E_L"]
    assert (AdEx.method, AdEx.order) == ("rk2", 2)
    assert AdEx.exact == ("I_syn_ex", "I_syn_in")
    assert AdEx.current == "I_e"
    assert AdEx.text.startswith("C_m*dV_m/dt")
    assert AdEx.threshold == "V_m >= V_peak"
    assert AdEx.reset == "V_m = V_reset; w += b"
    assert (
        repr(AdEx)
        == "Equations(AdEx: V_m, w, I_syn_ex, I_syn_in; rk2, order 2; I_syn_ex, I_syn_in exact; V_m held while refractory)"
    )
    assert repr(sl.Equations("dx/dt = -x")) == "Equations(Equations: x; exact)"
    assert repr(sl.Equations("dx/dt = -x*x")) == "Equations(Equations: x; rk2, order 2)"
    free = adex(schedule="brian2", name="Free")
    assert repr(free).endswith("; I_syn_ex, I_syn_in exact; nothing held while refractory)")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "my model"}, r"^Equations: name must be a name"),
        ({"schedule": "both"}, r'^AdEx: schedule must be "nest" or "brian2"'),
        (
            {"current": "I_x"},
            r"^AdEx: current must be a parameter that occurs in an equation, got 'I_x'",
        ),
        ({"current": "b"}, r"^AdEx: current must be a parameter that occurs"),
        (
            {"text": ADEX + "dlength/dt = 0"},
            r"^AdEx: name must not be that of an attribute of models",
        ),
        ({"text": ADEX + "dequations/dt = 0"}, r"^AdEx: name must not be that of an attribute"),
        ({"text": ADEX + "dspikes/dt = 0"}, r"^AdEx: name of a state must not be what recorders"),
        ({"text": ADEX + "d_x/dt = 0"}, r"^AdEx: name of a state or parameter must begin with a"),
        ({"threshold": "V_m + 3"}, r"AdEx: "),
        ({"text": "dV_m/dt = import os"}, r"AdEx: "),
    ],
)
def test_bad_definitions(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        adex(**options)


def test_names_of_populations_are_taken() -> None:
    """No state or parameter can hide what a population or a model has."""
    net = make()
    taken = {name for name in dir(net.population(1, AdEx())) if not name.startswith("_")}
    for name in sorted(taken - {*AdEx.states, *AdEx.parameters}):
        with pytest.raises(ValueError, match="must not be that of an attribute"):
            net.population(1, sl.Equations(f"dx/dt = -{name}*x", parameters={name: 1.0})())


def test_values_that_no_step_can_use() -> None:
    kind = sl.Equations("dx/dt = -x/tau", parameters={"tau": 1.0}, name="Bad")
    net = make()
    with pytest.raises(
        ValueError, match=r"^Bad: .* must be finite of neuron 1, with the parameters given"
    ):
        net.population(2, kind(tau=[1.0, -1e-9]))
    with pytest.raises(ValueError, match=r"^Bad: effect of x on dx/dt must be finite of neuron 1"):
        net.population(2, kind(tau=[1.0, 0.0]))  # not a state that is gone at once
    fed = sl.Equations("dx/dt = (1 - x)/tau", parameters={"tau": 0.0})
    with pytest.raises(
        ValueError, match=r"^Equations: (effect of x on|constant term of) dx/dt must be finite"
    ):
        net.population(1, fed())
    cells = net.population(2, kind())
    with pytest.raises(ValueError, match="must be finite"):
        cells.tau = -1e-9
    assert cells.tau == 1.0
    period = sl.Equations(
        "dx/dt = -x", threshold="x > 1", refractory="3 - tau", parameters={"tau": 1.0}, name="P"
    )
    with pytest.raises(ValueError, match=r"^P: refractory must be finite and >= 0 ms, got -1.0"):
        period(tau=4.0)


@pytest.mark.parametrize(("dt", "steps"), [(0.1, 21), (0.25, 8), (2.2, 0)])
def test_a_refractory_period_may_depend_on_the_step(dt: float, steps: int) -> None:
    kind = sl.Equations(
        "dx/dt = 1", threshold="x >= 0", reset="x = 0", refractory="t_ref - dt", parameters={"t_ref": 2.2}, name="P"
    )  # fmt: skip
    net = make(dt)
    cells = net.population(1, kind())
    spikes = net.record(cells, "spikes")
    net.run(30 * dt)
    assert np.diff(np.rint(spikes.times / dt))[0] == steps + 1
    message = rf"^P: refractory must be finite and >= 0 ms, got {1.0 - dt:g}"
    if dt > 1:
        with pytest.raises(ValueError, match=message):
            cells.t_ref = 1.0
        with pytest.raises(ValueError, match=message):
            net.population(1, kind(t_ref=1.0))
        assert (cells.t_ref, len(net.populations)) == (2.2, 1)


# Copies


def test_copies() -> None:
    again = pickle.loads(pickle.dumps(AdEx))
    assert again == AdEx
    assert hash(again) == hash(AdEx)
    assert copy.deepcopy(AdEx) is AdEx
    assert adex() == AdEx
    assert adex(method="rk2") != AdEx
    assert AdEx != 3
    assert sl.Equations.from_dict(AdEx.to_dict()) == AdEx
    assert json.loads(json.dumps(AdEx.to_dict())) == AdEx.to_dict()
    model = AdEx(a=[1.0, 2.0])
    for other in (pickle.loads(pickle.dumps(model)), copy.copy(model), copy.deepcopy(model)):
        assert other.equations == AdEx
        assert other.states == AdEx.states
        np.testing.assert_array_equal(other.a, [1.0, 2.0])
        assert other.b == 80.5


def test_a_copy_in_another_process() -> None:
    data = pickle.dumps(AdEx(a=3.0))
    code = f"import pickle; model = pickle.loads({data!r}); print(repr(model), model.equations)"
    assert spawn(code).strip() == f"{AdEx(a=3.0)!r} {AdEx!r}"


@pytest.mark.parametrize("key", [*AdEx.to_dict(), "odd"])
def test_crafted_descriptions(key: str) -> None:
    good = AdEx.to_dict()
    with pytest.raises(ValueError, match=r"."):
        sl.Equations.from_dict(
            {k: v for k, v in good.items() if k != key} if key != "odd" else good | {"odd": 1}
        )
    for value in (
        3.5,
        [],
        [[]],
        {"a": {}},
        "__import__('os')",
        "dx/dt = (" * 300,
        True,
        {"ex": 1},
        {"V_m": "rand("},
    ):
        if key in ("text", "name") or value != good.get(key):
            try:
                sl.Equations.from_dict(good | {key: value})
            except ValueError:
                continue
            # What is allowed, is a model.
            assert key in ("refractory", "parameters", "initial", "reset", "receptors", "text"), (
                key,
                value,
            )


@pytest.mark.parametrize("whole", [None, 3, [], "text", {}, {"text": "dx/dt = 0"}])
def test_crafted_arguments(whole: Any) -> None:
    with pytest.raises(ValueError, match="arguments must be text, threshold"):
        sl.Equations.from_dict(whole)


# In a network


def test_states_and_parameters_of_a_population() -> None:
    net = make()
    cells = net.population(4, AdEx(a=[1.0, 2.0, 3.0, 4.0]), name="E")
    np.testing.assert_array_equal(cells.V_m[:], [-70.6] * 4)
    cells.w[1:] = [5.0, 6.0, 7.0]
    cells[2:].V_m = -60.0
    cells[:1].w[:] += 2.0
    np.testing.assert_array_equal(cells.w[:], [2.0, 5.0, 6.0, 7.0])
    np.testing.assert_array_equal(cells.V_m[:], [-70.6, -70.6, -60.0, -60.0])
    cells[1].b = 9.0
    np.testing.assert_array_equal(cells.b, [80.5, 9.0, 80.5, 80.5])
    np.testing.assert_array_equal(cells.w[:], [2.0, 5.0, 6.0, 7.0])  # states stay
    with pytest.raises(ValueError, match=r"^E\.w: value must be finite"):
        cells.w = np.inf
    with pytest.raises(AttributeError, match=r"^E \(AdEx\) has no 'x' \(there are: V_m, w, "):
        _ = cells.x
    with pytest.raises(ValueError, match="must have length 3"):
        net.population(3, AdEx(a=[1.0, 2.0]))


def test_parameters_change_between_runs() -> None:
    kind = sl.Equations("dx/dt = -x/tau", parameters={"tau": (10.0, "ms")}, initial={"x": 1.0})
    net = make()
    cells = net.population(2, kind())
    net.run(5.0)
    cells.tau = [10.0, 2.0]
    net.run(5.0)
    np.testing.assert_allclose(cells.x[:], [np.exp(-1), np.exp(-0.5 - 2.5)], rtol=1e-13)


def test_initial_values() -> None:
    kind = sl.Equations(
        "dx/dt = 0; dy/dt = 0; dz/dt = 0; dV_m/dt = 0", parameters={"a": 2.0, "E_L": -65.0},
        initial={"x": "a + 1", "y": "a*rand()", "z": "randn()"},
    )  # fmt: skip
    net = make()
    cells = net.population(5000, kind(a=np.linspace(1, 2, 5000)))
    others = net.population(5000, kind())
    np.testing.assert_array_equal(cells.x[:], np.linspace(1, 2, 5000) + 1)
    np.testing.assert_array_equal(cells.V_m[:], -65.0)
    y, z = np.asarray(cells.y) / cells.a, np.asarray(cells.z)
    assert y.min() > 0
    assert y.max() < 1
    assert y.mean() == pytest.approx(0.5, abs=0.02)
    assert z.std() == pytest.approx(1.0, abs=0.05)
    assert not np.isin(others.z, z).any()
    assert abs(np.corrcoef(y, z)[0, 1]) < 0.1
    again = make()
    np.testing.assert_array_equal(again.population(5000, kind(a=np.linspace(1, 2, 5000))).z[:], z)
    net.run(1.0)
    cells.x = 0.0
    net.reset()
    np.testing.assert_array_equal(cells.x[:], np.linspace(1, 2, 5000) + 1)


def test_initial_values_must_be_numbers() -> None:
    kind = sl.Equations("dx/dt = 0", parameters={"a": 1.0}, initial={"x": "1/a"}, name="M")
    net = make()
    with pytest.raises(ValueError, match=r"^M: initial value of x: 1/a must be finite, got inf"):
        net.population(1, kind(a=0.0))
    assert net.populations == ()
    small = make(dtype="float32")
    with pytest.raises(ValueError, match="within the range of float32"):
        small.population(1, kind(a=1e-200))


def test_receptors_by_name() -> None:
    kind = sl.Equations(
        "dg/dt = 0; dh/dt = 0", receptors={"ampa": "g += weight", "nmda": "h += 2*weight"}, name="M"
    )
    net = make()
    cells, spike = net.population(2, kind(), name="E"), source(net, [3])
    with pytest.raises(
        ValueError, match=r'^connect .* receptor must be given: M has the receptors "ampa", "nmda"'
    ):
        net.connect(spike, cells, sl.AllToAll())
    with pytest.raises(ValueError, match=r'receptor must be "ampa" or "nmda", got \'gaba\''):
        net.connect(spike, cells, sl.AllToAll(), receptor="gaba")
    net.connect(spike, cells, sl.AllToAll(), weight=3.0, receptor="ampa", delay=0.1)
    net.connect(spike, cells, sl.AllToAll(), weight=-5.0, receptor="nmda", delay=0.1)
    net.run(2.0)
    np.testing.assert_array_equal(cells.g[:], 3.0)
    np.testing.assert_array_equal(cells.h[:], -10.0)


def test_neurons_without_receptors_are_no_targets() -> None:
    net = make()
    cells = net.population(1, sl.Equations("dx/dt = -x", name="M")(), name="E")
    with pytest.raises(ValueError, match=r"^connect E -> E: target must have a receptor"):
        net.connect(cells, cells, sl.AllToAll())


def test_units_are_shown() -> None:
    pytest.importorskip("matplotlib")
    plot = sl.plot
    net = make()
    cells = net.population(1, AdEx())
    recorders = [net.record(cells, name) for name in ("V_m", "w")]
    net.run(1.0)
    assert [plot.trace(r).get_ylabel() for r in recorders] == ["V_m (mV)", "w (pA)"]
    other = net.population(1, sl.Equations("dx/dt = -x")())
    assert plot.trace(net.record(other, "x")).get_ylabel() == "x"


def test_nest_is_refused_with_a_reason() -> None:
    net = make()
    net.population(1, AdEx(), name="E")
    with pytest.raises(ValueError, match=r"E: AdEx is a model from text that NEST does not have"):
        net.to_nest()


def driven(**options: Any) -> tuple[sl.Network, Any, Any]:
    """Return a network of adaptive neurons with plastic synapses, noise and currents."""
    net = make(seed=7, **options)
    rng = np.random.default_rng(1)
    cells = net.population(300, AdEx(a=rng.uniform(2, 6, 300), b=60.0, tau_syn_ex=2.0), name="E")
    cells.V_m = sl.Uniform(-70.0, -52.0)
    rule = sl.STDP(A_plus=5.0, A_minus=6.0, w_max=400.0)
    net.connect(
        cells,
        cells,
        sl.FixedIndegree(20),
        weight=200.0,
        delay=sl.Uniform(0.3, 2.0),
        plasticity=rule,
    )
    net.connect(cells[:60], cells, sl.FixedIndegree(10), weight=-300.0, delay=1.0)
    net.inject(cells, sl.PoissonInput(rate=2000.0, weight=120.0))
    net.inject(cells[:100], sl.NoiseInput(mean=100.0, std=200.0))
    net.inject(cells, sl.CurrentInput(np.linspace(0, 500, 400)))
    return net, cells, net.record(cells, "spikes")


def outcome(net: sl.Network, cells: Any, spikes: Any) -> list[Any]:
    weights = [p.weights for p in net.projections]
    return [
        spikes.times,
        spikes.ids,
        *weights,
        *(np.asarray(getattr(cells, s)) for s in AdEx.states),
    ]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_same_bits_however_it_runs(dtype: str, tmp_path: Path) -> None:
    net, cells, spikes = driven(dtype=dtype)
    net.run(60.0)
    expected = outcome(net, cells, spikes)
    assert len(spikes.times) > 500
    for threads in (2, 5):
        other = driven(dtype=dtype, threads=threads)
        for piece in (0.1, 7.3, 20.0, 32.6):
            other[0].run(piece)
        for a, b in zip(expected, outcome(*other), strict=True):
            np.testing.assert_array_equal(a, b)
    half = driven(dtype=dtype, threads=2)
    half[0].run(31.7)
    half[0].save(tmp_path / "half.npz", recorders=True)
    loaded = sl.Network.load(tmp_path / "half.npz", threads=3)
    assert loaded.populations[0].model.equations == AdEx
    loaded.run(60.0 - 31.7)
    for a, b in zip(
        expected, outcome(loaded, loaded.populations[0], loaded.recorders[0]), strict=True
    ):
        np.testing.assert_array_equal(a, b)


def test_the_same_bits_at_each_level() -> None:
    found = at_each_level(
        "import hashlib\nimport numpy as np\n"
        "from tests.neurons.equations.test_equations import driven, outcome\n"
        "for dtype in ('float32', 'float64'):\n"
        "    net = driven(dtype=dtype)\n"
        "    net[0].run(30.0)\n"
        "    print(hashlib.sha256(b''.join(np.ascontiguousarray(x).tobytes() for x in outcome(*net))).hexdigest())\n"
    )
    assert len(found.splitlines()) == 2


def test_a_network_from_another_process_runs_no_code(tmp_path: Path) -> None:
    """The text in the file is all that is needed."""
    net, cells, _ = driven()
    net.run(5.0)
    net.save(tmp_path / "net.npz")
    net.run(5.0)
    code = (
        "import spikelet as sl\n"
        f"net = sl.Network.load({str(tmp_path / 'net.npz')!r}, threads=1)\n"
        "net.run(5.0)\nprint(float(net.populations[0].w[:].sum()), net.populations[0].model.equations)\n"
    )
    assert spawn(code).strip() == f"{float(cells.w[:].sum())} {AdEx!r}"


def test_populations_share_a_program() -> None:
    net = make()
    a, b = net.population(2, AdEx()), net.population(3, AdEx(a=1.0))
    assert a.model.equations.program is b.model.equations.program


def test_a_neuron_that_diverges_is_named() -> None:
    kind = sl.Equations("dx/dt = x**2 + I_e", parameters={"I_e": 1.0}, method="rk4", name="Blow")
    net = make()
    net.population(3, AdEx(), name="other")
    cells = net.population(4, kind(I_e=[0.0, 0.0, 1.0, 0.0]), name="E")
    with pytest.raises(
        FloatingPointError,
        match=r"^population E: x of neuron 2 is (inf|nan) by [0-9.]+ ms \(Blow, rk4: ",
    ):
        net.run(50.0)
    assert "failed" in repr(net)
    with pytest.raises(RuntimeError, match="failed"):
        net.run(1.0)
    del cells


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("connected", [False, True])
def test_what_was_recorded_before_a_divergence_is_kept(threads: int, connected: bool) -> None:
    kind = sl.Equations("dx/dt = x**2 + I_e", parameters={"I_e": 1.0}, method="rk4", name="Blow")

    def network(rising: float) -> tuple[sl.Network, list[sl.StateRecorder], sl.SpikeRecorder]:
        net = sl.Network(dt=0.1, seed=1, threads=threads)
        bystanders = net.population(700, AdEx(I_e=800.0))
        cells = net.population(300, kind(I_e=np.append(np.zeros(299), rising)))
        if connected:
            net.connect(bystanders, bystanders, sl.OneToOne(), weight=1.0, delay=1.5)
        return (
            net,
            [net.record(bystanders, "V_m"), net.record(cells, "x")],
            net.record(bystanders, "spikes"),
        )

    net, states, spikes = network(1.0)
    with pytest.raises(FloatingPointError, match="x of neuron 299") as raised:
        net.run(50.0)
    found = re.search(r"by ([0-9.]+) ms", str(raised.value))
    assert found
    assert net.t == pytest.approx(float(found[1]) - 0.1)
    assert net.t > 1.0
    other, expected, others = network(0.0)
    other.run(net.t)
    np.testing.assert_array_equal(states[0].values, expected[0].values)
    np.testing.assert_array_equal(states[1].values[:, :299], expected[1].values[:, :299])
    np.testing.assert_array_equal(spikes.times, others.times)
    np.testing.assert_array_equal(spikes.ids, others.ids)


def test_many_threads_define_models_at_once() -> None:
    found: list[sl.Equations] = []

    def define() -> None:
        found.extend(adex(text=ADEX + f"\ndextra{k}/dt = -extra{k}/tau_w") for k in range(5))

    threads = [threading.Thread(target=define) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(found) == 20
    assert len(set(found)) == 5


def test_definitions_warn_of_nothing() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        net = make()
        net.population(2, adex()())
        net.run(1.0)


def test_spikes_stop_nothing_else() -> None:
    """A reset acts on neurons that spiked only."""
    net = make()
    cells = net.population(70, AdEx(I_e=np.linspace(0, 1500, 70)))
    spikes = net.record(cells, "spikes")
    w = trace(net, cells, "w", 50.0)
    counts = spikes.counts()
    assert (counts == 0).any()
    assert (counts > 2).any()
    jumps = (np.diff(w, axis=0) > 70).sum(axis=0)
    np.testing.assert_array_equal(jumps, counts)
    assert train(spikes)
