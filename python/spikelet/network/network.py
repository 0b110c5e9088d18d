"""The network: the facade that users build, run, record and save with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

from spikelet._util.checks import steps_of
from spikelet._util.spelling import spelled
from spikelet.network import checkpoint, to_disk
from spikelet.network.connect import connect
from spikelet.network.contents import NetworkContents
from spikelet.network.drive import Drive
from spikelet.network.inject import inject
from spikelet.network.input_kinds import Input
from spikelet.network.populate import populate
from spikelet.network.population import Model, Population
from spikelet.network.projection import Projection
from spikelet.network.record import When, record
from spikelet.network.recorders import (
    MultiStateRecorder,
    SpikeRecorder,
    StateRecorder,
    WeightRecorder,
)
from spikelet.network.regulate import regulate
from spikelet.network.regulator import Regulator
from spikelet.network.run import run
from spikelet.network.structure import Structure
from spikelet.network.synapse_equations import SynapseEquations, rule_of
from spikelet.network.to_disk import StrPath
from spikelet.network.to_neo import to_neo
from spikelet.network.turn import changing
from spikelet.network.weight_bits import Int16
from spikelet.neurons import NeuronModel
from spikelet.plasticity import Plasticity
from spikelet.ranks import Exchanges
from spikelet.regulation import Regulation

if TYPE_CHECKING:
    from spikelet.io.nest.to_nest import NestNetwork


class Network(NetworkContents):
    """A spiking neural network, simulated on a fixed time grid.

    Parameters
    ----------
    dt : float
        Time step [ms].
    seed : int
        Random seed of connectivity, weights, initial values and noise. The same seed gives the same result, bit for
        bit, for any number of threads, any SIMD level and any division of a run into pieces.
    threads : int, optional
        Largest number of threads; a run uses only one while that is faster. By default as many as the network benefits
        from, up to the number of available cores or OMP_NUM_THREADS.
    dtype : "float32" or "float64"
        Precision of states and weights. float64 reproduces NEST's spike trains for deterministic input.
    comm : mpi4py communicator, "world" or None
        Processes that share the network, each with a part of every population. "world" means all processes that
        mpiexec started, which run the same script; without mpiexec, and within `spikelet.ranks.alone`, it means this
        process. None means this process. Results are bit-identical for any number of processes.

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

    @spelled
    def __init__(
        self,
        dt: float = 0.1,
        seed: int = 0,
        threads: int | None = None,
        dtype: Literal["float32", "float64"] = "float32",
        comm: Any = "world",
    ) -> None:
        super().__init__(dt, seed, threads, dtype, comm)
        self.engine.structure = Structure(self)

    # Building -----------------------------------------------------------------------------------------------------

    @changing
    def population(
        self, n: int, model: Model, name: str | None = None, *, positions: Any = None
    ) -> Population:
        """Add a population.

        Parameters
        ----------
        n : int
            Number of elements; 0 is allowed.
        model : NeuronModel, SpikeSource, PoissonSource or RasterSource
            Model of the elements.
        name : str, optional
            Name in messages and recordings; by default the model's name and a number.
        positions : array-like, [n, dimensions], Positions, Grid or Free, optional
            Where the elements are, for connection by distance.

        Returns
        -------
        Population
        """
        return populate(self, n, model, name, positions)

    @changing
    def connect(
        self,
        pre: Population,
        post: Population,
        rule: Any,
        *,
        weight: Any = None,
        delay: Any = 1.0,
        receptor: str | None = None,
        plasticity: Plasticity | SynapseEquations | None = None,
        weight_dtype: Literal["float", "int16"] | Int16 = "float",
    ) -> Projection:
        """Connect two populations, parts of them, or unions.

        With a union (``E + I``), the rule draws over all of its parts: ``FixedIndegree(10)`` from ``E + I`` gives each
        target 10 sources in all. The projection has a block for each pair of parts with synapses.

        Parameters
        ----------
        pre, post : Population
            Sources and targets.
        rule : Rule, DistanceDependent, scipy sparse matrix or (pre_ids, post_ids)
            A rule of `spikelet.rules`, or one that depends on distances; a matrix [len(pre), len(post)] whose rows are sources, whose columns are
            targets and whose data are the weights; or two arrays of ids within pre and post.
        weight : float, array-like, Distribution or ByDistance
            Weights in the unit of the target's synapses: pA, mV (LIFDelta) or nS (LIFCond); 1.0 by default. An array
            has one value per synapse, in the order of explicit arrays, or in canonical order (source, then target)
            with a rule. Must not be given with a matrix.
        delay : float, array-like, Distribution or ByDistance
            Delays [ms], at least dt and at most 65535 steps, rounded to the nearest step.
        receptor : str, optional
            Name of the receptor: "excitatory" or "inhibitory" ("ex" or "in"), or one of the model's own. If the model
            has these two, the sign of each weight selects one by default.
        plasticity : Plasticity or SynapseEquations, optional
            Plasticity rule, for example `spikelet.STDP`, or one from text.
        weight_dtype : "float", "int16" or Int16
            How static weights of neurons are stored: as floats, or rounded to 16 bits (see `spikelet.Int16`), which
            takes a third less memory and time where a source has many targets for each delay.

        Returns
        -------
        Projection

        Raises
        ------
        ValueError, TypeError
            If an argument is invalid; the network is unchanged then.
        """
        learning = rule_of(plasticity)
        return connect(self, pre, post, rule, weight, delay, receptor, learning, weight_dtype)

    @changing
    def inject(self, target: Population, what: Input) -> Drive:
        """Drive a population, or a part of it, from now on, without a source population.

        Time and memory depend only on the number of targets, and an input that has ended costs nothing.

        Parameters
        ----------
        target : Population
            Neurons. For a union (``E + I``), arrays have one value for each of its elements.
        what : PoissonInput, CurrentInput, StepCurrent, SineCurrent or NoiseInput
            The input.

        Returns
        -------
        Drive
            The handle, to change the input (``drive.rate = 5.0``) or to remove it (``drive.remove()``) between runs.
        """
        return inject(self, target, what)

    @changing
    def regulate(self, projection: Projection, how: Regulation) -> Regulator:
        """Regulate the weights of a plastic projection at each multiple of an interval.

        Parameters
        ----------
        projection : Projection
            A projection with a plasticity rule.
        how : WeightNormalization or SynapticScaling
            The method and its interval. Regulations due at the same time act in the order in which they were added.

        Returns
        -------
        Regulator
            The handle, to change the parameters or remove the regulation between runs.
        """
        return regulate(self, projection, how)

    # Running ------------------------------------------------------------------------------------------------------

    @property
    def exchanges(self) -> Exchanges:
        """Statistics of this rank's communication with other ranks so far."""
        return Exchanges(*self.engine.sim.exchange_statistics())

    @changing
    def prepare(self) -> None:
        """Lay out the synapses now rather than at the start of the first run."""
        self.engine.sim.prepare()

    @spelled
    def run(
        self,
        duration: float,
        *,
        progress: bool | Callable[[float], Any] = False,
        save: StrPath | None = None,
        save_every: float | None = None,
    ) -> None:
        """Simulate for a duration. The run releases the global interpreter lock.

        Parameters
        ----------
        duration : float
            Model time [ms], a multiple of dt; 0 is allowed.
        progress : bool or callable
            True shows a progress bar (needs rich). A callable is called as ``progress(t)`` a few dozen times a second,
            and at the end, with the time [ms] simulated so far in this run.
        save : path-like, optional
            Write a checkpoint to this file at the end, as ``net.save(save, recorders=True)`` does.
        save_every : float, optional
            Interval [ms], a multiple of dt, at which the checkpoint is also written, and overwritten, during the run.

        Raises
        ------
        KeyboardInterrupt
            After Ctrl-C, at the end of a step. The network is intact and can continue.
        OSError
            If a recorder cannot write to its file. The missing data stays in memory, and the network is intact.
        RuntimeError
            If the network is already running, in another thread or in a call of `progress`; or if another rank has
            stopped the run. All ranks stop at the same step then and can continue.
        """
        self.engine.turn.take(lambda: run(self, duration, progress, save, save_every), "running")

    @overload
    def record(
        self,
        target: Projection,
        what: Literal["weights"],
        *,
        every: float | None = ...,
        start: float | None = ...,
        stop: float | None = ...,
        when: Literal["after_reset", "before_reset"] = ...,
        to: StrPath | None = ...,
    ) -> WeightRecorder: ...
    @overload  # any other string names a state
    def record(  # type: ignore[overload-overlap]  # "spikes" is a str, too
        self,
        target: Population,
        what: Literal["spikes"],
        *,
        every: float | None = ...,
        start: float | None = ...,
        stop: float | None = ...,
        when: Literal["after_reset", "before_reset"] = ...,
        to: StrPath | None = ...,
    ) -> SpikeRecorder: ...
    @overload
    def record(  # type: ignore[overload-overlap]  # and a str is a sequence of them
        self,
        target: Population,
        what: str,
        *,
        every: float | None = ...,
        start: float | None = ...,
        stop: float | None = ...,
        when: Literal["after_reset", "before_reset"] = ...,
        to: StrPath | None = ...,
    ) -> StateRecorder: ...
    @overload
    def record(
        self,
        target: Population,
        what: Sequence[str],
        *,
        every: float | None = ...,
        start: float | None = ...,
        stop: float | None = ...,
        when: Literal["after_reset", "before_reset"] = ...,
        to: StrPath | None = ...,
    ) -> MultiStateRecorder: ...

    @changing
    def record(
        self,
        target: Population | Projection,
        what: str | Sequence[str],
        *,
        every: float | None = None,
        start: float | None = None,
        stop: float | None = None,
        when: Literal["after_reset", "before_reset"] = "after_reset",
        to: StrPath | None = None,
    ) -> Any:
        """Record from now on, or during an interval.

        Parameters
        ----------
        target : Population or Projection
            A population, a part of one (``E[:10]``), a union (``E + I``), or a projection.
        what : str or list of str
            "spikes", the name of a state ("V_m", "I_syn_ex", "theta", ...), or for a projection "weights". A list of
            states makes one recorder of all of them.
        every : float, optional
            Interval between samples [ms], a multiple of dt; by default dt. Samples are taken at its multiples, counted
            from time 0. Not for spikes.
        start, stop : float, optional
            Record only ``start < time <= stop`` [ms], counted from time 0; ``start=0`` includes time 0. Without `stop`,
            recording has no end. See also `SpikeRecorder.pause`.
        when : "after_reset" or "before_reset"
            If a neuron spikes in the step, record its V_m after the reset, or the V_m at which it spiked. For
            `Equations`, this applies to the first state, which does not go beyond the threshold in an upstroke.
        to : path-like, optional
            Record to this file instead of memory, so that a run of any length needs only a few MB of memory. Several recorders of a network may share a file. `read_recording` reads it, even during the run
            or after a crash.

        Returns
        -------
        SpikeRecorder, StateRecorder, WeightRecorder or MultiStateRecorder

        Raises
        ------
        FileExistsError
            If the file exists; it is never overwritten.
        """
        how = When(every, start, stop, when), to
        return record(self, target, what, *how)

    # State --------------------------------------------------------------------------------------------------------

    @changing
    def reset(self, *, keep_weights: bool = False, at: float = 0.0) -> None:
        """Go back to time 0, to the states before the first run, without spikes in flight and with empty recorders.

        Recorders on disk continue in a new file, ``name.1.rec`` after ``name.rec``.

        Parameters
        ----------
        keep_weights : bool
            Keep the present plastic weights. Otherwise they go back to those given to `connect`. Static weights do
            not change in either case.
        at : float
            Time [ms] to set the clock to instead of 0, a multiple of dt. Noise depends on the time at which it is
            drawn. A spike stamped with this time is in the past, except at 0.
        """
        _, step = steps_of("reset", "at", at, self.dt)
        for recorder in self.recorders:
            recorder.tape.since = step
        to_disk.next_files(self, step)
        self.engine.sim.reset(keep_weights, step)
        for recorder in self.recorders:
            recorder.tape.forget()

    @changing
    def save(self, path: StrPath, *, recorders: bool = False) -> None:
        """Save the complete state, with spikes in flight and traces, so that a loaded network continues bit-identically.

        The file is written atomically: an older one is replaced only when the new one is complete and on disk.

        Parameters
        ----------
        path : path-like
            File to write (.npz).
        recorders : bool
            Also save the recorders: their data if it is in memory, or else the path of their file and its length.
        """
        checkpoint.save(self, path, recorders=recorders)

    @staticmethod
    @spelled
    def load(path: StrPath, *, threads: int | None = None, comm: Any = "world") -> Network:
        """Load a network that `save` wrote. Saved recorders are in `recorders` and continue.

        A recorder on disk continues in its file. The next run discards what was recorded after the checkpoint.

        Parameters
        ----------
        path : path-like
            File to read.
        threads, comm
            As in `Network`.

        Raises
        ------
        ValueError
            If the file is damaged, was not written by `save`, or has a newer format.
        """
        return checkpoint.load(Network, path, threads, comm)

    def report(self, path: StrPath, *, title: str | None = None) -> Path:
        """Write a report of the network and its recordings as one HTML file, which loads nothing from elsewhere.

        It has a raster of all recorded spikes, in which the reader can zoom and hover, with rates below it; tables of
        populations, inputs and projections; distributions of rates and weights; and recorded states and weights. The
        tables and one figure do not need JavaScript.

        Parameters
        ----------
        path : path-like
            File to write (.html).
        title : str, optional
            Heading of the page.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        ImportError
            If plotly or matplotlib is not installed: ``pip install 'spikelet[report]'``.
        """
        from spikelet.plot.report.network import report  # noqa: PLC0415  # only this method needs it

        return report(self, path, title)

    def to_neo(self) -> Any:
        """Return all recordings as a `neo.Block` with one segment, for Elephant and Neo's file formats.

        Spikes become a `SpikeTrain` for each neuron, states and weights an `AnalogSignal` for each recorder. A
        `neo.Group` for each population holds its recordings.

        Raises
        ------
        ImportError
            If Neo is not installed.
        """
        return to_neo(self)

    def to_nest(
        self,
        *,
        threads: int | None = None,
        seed: int | None = None,
        reset_kernel: bool = True,
        approximate: bool = False,
    ) -> NestNetwork:
        """Build the same network in NEST, with its present weights, delays, parameters and states.

        Parameters
        ----------
        threads : int, optional
            NEST's local_num_threads; by default `threads` of this network.
        seed : int, optional
            NEST's rng_seed; by default derived from `seed` of this network.
        reset_kernel : bool
            Call ``nest.ResetKernel()`` first, which discards everything built in NEST before. False adds to NEST's
            network and keeps its settings; its resolution must be dt, and it must not have run.
        approximate : bool
            Leave out what NEST cannot represent: spikes in flight, refractoriness, traces, states that cannot be set,
            and the effect of coincident pairs. The result's `notes` list what was left out.

        Returns
        -------
        NestNetwork

        Raises
        ------
        ValueError
            If NEST has no counterpart for some part of the network. The message lists all of them; nothing is built.
        ImportError
            If NEST is not installed: ``pip install 'spikelet[nest]'``.
        """
        from spikelet.io.nest.to_nest import to_nest  # noqa: PLC0415  # only this method needs it

        return to_nest(
            self, threads=threads, seed=seed, reset_kernel=reset_kernel, approximate=approximate
        )

    def __repr__(self) -> str:
        neurons = sum(p.size for p in self.populations if isinstance(p.model, NeuronModel))
        synapses = sum(p.synapses.known() or 0 for p in self.projections)
        state = self.engine.state()
        return (
            f"Network({neurons} neurons, {synapses} synapses, dt={self.dt:g} ms, t={self.t:g} ms, seed={self.seed}, "
            f"threads={self.threads}, {self.dtype}{'' if state == 'idle' else f', {state}'})"
        )
