"""Each method of the core's simulator is refused while it runs: the lock of the last resort, under Python's."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from tests.conftest import busy_network
from tests.support.running import Stop, in_thread

import spikelet as sl
from spikelet import _core

ALWAYS = {"now", "busy", "failed"}  # they touch nothing that a run changes
IDS = np.arange(3, dtype=np.uint32)
NO_IDS, NO_STAMPS = IDS[:0], np.array([], dtype=np.int64)
TWO, HUNDRED = np.array([2.0]), np.array([100.0])
STEPS = np.array([100], dtype=np.int64)
RULE = sl.RewardSTDP(A_plus=0.1, A_minus=0.1, w_max=1e4)
TEXT_RULE = sl.SynapseEquations("dx/dt = -x/(20*ms)", on_pre="x += 1", on_signal="w += signal*x")
OTHER_RULE = sl.RewardSTDP(A_plus=0.2, A_minus=0.1, w_max=1e4)


def network() -> sl.Network:
    """Return a network with everything that a method of the core can be asked about."""
    net, cells, _, plastic = busy_network(threads=2)
    poisson = net.populations[1]
    rewarded = net.connect(poisson, cells, sl.FixedIndegree(2), weight=1.0, plasticity=RULE)
    assert rewarded.index == 3
    net.connect(poisson, cells, sl.FixedIndegree(2), weight=1.0, plasticity=TEXT_RULE)
    net.regulate(plastic, sl.SynapticScaling(rate=10.0, strength=0.1, every=50.0))
    net.record(cells[::7], "V_m", every=1.0)
    net.record(plastic, "weights", every=100.0)
    net.engine.sim.add_program(*program())
    net.run(5.0)
    return net


def program() -> tuple[_core.Program, int, list[Any], Any]:
    """Return what the core takes for neurons that a program moves: x decays, by a coefficient."""
    step = np.array([[_core.opcodes()["MUL"], 0, 0, 1, 0, 0, 0, 0]], dtype=np.uint16)
    decay = _core.Program(
        name="decay", states=["x"], coefficients=1, constants=[], draws=[], registers=0, receptors=[], step=step,
        spiked=-1, reset=step[:0], by_sign=False, time=False,
    )  # fmt: skip
    return decay, 3, [np.array([0.5])], np.array([0.0])


def changing() -> _core.Rates:
    """Return rates that change with time."""
    return _core.Rates(HUNDRED, TWO, TWO, TWO)


def model() -> tuple[int, list[Any], bool]:
    """Return what the core takes for a model of neurons."""
    return list(_core.neuron_models()).index("LIF"), sl.LIF(I_e=1.0).arrays(), False


def drawn(sim: Any) -> tuple[Any, ...]:
    """Return the arguments of a projection that is drawn."""
    rule = sl.FixedIndegree(2).to_core()
    weight, delay = _core.ValueSpec(TWO), _core.ValueSpec(TWO)
    return (1, 0, 90, 90, None, None, rule, weight, delay, -1, None)


def listed(sim: Any) -> tuple[Any, ...]:
    """Return the arguments of a projection that is given by lists."""
    ones = np.ones(3), np.ones(3, dtype=np.uint16)
    return (1, 0, 90, IDS, IDS, *ones, -1, None, None)


def streamed(sim: Any) -> tuple[Any, ...]:
    """Return the arguments of a projection whose synapses came in blocks."""
    single = isinstance(sim, _core.Simulator32)
    stream: Any = (_core.SynapseStream32 if single else _core.SynapseStream64)(90, 90, 0, 90)
    stream.count(IDS, IDS)
    stream.place(IDS, IDS, np.ones(3, np.float32 if single else np.float64), np.ones(3, np.uint16))
    return (1, 0, stream, -1, None)


# Arguments of each method, given an idle simulator. Populations: 0 neurons, 1 Poisson, 2 given spikes, 3 moved by a
# program. Projections: 0 STDP, 1 and 2 static, 3 rewarded, 4 from text. One regulation, and one recorder of each kind.
ARGUMENTS: dict[str, Callable[[Any], tuple[Any, ...]]] = {
    "add_events": lambda sim: (3, NO_STAMPS, NO_IDS),
    "add_neurons": lambda sim: (model()[0], 1, *model()[1:]),
    "add_poisson": lambda sim: (1, HUNDRED),
    "add_program": lambda sim: program(),
    "add_signal": lambda sim: (4, sim.now + 10, 0.5),
    "born": lambda sim: (0,),
    "clear_recorder": lambda sim: ("spikes", 0),
    "connect": drawn,
    "connect_lists": listed,
    "connect_stream": streamed,
    "describe_storage": lambda sim: (0,),
    "exchange_statistics": lambda sim: (),
    "explain": lambda sim: ("why",),
    "follow": lambda sim: (4, 1, 0, 90, 0.5, 10, sim.now),
    "first_gid": lambda sim: (1,),
    "forget_signals": lambda sim: (4,),
    "has_run": lambda sim: (0,),
    "held": lambda sim: (0,),
    "in_flight": lambda sim: (),
    "initial_state": lambda sim: (0, 0),
    "initial_variables": lambda sim: (4,),
    "inject_changing_poisson": lambda sim: (0, None, changing(), TWO, 0),
    "inject_current": lambda sim: (0, None, TWO, 1, 0),
    "inject_noise": lambda sim: (0, None, np.zeros(90), np.ones(90), 1, 0),
    "inject_poisson": lambda sim: (0, None, np.full(90, 100.0), True, np.full(90, 2.0), 0),
    "inject_sine_current": lambda sim: (0, None, TWO, TWO, TWO, TWO, 0),
    "inject_step_current": lambda sim: (0, None, STEPS, np.array([2.0]), 1),
    "input_streams": lambda sim: (0,),
    "interval": lambda sim: (0,),
    "meet": lambda sim: (1, 0),
    "normalize": lambda sim: (0, 1000.0),
    "own": lambda sim: (0,),
    "plastic_state": lambda sim: (0,),
    "prepare": lambda sim: (),
    "projection_size": lambda sim: (0,),
    "projection_total": lambda sim: (0,),
    "raw_state": lambda sim: (0, 0),
    "record_spikes": lambda sim: (1, np.ones(90, dtype=bool)),
    "record_state": lambda sim: (0, 0, IDS, 1),
    "record_weights": lambda sim: (1, 10),
    "recorded_count": lambda sim: ("spikes", 0),
    "recorded_stamps": lambda sim: ("state", 0),
    "recorded_spikes": lambda sim: (0,),
    "recorded_states": lambda sim: (0, -1, 10),
    "recorded_weights": lambda sim: (0, -1, 10),
    "regulate": lambda sim: (0, 10, _core.Regulation("normalize", total=1.0)),
    "remove_input": lambda sim: (0,),
    "remove_regulation": lambda sim: (0,),
    "replace_population": lambda sim: (sim.add_neurons(model()[0], 0, *model()[1:]) - 1,),
    "replace_projection": lambda sim: (sim.connect_lists(*listed(sim)) - 1, ""),
    "reset": lambda sim: (True, 0),
    "reward": lambda sim: (3,),
    "run": lambda sim: (1, None),
    "set_amplitudes": lambda sim: (3, OTHER_RULE.to_core()),
    "set_changing_rates": lambda sim: (1, changing()),
    "set_clock": lambda sim: (sim.now, *sim.in_flight()),
    "set_coefficients": lambda sim: (3, *program()[2:]),
    "set_events": lambda sim: (2, NO_STAMPS, NO_IDS),
    "set_held": lambda sim: (0, sim.held(0) + 1),
    "set_initial_state": lambda sim: (0, 0, sim.initial_state(0, 0) + 1.0),
    "set_interval": lambda sim: (0, sim.interval(0)[0], sim.interval(0)[1] + 1),
    "set_parameters": lambda sim: (0, *model()[1:]),
    "set_plastic_state": lambda sim: (0, sim.plastic_state(0)),
    "set_rates": lambda sim: (1, np.full(90, 100.0)),
    "set_raw_state": lambda sim: (0, 0, sim.raw_state(0, 0) + 1.0),
    "set_regulation": lambda sim: (0, 0, 20, _core.Regulation("normalize", total=2.0)),
    "set_reward": lambda sim: (3, sim.now, 0.5),
    "set_state": lambda sim: (0, 0, sim.state(0, 0) + 1.0),
    "set_window": lambda sim: ("spikes", 0, -1, 100, False),
    "set_weights": lambda sim: (1, sim.weights(1) + 1.0),
    "signal": lambda sim: (4, 0.5),
    "signals": lambda sim: (),
    "state": lambda sim: (0, 0),
    "synapse_bytes": lambda sim: (),
    "synapses": lambda sim: (0,),
    "time_constants": lambda sim: (0,),
    "traces": lambda sim: (0,),
    "weight_step": lambda sim: (0,),
    "weights": lambda sim: (0,),
}
PROPERTIES = {"joined", "layouts", "streams"}


NAMES = [*ARGUMENTS, *PROPERTIES, "streams="]


def call_of(name: str, idle: Any) -> Callable[[Any], object]:
    """Return a call of a method, of a simulator to be given; its arguments come from an idle one."""
    if name in PROPERTIES:
        return lambda sim: getattr(sim, name)
    if name == "streams=":
        taken = idle.streams
        return lambda sim: setattr(sim, "streams", taken)
    values = ARGUMENTS[name](idle)
    return lambda sim: getattr(sim, name)(*values)


def results(net: sl.Network) -> list[bytes]:
    """Return the bits of what a network has come to."""
    sim = net.engine.sim
    arrays = [
        *sim.recorded_spikes(0),
        *sim.recorded_states(0, -1, 1000),
        *sim.recorded_weights(0, -1, 1000),
    ]
    arrays += [sim.raw_state(0, k) for k in range(3)] + [sim.weights(k) for k in range(4)]
    return [np.ascontiguousarray(x).tobytes() for x in arrays]


@pytest.mark.parametrize("name", ["Simulator32", "Simulator64"])
def test_the_table_knows_each_method(name: str) -> None:
    public = {method for method in dir(getattr(_core, name)) if not method.startswith("_")}
    assert public == ARGUMENTS.keys() | PROPERTIES | ALWAYS


def test_an_idle_simulator_takes_the_arguments() -> None:
    sim = network().engine.sim
    for name in NAMES:
        call_of(name, sim)(sim)


def test_a_running_simulator_refuses_each_method() -> None:
    """From another thread and from its own callback; the run goes on as if nothing had been asked."""
    idle = network().engine.sim
    wanted = {name: call_of(name, idle) for name in NAMES}
    net = network()
    sim = net.engine.sim
    go = threading.Event()
    inside: list[str] = []

    def refused(whose: str) -> list[str]:
        found = []
        for name, call in wanted.items():
            with pytest.raises(RuntimeError, match=f"is running {whose}"):
                call(sim)
            found.append(name)
        assert sim.busy
        assert not sim.failed
        assert sim.now >= 50
        return found

    def progress(_: int) -> None:
        if not inside:
            inside.extend(refused("and has called this callback"))
        if go.is_set():
            raise Stop

    thread, errors = in_thread(lambda: sim.run(10**8, progress))
    try:
        while not sim.busy:
            time.sleep(0.001)
        for _ in range(20):
            assert len(refused("in another thread")) == len(wanted)
    finally:
        go.set()
        thread.join()
    assert [type(error) for error in errors] == [Stop], errors
    assert inside == list(wanted)
    assert not sim.busy
    end = sim.now
    assert end > 50
    undisturbed = network()
    undisturbed.engine.sim.run(end - 50, None)
    assert results(undisturbed) == results(net)
