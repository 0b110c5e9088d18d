"""The brain of the fruit fly: all neurons and synapses of the FlyWire connectome as leaky integrate-and-fire neurons.

P. K. Shiu et al., A Drosophila computational brain model reveals sensorimotor processing, Nature 634:210-219 (2024).
Equations, parameters and the form of the files are those of their code (github.com/philshiu/Drosophila_brain_model), which
runs in Brian2. Connectome: S. Dorkenwald et al., Neuronal wiring diagram of an adult brain, Nature 634:124-138 (2024).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, Literal

import numpy as np

import spikelet as sl
from spikelet._util.checks import number
from spikelet._util.extras import extra
from spikelet._util.files import path_of
from spikelet._util.spelling import spelled
from spikelet.models.activity import Activity
from spikelet.models.assemble import wire
from spikelet.models.connectome import Connectome
from spikelet.models.connectome_model import ConnectomeModel
from spikelet.models.fly_neuron import DELAY, REFRACTORY, WEIGHT, FlyNeuron
from spikelet.models.wiring import Edges
from spikelet.neurons import NeuronModel


class FlyActivity(Activity):
    """The spikes of some trials of a fly's brain; see `spikelet.models.activity.Activity`."""

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


class FlyBrain(ConnectomeModel):
    """A fly's brain, built by `fly_brain`.

    Parameters
    ----------
    network : Network
        A network built by `fly_brain`, or loaded after `Network.save`: its first population is the neurons, its first
        projection their synapses, and its first recorder, if any, has the spikes. Silenced neurons stay silent.
    ids : array of int, [n]
        Ids of the neurons.
    """

    @property
    def neurons(self) -> sl.Population:
        """All neurons."""
        return self.populations[0]

    @property
    def synapses(self) -> sl.Projection:
        """All synapses, one for each edge."""
        return self.projections[0]

    @property
    def spikes(self) -> Any:
        """The spikes since the last reset."""
        return self.recorders[0]

    def run(
        self,
        duration: float = 1000.0,
        *,
        trials: int = 1,
        first: int = 0,
        progress: bool | Callable[[float], Any] = False,
    ) -> FlyActivity:
        """Simulate trials, each from rest, and return their spikes; see `ConnectomeModel.run`."""
        found = super().run(duration, trials=trials, first=first, progress=progress)
        return FlyActivity(**vars(found))


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
    one = net.dtype.type(number("fly_brain", "weight", weight, "mV"))
    population = net.population(len(found), model, name="neurons")
    ids, kind = found.ids, np.zeros(len(found), np.int64)
    weights = np.multiply(found.synapses, one, dtype=net.dtype)
    edges = Edges(found.pre, found.post, weights)
    del found  # what was read is not needed beside what the network makes of it
    wire(net, [population], kind, edges, delay)
    return FlyBrain(net, ids)
