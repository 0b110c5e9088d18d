"""Candidates: many sets of parameters at once, and what they answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from spikelet._util.checks import Float, fail
from spikelet.fitting.ranges import Space
from spikelet.fitting.recording import Recording, Responses
from spikelet.network.network import Network
from spikelet.network.recorders import SpikeRecorder, StateRecorder
from spikelet.network.run_all import run_all
from spikelet.neurons import Equations, NeuronModel
from spikelet.sources.currents import CurrentInput
from spikelet.spikes.spikes import Spikes

_SAMPLES = 2**24  # of V_m at once: 128 MB
_NETWORKS = 256  # at once


class Candidates(Protocol):
    """Interface of the models or networks that a fit compares."""

    @property
    def most(self) -> int:
        """Number of candidates that run at once."""

    def built(self, x: Float) -> Any:
        """Return the model or the network at a place, [dimensions]."""

    def run(self, x: Float) -> Responses:
        """Return the responses at places, [candidates, dimensions]."""


def candidates_of(
    where: str, model: Any, space: Space, recording: Recording, threads: int | None, seed: int
) -> Candidates:
    """Return the candidates of a model, or of a function that builds networks.

    Parameters
    ----------
    where : str
        The function, for messages.
    model : NeuronModel, Equations or callable
    space : Space
        What varies.
    recording : Recording
        What is to be fitted.
    threads, seed : int
        Of the networks that are made here.
    """
    if isinstance(model, Equations):
        model = model()
    if isinstance(model, NeuronModel):
        return _Neurons(where, model, space, recording, threads, seed)
    if not callable(model):
        rule = "must be a neuron model, Equations or a function that returns a network and its recorders"
        fail(where, "model", model, rule, error=TypeError)
    own = [name for name, one in space.ranges.items() if not one.shared]
    if own:
        fail(where, f'vary["{own[0]}"]', False, "must be shared in a network", got="shared =")
    return _Networks(where, model, space, recording, threads)


@dataclass(frozen=True)
class _Neurons:
    """Neurons of one population, one for each sweep and candidate; all candidates of a sweep share its current."""

    where: str
    model: NeuronModel
    space: Space
    recording: Recording
    threads: int | None
    seed: int

    def __post_init__(self) -> None:
        if self.recording.current is None:
            fail(
                self.where,
                "data",
                None,
                "must have the current that was injected [pA]",
                got="current",
            )
        if self.model.current is None:
            rule = 'must take a current: name a parameter, as in Equations(..., current="I_e")'
            fail(self.where, "model", self.model, rule)
        for name in self.model.parameters():
            value = getattr(self.model, name)
            if np.ndim(value) and name not in self.space.ranges:
                fail(self.where, f"{name} of the model", value, "must be one number, or vary")
        if self.recording.V_m is not None and "V_m" not in self.model.states:
            fail(
                self.where,
                "model",
                self.model.states,
                "must have the state V_m, as the data has",
                got="states",
            )
        for corner in (0.0, 1.0):
            self.built(np.full(len(self.space), corner))

    @property
    def most(self) -> int:
        return max(1, int(_SAMPLES // self.recording.current.size))

    def built(self, x: Float) -> NeuronModel:
        values = self.space.values(x[None])
        return self.model.replace(
            **{name: v[0] if v.ndim > 1 else float(v[0]) for name, v in values.items()}
        )

    def run(self, x: Float) -> Responses:
        recording, n = self.recording, len(x)
        rows, sweeps = recording.current.shape
        # All candidates of a sweep are neighbours, [sweeps, candidates].
        values = {
            name: v.T.reshape(-1) if v.ndim > 1 else np.tile(v, sweeps)
            for name, v in self.space.values(x).items()
        }
        net = Network(dt=recording.dt, seed=self.seed, threads=self.threads, dtype="float64")
        cells = net.population(sweeps * n, self.model.replace(**values))
        for k in range(sweeps):
            net.inject(cells[k * n : (k + 1) * n], CurrentInput(recording.current[:, k]))
        spikes = net.record(cells, "spikes")
        V_m = None if recording.V_m is None else net.record(cells, "V_m")
        net.run(rows * recording.dt)
        found = spikes.spikes
        shaped = Spikes(found.times, found.ids, shape=(sweeps, n), stop=net.t)
        traces = None if V_m is None else V_m.values.reshape(rows, sweeps, n)
        return Responses(shaped, net.t, recording.dt, traces)


@dataclass(frozen=True)
class _Networks:
    """Networks that a function builds, run all at once; the recorded neurons are the sweeps."""

    where: str
    build: Callable[..., Any]
    space: Space
    recording: Recording
    threads: int | None

    @property
    def most(self) -> int:
        return _NETWORKS

    def built(self, x: Float) -> Any:
        return self._made(x)[0]

    def run(self, x: Float) -> Responses:
        made = [self._made(each) for each in x]
        nets, (spikes, V_m) = (
            [net for net, *_ in made],
            zip(*(each[1:] for each in made), strict=True),
        )
        run_all(nets, float(self.recording.duration), threads=self.threads)
        sweeps, n, stop = self.recording.sweeps, len(x), nets[0].t
        each = [
            recorder.spikes if recorder is not None else Spikes([], [], sweeps)
            for recorder in spikes
        ]
        times = np.concatenate([one.times for one in each])
        ids = np.concatenate([one.columns() * n + k for k, one in enumerate(each)])
        traces = None
        if V_m[0] is not None:
            traces = np.stack([recorder.values for recorder in V_m], axis=2)
        return Responses(
            Spikes(times, ids, shape=(sweeps, n), stop=stop), stop, self.recording.dt, traces
        )

    def _made(self, x: Float) -> tuple[Network, SpikeRecorder | None, StateRecorder | None]:
        """Return a network and its recorders."""
        values = {name: float(v[0]) for name, v in self.space.values(x[None]).items()}
        given = self.build(**values)
        net, *recorders = given if isinstance(given, tuple | list) else (given,)
        rule = "must return a network and recorders of its spikes or V_m"
        if not isinstance(net, Network) or not recorders:
            fail(self.where, "model", given, rule, error=TypeError)
        found: dict[type, Any] = {SpikeRecorder: None, StateRecorder: None}
        for recorder in recorders:
            if type(recorder) not in found:
                fail(self.where, "model", recorder, rule, error=TypeError)
            if len(recorder.target) != self.recording.sweeps:
                rule = f"must record {self.recording.sweeps} neurons, as the data has"
                fail(self.where, "model", len(recorder.target), rule, got="neurons")
            found[type(recorder)] = recorder
        return net, found[SpikeRecorder], found[StateRecorder]
