"""What a neuron model does: its response to an event, and its rate against the current. Both are simulated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from spikelet._util.checks import fail, known, number, numbers, require
from spikelet.network.network import Network
from spikelet.neurons import NeuronModel
from spikelet.plot.figures import axes, ink, styled
from spikelet.rules import OneToOne
from spikelet.sources import SpikeSource

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Float = npt.NDArray[np.float64]


def psp(
    model: NeuronModel,
    *,
    weight: float = 1.0,
    receptor: str | None = None,
    state: str | None = None,
    duration: float = 60.0,
    dt: float = 0.1,
    ax: Axes | None = None,
    **style: Any,
) -> Axes:
    """Draw how one synaptic event moves the potential, compared with a neuron without it.

    Parameters
    ----------
    model : NeuronModel
        The model, with its parameters. For a neuron that spikes without input, the response is that of the first cycle.
    weight : float
        Weight of the event, in the unit of the model's synapses.
    receptor : str, optional
        The receptor; by default each of the model's, with ``-weight`` at "in" if the sign of a weight picks it.
    state : str, optional
        The state to draw; by default the first, V_m of the models of this package.
    duration : float
        Time after the arrival of the event to draw [ms].
    dt : float
        Time step of the simulation [ms].
    ax : Axes, optional
        Axes to draw on.
    **style
        For ``Axes.plot``.

    Returns
    -------
    Axes
    """
    where = "plot.psp"
    _check(where, model)
    amount = float(number(where, "weight", weight, model.weight_unit))
    step = _positive(where, "dt", dt)
    length = _positive(where, "duration", duration)
    name = model.states[0] if state is None else state
    known(where, "state", name, model.states, "a state of the model")
    events = _events(where, model, receptor, amount)
    n, arrival = len(events), 5 * step
    net = Network(dt=step, threads=1, dtype="float64", comm=None)
    neurons = net.population(n + 1, model)  # the last one gets nothing
    for state_name in model.states:  # initial values may be random
        values = np.array(getattr(neurons, state_name))
        setattr(neurons, state_name, np.full(n + 1, values[0]))
    sources = net.population(n, SpikeSource([arrival - step] * n, np.arange(n), snap=True))
    for k, (_, by_name, size) in enumerate(events):
        net.connect(sources[k], neurons[k], OneToOne(), weight=size, delay=step, receptor=by_name)
    recorder = net.record(neurons, name)
    net.run(round((arrival + length) / step) * step)
    after = recorder.times >= arrival - 1e-9
    times = recorder.times[after] - arrival
    moved = recorder.values[after][:, :-1] - recorder.values[after][:, -1:]
    ax = axes(where, ax)
    unit = model.state(name).unit
    for (label, _, _), values in zip(events, moved.T, strict=True):
        own = {"color": ink()} if n == 1 else {}
        ax.plot(times, values, **styled("lines.Line2D", style, linewidth=1.5, label=label, **own))
    if n > 1:
        ax.legend(frameon=False)
    ax.set_xlabel("time after arrival (ms)")
    ax.set_ylabel(f"change of {name} ({unit})" if unit else f"change of {name}")
    return ax


def fi_curve(
    model: NeuronModel,
    currents: npt.ArrayLike | None = None,
    *,
    duration: float = 1000.0,
    settle: float = 200.0,
    dt: float = 0.1,
    ax: Axes | None = None,
    **style: Any,
) -> Axes:
    """Draw the rate of a model against a constant current; all currents run at once, as one population.

    Parameters
    ----------
    model : NeuronModel
        The model, with its parameters.
    currents : array-like, [n], optional
        Currents, in the unit of the model's parameter (pA of I_e); by default 60 from 0 to three times the least that
        makes it fire.
    duration : float
        Time over which spikes are counted [ms].
    settle : float
        Time before that [ms].
    dt : float
        Time step of the simulation [ms].
    ax : Axes, optional
        Axes to draw on.
    **style
        For ``Axes.plot``.

    Returns
    -------
    Axes

    Raises
    ------
    ValueError
        If the model takes no current, or never fires and `currents` is not given.
    """
    where = "plot.fi_curve"
    _check(where, model)
    if model.current is None:
        fail(
            where, "model", type(model).__name__, "must have a parameter for currents, such as I_e"
        )
    step = _positive(where, "dt", dt)
    length = _positive(where, "duration", duration)
    skipped = float(number(where, "settle", settle, "ms"))
    require(where, "settle", np.asarray(skipped), ">= 0")
    unit = model.units()[model.current]
    if currents is None:
        given = np.linspace(0.0, 3.0 * _first_to_fire(where, model, step), 60)
    else:
        given = np.atleast_1d(numbers(where, "currents", currents, unit))
    rates = _rates(model, given, skipped, length, step)
    ax = axes(where, ax)
    ax.plot(given, rates, **styled("lines.Line2D", style, color=ink(), linewidth=1.5))
    ax.set_xlabel(f"{model.current} ({unit})" if unit else model.current)
    ax.set_ylabel("rate (Hz)")
    ax.set_ylim(bottom=0.0)
    return ax


def _rates(model: NeuronModel, currents: Float, settle: float, duration: float, dt: float) -> Float:
    assert model.current is not None
    net = Network(dt=dt, threads=1, dtype="float64", comm=None)
    neurons = net.population(len(currents), model.replace(**{model.current: currents}))
    spikes = net.record(neurons, "spikes")
    first, rest = (round(x / dt) * dt for x in (settle, duration))
    net.run(first + rest)
    return spikes.rates(first, first + rest)


def _first_to_fire(where: str, model: NeuronModel, dt: float) -> float:
    """Return about the least constant current that makes a model fire within 0.5 s."""
    rule = f"must be given: {type(model).__name__} does not fire up to 1e6"
    for power in range(-3, 6):  # decade by decade: far beyond its range a model may diverge
        tried = 10.0**power * np.logspace(0.05, 1.0, 20)
        fired = np.flatnonzero(_rates(model, tried, 0.0, 500.0, dt))
        if len(fired):
            break
    else:
        fail(where, "currents", None, rule)
    return float(tried[fired[0]])


def _events(
    where: str, model: NeuronModel, receptor: str | None, weight: float
) -> list[tuple[str, str | None, float]]:
    """Return the events to draw: label, name of the receptor, and weight."""
    if receptor is not None:
        known(where, "receptor", receptor, (*model.receptors, "excitatory", "inhibitory"), "a receptor of the model")  # fmt: skip
        return [(receptor, receptor, weight)]
    if not model.receptors:
        fail(where, "model", type(model).__name__, "must have a receptor")
    unit = model.weight_unit
    if model.by_sign:
        return [(f"{size:g} {unit}".rstrip(), None, size) for size in (weight, -weight)]
    if len(model.receptors) == 1:
        return [(model.receptors[0], None, weight)]
    return [(name, name, weight) for name in model.receptors]


def _check(where: str, model: Any) -> None:
    if not isinstance(model, NeuronModel):
        hint = "; call it, to give it parameters" if callable(model) else ""
        fail(where, "model", model, f"must be a neuron model, such as sl.LIF(){hint}", error=TypeError)  # fmt: skip
    if model.length not in (None, 1):
        rule = "must have one value of each parameter"
        fail(where, "model", model.length, rule, got="arrays of length")


def _positive(where: str, name: str, value: Any) -> float:
    found = number(where, name, value, "ms")
    require(where, name, found, "> 0")
    return float(found)
