"""Read the nodes and synapses of a running NEST kernel as arrays, in groups of nodes of one model."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from spikelet._util.checks import fail
from spikelet.io.nest.synapse_models import synapse_parameters
from spikelet.neurons.nest_names import NEST_MODELS

_READ = 1 << 18  # synapses read at a time: NEST makes a dictionary of each

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Group:
    """Consecutive nodes of one model, or nodes that the user named.

    Attributes
    ----------
    number : int
        Its place in `Kernel.groups`.
    name : str
    model : str
        NEST's name of the model.
    kind : str
        "neuron", "stimulator", "recorder" or "other".
    gids : int64 array
        NEST's ids, ascending.
    """

    number: int
    name: str
    model: str
    kind: str
    gids: Ints

    @property
    def relays(self) -> bool:
        """True for parrots, which repeat what reaches them."""
        return self.model == "parrot_neuron"


@dataclass(frozen=True, eq=False)
class Synapses:
    """Synapses of one model from one group to another, in order of source, then target.

    Attributes
    ----------
    pre, post : Group
    model : str
        NEST's name of the synapse model.
    receptor : int
        NEST's number of the receptor.
    source, target : int64 array
        Positions within the groups.
    weight : float64 array
    delay : int64 array
        In steps.
    more : mapping of str to array
        Parameters of plastic synapses.
    """

    pre: Group
    post: Group
    model: str
    receptor: int
    source: Ints
    target: Ints
    weight: Floats
    delay: Ints
    more: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)

    def part(self, which: Any) -> Synapses:
        """Return some of them."""
        chosen = {
            name: getattr(self, name)[which] for name in ("source", "target", "weight", "delay")
        }
        more = {name: values[which] for name, values in self.more.items()}
        return dataclasses.replace(self, **chosen, more=more)

    def __len__(self) -> int:
        return len(self.source)

    def __str__(self) -> str:
        return f"{self.pre.name} -> {self.post.name} ({self.model})"


class Kernel:
    """Nodes and synapses of a running kernel.

    Parameters
    ----------
    nest : module
        NEST, in which a network has been built.
    populations : mapping of str to NodeCollection
        Names for some nodes, each of one model; the others are grouped as they were created.
    """

    def __init__(self, nest: Any, populations: Mapping[str, Any]) -> None:
        self.nest = nest
        self.dt = float(nest.resolution)
        self.now = round(nest.biological_time / self.dt)  # in steps
        nodes = nest.GetNodes()
        empty: list[npt.NDArray[Any]] = [np.zeros(0)] * 3
        about = _arrays(nodes, ["model", "element_type", "frozen"]) if len(nodes) else empty
        self.models, kinds, self.frozen = about[0], about[1], about[2]
        owner = np.full(len(nodes), -1, dtype=np.int64)  # by gid - 1
        named: list[tuple[str, Ints]] = []
        for name, collection in populations.items():
            gids = _gids_of(name, collection, owner, self.models)
            owner[gids - 1] = len(named)
            named.append((str(name), gids))
        label = self._labels(nodes)
        differ = [values[1:] != values[:-1] for values in (self.models, owner, label)]
        cuts = np.flatnonzero(np.any(differ, axis=0)) + 1
        runs = [r + 1 for r in np.split(np.arange(len(nodes)), cuts) if len(r) and owner[r[0]] < 0]
        found = named + [("", run) for run in runs]
        found.sort(key=lambda item: int(item[1][0]))
        self.groups = []
        self.group_of = np.zeros(len(nodes), dtype=np.int64)
        self.place = np.zeros(len(nodes), dtype=np.int64)
        for number, (name, gids) in enumerate(found):
            model, kind = str(self.models[gids[0] - 1]), str(kinds[gids[0] - 1])
            self.groups.append(Group(number, name or f"{model}_{gids[0]}", model, kind, gids))
            self.group_of[gids - 1] = number
            self.place[gids - 1] = np.arange(len(gids))

    def _labels(self, nodes: Any) -> npt.NDArray[Any]:
        """Return what neighbours of one model must share to be of one group.

        It is what drives a parrot, and, where a parameter is a list, the list.
        """
        label = np.full(len(nodes), "", dtype=object)
        for model in set(self.models):
            gids = np.flatnonzero(self.models == model) + 1
            if model == "parrot_neuron":
                feeds = self.nest.GetConnections(target=self.nest.NodeCollection(gids.tolist()))
                if len(feeds):
                    source, target = _arrays(feeds, ["source", "target"])
                    for name in set(self.models[source - 1]):
                        label[np.unique(target[self.models[source - 1] == name]) - 1] += f"{name} "
            elif model in NEST_MODELS and NEST_MODELS[model].lists:
                got = self.nest.NodeCollection(gids.tolist()).get(list(NEST_MODELS[model].lists))
                lists = [(v,) if len(gids) == 1 else v for v in got.values()]
                label[gids - 1] = [
                    str([list(v) for v in each]) for each in zip(*lists, strict=True)
                ]
        return label

    def status(self, group: Group) -> dict[str, Any]:
        """Return all that NEST says of the nodes of a group: a sequence with one value for each."""
        got = self.nest.NodeCollection(group.gids.tolist()).get()
        return {k: (v,) for k, v in got.items()} if len(group.gids) == 1 else dict(got)

    def synapses(self) -> Iterator[Synapses]:
        """Return all synapses, by model, source group, target group and receptor."""
        for model in self.nest.synapse_models:
            if self.nest.GetDefaults(model, "num_connections"):
                yield from self._of_model(model)

    def _of_model(self, model: str) -> Iterator[Synapses]:
        nest = self.nest
        found, defaults = nest.GetConnections(synapse_model=model), nest.GetDefaults(model)
        own, each = synapse_parameters(nest, model), set(found[0].get())
        read = ["source", "target", "delay", "receptor", *sorted({"weight", *own} & each)]
        parts = [
            _arrays(found[start : start + _READ], read) for start in range(0, len(found), _READ)
        ]
        columns = dict(zip(read, map(np.concatenate, zip(*parts, strict=True)), strict=True))
        for key in {"weight", *own} - each:  # one for all synapses of the model
            columns[key] = np.full(len(found), defaults[key])
        steps = columns["delay"] / self.dt
        if np.abs(steps - np.rint(steps)).max() > 1e-6:
            rule = f"must be multiples of {self.dt:g} ms"
            fail("from_nest", f"delay of {model}", columns["delay"], rule)
        source, target = columns["source"] - 1, columns["target"] - 1
        keys = np.stack([self.group_of[source], self.group_of[target], columns["receptor"]])
        order = np.lexsort((self.place[target], self.place[source], *keys[::-1]))
        keys = keys[:, order]
        edges = np.flatnonzero((np.diff(keys) != 0).any(axis=0)) + 1
        for which, (pre, post, receptor) in zip(
            np.split(order, edges), keys[:, np.concatenate([[0], edges])].T, strict=True
        ):
            yield Synapses(
                self.groups[pre],
                self.groups[post],
                model,
                int(receptor),
                self.place[source[which]],
                self.place[target[which]],
                columns["weight"][which].astype(np.float64),
                np.rint(steps[which]).astype(np.int64),
                {key: columns[key][which] for key in own},
            )


def _arrays(items: Any, keys: list[str]) -> list[npt.NDArray[Any]]:
    """Return properties of nodes or synapses, one array each."""
    got = items.get(keys)
    return [np.atleast_1d(np.asarray(got[key])) for key in keys]


def _gids_of(name: str, collection: Any, owner: Ints, models: npt.NDArray[Any]) -> Ints:
    """Return the ids of nodes that the user named, after a check."""
    where = f'from_nest populations["{name}"]'
    if not hasattr(collection, "tolist") or not len(collection):
        fail(where, "nodes", collection, "must be a NodeCollection with nodes", error=TypeError)
    gids = np.asarray(collection.tolist(), dtype=np.int64)
    if gids.max() > len(owner):
        fail(where, "nodes", int(gids.max()), "must be nodes of the present kernel", got="id")
    if (owner[gids - 1] >= 0).any():
        twice = int(gids[owner[gids - 1] >= 0][0])
        fail(where, "nodes", twice, "must not have nodes of another population", got="id")
    kinds = sorted(set(models[gids - 1]))
    if len(kinds) > 1:
        fail(where, "nodes", kinds, "must be of the same model", got="models")
    return gids
