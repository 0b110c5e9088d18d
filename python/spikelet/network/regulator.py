"""Regulators: the handles of regulations."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any, NoReturn

from spikelet._util.advice import only_about
from spikelet._util.checks import interval
from spikelet._util.spelling import suggestion
from spikelet.network.base import NetworkBase
from spikelet.network.projection import Projection, warn_if_beyond
from spikelet.network.turn import changing
from spikelet.regulation import Regulation, WeightNormalization


class Regulator:
    """A regulation of a network. Made by `Network.regulate`.

    The parameters of the regulation (``total``, ``rate``, ``strength``, ``every``) are attributes. They can be read at any
    time and set between runs, with the checks of the regulation's constructor. An error changes nothing. It unpacks to
    ``projection, regulation``.

    Attributes
    ----------
    network : Network
        The network.
    projection : Projection
        The projection whose weights are regulated.
    """

    network: NetworkBase
    projection: Projection

    def __init__(self, network: NetworkBase, projection: Projection, how: Regulation) -> None:
        vars(self).update(network=network, projection=projection, _how=how)  # see __setattr__

    @property
    def regulation(self) -> Regulation:
        """The description of the regulation, with its parameters as they are now."""
        return self._how  # type: ignore[no-any-return]  # set through __setattr__

    @property
    def removed(self) -> bool:
        """Whether the regulation was removed."""
        return self._number() is None

    @changing
    def set(self, **parameters: Any) -> None:
        """Set several parameters at once, between runs. A new `every` begins a new interval.

        Parameters
        ----------
        **parameters
            Values by name.

        Raises
        ------
        ValueError
            If a value is out of range, or the regulation was removed.
        AttributeError
            If the regulation has no parameter of that name.
        """
        for name in parameters:
            if name not in self._names():
                self._refuse(name)
        number = self._number()
        if number is None:
            msg = f"{self._where()}: it was removed and cannot be set; add it again with net.regulate(...)"
            raise ValueError(msg)
        with only_about(*parameters):
            how = dataclasses.replace(self.regulation, **parameters)  # type: ignore[type-var]  # they all are dataclasses
        every = interval_steps(how, self.network)
        if "total" in parameters:
            warn_of(self.projection, how)
        self.network.engine.sim.set_regulation(number, self.projection.index, every, how.to_core())
        vars(self)["_how"] = how

    @changing
    def remove(self) -> None:
        """Remove the regulation: weights stay as they are. Removing it again does nothing."""
        number = self._number()
        if number is not None:
            self.network.engine.sim.remove_regulation(number)
            del self.network.engine.regulations[number]

    def _number(self) -> int | None:
        """Return the core's number, which is smaller once an earlier regulation was removed."""
        all_of_them = self.network.engine.regulations
        return next((k for k, one in enumerate(all_of_them) if one is self), None)

    def _where(self) -> str:
        ends = f"{self.projection.pre.name} -> {self.projection.post.name}"
        return f"regulation of {ends} ({type(self.regulation).__name__})"

    def _names(self) -> tuple[str, ...]:
        return tuple(f.name for f in dataclasses.fields(self.regulation))  # type: ignore[arg-type]  # as above

    def _refuse(self, name: str) -> NoReturn:
        names = self._names()
        msg = f"{self._where()} has no {name!r}{suggestion(name, names)} (there are: {', '.join(names)})"
        raise AttributeError(msg, name=name, obj=self)

    def __iter__(self) -> Iterator[Any]:
        """Return the projection and the regulation."""
        return iter((self.projection, self.regulation))

    def __getitem__(self, k: int) -> Any:
        """Return the projection, for 0, or the regulation, for 1."""
        return (self.projection, self.regulation)[k]

    def __getattr__(self, name: str) -> Any:
        """Look up a parameter."""
        if name.startswith("_"):
            raise AttributeError(name)
        if name not in self._names():
            self._refuse(name)
        return getattr(self.regulation, name)

    def __setattr__(self, name: str, value: Any) -> None:
        """Set a parameter."""
        if hasattr(type(self), name) or name in type(self).__annotations__:
            msg = f"{self._where()}: {name} cannot be set: add another regulation"
            raise AttributeError(msg, name=name, obj=self)
        self.set(**{name: value})

    def __delattr__(self, name: str) -> NoReturn:
        """Refuse: a regulation keeps its parameters."""
        msg = f"{self._where()}: {name} cannot be deleted; remove() removes the regulation"
        raise AttributeError(msg, name=name, obj=self)

    def __reduce__(self) -> NoReturn:
        msg = "a Regulator is part of its network and cannot be copied or pickled; save the network"
        raise TypeError(msg)

    def __repr__(self) -> str:
        ends = f"{self.projection.pre.name} -> {self.projection.post.name}"
        state = "removed" if self.removed else repr(self.regulation)
        return f"Regulator({ends}, {state})"


def interval_steps(how: Regulation, network: NetworkBase) -> int:
    """Return the interval of a regulation [steps], after a check."""
    return interval(f"regulate {type(how).__name__}", how.every, network.dt)


def warn_of(projection: Projection, how: Regulation) -> None:
    """Warn of a sum of weights that the bounds of the plasticity do not allow."""
    if isinstance(how, WeightNormalization):
        warn_if_beyond(projection, how.total)
