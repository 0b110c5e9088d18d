"""Populations and projections of a connectome: one population for each class of models, with parameters by neuron."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

import spikelet as sl
from spikelet._util.checks import fail
from spikelet.models.coupling import Coupling
from spikelet.models.wiring import Edges
from spikelet.neurons import NeuronModel

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Columns = Mapping[str, npt.NDArray[Any]]


def models_by_type(
    where: str, model: NeuronModel | Mapping[Any, NeuronModel], columns: Columns, n: int
) -> list[tuple[NeuronModel, Ints]]:
    """Return the models, and the indices of the neurons that have them."""
    if not isinstance(model, Mapping):
        if not isinstance(model, NeuronModel):
            rule = "must be a neuron model, or a dict of them by type"
            fail(where, "model", model, rule, error=TypeError)
        return [(model, np.arange(n))]
    if "type" not in columns:
        rule = "needs a column of types in the table of neurons (say which: columns={'type': ...})"
        fail(where, "model", list(model), rule, got="a dict of")
    types = columns["type"]
    values = set(types.tolist())
    unknown = [key for key in model if key is not None and key not in values]
    if unknown:
        fail(
            where, "model", unknown[0], "must name types of the table of neurons (None: all others)"
        )
    lacking = sorted(values.difference(model))
    if lacking and None not in model:
        rule = f"must have a model for every type (None: all others); {len(lacking)} are missing"
        fail(where, "model", lacking[0], rule)
    found = [(one, np.flatnonzero(types == key)) for key, one in model.items() if key is not None]
    if lacking:
        found.append((model[None], np.flatnonzero(np.isin(types, lacking))))
    for one, _ in found:
        if not isinstance(one, NeuronModel) or one.length is not None:
            rule = "must be neuron models with one number for each parameter"
            fail(where, "model", one, rule, error=TypeError)
    return found


def populate(
    net: sl.Network, cells: Sequence[tuple[NeuronModel, Ints]], columns: Columns, n: int
) -> tuple[list[sl.Population], Ints]:
    """Add populations; return them, and the number of the population of each neuron.

    Models of one class share a population. A column with the name of a parameter sets it, except where it is empty.
    """
    groups: dict[Any, list[tuple[NeuronModel, Ints]]] = {}
    for model, where in cells:
        groups.setdefault((type(model), repr(_fixed(model))), []).append((model, where))
    populations, kind = [], np.zeros(n, np.int64)
    for k, group in enumerate(groups.values()):
        model, where = group[0][0], np.sort(np.concatenate([at for _, at in group]))
        kind[where] = k
        changes = {}
        for name in set(model.parameters()).difference(_fixed(model)):
            values = np.empty(n)
            for one, at in group:
                values[at] = getattr(one, name)
            if name in columns and columns[name].dtype.kind in "biuf":
                values = np.where(np.isnan(columns[name]), values, columns[name])
            if (values[where] != getattr(model, name)).any():
                changes[name] = values[where]
        full = model.replace(**changes) if changes else model
        name_of = "neurons" if len(groups) == 1 else f"{type(model).__name__} {k}"
        populations.append(net.population(len(where), full, name=name_of))
    return populations, kind


def _fixed(model: NeuronModel) -> dict[str, Any]:
    """Return what neurons of one population have in common: all but single numbers."""
    return {name: value for name, value in vars(model).items() if not isinstance(value, float)}


def graded(populations: Sequence[sl.Population], kind: Ints) -> npt.NDArray[np.bool_]:
    """Return which neurons are graded."""
    each = [{"V_half", "V_slope"} <= set(p.parameters) for p in populations]
    return np.array(each, np.bool_)[kind]


def wire(
    net: sl.Network, populations: Sequence[sl.Population], kind: Ints, edges: Edges, delay: float
) -> None:
    """Connect populations by what spikes act through; weights are in the unit of the synapses."""
    if len(populations) == 1:
        _connect(net, populations[0], populations[0], *edges, delay)
        return
    place = np.zeros(len(kind), np.uint32)
    for k in range(len(populations)):
        place[kind == k] = np.arange((kind == k).sum())
    pair = kind[edges.pre] * len(populations) + kind[edges.post]
    for code in np.unique(pair).tolist():
        a, b = (populations[k] for k in divmod(code, len(populations)))
        pre, post, weights = (part[pair == code] for part in edges)
        _connect(net, a, b, place[pre], place[post], weights, delay)


def _connect(
    net: sl.Network,
    pre: sl.Population,
    post: sl.Population,
    sources: Any,
    targets: Any,
    weights: Any,
    delay: float,
) -> None:
    receptor = receptor_of(post.model, "synapse")
    net.connect(pre, post, (sources, targets), weight=weights, delay=delay, receptor=receptor)


def receptor_of(model: Any, *names: str) -> str | None:
    """Return the first of some receptors that a model has; None lets the sign of a weight pick it."""
    return next((name for name in names if name in model.receptors), None)


def couple(
    populations: Sequence[sl.Population],
    kind: Ints,
    ids: npt.NDArray[Any],
    release: Edges,
    gaps: Edges,
    every: float,
) -> Coupling | None:
    """Return what couples cells continuously, after all checks; None if nothing does."""
    if len(release.pre) + len(gaps.pre) == 0:
        return None
    members = [np.flatnonzero(kind == k) for k in range(len(populations))]
    names = ("V_half", "V_slope", "E_ex", "E_in", "I_e", "C_m")
    cells = {name: values_of(populations, members, name) for name in names}
    found = Coupling(release, gaps, cells, every)
    reached = "targets of graded synapses, and cells with gap junctions,"
    require_current("connectome", reached, cells["I_e"], found.reached(), ids)
    with np.errstate(invalid="ignore"):
        ratio = every * found.conductances() / cells["C_m"]
    if np.nanmax(ratio, initial=0.0) > 1:
        worst = int(np.nanargmax(ratio))
        rule = f"must be at most C_m divided by the sum of the conductances of each cell, {every / ratio[worst]:.3g} ms for {ids[worst]}"
        fail("connectome", "coupling", every, rule)
    return found


def values_of(populations: Sequence[sl.Population], members: Sequence[Ints], name: str) -> Floats:
    """Return a parameter or a state of all neurons; NaN for those that lack it."""
    values = np.full(sum(map(len, members)), np.nan)
    for where, population in zip(members, populations, strict=True):
        if name in population.parameters or name in population.states:
            values[where] = np.asarray(getattr(population, name))
    return values


def require_current(
    where: str, argument: str, I_e: Floats, cells: Ints, ids: npt.NDArray[Any]
) -> None:
    """Check that a current can be added to cells."""
    bad = cells[np.isnan(I_e[cells])]
    if len(bad):
        fail(
            where,
            argument,
            ids[bad[0]].item(),
            "must be cells whose model has the parameter I_e [pA]",
        )
