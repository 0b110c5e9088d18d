"""The network: holds populations, connects them, runs them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np
import numpy.typing as npt

from spikelet import _core
from spikelet._util.checks import (
    fail,
    fits,
    integer,
    interval,
    number,
    require,
    steps_of,
)
from spikelet._util.threads import default_threads
from spikelet.network import checkpoint as storage
from spikelet.network import connect as connecting
from spikelet.network import inject as injecting
from spikelet.network import run as running
from spikelet.network.population import Model, Population
from spikelet.network.projection import Projection
from spikelet.network.recorders import SpikeRecorder, StateRecorder, WeightRecorder, make_recorder
from spikelet.neurons import NeuronModel
from spikelet.plasticity import Plasticity
from spikelet.ranks import Exchanges, ranks_of
from spikelet.recording.reading import to_ms
from spikelet.regulation import Regulation
from spikelet.rules import Distribution
from spikelet.sources import (
    CurrentInput,
    NoiseInput,
    PoissonInput,
    PoissonSource,
    RasterSource,
    SpikeSource,
)

if TYPE_CHECKING:
    from spikelet.io.nest import NestNetwork

__all__ = ["Network"]

StrPath = str | os.PathLike[str]


class Network:
    """A spiking neural network on a grid of time.

    Parameters
    ----------
    dt : float
        Step [ms].
    seed : int
        Of all random draws (connectivity, weights, Poisson input). Same seed, same result, bit for bit: for any
        number of threads, any SIMD level and any cut of a run into pieces.
    threads : int, optional
        Threads of this network's runs; by default as many as it gains from, up to the cores it may use (or
        OMP_NUM_THREADS).
    dtype : "float32" or "float64"
        Precision of states and weights. float64 reproduces NEST's spike trains for deterministic input.
    comm : mpi4py communicator, "world" or None
        Processes that share the network, each with a part of every population. "world": all that mpiexec started,
        which run the same script; in a plain process and within `spikelet.ranks.alone`, this one. None: this one.
        The results are the same bits for any number of processes.

    Examples
    --------
    >>> import spikelet as sl
    >>> net = sl.Network(dt=0.1, seed=1)
    >>> neurons = net.population(10, sl.LIF(I_e=400.0))
    >>> spikes = net.record(neurons, "spikes")
    >>> net.run(100.0)
    >>> int(spikes.counts().sum()) > 0
    True
    """

    def __init__(
        self,
        dt: float = 0.1,
        seed: int = 0,
        threads: int | None = None,
        dtype: Literal["float32", "float64"] = "float32",
        comm: Any = "world",
    ) -> None:
        step = number("Network", "dt", dt, "ms")
        require("Network", "dt", step, "> 0")
        self.dt = float(step)
        self.seed = integer("Network", "seed", seed, 0, 2**64 - 1)
        self.ranks = ranks_of(comm)
        self.threads = (
            default_threads(self.ranks.cores)
            if threads is None
            else integer("Network", "threads", threads, 1, 1024)
        )
        name = dtype if isinstance(dtype, str) else getattr(dtype, "__name__", str(dtype))
        if name not in ("float32", "float64"):
            fail("Network", "dtype", dtype, 'must be "float32" or "float64"')
        self.dtype: np.dtype[Any] = np.dtype(name)
        simulator = _core.Simulator32 if self.dtype == np.float32 else _core.Simulator64
        self._sim: _core.Simulator32 | _core.Simulator64 = simulator(
            self.dt, self.seed, self.threads, threads is None, self.ranks.comm, self.ranks.minimum
        )
        self.populations: list[Population] = []
        self.projections: list[Projection] = []
        self.recorders: list[SpikeRecorder | StateRecorder | WeightRecorder] = []
        self._inputs: list[tuple[Population, Any, int]] = []  # with the step of injection
        self.regulations: list[tuple[Projection, Regulation]] = []
        self._raster_starts: dict[int, int] = {}
        self._drawn = 0
        self._turn = running.Turn()

    # Building -----------------------------------------------------------------------------------------------------

    def population(self, n: int, model: Model, name: str | None = None) -> Population:
        """Add a population.

        Parameters
        ----------
        n : int
            Number of elements; 0 is allowed.
        model : NeuronModel, SpikeSource, PoissonSource or RasterSource
            What they are.
        name : str, optional
            For messages; by default the model's name and a number.

        Returns
        -------
        Population
        """
        self._require_idle()
        n = integer("population", "n", n, 0, 2**32 - 1024)
        name = f"{type(model).__name__}{len(self.populations)}" if name is None else str(name)
        if isinstance(model, NeuronModel):
            if model.length is not None and model.length != n:
                fail(
                    f"population {name}",
                    "model",
                    model.length,
                    f"must have array parameters of length {n}; length",
                )
            kind = list(_core.neuron_models()).index(type(model).__name__)
            index = self._sim.add_neurons(kind, n, model.arrays(), model.reset == "subtract")
        elif isinstance(model, PoissonSource):
            index = self._sim.add_poisson(
                n, fits(f"population {name}", "rate", np.asarray(model.rate), n)
            )
        elif isinstance(model, (SpikeSource, RasterSource)):
            index = self._sim.add_events(n, *self._events(model, n))
        else:
            msg = (
                f"population {name}: model must be a neuron model or a spike source, got {model!r}"
            )
            raise TypeError(msg)
        self._raster_starts[index] = self._step
        population = Population(self, index, n, model, name, None)
        self.populations.append(population)
        return population

    def connect(
        self,
        pre: Population,
        post: Population,
        rule: Any,
        *,
        weight: Any = None,
        delay: Any = 1.0,
        receptor: Literal["excitatory", "inhibitory", "ex", "in"] | None = None,
        plasticity: Plasticity | None = None,
    ) -> Projection:
        """Connect two populations, or parts of them.

        Parameters
        ----------
        pre, post : Population
            Sources and targets.
        rule : Rule, scipy sparse matrix or (pre_ids, post_ids)
            A rule of `spikelet.rules`; a matrix [len(pre), len(post)] whose rows are sources, whose columns are
            targets and whose data are the weights; or two arrays of ids within pre and post.
        weight : float, array-like or Distribution
            In the unit of the target's synapses: pA, mV (LIFDelta) or nS (LIFCond). An array has one value a
            synapse: in the order of explicit arrays, and of a rule in canonical order (source, then target). 1.0 by
            default; not given with a matrix.
        delay : float, array-like or Distribution
            In ms, at least dt, rounded to the nearest step; at most 65535 steps.
        receptor : "excitatory" or "inhibitory", optional
            By default the sign of each weight picks it.
        plasticity : Plasticity, optional
            How the weights change, `spikelet.STDP` for example.

        Returns
        -------
        Projection

        Raises
        ------
        ValueError, TypeError
            If something does not fit; nothing is changed then.
        """
        self._require_idle()
        where, model = self._check_ends(pre, post)
        if plasticity is not None and not isinstance(plasticity, Plasticity):
            msg = f"{where}: plasticity must be a rule such as sl.STDP(...), got {plasticity!r}"
            raise TypeError(msg)
        if receptor not in connecting.RECEPTORS:
            fail(where, "receptor", receptor, 'must be "excitatory", "inhibitory" or None')
        index = connecting.connect(
            self, where, pre, post, rule, weight, delay, model.weight_unit,
            connecting.RECEPTORS[receptor], plasticity,
        )  # fmt: skip
        projection = Projection(self, index, pre, post, plasticity, connecting.RECEPTORS[receptor])
        self.projections.append(projection)
        return projection

    def inject(self, target: Population, what: PoissonInput | CurrentInput | NoiseInput) -> None:
        """Drive a population, or a part of it, without a source population; from now on.

        Parameters
        ----------
        target : Population
            Neurons.
        what : PoissonInput, CurrentInput or NoiseInput
            The drive.
        """
        self._require_idle()
        self._check_own("inject", target)
        if not isinstance(target.model, NeuronModel):
            fail("inject", "target", target, "must be neurons")
        if isinstance(what, PoissonInput):  # a quantity's unit is known now
            what = PoissonInput(what.rate, what.weight_in(target.model.weight_unit))
        injecting.inject(self, target, what, self._step)
        self._inputs.append((target, what, self._step))

    def regulate(self, projection: Projection, how: Regulation) -> None:
        """Keep the weights of a plastic projection in balance, at each multiple of an interval.

        Parameters
        ----------
        projection : Projection
            With a plasticity rule.
        how : WeightNormalisation or SynapticScaling
            What to do and how often.
        """
        self._require_idle()
        if not isinstance(projection, Projection):
            msg = f"regulate: projection must be a Projection, got {projection!r}"
            raise TypeError(msg)
        if projection.network is not self:
            fail("regulate", "projection", projection, "must belong to this network")
        if not isinstance(how, Regulation):
            msg = f"regulate: how must be WeightNormalisation or SynapticScaling, got {how!r}"
            raise TypeError(msg)
        if projection.plasticity is None:
            fail("regulate", "projection", projection, "must have plasticity")
        every = interval(f"regulate {type(how).__name__}", how.every, self.dt)
        self._sim.regulate(projection.index, every, how.to_core())
        self.regulations.append((projection, how))

    # Running ------------------------------------------------------------------------------------------------------

    @property
    def t(self) -> float:
        """Time [ms]."""
        return float(self._ms(np.array(self._step)))

    @property
    def exchanges(self) -> Exchanges:
        """What this rank exchanged with others so far."""
        return Exchanges(*self._sim.exchange_statistics())

    def prepare(self) -> None:
        """Lay out the synapses for the run now; otherwise the first run does it."""
        self._require_idle()
        self._sim.prepare()

    def run(
        self,
        duration: float,
        *,
        progress: bool | Callable[[float], Any] = False,
        save: StrPath | None = None,
        save_every: float | None = None,
    ) -> None:
        """Simulate; the interpreter lock is released meanwhile.

        Parameters
        ----------
        duration : float
            Model time [ms], a multiple of dt; 0 is allowed.
        progress : bool or callable
            Show a progress bar (needs rich), or call ``progress(t)`` a few dozen times a second with the time [ms]
            simulated so far in this run.
        save : path-like, optional
            Write a checkpoint there at the end: ``net.save(save, recorders=True)``.
        save_every : float, optional
            Write it during the run, too, at these intervals [ms], a multiple of dt; each takes the place of the last.

        Raises
        ------
        KeyboardInterrupt
            After Ctrl-C, at the end of a step: the network is intact and can go on.
        OSError
            If a recorder cannot write to its file. What the file lacks stays in memory; the network is intact.
        RuntimeError
            If the network is running, in another thread or as it asks `progress`; or if another rank that shares it
            has stopped the run, at the same step as this one: the network can go on.
        """
        self._require_idle()
        self._turn.take(lambda: running.run(self, duration, progress, save, save_every))

    @overload
    def record(
        self,
        target: Projection,
        what: Literal["weights"],
        *,
        every: float | None = ...,
        to: StrPath | None = ...,
    ) -> WeightRecorder: ...
    @overload  # any other string names a state
    def record(  # type: ignore[overload-overlap]
        self,
        target: Population,
        what: Literal["spikes"],
        *,
        every: float | None = ...,
        to: StrPath | None = ...,
    ) -> SpikeRecorder: ...
    @overload
    def record(
        self, target: Population, what: str, *, every: float | None = ..., to: StrPath | None = ...
    ) -> StateRecorder: ...

    def record(
        self,
        target: Population | Projection,
        what: str,
        *,
        every: float | None = None,
        to: StrPath | None = None,
    ) -> Any:
        """Record from now on.

        Parameters
        ----------
        target : Population or Projection
            A population, a part of one (``E[:10]``), or a projection.
        what : str
            "spikes", the name of a state ("V_m", "I_syn_ex", "theta", ...), or for a projection "weights".
        every : float, optional
            Interval between samples [ms], a multiple of dt; by default each step. Not for spikes.
        to : path-like, optional
            Record to this HDF5 file (needs h5py), for runs of any length: only some MB are in memory at a time.
            Several recorders of a network may share a file; `read_recording` reads it, also during the run and after
            a crash. By default what is recorded stays in memory.

        Returns
        -------
        SpikeRecorder, StateRecorder or WeightRecorder

        Raises
        ------
        FileExistsError
            If the file exists: it is never overwritten.
        """
        self._require_idle()
        recorder = make_recorder(self, target, what, every)
        if to is not None:
            recorder._write_to(Path(to).absolute())
        recorder._start()
        self.recorders.append(recorder)
        return recorder

    # State --------------------------------------------------------------------------------------------------------

    def reset(self, *, keep_weights: bool = False, at: float = 0.0) -> None:
        """Go back to time 0: states as they were before the first run, no spikes in flight, recorders empty.

        Recorders on disk go on in a new file, ``name.1.h5`` after ``name.h5``.

        Parameters
        ----------
        keep_weights : bool
            Keep plastic weights as they are now; otherwise they go back to those given to `connect`. Static weights
            stay as they are.
        at : float
            Start at this time [ms] instead, a multiple of dt: what is drawn at other times is other noise.
        """
        self._require_idle()
        _, step = steps_of("reset", "at", at, self.dt)
        running.next_files(self, step)
        self._sim.reset(keep_weights, step)
        for recorder in self.recorders:
            recorder._forget()

    def save(self, path: StrPath, *, recorders: bool = False) -> None:
        """Save everything, spikes in flight and traces included; what follows is bit-identical.

        The file takes the place of an older one at once, and only when it is on the disk as a whole.

        Parameters
        ----------
        path : path-like
            File to write (.npz).
        recorders : bool
            Save the recorders, too, with what they hold; of one on disk, where its file is and how much counts.
        """
        self._require_idle()
        storage.save(self, path, recorders=recorders)

    @staticmethod
    def load(path: StrPath, *, threads: int | None = None, comm: Any = "world") -> Network:
        """Load what `save` wrote. Recorders that were saved are in `recorders`, and go on.

        A recorder on disk goes on in its file; what was recorded there after the checkpoint is cut off when the
        network runs.

        Parameters
        ----------
        path : path-like
            File to read.
        threads, comm
            As in `Network`.

        Raises
        ------
        ValueError
            If the file is damaged, or not such a file, or of a newer version.
        """
        return storage.load(path, threads, comm)

    def to_nest(
        self,
        *,
        threads: int | None = None,
        seed: int | None = None,
        reset_kernel: bool = True,
        approximate: bool = False,
    ) -> NestNetwork:
        """Build the same network in NEST, as it is now, with all weights, delays, parameters and states.

        Parameters
        ----------
        threads : int, optional
            NEST's local_num_threads; by default `threads` of this network.
        seed : int, optional
            NEST's rng_seed; by default from `seed` of this network.
        reset_kernel : bool
            Call ``nest.ResetKernel()`` first: what was built in NEST before is gone. False adds to it, with the
            settings it has; its resolution must be dt, and it must not have run.
        approximate : bool
            Leave out spikes in flight, refractoriness, traces, and what pairs do that coincide, which NEST cannot take;
            the result's `notes` say what there was.

        Returns
        -------
        NestNetwork

        Raises
        ------
        ValueError
            If NEST does not have something; all of it is named, and nothing is built.
        ImportError
            If there is no NEST: ``pip install 'spikelet[nest]'``.
        """
        from spikelet.io.nest import to_nest  # noqa: PLC0415  # built on the rest

        return to_nest(
            self, threads=threads, seed=seed, reset_kernel=reset_kernel, approximate=approximate
        )

    def __repr__(self) -> str:
        neurons = sum(p.size for p in self.populations if isinstance(p.model, NeuronModel))
        synapses = sum(len(p) for p in self.projections)
        return (
            f"Network({neurons} neurons, {synapses} synapses, dt={self.dt:g} ms, t={self.t:g} ms, seed={self.seed}, "
            f"threads={self.threads}, {self.dtype})"
        )

    # Helpers ------------------------------------------------------------------------------------------------------

    @property
    def _step(self) -> int:
        return int(self._sim.now)

    def _ms(self, stamps: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        return to_ms(stamps, self.dt)

    def _whole(self, what: str, index: int, own: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return what all ranks have of a population's elements."""
        return self.ranks.concatenate(what, self._sim.own(index)[0], own)

    def _require_idle(self) -> None:
        self._turn.require(idle=not self._sim.busy)

    def _draw(self, distribution: Distribution, n: int) -> npt.NDArray[np.float64]:
        self._drawn += 1
        return _core.draw_values(distribution.to_core(), self.seed, (1 << 20) + self._drawn, n)

    def _check_own(self, where: str, population: Any) -> None:
        if not isinstance(population, Population):
            msg = f"{where}: expected a Population, got {population!r}"
            raise TypeError(msg)
        if population.network is not self:
            fail(where, "population", population.name, "must belong to this network")

    def _check_ends(self, pre: Any, post: Any) -> tuple[str, NeuronModel]:
        self._check_own("connect", pre)
        self._check_own("connect", post)
        where = f"connect {pre.name} -> {post.name}"
        if not isinstance(post.model, NeuronModel):
            fail(where, "post", post, "must be neurons, not a spike source")
        return where, post.model

    def _events(self, model: SpikeSource | RasterSource, n: int) -> tuple[Any, Any]:
        if isinstance(model, RasterSource):
            return model.stamps(self._step, n)
        stamps, elements = model.stamps(self.dt, n)
        if stamps.size and self._step > 0 and stamps[0] <= self._step:
            fail(
                "SpikeSource",
                "times",
                float(model.times[0]),
                f"must lie after the present, {self.t:g} ms",
            )
        return stamps, elements

    def _set_model(self, population: Population, model: Model) -> None:
        self._require_idle()
        index, n = population.index, population.size
        if isinstance(model, NeuronModel):
            if model.length is not None and model.length != n:
                fail(population.name, "parameters", model.length, f"must have length {n}; length")
            self._sim.set_parameters(index, model.arrays(), model.reset == "subtract")
        elif isinstance(model, PoissonSource):
            self._sim.set_rates(index, fits(population.name, "rate", np.asarray(model.rate), n))
        else:
            self._sim.set_events(index, *self._events(model, n))
            self._raster_starts[index] = self._step
