"""How each kind of input becomes the core's arrays.

To add a kind, write its description in `sources`, its function here, and a line in `_KINDS`. Handles, checkpoints and
ranks follow from the description's fields.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from spikelet._util.advice import only_about
from spikelet._util.checks import fail, fits, interval, largest_finite, representable, shown
from spikelet._util.values import by_position, same
from spikelet.network.base import NetworkBase
from spikelet.network.population import Population
from spikelet.network.receptors import receptor_number, receptor_unit, require_sign
from spikelet.neurons import NeuronModel
from spikelet.sources import (
    CurrentInput,
    InhomogeneousPoisson,
    NoiseInput,
    PoissonInput,
    PoissonSource,
    SineCurrent,
    StepCurrent,
)
from spikelet.sources.poisson import check_events
from spikelet.sources.rates import ChangingRate, change_steps
from spikelet.sources.window import window

Input = PoissonInput | CurrentInput | StepCurrent | SineCurrent | NoiseInput


class Key(NamedTuple):
    """The numbers by which the core identifies an input and its random streams.

    Parameters
    ----------
    number : int, optional
        Number of the input to replace or to restore; by default a new one.
    streams : list of int, optional
        Numbers of its random streams; by default those of the input that it replaces, or new ones. An empty list always
        takes new ones.
    """

    number: int | None = None
    streams: list[int] | None = None


class _Kind(NamedTuple):
    send: Callable[[str, NetworkBase, Population, Any, int, Key], int]
    series: tuple[str, ...] = ()
    """Parameters whose time counts from when they are set."""
    drawn: tuple[str, ...] = ()
    """Parameters whose change needs new random numbers, since the old ones would repeat."""


def kind_of(where: str, what: Any) -> _Kind:
    """Return what an input's kind needs, or raise TypeError."""
    kind = _KINDS.get(type(what))
    if kind is None:
        names = [each.__name__ for each in _KINDS]
        allowed = f"must be {', '.join(names[:-1])} or {names[-1]}"
        if isinstance(what, ChangingRate):
            allowed += "; as an input: PoissonInput(rate=..., weight=...)"
        elif isinstance(what, PoissonSource):
            allowed += f"; did you mean sl.PoissonInput(rate={shown(what.rate)}, weight=...)?"
        elif isinstance(what, (int, float)):
            allowed += f"; a constant current is a parameter, as in cells.I_e = {what}"
        fail(where, "what", what, allowed, error=TypeError)
    return kind


def restarts(what: Any, parameters: Iterable[str]) -> bool:
    """Return whether an input's time counts anew, from now on, when some parameters are set."""
    series = kind_of("input", what).series
    if isinstance(what, PoissonInput) and isinstance(what.rate, InhomogeneousPoisson):
        series = ("rate",)
    return not set(parameters).isdisjoint(series)


def described(where: str, target: Population, what: Any) -> Any:
    """Check that an input suits its target, and return its description in plain numbers."""
    kind_of(where, what)
    model = target.model
    if not isinstance(model, NeuronModel):
        fail(where, "target", target, "must be neurons")
    if isinstance(what, PoissonInput):  # now the unit of a quantity is known
        number = receptor_number(where, model, what.receptor)
        if type(what.weight) is np.ndarray:  # a quantity may be a kind of array
            require_sign(where, model, what.receptor, what.weight)
            return what
        with only_about():
            weight = what.weight_in(receptor_unit(model, number))
            require_sign(where, model, what.receptor, weight)
            return PoissonInput(what.rate, weight, what.receptor, what.start, what.stop)
    if model.current is None:
        kind = type(model).__name__
        rule = f'takes no current: no parameter of {kind} is one; name it, as in Equations(..., current="I_e")'
        fail(where, "target", kind, rule)
    return what


_IN_TIME = ("values", "times", "amplitudes", "rates")  # rows are times; columns, if any, neurons


def split_input(where: str, target: Population, what: Any) -> list[Any]:
    """Return an input for each part of its target, with the values of the part's neurons."""
    if len(target.parts) == 1:
        return [what]
    values = {}
    for f in dataclasses.fields(what):
        value = getattr(what, f.name)
        inner = dataclasses.is_dataclass(value)
        split = split_input(where, target, value) if inner else None
        values[f.name] = split or split_value(where, target, value, f.name)
    return [
        dataclasses.replace(what, **{name: each[k] for name, each in values.items()})
        for k in range(len(target.parts))
    ]


def split_value(where: str, target: Population, value: Any, name: str) -> list[Any]:
    """Return a parameter of an input for the neurons of each part of its target."""
    each = np.ndim(value) == 2 or (np.ndim(value) == 1 and name not in _IN_TIME)
    if not each or len(target.parts) == 1:
        return [value] * len(target.parts)
    if np.shape(value)[-1] != len(target):
        must = f"must have one value for each of the {len(target)} neurons"
        fail(where, name, np.shape(value), must, got="shape")
    return [by_position(value)[..., place] for place in target.places()]


def joined_input(inputs: Sequence[Any], target: Population) -> Any:
    """Return the input to a target, given those to its parts."""
    values = {}
    for f in dataclasses.fields(inputs[0]):
        each = [getattr(what, f.name) for what in inputs]
        if all(same(each[0], value) for value in each):
            continue
        if dataclasses.is_dataclass(each[0]):
            values[f.name] = joined_input(each, target)
            continue
        columns = []
        for part, value in zip(target.parts, map(np.asarray, each), strict=True):
            in_time = value.ndim == 2 or f.name in _IN_TIME
            rows = value[:, None] if in_time and value.ndim == 1 else value
            shape = (*rows.shape[:1], len(part)) if in_time else (len(part),)
            columns.append(np.broadcast_to(rows, shape))
        values[f.name] = np.concatenate(columns, axis=-1)
    with only_about():
        return dataclasses.replace(inputs[0], **values) if values else inputs[0]


def send(
    where: str, network: NetworkBase, target: Population, what: Any, start: int, key: Key
) -> int:
    """Add an input to the core, or replace one, and return its number.

    Parameters
    ----------
    where : str
        Names the call in errors.
    network : NetworkBase
        The network.
    target : Population
        Neurons, or a part of them.
    what : Input
        What `described` returned.
    start : int
        Step from which the input's time counts.
    key : Key
        Which input it is.
    """
    return kind_of(where, what).send(where, network, target, what, start, key)


def _elements(target: Population) -> npt.NDArray[np.uint32] | None:
    return None if target.whole else target.ids


def _poisson(
    where: str, network: NetworkBase, target: Population, what: PoissonInput, start: int, key: Key
) -> int:
    n, model = len(target), target.model
    weight = fits(where, "weight", what.weight, n)
    changes = isinstance(what.rate, ChangingRate)
    rate = what.rate.most(where, n) if changes else fits(where, "rate", what.rate, n)
    check_events(where, rate, network.dt)
    mean: Any = (float(rate[0]) if len(rate) == 1 else rate) * (network.dt * 1e-3)
    # Not one step in 1e30 brings more events than this.
    _in_range(where, "weight", weight, mean + 12 * mean**0.5 + 70, network)
    assert isinstance(model, NeuronModel)
    receptor = receptor_number(where, model, what.receptor)
    begin, end = window(where, what, network.dt, start)
    if changes:
        return network.engine.sim.inject_changing_poisson(
            target.index, _elements(target), what.rate.to_core(where, n, network.dt, start),
            weight, begin, key.number, key.streams, receptor, end,
        )  # fmt: skip
    each = what.rate.ndim == 1 and not (target.whole and n == 1)
    return network.engine.sim.inject_poisson(
        target.index,
        _elements(target),
        rate,
        each,
        weight,
        begin,
        key.number,
        key.streams,
        receptor,
        end,
    )


def _current(
    where: str, network: NetworkBase, target: Population, what: CurrentInput, start: int, key: Key
) -> int:
    n, values = len(target), what.values
    if values.ndim == 2 and values.shape[1] != n:
        fail(where, "values", values.shape, f"must be [steps] or [steps, {n}]", got="shape")
    representable(where, "values", values, network.dtype)
    return network.engine.sim.inject_current(
        target.index, _elements(target), values.astype(network.dtype).reshape(-1),
        1 if values.ndim == 1 else n, start, key.number, key.streams,
    )  # fmt: skip


def _steps(
    where: str, network: NetworkBase, target: Population, what: StepCurrent, start: int, key: Key
) -> int:
    n, values = len(target), what.amplitudes
    if values.ndim == 2 and values.shape[1] != n:
        rule = f"must be [steps] or [steps, {n}]"
        fail(where, "amplitudes", values.shape, rule, got="shape")
    representable(where, "amplitudes", values, network.dtype)
    starts = change_steps(where, what.times, network.dt, what.snap, start)
    return network.engine.sim.inject_step_current(
        target.index, _elements(target), starts, values.astype(network.dtype).reshape(-1),
        1 if values.ndim == 1 else n, key.number, key.streams,
    )  # fmt: skip


def _sine(
    where: str, network: NetworkBase, target: Population, what: SineCurrent, start: int, key: Key
) -> int:
    names = ("amplitude", "offset", "frequency", "phase")
    amplitude, offset, frequency, phase = (
        fits(where, name, getattr(what, name), len(target)) for name in names
    )
    _in_range(where, "amplitude", amplitude, 2.0, network)
    _in_range(where, "offset", offset, 2.0, network)
    begin, end = window(where, what, network.dt, start)
    return network.engine.sim.inject_sine_current(
        target.index, _elements(target), amplitude, offset, frequency, phase, begin,
        key.number, key.streams, end,
    )  # fmt: skip


def _noise(
    where: str, network: NetworkBase, target: Population, what: NoiseInput, start: int, key: Key
) -> int:
    n = len(target)
    every = interval(where, what.every, network.dt)
    mean, std = fits(where, "mean", what.mean, n), fits(where, "std", what.std, n)
    # A draw lies within 8.3 standard deviations.
    _in_range(where, "mean and std", np.maximum(np.abs(mean), std), 10.0, network)
    begin, end = window(where, what, network.dt, start)
    return network.engine.sim.inject_noise(
        target.index, _elements(target), mean, std, every, begin, key.number, key.streams, end
    )


def _in_range(
    where: str,
    argument: str,
    given: npt.NDArray[np.float64],
    times: float | npt.NDArray[np.float64],
    network: NetworkBase,
) -> None:
    """Check that `times` the given values, the most that a step adds, is finite in the network's precision."""
    most = largest_finite(network.dtype)
    if len(given) == 1 and isinstance(times, float) and abs(float(given[0])) <= most / times:
        return
    bad = np.abs(given) > most / times
    if bad.any():
        first = float(np.broadcast_to(given, bad.shape)[bad][0])
        rule = f"must not add more than {most:.2g}, the limit of {network.dtype}, in a step"
        fail(where, argument, first, rule)


_KINDS: dict[type, _Kind] = {
    PoissonInput: _Kind(_poisson),
    CurrentInput: _Kind(_current, series=("values",)),
    StepCurrent: _Kind(_steps, series=("times",)),
    SineCurrent: _Kind(_sine),
    NoiseInput: _Kind(_noise, drawn=("every",)),
}
