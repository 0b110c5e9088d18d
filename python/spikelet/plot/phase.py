"""The phase plane of a neuron model from text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from spikelet._util.checks import fail, known, number, numbers, require
from spikelet.network.network import Network
from spikelet.neurons import Equations
from spikelet.neurons.equations.equations_model import EquationsModel
from spikelet.plot.figures import BLUE, GRAY, RED, axes, ink, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Float = npt.NDArray[np.float64]

_GRID = 300  # points along an axis, for the nullclines


def phase_plane(
    model: EquationsModel | Equations,
    x: str | None = None,
    y: str | None = None,
    *,
    xlim: tuple[float, float] | None = None,
    ylim: tuple[float, float] | None = None,
    duration: float = 200.0,
    dt: float = 0.1,
    ax: Axes | None = None,
    **style: Any,
) -> Axes:
    """Draw two states of a model from text against each other: nullclines, vector field and a simulated trajectory.

    On a nullcline its state does not change; where both cross, neither does. All other states stay at their
    initial values in the nullclines and in the field, but not in the trajectory. A spike interrupts the trajectory's
    line, and a dot marks its start.

    Parameters
    ----------
    model : EquationsModel or Equations
        A model such as ``sl.AdEx(I_e=700.0)``, or one made by `Equations`.
    x, y : str, optional
        The states; by default the first two.
    xlim, ylim : (float, float), optional
        What to show; by default what the trajectory visits, with a margin.
    duration : float
        Length of the trajectory [ms]; 0 draws none.
    dt : float
        Time step of the simulation [ms].
    ax : Axes, optional
        Axes to draw on.
    **style
        For ``Axes.plot`` of the trajectory.

    Returns
    -------
    Axes
    """
    where = "plot.phase_plane"
    if isinstance(model, Equations):
        model = model()
    if not isinstance(model, EquationsModel):
        rule = "must be a model from text: Equations(...), or one such as sl.AdEx()"
        fail(where, "model", model, rule, error=TypeError)
    if model.length not in (None, 1):
        fail(where, "model", model.length, "must have one value of each parameter", got="arrays of length")  # fmt: skip
    if len(model.states) < 2:
        fail(where, "model", model.states, "must have two states", got="states")
    first, second = model.states[0] if x is None else x, model.states[1] if y is None else y
    for name, value in (("x", first), ("y", second)):
        known(where, name, value, model.states, "a state of the model")
    if first == second:
        fail(where, "y", second, "must be another state than x")
    step, length = (number(where, n, v, "ms") for n, v in (("dt", dt), ("duration", duration)))
    require(where, "dt", step, "> 0")
    require(where, "duration", length, ">= 0")
    path, start = _trajectory(model, (first, second), float(length), float(step))
    wide = _limits(where, "xlim", xlim, path[:, 0])
    high = _limits(where, "ylim", ylim, path[:, 1])

    ax = axes(where, ax)
    grid = np.meshgrid(np.linspace(*wide, _GRID), np.linspace(*high, _GRID))
    field = model.derivatives({**start, first: grid[0], second: grid[1]})
    u, v = (np.broadcast_to(field[name], grid[0].shape) for name in (first, second))
    coarse = slice(None, None, 6)
    with np.errstate(all="ignore"):
        ax.streamplot(
            grid[0][0, coarse], grid[1][coarse, 0], u[coarse, coarse], v[coarse, coarse],
            color=GRAY, linewidth=0.5, arrowsize=0.7, density=1.1, zorder=1,
        )  # fmt: skip
    for name, rate, shade in ((first, u, BLUE), (second, v, RED)):
        if np.nanmin(rate) < 0 < np.nanmax(rate):
            ax.contour(*grid, rate, levels=[0.0], colors=[shade], linewidths=1.5)
        ax.plot([], [], color=shade, linewidth=1.5, label=f"d{name}/dt = 0")
    if length > 0:
        own = styled("lines.Line2D", style, color=ink(), linewidth=1.2, label="trajectory")
        ax.plot(path[:, 0], path[:, 1], **own)
        ax.plot(*path[0], "o", color=ink(), markersize=5)
    units = model.equations.units
    ax.set(xlim=wide, ylim=high, xlabel=_label(first, units), ylabel=_label(second, units))
    ax.legend(frameon=True, framealpha=0.85, fontsize="small")
    return ax


def _trajectory(
    model: EquationsModel, names: tuple[str, str], duration: float, dt: float
) -> tuple[Float, dict[str, float]]:
    """Return the values of two states, [samples, 2], NaN after a spike, and the initial values of all."""
    net = Network(dt=dt, threads=1, dtype="float64", comm=None)
    neuron = net.population(1, model)
    start = {name: float(np.asarray(getattr(neuron, name))[0]) for name in model.states}
    recorders = [net.record(neuron, name) for name in names]
    spikes = net.record(neuron, "spikes")
    net.run(round(duration / dt) * dt)
    first = [[start[name] for name in names]]
    path = np.stack([recorder.values[:, 0] for recorder in recorders], axis=1).astype(np.float64)
    path = np.concatenate([first, path])
    after = 1 + np.searchsorted(recorders[0].times, spikes.times - dt / 2)  # the reset is a jump
    return np.insert(path, after, np.nan, axis=0), start


def _limits(where: str, name: str, given: Any, visited: Float) -> tuple[float, float]:
    if given is not None:
        found = numbers(where, name, given)
        if found.shape != (2,) or not found[0] < found[1] or not np.isfinite(found).all():
            fail(where, name, given, "must be (low, high)")
        return float(found[0]), float(found[1])
    low, high = float(np.nanmin(visited)), float(np.nanmax(visited))
    margin = 0.15 * (high - low) or max(1.0, 0.1 * abs(low))
    return low - margin, high + margin


def _label(name: str, units: dict[str, str]) -> str:
    return f"{name} ({units[name]})" if units.get(name) else name
