"""Drives: the handles of inputs."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Sequence
from typing import Any, NoReturn

import numpy as np

from spikelet._util.advice import only_about
from spikelet._util.snapshot import Snapshot
from spikelet._util.spelling import suggestion
from spikelet.network.base import NetworkBase
from spikelet.network.input_kinds import (
    Input,
    Key,
    described,
    joined_input,
    kind_of,
    restarts,
    send,
    split_value,
)
from spikelet.network.population import Population
from spikelet.network.turn import changing
from spikelet.sources.window import window

_ITEMS = (
    "items of an input's parameter cannot be set: assign a whole array, as in `drive.rate = values`"
)


class Drive:
    """An input of a network. Made by `Network.inject`.

    The parameters of the input (``rate``, ``weight``, ``values``, ``mean``, ``std``, ``every``) are attributes. They can
    be read at any time and set between runs, with the checks of the input's constructor. An error changes nothing.
    Items of arrays cannot be set: assign a whole array. ``drive.rate *= 2`` is such an assignment.

    An input to a union (``E + I``) has a part for each of its parts, and parameters for all of its neurons.

    Attributes
    ----------
    network : Network
        The network.
    target : Population
        The neurons, or the part of them, that the input acts on.
    number : int
        The core's number of the input, in order of creation; -1 for a union, whose parts have numbers.
    """

    network: NetworkBase
    target: Population
    number: int
    _state: list[Any]  # the description, and the step from which its time counts
    _parts: tuple[Drive, ...]

    def __init__(
        self,
        network: NetworkBase,
        target: Population,
        number: int,
        what: Any,
        start: int,
        parts: Sequence[Drive] = (),
    ) -> None:
        vars(self).update(  # __setattr__ sets parameters
            network=network, target=target, number=number, _state=[what, start], _parts=tuple(parts)
        )

    @property
    def parts(self) -> tuple[Drive, ...]:
        """The inputs to the parts of a union; otherwise, the input itself."""
        return self._parts or (self,)

    @property
    def input(self) -> Input:
        """The description of the input, with its parameters as they are now."""
        inputs: list[Input] = [part._state[0] for part in self.parts]
        return joined_input(inputs, self.target) if self._parts else inputs[0]

    @property
    def start(self) -> float:
        """Time [ms] at which the input starts: row 0 of a current drives the step that begins then.

        It can be set for inputs that have a `start`.
        """
        return float(self.network.engine.ms(np.array(self.start_step)))

    @property
    def start_step(self) -> int:
        """`start` in steps."""
        since = self.since_step
        if getattr(self.input, "start", None) is None:
            return since
        return window("input", self.input, self.network.dt, since).start

    @property
    def since_step(self) -> int:
        """Step at which the input was injected, or its series set: before that, it never acts."""
        return int(self.parts[0]._state[1])

    @property
    def removed(self) -> bool:
        """Whether the input was removed."""
        inputs = self.network.engine.inputs
        return all(inputs.get(part.number) is not part for part in self.parts)

    @changing
    def set(self, **parameters: Any) -> None:
        """Set several parameters at once, between runs.

        New `values` of a current start now. Random numbers are kept: events come at the same times with new weights, noise
        has the same shape with a new deviation. Only a new `every` draws new noise.

        Parameters
        ----------
        **parameters
            Values by name: numbers, or arrays with one for each neuron of the target.

        Raises
        ------
        ValueError
            If a value is out of range or of the wrong shape, or the input was removed.
        AttributeError
            If the input has no parameter of that name.
        """
        where = f"input to {self.target.name}"
        for name in parameters:
            if name not in self._names():
                self._refuse(name)
        if any(part.removed for part in self.parts):
            msg = f"{where}: it was removed and cannot be set; add it again with net.inject(...)"
            raise ValueError(msg)
        split = {name: split_value(where, self.target, x, name) for name, x in parameters.items()}
        given = []
        for k, part in enumerate(self.parts):
            mine = {name: each[k] for name, each in split.items()}
            with only_about(*parameters):
                given.append(described(where, part.target, dataclasses.replace(part.input, **mine)))
        for part, new in zip(self.parts, given, strict=True):  # after all checks
            part._send(where, new, parameters)

    def _send(self, where: str, new: Input, parameters: Collection[str]) -> None:
        """Replace the core's input."""
        kind, old = kind_of(where, new), self.input
        start = self.network.engine.step if restarts(new, parameters) else self.since_step
        other = any(not np.array_equal(getattr(old, p), getattr(new, p)) for p in kind.drawn)
        key = Key(self.number, [] if other else None)
        send(where, self.network, self.target, new, start, key)
        self._state[:] = new, start

    @changing
    def remove(self) -> None:
        """Remove the input, from now on. The others keep their random numbers. Removing it again does nothing."""
        for part in self.parts:
            if not part.removed:
                self.network.engine.sim.remove_input(part.number)
                del self.network.engine.inputs[part.number]

    def _names(self) -> tuple[str, ...]:
        return tuple(f.name for f in dataclasses.fields(self.input))

    def _refuse(self, name: str) -> NoReturn:
        kind, names = type(self.input).__name__, self._names()
        near = suggestion(name, names)
        msg = f"input to {self.target.name} ({kind}) has no {name!r}{near} (there are: {', '.join(names)})"
        raise AttributeError(msg, name=name, obj=self)

    def __getattr__(self, name: str) -> Any:
        """Look up a parameter."""
        if name.startswith("_"):
            raise AttributeError(name)
        if name not in self._names():
            self._refuse(name)
        value = getattr(self.input, name)
        if not isinstance(value, np.ndarray):
            return value
        return Snapshot(value, _ITEMS) if value.ndim else float(value)

    def __setattr__(self, name: str, value: Any) -> None:
        """Set a parameter."""
        known = hasattr(type(self), name) or name in type(self).__annotations__
        if known and name not in self._names():
            msg = f"input to {self.target.name}: {name} cannot be set: inject another input"
            raise AttributeError(msg, name=name, obj=self)
        self.set(**{name: value})

    def __delattr__(self, name: str) -> NoReturn:
        """Refuse: an input keeps its parameters."""
        msg = f"input to {self.target.name}: {name} cannot be deleted; remove() removes the input"
        raise AttributeError(msg, name=name, obj=self)

    def __reduce__(self) -> NoReturn:
        msg = "a Drive is part of its network and cannot be copied or pickled; save the network"
        raise TypeError(msg)

    def __repr__(self) -> str:
        part = f" of {self.target.size}" if len(self.target) < self.target.size else ""
        stop = getattr(self.input, "stop", None)
        until = " ms on" if stop is None else f" to {stop:g} ms"
        state = "removed" if self.removed else f"from {self.start:g}{until}"
        kind = type(self.input).__name__
        return f"Drive({kind} to {self.target.name}: {len(self.target)}{part} neurons, {state})"
