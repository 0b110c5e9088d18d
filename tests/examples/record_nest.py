"""Run NEST's example scripts, in our words, and write what `test_nest.py` compares with.

    python tests/examples/record_nest.py            # all of them; needs NEST 3.10
    python tests/examples/record_nest.py gaussex    # one

Where a script draws at random, it gets spikes and synapses from here instead, which the file keeps for spikelet.
"""

from __future__ import annotations

from typing import Any

import nest
import numpy as np
from numpy.typing import NDArray
from recording import Arrays, write


def reset(dt: float = 0.1) -> None:
    nest.ResetKernel()
    nest.verbosity = nest.VerbosityLevel.ERROR
    nest.set(resolution=dt, rng_seed=1, local_num_threads=1)


def steps(recorder: Any, dt: float) -> NDArray[np.int32]:
    """Return the stamps of the recorded spikes, in steps and in order."""
    return np.rint(np.sort(recorder.events["times"]) / dt).astype(np.int32)


def raster(recorder: Any, first: int, dt: float) -> Arrays:
    """Return stamps and neurons of the recorded spikes, sorted by stamp and neuron."""
    times = np.rint(recorder.events["times"] / dt).astype(np.int32)
    ids = (recorder.events["senders"] - first).astype(np.int16)
    order = np.lexsort((ids, times))
    return {"steps": times[order], "ids": ids[order]}


def fixed_indegree(rng: Any, sources: int, targets: int, indegree: int) -> tuple[Any, Any]:
    """Draw synapses; return sources and targets."""
    return rng.integers(0, sources, targets * indegree), np.repeat(np.arange(targets), indegree)


def trains(rng: Any, n: int, rate: float, duration: float, dt: float) -> tuple[Any, Any]:
    """Draw Poisson trains; return the steps of the spikes and their sources."""
    ids = np.repeat(np.arange(n), rng.poisson(rate * duration * 1e-3, n))
    when = rng.integers(1, round(duration / dt), len(ids))
    order = np.lexsort((ids, when))
    return when[order], ids[order]


def connect(pre: Any, post: Any, pairs: tuple[Any, Any], weight: float, delay: float) -> None:
    sources, targets = (
        np.asarray(nodes.tolist())[at] for nodes, at in zip((pre, post), pairs, strict=True)
    )
    many = np.full(len(sources), 1.0)
    nest.Connect(sources, targets, "one_to_one", {"weight": weight * many, "delay": delay * many})


def generators(when: Any, ids: Any, n: int, dt: float) -> Any:
    """Return generators of given spikes."""
    trains = [{"spike_times": np.round(when[ids == k] * dt, 6)} for k in range(n)]
    return nest.Create("spike_generator", n, params=trains)


def given(**pairs: tuple[Any, Any]) -> Arrays:
    """Return the ends of given synapses as arrays for the file."""
    return {
        f"{name}_{end}": at.astype(np.int16)
        for name, both in pairs.items()
        for end, at in zip(("pre", "post"), both, strict=True)
    }


def brette_gerstner_fig_2c() -> Arrays:
    reset()
    neuron = nest.Create("aeif_cond_alpha", params={"a": 4.0, "b": 80.5, "gsl_error_tol": 1e-9})
    currents = nest.Create("dc_generator", 2)
    currents.set(amplitude=[500.0, 800.0], start=[0.0, 500.0], stop=[200.0, 1000.0])
    nest.Connect(currents, neuron, "all_to_all")
    meter = nest.Create("multimeter", params={"interval": 1.0, "record_from": ["V_m", "w"]})
    nest.Connect(meter, neuron)
    recorder = nest.Create("spike_recorder")
    nest.Connect(neuron, recorder)
    nest.Simulate(1000.0)
    return {"steps": steps(recorder, 0.1), "V_m": meter.events["V_m"], "w": meter.events["w"]}


def hh_psc_alpha() -> Arrays:
    """The script raises the current of one neuron; here each current has a neuron of its own."""
    reset()
    neurons = nest.Create(
        "hh_psc_alpha", 100, params={"I_e": np.arange(0.0, 2000.0, 20.0).tolist()}
    )
    recorder = nest.Create("spike_recorder", params={"start": 1000.0})
    nest.Connect(neurons, recorder)
    nest.Simulate(2000.0)
    ids = recorder.events["senders"] - min(neurons.tolist())
    return {"counts": np.bincount(ids, minlength=100).astype(np.int16)}


def _multisynapse(
    model: str, parameters: dict[str, Any], weights: Any, delays: Any, duration: float
) -> Arrays:
    reset()
    neuron = nest.Create(model, params=parameters | {"gsl_error_tol": 1e-12})
    spike = nest.Create("spike_generator", params={"spike_times": [10.0]})
    for k, (weight, delay) in enumerate(zip(weights, delays, strict=True)):
        nest.Connect(
            spike, neuron, syn_spec={"receptor_type": 1 + k, "weight": weight, "delay": delay}
        )
    meter = nest.Create("voltmeter", params={"interval": 1.0})
    nest.Connect(meter, neuron)
    recorder = nest.Create("spike_recorder")
    nest.Connect(neuron, recorder)
    nest.Simulate(duration)
    return {"V_m": meter.events["V_m"], "steps": steps(recorder, 0.1)}


def aeif_cond_beta_multisynapse() -> Arrays:
    parameters = {
        "V_peak": 0.0,
        "a": 4.0,
        "b": 80.5,
        "E_rev": [0.0, 0.0, 0.0, -85.0],
        "tau_decay": [50.0, 20.0, 20.0, 20.0],
        "tau_rise": [10.0, 10.0, 1.0, 1.0],
    }
    delays = (1.0, 300.0, 500.0, 700.0)
    return _multisynapse("aeif_cond_beta_multisynapse", parameters, (1.0,) * 4, delays, 1000.0)


def gif_cond_exp_multisynapse() -> Arrays:
    parameters = {"E_rev": [0.0, -85.0], "tau_syn": [4.0, 8.0]}
    return _multisynapse("gif_cond_exp_multisynapse", parameters, (1.0, 5.0), (1.0, 30.0), 100.0)


def mc_neuron() -> Arrays:
    reset()
    parameters = {
        "V_th": -60.0,
        "V_reset": -65.0,
        "t_ref": 10.0,
        "g_sp": 5.0,
        "soma": {"g_L": 12.0},
        "proximal": {"tau_syn_ex": 1.0, "tau_syn_in": 5.0},
        "distal": {"C_m": 90.0},
    }
    neuron = nest.Create("iaf_cond_alpha_mc", params=parameters)
    ports = neuron.receptor_types
    names = ("V_m.s", "V_m.p", "V_m.d")
    meter = nest.Create("multimeter", params={"record_from": names, "interval": 1.0})
    recorder = nest.Create("spike_recorder")
    nest.Connect(meter, neuron)
    nest.Connect(neuron, recorder)
    for part, start, current in (("soma", 250.0, 50.0), ("proximal", 150.0, -50.0), ("distal", 50.0, 100.0)):  # fmt: skip
        window = {"start": start, "stop": start + 50.0, "amplitude": current}
        generator = nest.Create("dc_generator", params=window)
        nest.Connect(generator, neuron, syn_spec={"receptor_type": ports[f"{part}_curr"]})
    for part, time in (("soma", 600.0), ("proximal", 500.0), ("distal", 400.0)):
        for kind, later in (("exc", 0.0), ("inh", 10.0)):
            times = {"spike_times": [time + later, time + later + 20.0]}
            generator = nest.Create("spike_generator", params=times)
            nest.Connect(generator, neuron, syn_spec={"receptor_type": ports[f"{part}_{kind}"]})
    nest.Simulate(700.0)
    neuron.soma = {"I_e": 150.0}
    nest.Simulate(300.0)
    potentials = {f"V_{name[-1]}": np.asarray(meter.events[name]) for name in names}
    return {**potentials, "steps": steps(recorder, 0.1)}


def brunel_alpha_nest() -> Arrays:
    """Smaller, with stronger synapses and an external drive of given spikes."""
    reset()
    rng = np.random.default_rng(1)
    excitatory, inhibitory, sources, duration = 160, 40, 80, 300.0
    parameters = {"C_m": 250.0, "tau_m": 20.0, "tau_syn_ex": 0.5, "tau_syn_in": 0.5, "t_ref": 2.0}
    parameters |= {"E_L": 0.0, "V_reset": 0.0, "V_m": 0.0, "V_th": 20.0}
    neurons = nest.Create("iaf_psc_alpha", excitatory + inhibitory, parameters)
    pairs = {
        "ex": fixed_indegree(rng, excitatory, len(neurons), 16),
        "in": fixed_indegree(rng, inhibitory, len(neurons), 4),
        "drive": fixed_indegree(rng, sources, len(neurons), 10),
    }
    when, who = trains(rng, sources, 100.0, duration, 0.1)
    weight = 370.0  # pA, a PSP of some 2 mV
    connect(neurons[:excitatory], neurons, pairs["ex"], weight, 1.5)
    connect(neurons[excitatory:], neurons, pairs["in"], -5.0 * weight, 1.5)
    connect(generators(when, who, sources, 0.1), neurons, pairs["drive"], weight, 1.5)
    recorder = nest.Create("spike_recorder")
    nest.Connect(neurons, recorder)
    nest.Simulate(duration)
    spikes = raster(recorder, min(neurons.tolist()), 0.1)
    return (
        spikes
        | given(**pairs)
        | {"drive_steps": when.astype(np.int16), "drive_ids": who.astype(np.int16)}
    )


def evaluate_tsodyks2_synapse() -> Arrays:
    """The script starts tsodyks_synapse with u = U, as if it had just fired; here it is at rest."""
    depression = {"U": 0.67, "u": 0.67, "x": 1.0, "tau_rec": 450.0, "tau_fac": 0.0, "weight": 250.0}
    facilitation = {
        "U": 0.1,
        "u": 0.1,
        "x": 1.0,
        "tau_fac": 1000.0,
        "tau_rec": 100.0,
        "weight": 250.0,
    }
    result = {}
    for name, synapse in (("depression", depression), ("facilitation", facilitation)):
        reset()
        neurons = nest.Create("iaf_psc_exp", 3, params={"tau_syn_ex": 3.0})
        for k, rest in enumerate(
            ({"synapse_model": "tsodyks_synapse", "u": 0.0}, {"synapse_model": "tsodyks2_synapse"})
        ):
            nest.Connect(neurons[0], neurons[1 + k], syn_spec=synapse | rest)
        meters = nest.Create("voltmeter", 2, params={"interval": 5.0})
        nest.Connect(meters, neurons[1:], "one_to_one")
        for current in (376.0, 0.0, 376.0):
            neurons[0].I_e = current
            nest.Simulate(500.0)
        result[name] = np.array([meter.events["V_m"] for meter in meters])
    return result


def sensitivity_to_perturbation() -> Arrays:
    """Smaller, with given spikes as drive, and two trials of 300 ms."""
    dt, duration, stimulus = 0.05, 300.0, 100.0
    rng = np.random.default_rng(2)
    excitatory, inhibitory, sources = 160, 40, 60
    n = excitatory + inhibitory
    pairs = {
        "ex": fixed_indegree(rng, excitatory, n, 16),
        "in": fixed_indegree(rng, inhibitory, n, 4),
        "drive": fixed_indegree(rng, sources, n, 10),
    }
    when, who = trains(rng, sources, 100.0, duration, dt)
    start = rng.uniform(-70.0, -55.0, n)
    result = given(**pairs) | {
        "drive_steps": when.astype(np.int16),
        "drive_ids": who.astype(np.int16),
        "V_m": start,
    }
    for trial in ("calm", "perturbed"):
        reset(dt)
        neurons = nest.Create("iaf_psc_delta", n, params={"V_m": start.tolist()})
        connect(neurons[:excitatory], neurons, pairs["ex"], 1.5, dt)
        connect(neurons[excitatory:], neurons, pairs["in"], -9.0, dt)
        connect(generators(when, who, sources, dt), neurons, pairs["drive"], 1.3, dt)
        if trial == "perturbed":
            after = result["calm_steps"] > round((stimulus + 1.0) / dt)  # it fires a little later
            result["neuron"] = np.array(result["calm_ids"][after][0])
            extra = nest.Create("spike_generator", params={"spike_times": [stimulus]})
            target = neurons[int(result["neuron"])]
            nest.Connect(extra, target, syn_spec={"weight": 0.5, "delay": dt})
        recorder = nest.Create("spike_recorder")
        nest.Connect(neurons, recorder)
        nest.Simulate(duration)
        spikes = raster(recorder, min(neurons.tolist()), dt)
        result |= {f"{trial}_{name}": values for name, values in spikes.items()}
    return result


def pulsepacket() -> Arrays:
    """Ten of the hundred neurons, with the spikes of their packets."""
    reset()
    n = 10
    parameters = {"V_th": np.inf, "tau_m": 20.0, "tau_syn_ex": 0.5, "C_m": 200.0}
    parameters |= {"E_L": 0.0, "V_reset": 0.0, "V_m": 0.0}
    neurons = nest.Create("iaf_psc_alpha", n, parameters)
    packets = nest.Create(
        "pulsepacket_generator", n, {"pulse_times": [500.0], "activity": 100, "sdev": 10.0}
    )
    nest.Connect(packets, neurons, "one_to_one", syn_spec={"weight": 0.1})
    meter = nest.Create("voltmeter", params={"interval": 2.0, "start": 450.0})
    nest.Connect(meter, neurons)
    recorder = nest.Create("spike_recorder")
    nest.Connect(packets, recorder)
    nest.Simulate(650.0)
    order = np.lexsort((meter.events["senders"], meter.events["times"]))
    spikes = raster(recorder, min(packets.tolist()), 0.1)
    return spikes | {
        "V_m": meter.events["V_m"][order].reshape(-1, n),
        "times": np.unique(meter.events["times"]),
    }


def sinusoidal_poisson_generator() -> Arrays:
    """Spikes of 20 targets, each with a train of its own (NEST's default), in bins of 5 ms."""
    dt, n = 0.01, 20
    reset(dt)
    result = {}
    both = {"slow": (10000.0, 5000.0, 10.0, 0.0), "silent": (0.0, 10000.0, 5.0, 90.0)}
    for name, values in both.items():
        names = ("rate", "amplitude", "frequency", "phase")
        generator = nest.Create(
            "sinusoidal_poisson_generator", params=dict(zip(names, values, strict=True))
        )
        targets = nest.Create("parrot_neuron", n)
        nest.Connect(generator, targets, syn_spec={"delay": dt})
        recorder = nest.Create("spike_recorder")
        nest.Connect(targets, recorder, syn_spec={"delay": dt})
        result[name] = recorder
    nest.Simulate(200.0 + dt)
    edges = np.arange(0.0, 201.0, 5.0) + 1.5 * dt  # a parrot is one delay late
    return {
        name: np.histogram(r.events["times"], edges)[0].astype(np.int32)
        for name, r in result.items()
    }


def gaussex() -> Arrays:
    """Connections by distance, in bins of 0.1 around multiples of 0.1, the grid's."""
    reset()
    grid = nest.spatial.grid(shape=[30, 30], extent=[3.0, 3.0])
    a, b = (nest.Create("iaf_psc_alpha", positions=grid) for _ in range(2))
    probability = nest.spatial_distributions.gaussian(nest.spatial.distance, std=0.5)
    nest.Connect(
        a,
        b,
        {"rule": "pairwise_bernoulli", "p": probability, "mask": {"circular": {"radius": 3.0}}},
    )
    found = nest.GetConnections(a, b)
    ends = [np.array(nest.GetPosition(nodes)) for nodes in (a, b)]
    pre = np.array(list(found.sources())) - min(a.tolist())
    post = np.array(list(found.targets())) - min(b.tolist())
    distance = np.linalg.norm(ends[0][pre] - ends[1][post], axis=1)
    return {"counts": np.histogram(distance, np.arange(-0.05, 3.1, 0.1))[0].astype(np.int32)}


RECORDINGS = (
    brette_gerstner_fig_2c,
    hh_psc_alpha,
    aeif_cond_beta_multisynapse,
    gif_cond_exp_multisynapse,
    mc_neuron,
    brunel_alpha_nest,
    evaluate_tsodyks2_synapse,
    sensitivity_to_perturbation,
    pulsepacket,
    sinusoidal_poisson_generator,
    gaussex,
)


if __name__ == "__main__":
    write("nest", RECORDINGS)
