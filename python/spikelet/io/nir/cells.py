"""Nodes with a state: neurons, whose step is a linear map between spikes, and delays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from spikelet import _core
from spikelet._util.advice import advise
from spikelet._util.checks import fail
from spikelet.io.nir.fields import MAX_VALUES
from spikelet.io.nir.flat import FlatNode

__all__ = ["Cell", "Coefficients", "Delayed", "Mode", "coefficients", "delay_steps"]

Mode = Literal["exact", "euler"]
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Coefficients:
    """A step of a population: ``v = leak v + pull i + gain x + drive``, then ``i = syn_decay i + syn_gain x``.

    Arrays have the shape of the population. Without a synapse the last three are None, without spikes the threshold.
    """

    leak: Floats
    gain: Floats
    drive: Floats
    pull: Floats | None = None
    syn_decay: Floats | None = None
    syn_gain: Floats | None = None
    threshold: Floats | None = None
    v_reset: Floats | None = None


def coefficients(where: str, node: FlatNode, dt: float, mode: Mode) -> Coefficients:
    r"""Return the step of a neuron for an input that is constant over the step.

    Exact: for ``tau v' = v_leak - v + r x`` the solution
    :math:`v(dt) = e^{-dt/\tau} v + (1 - e^{-dt/\tau}) (v_{leak} + r x)`, and for the current-based neurons that of both
    equations, which has a limit at ``tau_syn = tau_mem``. Euler: the synaptic current is stepped first, and the potential
    with the new current, as snnTorch, Norse and SpikingJelly do.

    Warns
    -----
    UserWarning
        If the step of Euler's method is so long that the neuron oscillates without limit.
    """
    p = {name: np.broadcast_to(value, node.takes) for name, value in node.values.items()}
    fires = {"threshold": p.get("v_threshold"), "v_reset": p.get("v_reset")}
    r = p["r"]
    if node.kind in ("I", "IF"):
        return Coefficients(np.ones(node.takes), r * dt, np.zeros(node.takes), **fires)
    taus = ("tau",) if "tau" in p else ("tau_mem", "tau_syn")
    if mode == "euler":
        for name in taus:
            if not (dt < 2 * p[name]).all():
                problem = f"is not below 2 {name} = {2 * float(p[name].min()):g}, so Euler's method oscillates without limit"
                node_name = f"{where}: node '{node.name}' ({node.kind})"
                advise(node_name, "dt", dt, problem, f"are dt and {name} in one unit?")
    a = dt / p[taus[0]]
    leak, reached = (1 - a, a) if mode == "euler" else (np.exp(-a), -np.expm1(-a))
    drive = p["v_leak"] * reached
    if len(taus) == 1:
        return Coefficients(leak, r * reached, drive, **fires)
    b = dt / p["tau_syn"]
    if mode == "euler":
        decay, gain = 1 - b, b * p["w_in"]
        pull, direct = a * r * decay, a * r * gain
    else:
        from scipy.special import exprel  # noqa: PLC0415

        decay, gain = np.exp(-b), -np.expm1(-b) * p["w_in"]
        across = a * np.exp(-np.minimum(a, b)) * exprel(-np.abs(a - b))
        pull, direct = r * across, r * p["w_in"] * (reached - across)
    return Coefficients(leak, direct, drive, pull, decay, gain, **fires)


class Cell:
    """A population of neurons on its way through time, and its state.

    Parameters
    ----------
    step : Coefficients
    subtract : bool
        Subtract the threshold at a spike, instead of setting the potential to `v_reset`.
    """

    def __init__(
        self, step: Coefficients, samples: int, dtype: np.dtype[Any], *, height: float, subtract: bool, threads: int
    ) -> None:  # fmt: skip
        given = [
            step.leak, step.gain, step.drive, step.pull, step.syn_decay, step.syn_gain, step.threshold,
            None if subtract else step.v_reset,
        ]  # fmt: skip
        self._step = [
            None if c is None else np.ascontiguousarray(c, dtype).reshape(-1) for c in given
        ]
        self._height, self._threads = height, threads
        size = samples * step.leak.size
        self.v = np.zeros(size, dtype)
        self.i = None if step.syn_decay is None else np.zeros(size, dtype)

    def run(
        self, x: NDArray[Any], v: NDArray[Any] | None = None, i: NDArray[Any] | None = None
    ) -> NDArray[Any]:
        """Return the output for x [T, ...], and write potentials and currents if they are wanted."""
        out = np.empty_like(x, order="C")
        _core.linear_forward(
            self._step, self._height, np.ascontiguousarray(x), len(x), self.v, self.i, out, v, i, self._threads
        )  # fmt: skip
        return out


def delay_steps(where: str, node: FlatNode, dt: float) -> NDArray[np.int64]:
    """Return the delays of a `Delay` in steps, rounded to the nearest (a half to the even one)."""
    steps = np.rint(np.broadcast_to(node.values["delay"], node.takes) / dt).reshape(-1)
    if steps.size and float(steps.max()) * steps.size > MAX_VALUES:
        rule = f"must be at most {MAX_VALUES // steps.size} steps of dt = {dt:g} (are both in one unit?)"
        fail(
            f"{where}: node '{node.name}' (Delay)", "delay", float(node.values["delay"].max()), rule
        )
    return steps.astype(np.int64)


class Delayed:
    """Values on their way through a `Delay`; before the first step there were zeros."""

    def __init__(self, steps: NDArray[np.int64], samples: int, dtype: np.dtype[Any]) -> None:
        self._steps = steps
        self._kinds = [(int(d), np.flatnonzero(steps == d)) for d in np.unique(steps)]
        self._longest = int(steps.max(initial=0))
        self._ring = np.zeros((self._longest, samples, steps.size), dtype)
        self._head = 0  # of the oldest values

    @property
    def past(self) -> NDArray[Any]:
        """Values [steps, samples, elements] from the oldest to the newest."""
        return np.roll(self._ring, -self._head, 0)

    @past.setter
    def past(self, values: NDArray[Any]) -> None:
        self._ring, self._head = values, 0

    def run(self, x: NDArray[Any]) -> NDArray[Any]:
        """Return the output for x [T, samples, elements]."""
        line = np.concatenate([self.past, x])
        self.past = line[len(x) :].copy()
        if len(self._kinds) == 1:
            return np.ascontiguousarray(line[: len(x)])
        out = np.empty_like(x)
        for d, which in self._kinds:
            begin = self._longest - d
            out[:, :, which] = line[begin : begin + len(x), :, which]
        return out

    def output(self) -> NDArray[Any]:
        """Return the output [samples, elements] of the coming step, whose input it does not need: no delay is 0."""
        rows = (self._head - self._steps) % self._longest
        return np.ascontiguousarray(self._ring[rows, :, np.arange(self._steps.size)].T)

    def push(self, x: NDArray[Any]) -> None:
        """Take the input [samples, elements] of a step after its output."""
        self._ring[self._head] = x
        self._head = (self._head + 1) % self._longest
