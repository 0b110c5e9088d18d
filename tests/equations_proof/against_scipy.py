"""Random models in a network against scipy: each step from the state that the network has at its start.

DOP853 integrates the model's own meaning (`tests.support.random_equations`) over one step, for all steps and neurons at
once. Events, the threshold test and the reset follow in the order that the documentation gives. So errors do not add
up, a spike more or less does not end the comparison, and the error of a step shows the order of the method.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.integrate import solve_ivp
from tests.equations_proof.variants import VariedEquations
from tests.support.random_equations import RandomEquations

import spikelet as sl

Array = npt.NDArray[np.float64]

NEURONS = 6
DURATION = 30.0  # ms
ORDERS = {"exact": math.inf, "magnus4": 4, "rk4": 4, "rk2": 2, "heun": 2, "exponential_midpoint": 2, "exponential_euler": 1, "euler": 1}  # fmt: skip
ROUNDING = 3e-13  # of what is integrated exactly, in the size of the states


@dataclass
class Run:
    """What a network did: all states before and after each step, what arrived, and the spikes."""

    dt: float
    states: Array  # [steps + 1, states, neurons]
    events: dict[str, tuple[Array, Array]]  # sums of weights and of magnitudes, [steps, neurons]
    currents: Array  # [steps, neurons]
    spikes: npt.NDArray[np.bool_]  # [steps, neurons]


@dataclass
class Found:
    """Errors of a model with one method and step."""

    model: RandomEquations
    method: str
    error: float  # of a step, quadratic mean over steps and neurons, in the size of the states
    largest: float
    spikes: int
    held: int
    wrong: list[str] = field(default_factory=list)


def equations(model: RandomEquations, **options: Any) -> sl.Equations:
    """Return a random model as `sl.Equations`."""
    arguments = model.arguments() | options
    return sl.Equations(arguments.pop("text"), **arguments)


def schedule_of(model: RandomEquations) -> str:
    """Return the order of a step: every third model has Brian2's."""
    return "brian2" if model.seed % 3 == 0 else "nest"


def held_by(model: RandomEquations) -> tuple[str, ...]:
    """Return the states that stay while a neuron is refractory: with Brian2's order, the flagged ones only."""
    return getattr(model, "flagged", ()) if schedule_of(model) == "brian2" else model.held


def simulate(model: RandomEquations, method: str, dt: float, dtype: str = "float64") -> Run:
    """Run a network of some neurons with events at all receptors and currents, and note everything."""
    made = equations(model, method=method, schedule=schedule_of(model))
    assert method in ("auto", made.method)
    rng = np.random.default_rng(model.seed)
    steps, coarse = round(DURATION / dt), round(DURATION / 0.4)
    net = sl.Network(dt=dt, seed=1, threads=1, dtype=dtype)
    drive = model.parameters["I_e"] + rng.uniform(-0.3, 0.6, NEURONS)
    cells = net.population(NEURONS, made(I_e=drive, k=model.parameters["k"]))
    for name in model.states:
        setattr(cells, name, model.initial[name] + rng.uniform(-0.3, 0.1, NEURONS))
    initial = np.array([np.asarray(getattr(cells, name)) for name in model.states])
    events = {}
    for name in model.receptors:
        # The same times and weights at each dt, on the grid of 0.4 ms; some neurons get two events at once.
        at = np.sort(rng.integers(1, coarse - 1, 40))
        ids, weights = rng.integers(0, NEURONS, 40), np.round(rng.uniform(-0.5, 0.9, 40), 3)
        if model.receptors[name][2]:  # where magnitudes count, a named receptor takes no other
            weights = np.abs(weights)
        spikes = net.population(40, sl.SpikeSource(at * 0.4, np.arange(40), snap=True))
        net.connect(spikes, cells, (np.arange(40), ids), weight=weights, delay=dt, receptor=name)
        stored = np.asarray(weights, dtype=dtype).astype(float)
        sums = np.zeros((2, steps, NEURONS))
        stamp = np.rint(at * 0.4 / dt).astype(
            int
        )  # a spike at stamp s arrives at the end of step s: delay 1
        np.add.at(sums[0], (stamp, ids), stored)
        np.add.at(sums[1], (stamp, ids), np.abs(stored))
        events[name] = (sums[0], sums[1])
    currents = np.zeros((steps, NEURONS))
    if made.current is not None:
        pieces = np.round(rng.uniform(-0.4, 0.8, (coarse, NEURONS)), 3)
        pieces[rng.random(coarse) < 0.5] = 0.0
        currents = np.repeat(pieces, round(0.4 / dt), axis=0)[:steps]
        net.inject(cells, sl.CurrentInput(currents))
    recorders = [net.record(cells, name) for name in model.states]
    spikes = net.record(cells, "spikes")
    net.run(steps * dt)
    states = np.stack([np.asarray(r.values, dtype=float) for r in recorders], axis=1)
    raster = np.zeros((steps, NEURONS), dtype=bool)
    raster[np.rint(spikes.times / dt).astype(int) - 1, spikes.ids] = True
    run = Run(dt, np.concatenate([initial[None], states]), events, currents, raster)
    run.currents = currents + np.asarray(cells.I_e)
    return run


def held_in(model: RandomEquations, run: Run) -> npt.NDArray[np.bool_]:
    """Return where neurons are refractory: for ceil(period / dt) steps after that of a spike."""
    period = math.ceil(round(model.refractory / run.dt, 6)) if model.threshold else 0
    held = np.zeros_like(run.spikes)
    for k in range(1, period + 1):
        held[k:] |= run.spikes[:-k]
    return held


def integrated(model: RandomEquations, run: Run, held: npt.NDArray[np.bool_]) -> Array:
    """Return the states after the integration of each step, [steps, states, neurons], by DOP853."""
    steps, n = run.spikes.shape
    start = np.swapaxes(run.states[:-1], 0, 1).reshape(len(model.states), -1)  # [states, steps * n]
    began = np.repeat(np.arange(steps) * run.dt, n)
    result = np.empty_like(start)
    for mask, names in ((~held.ravel(), ()), (held.ravel(), held_by(model))):
        if not mask.any():
            continue
        values: Any = {**model.parameters, "I_e": run.currents.ravel()[mask]}
        meaning = dataclasses.replace(model, parameters=values)
        shape = start[:, mask].shape

        def rates(
            s: float,
            y: Array,
            meaning: Any = meaning,
            mask: Any = mask,
            names: Any = names,
            shape: Any = shape,
        ) -> Array:
            dy = meaning.derivative(began[mask] + s, y.reshape(shape), names)
            return np.asarray(np.broadcast_to(dy, shape)).ravel()

        solution = solve_ivp(
            rates, (0.0, run.dt), start[:, mask].ravel(), method="DOP853", rtol=1e-13, atol=1e-14
        )
        result[:, mask] = solution.y[:, -1].reshape(shape)
    return np.swapaxes(result.reshape(len(model.states), steps, n), 0, 1)


def check(
    model: RandomEquations,
    method: str,
    dt: float,
    dtype: str = "float64",
    *,
    meaning: RandomEquations | None = None,
) -> Found:
    """Run a model, follow each step with scipy, and return the errors; what is plainly wrong is listed.

    The network is compared with the model itself, or with another `meaning` of the same states.
    """
    run = simulate(model, method, dt, dtype)
    order = ORDERS[equations(model, method=method).method]
    model = model if meaning is None else meaning
    held = held_in(model, run)
    after = integrated(model, run, held)
    brian2 = schedule_of(model) == "brian2"
    steps, n = run.spikes.shape
    tested = reached = after.copy()
    for k in range(steps):
        for i in range(n):
            sums = {name: (a[k, i], b[k, i]) for name, (a, b) in run.events.items()}
            if any(b for _, b in sums.values()):
                if isinstance(model, VariedEquations):
                    free = not (held[k, i] or (brian2 and run.spikes[k, i]))
                    closed = model.flagged if brian2 else ()
                    after[k, :, i] = model.after_events(
                        after[k, :, i], sums, free=free, closed=closed
                    )
                else:
                    after[k, :, i] = model.after_events(after[k, :, i], sums)
    if not brian2:
        tested = after
    found = Found(model, method, 0.0, 0.0, int(run.spikes.sum()), int(held.sum()))
    beyond = np.zeros_like(run.spikes)  # also if an event takes it below again before the test
    if model.threshold is not None:
        state, limit = model.states.index(model.threshold[0]), model.threshold[1]
        beyond = reached[:, state] >= limit
        distance = np.where(held, -np.inf, tested[:, state] - limit)
        slack = 1e-11 if order == math.inf else 50 * dt ** (order + 1)
        slack = max(slack, 1e-5 if dtype == "float32" else 0.0)
        exceeded = model.exceeds(distance) if isinstance(model, VariedEquations) else distance >= 0
        odd = (run.spikes != exceeded) & ~(np.abs(distance) < slack)
        for k, i in np.argwhere(odd)[:3]:
            found.wrong.append(
                f"step {k}, neuron {i}: spike {run.spikes[k, i]}, {distance[k, i]:g} over the threshold"
            )
    for k, i in np.argwhere(run.spikes):
        after[k, :, i] = model.after_reset(after[k, :, i])
    size = 1.0 + np.abs(after).max(axis=(0, 2), keepdims=True)
    errors = np.abs(run.states[1:] - after) / size
    # Beyond its threshold, a neuron's stages are bounded: the equations hold up to there only.
    usual = errors[np.broadcast_to(~(run.spikes | beyond)[:, None], errors.shape)]
    found.error, found.largest = float(np.sqrt((usual**2).mean())), float(errors.max())
    if not np.isfinite(run.states).all():
        found.wrong.append("a state is not finite")
    return found


def judge(model: RandomEquations, method: str) -> list[str]:
    """Return what is wrong with a model and a method; nothing if all is well."""
    order = ORDERS[equations(model, method=method).method]
    if order == math.inf:
        found = check(model, method, 0.1)
        problems = list(found.wrong)
        if found.largest > 100 * ROUNDING:
            problems.append(f"exact, but off by {found.largest:g}")
        return problems
    coarse, fine = check(model, method, 0.2), check(model, method, 0.1)
    problems = coarse.wrong + fine.wrong
    if fine.largest > 0.5 * 0.1**2 * (1 if order > 1 else 3):
        problems.append(f"off by {fine.largest:g} in a step")
    if fine.error > 30 * ROUNDING:  # else rounding is all there is
        ratio = coarse.error / fine.error
        # The floor of rounding in the finer error lowers the ratio.
        if ratio < 0.75 * 2.0 ** (order + 1) and fine.error > 1e-11:
            problems.append(
                f"order: errors of a step {coarse.error:g} and {fine.error:g}, "
                f"ratio {ratio:.3g} instead of {2 ** (order + 1)}"
            )
    return problems


def judge_float32(model: RandomEquations) -> list[str]:
    """Return what is wrong in float32: beside the error of its method, a step has that of single precision."""
    double = check(model, "auto", 0.1)
    single = check(model, "auto", 0.1, "float32")
    problems = [f"float32: {text}" for text in single.wrong]
    if single.error > 2.0 * double.error + 3e-7:
        problems.append(f"float32: off by {single.error:g} in a step, float64 by {double.error:g}")
    return problems


def methods_of(model: RandomEquations) -> list[str]:
    """Return the methods that a model allows, as `sl.Equations` reports them."""
    allowed = []
    for method in ORDERS:
        try:
            made = equations(model, method=method)
        except ValueError:
            continue
        if made.method not in allowed:
            allowed.append(made.method)
    return allowed
