"""Networks on disk: one .npz file with a JSON description and the arrays."""

from __future__ import annotations

import dataclasses
import json
import os
from typing import TYPE_CHECKING, Any

import numpy as np

from spikelet import _core, injecting, neurons, plasticity, regulation, sources
from spikelet._checks import fail

if TYPE_CHECKING:
    from spikelet.network import Network

FORMAT = "spikelet network 2"

_TYPES: dict[str, Any] = {
    name: getattr(module, name)
    for module in (neurons, sources, plasticity, regulation)
    for name in module.__all__
}


class _Writer:
    def __init__(self) -> None:
        self.arrays: dict[str, Any] = {}

    def describe(self, item: Any, key: str) -> dict[str, Any]:
        """Describe a dataclass; its arrays go to the file under `key`."""
        fields: dict[str, Any] = {}
        for f in dataclasses.fields(item):
            value = getattr(item, f.name)
            if isinstance(value, np.ndarray):
                self.arrays[f"{key}.{f.name}"] = value
                value = {"array": f"{key}.{f.name}"}
            fields[f.name] = value
        return {"type": type(item).__name__, "fields": fields}


def _restore(description: dict[str, Any], file: Any) -> Any:
    fields = {
        k: file[v["array"]] if isinstance(v, dict) else v for k, v in description["fields"].items()
    }
    return _TYPES[description["type"]](**fields)


def save(net: Network, path: str | os.PathLike[str]) -> None:
    """Write a network."""
    out, sim = _Writer(), net._sim
    populations, projections = [], []
    for p in net.populations:
        key = f"population{p.index}"
        if isinstance(p.model, neurons.NeuronModel):
            for k, state in enumerate(p.model.states):
                out.arrays[f"{key}.state.{state}"] = sim.raw_state(p.index, k)
                if sim.has_run(p.index):  # where reset goes back to
                    out.arrays[f"{key}.initial.{state}"] = sim.initial_state(p.index, k)
            out.arrays[f"{key}.held"] = sim.held(p.index)
        model = out.describe(p.model, key)
        populations.append(
            {"n": p.size, "name": p.name, "model": model, "start": net._raster_starts[p.index]}
        )
    for q in net.projections:
        key = f"projection{q.index}"
        plastic = None
        if q.plasticity is not None:
            plastic = out.describe(q.plasticity, key)
            for name, values in sim.plastic_state(q.index).items():
                out.arrays[f"{key}.plastic.{name}"] = values
        row, post, weight, delay = sim.synapses(q.index)
        weight, delay = (x[:1] if len(x) and (x == x[0]).all() else x for x in (weight, delay))
        out.arrays.update(
            {f"{key}.row": row, f"{key}.post": post, f"{key}.weight": weight, f"{key}.delay": delay}
        )
        ends = {}
        for end, population in (("pre", q.pre), ("post", q.post)):
            ends[end] = population.index
            if not population.whole:
                out.arrays[f"{key}.{end}_ids"] = population.ids

        projections.append(
            {
                **ends,
                "receptor": q.receptor,
                "plasticity": plastic,
                "born": sim.born(q.index),
            }
        )
    inputs = []
    for k, (target, what, start) in enumerate(net._inputs):
        if not target.whole:
            out.arrays[f"input{k}.ids"] = target.ids
        inputs.append(
            {"target": target.index, "what": out.describe(what, f"input{k}"), "start": start}
        )
    stamps, gids = sim.in_flight()
    out.arrays["in_flight.stamps"], out.arrays["in_flight.gids"] = stamps, gids
    header = {
        "format": FORMAT,
        "version": _core.__version__,
        "dt": net.dt,
        "seed": net.seed,
        "dtype": net.dtype.name,
        "now": net._step,
        "drawn": net._drawn,
        "populations": populations,
        "projections": projections,
        "inputs": inputs,
        "regulations": [
            {"projection": q.index, "how": out.describe(how, "")} for q, how in net.regulations
        ],
    }
    with open(path, "wb") as file:  # noqa: PTH123  # np.savez would add a suffix to a name
        np.savez(file, header=np.array(json.dumps(header)), **out.arrays)


def load(path: str | os.PathLike[str], threads: int | None) -> Network:
    """Read a network."""
    from spikelet.network import Network  # noqa: PLC0415  # it imports this module

    try:
        file = np.load(path, allow_pickle=False)
    except ValueError:
        file = None
    if not isinstance(file, np.lib.npyio.NpzFile) or "header" not in file:
        fail("Network.load", "path", os.fspath(path), "must be a file that Network.save wrote")
    with file:
        header = json.loads(str(file["header"]))
        if header.get("format") != FORMAT:
            fail("Network.load", "format", header.get("format"), f"must be {FORMAT!r}")
        net = Network(dt=header["dt"], seed=header["seed"], threads=threads, dtype=header["dtype"])
        sim = net._sim
        for d in header["populations"]:
            net.population(d["n"], _restore(d["model"], file), d["name"])
        for index, d in enumerate(header["projections"]):
            _load_projection(net, index, d, file)
        for k, d in enumerate(header["inputs"]):
            target = net.populations[d["target"]]
            target = target[file[f"input{k}.ids"]] if f"input{k}.ids" in file else target
            what = _restore(d["what"], file)
            injecting.inject(net, target, what, d["start"])
            net._inputs.append((target, what, d["start"]))
        for d in header["regulations"]:
            net.regulate(net.projections[d["projection"]], _restore(d["how"], file))
        sim.set_clock(header["now"], file["in_flight.stamps"], file["in_flight.gids"])
        net._drawn = header["drawn"]
        for p, d in zip(net.populations, header["populations"], strict=True):
            net._raster_starts[p.index] = d["start"]
            if isinstance(p.model, sources.RasterSource):
                sim.set_events(p.index, *p.model.stamps(d["start"], p.size))
            if isinstance(p.model, neurons.NeuronModel):
                key = f"population{p.index}"
                for k, state in enumerate(p.model.states):
                    values = file[f"{key}.state.{state}"]
                    if state != "theta" or values.any():
                        sim.set_raw_state(p.index, k, values)
                    if f"{key}.initial.{state}" in file:
                        sim.set_initial_state(p.index, k, file[f"{key}.initial.{state}"])
                sim.set_held(p.index, file[f"{key}.held"])
    return net


def _load_projection(net: Network, index: int, d: dict[str, Any], file: Any) -> None:
    from spikelet.projection import Projection  # noqa: PLC0415  # keeps the import order one way

    key = f"projection{index}"
    pre, post = (
        net.populations[d[end]][file[f"{key}.{end}_ids"]]
        if f"{key}.{end}_ids" in file
        else net.populations[d[end]]
        for end in ("pre", "post")
    )
    rule = None if d["plasticity"] is None else _restore(d["plasticity"], file)
    row = file[f"{key}.row"].astype(np.int64)
    pre_ids = np.repeat(np.arange(len(row) - 1), np.diff(row)).astype(np.uint32)
    net._sim.connect_lists(
        pre.index, post.index, pre.size, pre_ids, file[f"{key}.post"], file[f"{key}.weight"], file[f"{key}.delay"],
        d["receptor"], None if rule is None else rule.to_core(), d["born"],
    )  # fmt: skip
    if rule is not None:
        prefix = f"{key}.plastic."
        net._sim.set_plastic_state(
            index, {k[len(prefix) :]: file[k] for k in file if k.startswith(prefix)}
        )
    net.projections.append(Projection(net, index, pre, post, rule, d["receptor"]))
