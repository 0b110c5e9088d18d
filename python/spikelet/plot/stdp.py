"""The window of a plasticity rule, measured with pairs of spikes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from spikelet._util.checks import fail, number, numbers, require
from spikelet.network.network import Network
from spikelet.network.synapse_equations import SynapseEquations, rule_of
from spikelet.neurons import LIFDelta
from spikelet.plasticity import Plasticity, RewardSTDP
from spikelet.plot.figures import GRAY, axes, ink, styled
from spikelet.rules import OneToOne
from spikelet.sources import SpikeSource

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Float = npt.NDArray[np.float64]


def stdp_window(
    rule: Plasticity | SynapseEquations,
    lags: npt.ArrayLike | None = None,
    *,
    weight: float | None = None,
    delay: float | None = None,
    dt: float = 0.1,
    ax: Axes | None = None,
    **style: Any,
) -> Axes:
    """Draw by how much one pair of spikes changes a weight, against the time from the source's to the target's spike.

    One simulation has a separate synapse for each lag, so the engine computes the window, for any rule including your
    own. With `RewardSTDP` a reward follows the pair, such that the change equals the eligibility that the pair left.

    Parameters
    ----------
    rule : Plasticity or SynapseEquations
        The rule, such as ``sl.STDP()``.
    lags : array-like, optional
        Times of the target's spike minus the source's [ms], multiples of dt; by default -100 to 100 in steps of 1.
    weight : float, optional
        Weight before the pair; by default in the middle of the rule's bounds, or 1.
    delay : float, optional
        Delay of the synapse [ms], which shifts the window; by default dt.
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
        If no weight changes, as with `TsodyksMarkram`, which has no window.
    """
    where = "plot.stdp_window"
    rule = rule_of(rule)
    if not isinstance(rule, Plasticity):
        fail(where, "rule", rule, "must be a plasticity rule, such as sl.STDP()", error=TypeError)
    found = np.arange(-100.0, 101.0) if lags is None else numbers(where, "lags", lags, "ms")
    found = np.unique(np.atleast_1d(found))
    if not found.size:
        fail(where, "lags", lags, "must have a time")
    require(where, "lags", found, "finite")
    step = float(number(where, "dt", dt, "ms"))
    require(where, "dt", np.asarray(step), "> 0")
    off = np.abs(np.rint(found / step) * step - found) > 1e-6 * step
    if off.any():
        fail(where, "lags", float(found[off][0]), f"must be multiples of dt = {step:g} ms")
    before = _start(rule) if weight is None else float(number(where, "weight", weight))
    after = _pairs(rule, found, before, step if delay is None else delay, step)
    if not (after != before).any():
        kind = type(rule).__name__
        fail(where, "rule", kind, "must change the weight by one pair of spikes at some lag")
    ax = axes(where, ax)
    label = style.pop("label", None)
    style = styled("lines.Line2D", style, color=ink(), linewidth=1.5)
    change = after - before
    for part, own in ((found < 0, None), (found > 0, label)):  # a window may jump at 0
        ax.plot(found[part], change[part], label=own, **style)
    if (found == 0).any():
        ax.plot([0.0], change[found == 0], **{**style, "marker": "o", "markersize": 4, "linestyle": ""})  # fmt: skip
    ax.axhline(0.0, color=GRAY, linewidth=0.8)
    ax.axvline(0.0, color=GRAY, linewidth=0.8)
    ax.set_xlabel("spike of the target after that of the source (ms)")
    ax.set_ylabel("change of the weight")
    return ax


def _start(rule: Plasticity) -> float:
    low, high = rule.bounds
    if np.isfinite(low) and np.isfinite(high):
        return (low + high) / 2 or high / 2
    if np.isfinite(low):
        return low + 1.0
    return high - 1.0 if np.isfinite(high) else 1.0


def _pairs(rule: Plasticity, lags: Float, weight: float, delay: Any, dt: float) -> Float:
    """Return the weights after one pair of spikes at each lag.

    A target spikes only when its driver does: its threshold is out of reach of the synapse under test.
    """
    n = len(lags)
    last = float(np.abs(lags).max(initial=0.0)) + 10 * dt  # all pairs end together
    reach = 1e6 * max(1.0, abs(weight))
    net = Network(dt=dt, threads=1, dtype="float64", comm=None)
    sources = net.population(n, _once(last - np.maximum(lags, 0.0)))
    drivers = net.population(n, _once(last + np.minimum(lags, 0.0) - dt))
    targets = net.population(n, LIFDelta(E_L=0.0, V_reset=0.0, V_th=reach, t_ref=dt))
    net.connect(drivers, targets, OneToOne(), weight=2 * reach, delay=dt)
    tested = net.connect(sources, targets, OneToOne(), weight=weight, delay=delay, plasticity=rule)
    net.run(round((last + float(tested.delays.max())) / dt + 2) * dt)
    if isinstance(rule, RewardSTDP):
        # What the reward adds up to while the eligibility decays is 1, so the change is the eligibility.
        tested.reward = rule.b + 1 / rule.tau_c + (1 / rule.tau_n if rule.tau_n else 0.0)
        net.run(round(8 * rule.tau_c / dt) * dt)
    return np.array(tested.weights, np.float64)


def _once(times: Float) -> SpikeSource:
    """Return sources that spike once each, at given times."""
    order = np.argsort(times, kind="stable")
    return SpikeSource(times[order], order, snap=True)
