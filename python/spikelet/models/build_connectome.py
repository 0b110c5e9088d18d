"""A network from any connectome: cells by type, signs by transmitter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

import spikelet as sl
from spikelet._util.checks import fail, interval, number
from spikelet._util.spelling import spelled
from spikelet.models.assemble import couple, graded, models_by_type, populate, wire
from spikelet.models.connectome_model import ConnectomeModel
from spikelet.models.fly_neuron import DELAY, REFRACTORY, WEIGHT, FlyNeuron
from spikelet.models.wiring import Edges, read_wiring
from spikelet.neurons import NeuronModel


@spelled
def connectome(
    edges: Any,
    neurons: Any = None,
    *,
    sign: Any = None,
    scale: float | None = None,
    model: NeuronModel | Mapping[Any, NeuronModel] | None = None,
    delay: float = DELAY,
    gaps: Any = None,
    gap_scale: float = 0.1,
    graded_scale: float | None = None,
    coupling: float | None = None,
    columns: Mapping[str, str] | None = None,
    dt: float = 0.1,
    seed: int = 0,
    threads: int | None = None,
    dtype: Literal["float32", "float64"] = "float32",
) -> ConnectomeModel:
    """Build a network from a connectome.

    Parameters
    ----------
    edges : path-like, table, array, sparse matrix, tuple or Connectome
        Numbers of synapses. A file (CSV, TSV, parquet, feather, or the first sheet of an Excel file), a DataFrame of pandas
        or polars, or a dict of columns has an edge in each row, in columns for source, target and weight, or is a matrix
        with names of rows (sources) and columns (targets). Without a weight, a row is one synapse. A column "kind" or
        "type" may call rows "electrical" or "gap junction". Also a square array or sparse matrix, or ``(pre, post, weight)``
        with ids. Edges that are listed several times are added up; synapses of a neuron onto itself are kept.
    neurons : path-like, table or array-like, optional
        The neurons, one in each row: ids in a column or in the index, types, transmitters, parameters; or only their ids. A
        matrix without names is in this order. By default the neurons are those that the edges name.
    sign : dict, float or array-like, [n], optional
        Signs by transmitter, such as ``{"ACh": 1, "GABA": -1}`` (None: all others), or of the neurons; any numbers. By
        default weights have their own signs.
    scale : float
        Weight of one synapse, in the unit of the model's synapses. It has a default, 0.275 mV, only with the default model.
    model : NeuronModel or dict of type to NeuronModel, optional
        The neurons (None: all other types); by default those of the fly's brain, `spikelet.models.fly_brain.FlyNeuron`. A
        column of `neurons` with the name of a parameter sets it, except in empty cells. Cells are graded if their model has
        the parameters ``V_half`` and ``V_slope``, as `spikelet.models.GradedNeuron`.
    delay : float
        Delay of all synapses that spikes act through [ms].
    gaps : path-like, table, array, sparse matrix or tuple, optional
        Numbers of gap junctions, in the forms of `edges`. Where both directions are listed, the larger number counts.
    gap_scale : float
        Conductance of one gap junction [nS].
    graded_scale : float, optional
        Weight of one synapse of a graded cell at full release; by default `scale`. It is a conductance [nS] onto cells with the
        parameters `E_ex` and `E_in`, and a current [pA] into others.
    coupling : float, optional
        Interval [ms], a multiple of dt, for which the currents of graded synapses and gap junctions are held; by default dt.
    columns : dict of str to str, optional
        Names of columns: of "pre", "post", "weight", "kind" in `edges`, and of "id", "type", "transmitter" in `neurons`.
        By default those of `spikelet.models.wiring.NAMES`.
    dt, seed, threads, dtype
        See `spikelet.Network`.

    Returns
    -------
    ConnectomeModel

    Raises
    ------
    ValueError, TypeError
        If ids are unknown or not unique, weights are missing, a transmitter has no sign, a type has no model, or cells with
        graded input or gap junctions have no parameter `I_e`.

    Notes
    -----
    Graded synapses and gap junctions are computed between runs of `coupling` ms, from the potentials at their beginning:
    the error is of first order in this interval. This costs some tenths of a millisecond for each, so it suits networks of
    some hundred cells. Without them, the network runs in one piece.

    Examples
    --------
    >>> import spikelet as sl
    >>> edges = {"pre": ["a", "a", "b"], "post": ["b", "c", "c"], "weight": [300, 20, -80]}
    >>> model = sl.models.connectome(edges)
    >>> model.activate("a", rate=100.0)
    >>> model.run(200.0).rates()["id"].tolist()
    ['a', 'b']
    """
    where = "connectome"
    if scale is None and model is not None:
        rule = "must be given with a model of your own: the weight of one synapse, in the unit of its synapses"
        fail(where, "scale", scale, rule)
    size = float(number(where, "scale", WEIGHT if scale is None else scale))
    graded_size = (
        size if graded_scale is None else float(number(where, "graded_scale", graded_scale))
    )
    gap_size = float(number(where, "gap_scale", gap_scale, "nS"))
    net = sl.Network(dt=dt, seed=seed, threads=threads, dtype=dtype)
    every = net.dt * interval(where, coupling, net.dt, "coupling")
    found = read_wiring(edges, neurons, gaps, sign, columns)
    if model is None:
        model = FlyNeuron(t_ref=max(REFRACTORY - net.dt, 0.0))
    n = len(found.ids)
    cells = models_by_type(where, model, found.columns, n)
    populations, kind = populate(net, cells, found.columns, n)
    synapses, released = found.synapses, graded(populations, kind)[found.synapses.pre]
    release = Edges(*(part[released] for part in synapses))
    if released.any():
        synapses = Edges(*(part[~released] for part in synapses))
    weights = np.multiply(synapses.weight, net.dtype.type(size), dtype=net.dtype)
    wire(net, populations, kind, synapses._replace(weight=weights), delay)
    release = release._replace(weight=release.weight * graded_size)
    gap_edges = found.gaps._replace(weight=found.gaps.weight * gap_size)
    coupled = couple(populations, kind, found.ids, release, gap_edges, every)
    return ConnectomeModel(net, found.ids, kind=kind, columns=found.columns, coupling=coupled)
