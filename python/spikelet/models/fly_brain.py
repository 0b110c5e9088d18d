"""The brain of the fruit fly: all neurons and synapses of the FlyWire connectome as leaky integrate-and-fire neurons.

P. K. Shiu et al., A Drosophila computational brain model reveals sensorimotor processing, Nature 634:210-219 (2024).
Equations, parameters and the form of the files are those of their code (github.com/philshiu/Drosophila_brain_model), which
runs in Brian2. Connectome: S. Dorkenwald et al., Neuronal wiring diagram of an adult brain, Nature 634:124-138 (2024).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

import spikelet as sl
from spikelet._util.checks import fail, integer, number, require
from spikelet._util.extras import extra, needs
from spikelet._util.files import path_of
from spikelet._util.sealed import Sealed
from spikelet._util.spelling import spelled
from spikelet.models.connectome import Connectome
from spikelet.neurons import Equations, NeuronModel

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Ids: TypeAlias = npt.NDArray[np.int64]
Floats: TypeAlias = npt.NDArray[np.float64]

WEIGHT = 0.275  # effect of a synapse on g [mV]
DELAY = 1.8  # [ms]
REFRACTORY = 2.2  # with the step of the spike [ms]
KICK = 250  # strength of the drive, in synapses
RATE = 150.0  # of the drive [Hz]

FlyNeuron = Equations(
    """
    dV_m/dt = (E_L - V_m + g)/tau_m : mV (unless refractory)
    dg/dt = -g/tau_syn : mV (unless refractory)
    """,
    threshold="V_m > V_th",
    reset="V_m = V_reset; g = 0",
    refractory="t_ref",
    receptors={
        "synapse": "g += weight (unless refractory)",
        "kick": "V_m += weight (unless refractory)",
    },
    parameters={
        "tau_m": (20.0, "ms", "> 0"),
        "tau_syn": (5.0, "ms", "> 0"),
        "E_L": (-52.0, "mV"),
        "V_th": (-45.0, "mV"),
        "V_reset": (-52.0, "mV"),
        "t_ref": (2.1, "ms", ">= 0"),
    },
    schedule="brian2",
    name="FlyNeuron",
)
"""The neuron of the model, as published: nothing changes V_m and g [mV] while it is refractory, as in Brian2.

t_ref counts from the end of the spike's step on, as in all models here. In Brian2 it includes that step, so that its 2.2 ms
are 2.1 ms here if dt is 0.1 ms.
"""


@dataclass(frozen=True, eq=False, repr=False)
class FlyActivity:
    """The spikes of some trials, in order of trial and time.

    Parameters
    ----------
    times : array, [spikes]
        Times since the beginning of the trial [ms].
    neurons : array of int, [spikes]
        Indices of the neurons.
    trial : array of int, [spikes]
        Number of the trial of each spike.
    ids : array of int, [n]
        Ids of all neurons of the brain.
    trials : array of int
        Numbers of the trials.
    duration : float
        Length of a trial [ms].
    """

    times: Floats
    neurons: npt.NDArray[np.int64]
    trial: npt.NDArray[np.int64]
    ids: Ids
    trials: npt.NDArray[np.int64]
    duration: float

    def __len__(self) -> int:
        return len(self.times)

    def __repr__(self) -> str:
        active = len(np.unique(self.neurons))
        return f"FlyActivity({len(self)} spikes of {active} neurons in {len(self.trials)} trials of {self.duration:g} ms)"

    def counts(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Return the indices of the neurons that fired, and their spikes in each trial, [trials, neurons]."""
        active, column = np.unique(self.neurons, return_inverse=True)
        row = np.searchsorted(self.trials, self.trial)
        size = len(self.trials) * len(active)
        counts = np.bincount(row * len(active) + column, minlength=size)
        return active, counts.reshape(len(self.trials), len(active))

    def rates(self) -> npt.NDArray[Any]:
        """Return a table of the neurons that fired, the most active one first.

        Returns
        -------
        structured array, [neurons]
            ``id``, ``index``, ``rate`` and ``std``: mean and standard deviation over the trials [Hz]. pandas takes it as
            it is: ``pandas.DataFrame(activity.rates())``.
        """
        active, counts = self.counts()
        per_trial = counts / (1e-3 * self.duration)
        table = np.empty(
            len(active), [("id", "i8"), ("index", "i8"), ("rate", "f8"), ("std", "f8")]
        )
        table["id"], table["index"] = self.ids[active], active
        table["rate"], table["std"] = per_trial.mean(axis=0), per_trial.std(axis=0)
        return table[np.lexsort((active, -table["rate"]))]

    def to_frame(self, name: str = "") -> Any:
        """Return a pandas DataFrame of the spikes, with the columns of the published results. Needs pandas.

        Parameters
        ----------
        name : str
            Name of the experiment, for the column ``exp_name``.

        Returns
        -------
        pandas.DataFrame
            ``t`` [s], ``trial``, ``flywire_id`` and ``exp_name``.
        """
        pandas = extra("pandas", "FlyActivity.to_frame")
        columns = {
            "t": 1e-3 * self.times,
            "trial": self.trial,
            "flywire_id": self.ids[self.neurons],
            "exp_name": name,
        }
        return pandas.DataFrame(columns)

    def save(self, path: str | os.PathLike[str], name: str | None = None) -> None:
        """Write the spikes to a parquet file, with the columns of the published results. Needs pyarrow.

        Parameters
        ----------
        path : path-like
            File to write.
        name : str, optional
            Name of the experiment; by default that of the file.
        """
        target = path_of("FlyActivity.save", path)
        arrow = extra("pyarrow", "FlyActivity.save", "parquet")
        parquet = extra("pyarrow.parquet", "FlyActivity.save", "parquet")
        found = target.stem if name is None else name
        columns = {
            "t": 1e-3 * self.times,
            "trial": self.trial,
            "flywire_id": self.ids[self.neurons],
            "exp_name": [found] * len(self),
        }
        parquet.write_table(arrow.table(columns), str(target))

    def plot(self) -> Figure:
        """Draw the spikes of the first trial, the most active neurons on top, and the rates. Needs matplotlib.

        Returns
        -------
        Figure
        """
        with needs("FlyActivity.plot", "plot"):
            from matplotlib.figure import Figure  # noqa: PLC0415  # an extra
        table = self.rates()
        figure = Figure(figsize=(9.0, 4.5), layout="constrained")
        left, right = figure.subplots(1, 2, sharey=True, width_ratios=[3, 1])
        place = np.zeros(len(self.ids), np.int64)
        place[table["index"]] = np.arange(len(table))
        first = self.trial == (self.trials[0] if len(self.trials) else 0)
        left.scatter(self.times[first], place[self.neurons[first]], s=1.0, c="black", linewidths=0)
        left.set(xlabel="time (ms)", ylabel="neurons, by rate", xlim=(0.0, self.duration))
        right.errorbar(
            table["rate"], np.arange(len(table)), xerr=table["std"], fmt=".", ms=2.0, lw=0.5
        )
        right.set(xlabel="rate (Hz)", xlim=(0.0, None), ylim=(max(len(table), 1) - 0.5, -0.5))
        return figure


class FlyBrain(Sealed):
    """A fly's brain, built by `fly_brain`.

    Parameters
    ----------
    network : Network
        A network built by `fly_brain`, or loaded after `Network.save`: its first population is the neurons, its first
        projection their synapses, and its first recorder, if any, has the spikes. Silenced neurons stay silent.
    ids : array of int, [n]
        Ids of the neurons.

    Attributes
    ----------
    network : Network
        The network.
    neurons : Population
        All neurons.
    synapses : Projection
        All synapses, one for each edge.
    spikes : SpikeRecorder
        The spikes since the last reset.
    ids : array of int, [n]
        Ids of the neurons.
    """

    network: sl.Network
    neurons: sl.Population
    synapses: sl.Projection
    spikes: Any
    ids: Ids

    _instead: ClassVar = {
        "": "it is fixed when the brain is built; build another, with fly_brain()"
    }

    def __init__(self, network: sl.Network, ids: npt.ArrayLike) -> None:
        empty = np.empty(0, np.uint32)
        self._names = Connectome(np.asarray(ids), empty, empty, empty.astype(np.int16))
        self.network = network
        self.neurons = network.populations[0]
        self.synapses = network.projections[0]
        recorders = network.recorders
        self.spikes = recorders[0] if recorders else network.record(self.neurons, "spikes")
        self.ids = self._names.ids
        if len(self.ids) != len(self.neurons):
            fail(
                "FlyBrain",
                "ids",
                len(self.ids),
                f"must be those of {len(self.neurons)} neurons",
                got="length",
            )
        self._drives: list[sl.Drive] = list(network.inputs)
        self._t_ref = np.broadcast_to(self.neurons.t_ref, (len(self.ids),)).copy()
        for drive in (
            self._drives
        ):  # of a loaded brain: those that it activates had the period of the others
            self._t_ref[drive.target.ids] = self._t_ref.max()
        self._silenced: dict[int, npt.NDArray[Any]] = {}  # weights of silenced neurons, by index
        self._row: npt.NDArray[np.int64] | None = None

    def index(self, neurons: npt.ArrayLike) -> npt.NDArray[np.int64]:
        """Return the indices of neurons that are given by id or index; see `Connectome.index`."""
        return self._names.index(neurons)

    def activate(
        self, neurons: npt.ArrayLike, rate: float = RATE, kick: float = KICK * WEIGHT
    ) -> None:
        """Make neurons fire at random times, as light does with optogenetic channels.

        Events of a Poisson process raise `V_m` far above the threshold. As published, these neurons have no refractory
        period from then on. Call it again for other neurons or rates; `restore` undoes it.

        Parameters
        ----------
        neurons : array-like of int
            Ids or indices.
        rate : float
            Probability of an event in a step, divided by dt [Hz].
        kick : float
            Rise of `V_m` [mV].

        Notes
        -----
        Brian2's ``PoissonInput(N=1)`` has at most one event in a step; here two are possible, which fire one spike, too.
        The rate of events is chosen such that a step has some with the probability ``rate * dt``. An event in the step of
        a spike is lost at the reset: at 150 Hz and a dt of 0.1 ms, neurons fire at 148 Hz, as in Brian2.
        """
        where = self.index(np.unique(self.index(neurons)))
        hz = float(number("FlyBrain.activate", "rate", rate, "Hz"))
        share = 1e-3 * hz * self.network.dt
        if not 0 <= share < 1:
            fail(
                "FlyBrain.activate",
                "rate",
                rate,
                f"must be >= 0 and less than one event a step, {1e3 / self.network.dt:g} Hz",
            )
        number("FlyBrain.activate", "kick", kick, "mV")
        if len(where) == 0:
            return
        self.network.reset()  # a drive begins at the time at which it is added
        events = -np.log1p(-share) / (1e-3 * self.network.dt)
        drive = sl.PoissonInput(float(events), kick, receptor="kick")
        self._drives.append(self.network.inject(self.neurons[where], drive))
        t_ref = np.broadcast_to(self.neurons.t_ref, (len(self.ids),)).copy()
        t_ref[where] = 0.0
        self.neurons.t_ref = t_ref

    def silence(self, neurons: npt.ArrayLike) -> None:
        """Set the weights of all synapses of these neurons onto others to zero, as published; `restore` undoes it.

        Parameters
        ----------
        neurons : array-like of int
            Ids or indices.
        """
        new = [i for i in np.unique(self.index(neurons)).tolist() if i not in self._silenced]
        if not new:
            return
        row = self._rows()
        weights = np.array(self.synapses.weights)
        for i in new:
            self._silenced[i] = weights[row[i] : row[i + 1]].copy()
            weights[row[i] : row[i + 1]] = 0
        self.synapses.weights = weights

    def restore(self) -> None:
        """End all activation and silencing."""
        for drive in self._drives:
            drive.remove()
        self._drives.clear()
        self.neurons.t_ref = self._t_ref
        if self._silenced:
            row = self._rows()
            weights = np.array(self.synapses.weights)
            for i, before in self._silenced.items():
                weights[row[i] : row[i + 1]] = before
            self.synapses.weights = weights
            self._silenced.clear()

    def run(
        self,
        duration: float = 1000.0,
        *,
        trials: int = 1,
        first: int = 0,
        progress: bool | Callable[[float], Any] = False,
    ) -> FlyActivity:
        """Simulate trials, each from rest, and return their spikes.

        Trial k begins at the network's time k times `duration`, which determines the random numbers: a trial of a given
        number and duration has the same drive whenever it runs, with neurons silenced or not.

        Parameters
        ----------
        duration : float
            Length of a trial [ms].
        trials : int
            How many.
        first : int
            Number of the first one.
        progress
            See `Network.run`.
        """
        where = "FlyBrain.run"
        length = float(number(where, "duration", duration, "ms"))
        require(where, "duration", np.asarray(length), "> 0")
        count = integer(where, "trials", trials, 1)
        begin = integer(where, "first", first, 0)
        parts = []
        for k in range(begin, begin + count):
            start = k * length
            self.network.reset(at=start)
            self.network.run(length, progress=progress)
            times = self.spikes.times - start
            parts.append((times, np.asarray(self.spikes.ids, np.int64), np.full(len(times), k)))
        times, neurons, trial = (np.concatenate(part) for part in zip(*parts, strict=True))
        return FlyActivity(times, neurons, trial, self.ids, np.arange(begin, begin + count), length)

    def _rows(self) -> npt.NDArray[np.int64]:
        """Return where the synapses of each neuron begin in the projection's order."""
        if self._row is None:
            counts = np.bincount(self.synapses.pre_ids, minlength=len(self.ids))
            self._row = np.concatenate([[0], np.cumsum(counts)])
        return self._row

    def __repr__(self) -> str:
        return f"FlyBrain({len(self.ids)} neurons, {len(self.synapses)} edges)"


@spelled
def fly_brain(
    connectivity: Any,
    neurons: Any = None,
    *,
    model: NeuronModel | None = None,
    weight: float = WEIGHT,
    delay: float = DELAY,
    dt: float = 0.1,
    seed: int = 0,
    threads: int | None = None,
    dtype: Literal["float32", "float64"] = "float32",
) -> FlyBrain:
    """Build the brain of a fruit fly from its connectome (Shiu et al., Nature 2024).

    Parameters
    ----------
    connectivity : path-like, tuple, table, sparse matrix or Connectome
        The published parquet file (``Connectivity_783.parquet``, which needs pyarrow), or ``(pre, post, synapses)``: indices
        of sources and targets, and numbers of synapses, negative for inhibitory ones. See `Connectome.of`.
    neurons : path-like, array-like or int, optional
        The published list of neurons (``Completeness_783.csv``), or their ids, or their number.
    model : NeuronModel, optional
        The neurons, by default `FlyNeuron` with the published parameters; with others, ``FlyNeuron(tau_m=15.0)``.
    weight : float
        Effect of a single synapse on `g` [mV].
    delay : float
        Delay of all synapses [ms].
    dt, seed, threads, dtype
        See `spikelet.Network`.

    Returns
    -------
    FlyBrain

    Notes
    -----
    Spikes have the stamp of the end of their step; Brian2's times are one `dt` less.

    References
    ----------
    P. K. Shiu et al., Nature 634:210-219 (2024).

    Examples
    --------
    >>> import spikelet as sl
    >>> from spikelet.models.connectome import Connectome
    >>> brain = sl.models.fly_brain(Connectome.surrogate(2000, 60_000), threads=1)
    >>> brain.activate(range(21), rate=150.0)
    >>> activity = brain.run(500.0)
    >>> int(activity.rates()["index"].max()) > 20  # others fire, too
    True
    """
    found = Connectome.of(connectivity, neurons)
    net = sl.Network(dt=dt, seed=seed, threads=threads, dtype=dtype)
    if model is None:
        model = FlyNeuron(t_ref=max(REFRACTORY - net.dt, 0.0))
    population = net.population(len(found), model, name="neurons")
    one = net.dtype.type(number("fly_brain", "weight", weight, "mV"))
    weights = np.multiply(found.synapses, one, dtype=net.dtype)
    pre, post, ids = found.pre, found.post, found.ids
    del found  # what was read is not needed beside what the network makes of it
    net.connect(
        population, population, (pre, post), weight=weights, delay=delay, receptor="synapse"
    )
    net.record(population, "spikes")
    return FlyBrain(net, ids)
