"""Checkpoints: a network in one .npz file, with a JSON description and arrays.

The file is written atomically (`_util.files.replacing`). Loading reads and checks all of it before anything is built;
an error says what does not fit and where.
"""

from __future__ import annotations

import dataclasses
import errno
import json
import os
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NoReturn, TypeVar

import numpy as np

from spikelet import _core, neurons, plasticity, regulation, sources
from spikelet._util.checks import fail, integer
from spikelet._util.files import replaced
from spikelet.network import to_disk
from spikelet.network.connect import RECEPTORS
from spikelet.network.contents import NetworkContents
from spikelet.network.gathered_state import family, own_state, whole_state
from spikelet.network.inject import inject_from
from spikelet.network.populate import populate
from spikelet.network.population import Population
from spikelet.network.projection import Projection
from spikelet.network.record import make_recorder
from spikelet.network.regulate import regulate
from spikelet.network.tape import Tape
from spikelet.network.to_disk import StrPath
from spikelet.recording.hdf5_access import Arrays
from spikelet.recording.hdf5_file import RecordingFile

__all__ = ["load", "require_target", "save"]

AnyNetwork = TypeVar("AnyNetwork", bound=NetworkContents)

_NAME, _VERSION = "spikelet network", 3
_READABLE = (2, 3)  # version 3 added recorders


def _types() -> dict[str, Any]:
    """Return everything that a checkpoint can describe, by name."""
    modules = (sources, plasticity, regulation)
    others = {name: getattr(module, name) for module in modules for name in module.__all__}
    return neurons.models() | others


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


def _restore(description: dict[str, Any], file: Mapping[str, Any]) -> Any:
    fields, name = description["fields"], description["type"]
    kind = _types().get(name)
    if kind is None:
        fail("stored network", "type", name, "must be one that this version of spikelet has")
    known = {f.name for f in dataclasses.fields(kind)}
    if set(fields) != known:
        odd = ", ".join(sorted(set(fields) ^ known))
        rule = "must have the fields of this version"
        fail("stored network", name, odd, rule, got="unknown or missing")
    return kind(**{k: file[v["array"]] if isinstance(v, dict) else v for k, v in fields.items()})


def save(
    net: NetworkContents,
    path: StrPath,
    *,
    recorders: bool,
    also: Mapping[str, Any] = MappingProxyType({}),
) -> None:
    """Write one file, however many ranks share the network.

    Parameters
    ----------
    net : NetworkContents
        The network.
    path : path-like
        File to write.
    recorders : bool
        Whether to save the recorders.
    also : mapping of str to array
        Arrays of the caller that go to the file, too.
    """
    require_target(net, path)
    if net.ranks.size > 1:
        net.engine.sim.prepare()  # from then on all ranks know the longest delay
    header, arrays = _describe(net, Path(path).absolute().parent, recorders=recorders)
    arrays |= also
    header["arrays"] = sorted(arrays)
    with net.ranks.all_or_none(f"saving {path}"):
        if net.ranks.rank == 0:
            _write(path, header, arrays)


def require_target(net: NetworkContents, path: StrPath) -> None:
    """Check that a path can be written to, before a long run."""
    target = Path(os.path.realpath(path))
    with net.ranks.all_or_none(f"saving {path}"):
        if any(Path(os.path.realpath(file.path)) == target for file in to_disk.files(net)):
            fail("save", "path", str(path), "must not be a file that a recorder writes to")
        if net.ranks.rank == 0 and not target.parent.is_dir():
            raise FileNotFoundError(errno.ENOENT, "no such folder", str(target.parent))
        if net.ranks.rank == 0 and target.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))


def _write(path: StrPath, header: dict[str, Any], arrays: dict[str, Any]) -> None:
    with replaced(path) as file:
        np.savez(file, header=np.array(json.dumps(header)), **arrays)


def _describe(
    net: NetworkContents, folder: Path, *, recorders: bool
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the header and the arrays."""
    out, sim = _Writer(), net.engine.sim
    if recorders and to_disk.pending(net):  # a write failed before
        to_disk.drain(net)
    populations, projections = [], []
    for p in net.populations:
        key = f"population{p.index}"
        if isinstance(p.model, neurons.NeuronModel):
            for k, state in enumerate(p.model.states):
                raw = sim.raw_state(p.index, k)
                out.arrays[f"{key}.state.{state}"] = net.engine.gathered("state", p.index, raw)
                if sim.has_run(p.index):  # what reset restores
                    initial = sim.initial_state(p.index, k)
                    out.arrays[f"{key}.initial.{state}"] = net.engine.gathered(
                        "state", p.index, initial
                    )
            out.arrays[f"{key}.held"] = net.engine.gathered("state", p.index, sim.held(p.index))
        model = out.describe(p.model, key)
        populations.append(
            {
                "n": p.size,
                "name": p.name,
                "model": model,
                "start": net.engine.raster_starts[p.index],
            }
        )
    for q in net.projections:
        key = f"projection{q.index}"
        plastic = None
        if q.plasticity is not None:
            plastic = out.describe(q.plasticity, key)
            for name, values in whole_state(q).items():
                out.arrays[f"{key}.plastic.{name}"] = values
        row, post, weight, delay = q.synapses.arrays()
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
                "receptor": int(q.receptor),
                "plasticity": plastic,
                "born": sim.born(q.index),
            }
        )
    inputs = []
    for k, (target, what, start) in enumerate(net.inputs):
        if not target.whole:
            out.arrays[f"input{k}.ids"] = target.ids
        inputs.append(
            {"target": target.index, "what": out.describe(what, f"input{k}"), "start": start}
        )
    stamps, gids = sim.in_flight()
    out.arrays["in_flight.stamps"], out.arrays["in_flight.gids"] = stamps, gids
    header = {
        "format": f"{_NAME} {_VERSION}",
        "version": _core.__version__,
        "dt": net.dt,
        "seed": net.seed,
        "dtype": net.dtype.name,
        "now": net.engine.step,
        "drawn": net.engine.drawn,
        "populations": populations,
        "projections": projections,
        "inputs": inputs,
        "regulations": [
            {"projection": q.index, "how": out.describe(how, "")} for q, how in net.regulations
        ],
    }
    if recorders:
        header |= _describe_recorders(net, out, folder)
    return header, out.arrays


def _describe_recorders(net: NetworkContents, out: _Writer, folder: Path) -> dict[str, Any]:
    files = to_disk.files(net)
    described = []
    for k, recorder in enumerate(net.recorders):
        tape: Tape[Any] = recorder.tape
        d = {"target": tape.target.index, "kind": tape.kind, "what": tape.what, "every": tape.every}
        if isinstance(tape.target, Population) and not tape.target.whole:
            out.arrays[f"recorder{k}.ids"] = tape.target.ids
        if tape.file is None:
            out.arrays[f"recorder{k}.stamps"], out.arrays[f"recorder{k}.data"] = tape.all()
        else:
            d |= {"file": files.index(tape.file), "name": tape.name}
        described.append(d)
    with net.ranks.all_or_none("synchronising recordings"):
        for file in files:
            file.sync()  # the checkpoint counts on it; this also creates the file
    recordings = net.ranks.gather("recordings", [f.describe(folder) for f in files])
    return {"recorders": described, "recordings": recordings if any(recordings) else []}


_BROKEN = (
    zipfile.BadZipFile, zlib.error, EOFError, KeyError, IndexError, TypeError, AttributeError, ValueError,
    NotImplementedError, RuntimeError, OverflowError, MemoryError, SyntaxError, OSError,
)  # fmt: skip  # whatever libraries raise on a file that is not what it seems


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the header and all arrays, after a check of the file's checksums."""
    try:
        with path.open("rb") as plain, np.load(plain, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        header = json.loads(str(arrays.pop("header")))
    except FileNotFoundError:
        raise
    except _BROKEN as error:
        _refuse(path, f"not a complete file of Network.save ({type(error).__name__}: {error})")
    name, _, version = str(header.get("format") if isinstance(header, dict) else "").rpartition(" ")
    if name != _NAME or not version.isdigit():
        _refuse(path, "not a file of Network.save")
    if int(version) not in _READABLE:
        found = f"format {version}, written by spikelet {header.get('version')}"
        _refuse(path, f"{found}; this version reads formats {' and '.join(map(str, _READABLE))}")
    if header.get("arrays", sorted(arrays)) != sorted(arrays):
        _refuse(path, "the arrays are not those that the header lists")
    unknown = set(header) - _FIELDS
    if unknown:
        _refuse(path, f"unknown fields {', '.join(sorted(unknown))}")
    return header, arrays


def _refuse(path: Path, problem: str) -> NoReturn:
    msg = f"Network.load: {path}: {problem}"
    raise ValueError(msg)


_FIELDS = {
    "format", "version", "dt", "seed", "dtype", "now", "drawn", "populations", "projections", "inputs",
    "regulations", "recorders", "recordings", "arrays",
}  # fmt: skip


def load(cls: type[AnyNetwork], path: StrPath, threads: int | None, comm: Any) -> AnyNetwork:
    """Read a network of a given class."""
    where = Path(path).absolute()
    header, arrays = _read(where)
    try:
        net = _build(cls, header, arrays, threads, comm)
        _load_recorders(net, header, arrays, where.parent)
    except OSError:  # of a recording
        raise
    except _BROKEN as error:
        text = error if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
        msg = f"Network.load: {where}: {text}"
        raise ValueError(msg) from error
    return net


def _build(
    cls: type[AnyNetwork],
    header: dict[str, Any],
    file: Mapping[str, Any],
    threads: int | None,
    comm: Any,
) -> AnyNetwork:
    net = cls(header["dt"], header["seed"], threads, header["dtype"], comm)
    sim = net.engine.sim
    for d in header["populations"]:
        populate(net, d["n"], _restore(d["model"], file), d["name"])
    for index, d in enumerate(header["projections"]):
        _load_projection(net, index, d, file)
    for k, d in enumerate(header["inputs"]):
        target = _part(net, d["target"], file.get(f"input{k}.ids"))
        what = _restore(d["what"], file)
        inject_from(net, target, what, d["start"])
    for d in header["regulations"]:
        regulate(net, net.projections[d["projection"]], _restore(d["how"], file))
    stamps = file["in_flight.stamps"]
    gids = _sized(file, "in_flight.gids", len(stamps))
    total = sum(p.size for p in net.populations)
    sim.set_clock(header["now"], stamps, _below("in_flight.gids", gids, total))
    net.engine.drawn = header["drawn"]
    for p, d in zip(net.populations, header["populations"], strict=True):
        net.engine.raster_starts[p.index] = d["start"]
        if isinstance(p.model, sources.RasterSource):
            sim.set_events(p.index, *p.model.stamps(d["start"], p.size))
        if isinstance(p.model, neurons.NeuronModel):
            key = f"population{p.index}"
            for k, state in enumerate(p.model.states):
                values = _sized(file, f"{key}.state.{state}", p.size)
                if state != "theta" or values.any():
                    sim.set_raw_state(p.index, k, values)
                if f"{key}.initial.{state}" in file:
                    sim.set_initial_state(
                        p.index, k, _sized(file, f"{key}.initial.{state}", p.size)
                    )
            sim.set_held(p.index, _sized(file, f"{key}.held", p.size))
    return net


def _sized(file: Mapping[str, Any], key: str, *sizes: int) -> Any:
    """Return a flat array after a check of its size, which the core relies on."""
    array = file[key]
    if array.ndim != 1 or len(array) not in sizes:
        rule = f"must have {' or '.join(map(str, sizes))} values"
        fail("stored network", key, array.shape, rule, got="shape")
    return array


def _below(key: str, array: Any, limit: int) -> Any:
    if len(array) and not 0 <= array.min() <= array.max() < limit:
        fail("stored network", key, int(array.max()), f"must lie in 0 .. {limit - 1}")
    return array


def _part(net: NetworkContents, index: int, ids: Any) -> Population:
    population = net.populations[index]
    return population if ids is None else population[ids]


def _load_recorders(
    net: NetworkContents, header: dict[str, Any], arrays: Mapping[str, Any], folder: Path
) -> None:
    by_rank = header.get("recordings", [])
    if not isinstance(by_rank, list):
        fail("stored network", "recordings", by_rank, "must be a list")
    if any(by_rank) and len(by_rank) != net.ranks.size:
        rule = f"must be loaded by as many ranks as recorded to files, {len(by_rank)}"
        fail("stored network", "recordings", net.ranks.size, rule)
    with net.ranks.all_or_none("finding recordings"):
        own = by_rank[net.ranks.rank] if any(by_rank) else []
        files = [RecordingFile.restore(d, folder) for d in own]
        for f in files:
            if (f.header["dt"], f.header["seed"]) != (net.dt, net.seed):
                fail("stored network", f"recording {f.path}", f.header, "must be of this network")
            if any(step > net.engine.step for _, step in f.done.values()):
                fail("stored network", f"recording {f.path}", f.done, "must not end after it")
    for k, d in enumerate(header.get("recorders", [])):
        where = f"stored network: recorder {k}"
        fields = set(d) - {"target", "kind", "what", "every"}
        if fields not in (set(), {"file", "name"}):
            fail(
                where,
                "fields",
                sorted(d),
                "must be target, kind, what and every, and may be file and name as well",
            )
        ends = net.projections if d["kind"] == "weights" else net.populations
        if type(d["target"]) is not int or not 0 <= d["target"] < len(ends):
            fail(where, "target", d["target"], f"must lie in 0 .. {len(ends) - 1}")
        target: Any
        if d["kind"] == "weights":
            target = net.projections[d["target"]]
        else:
            target = _part(net, d["target"], arrays.get(f"recorder{k}.ids"))
        recorder = make_recorder(net, target, d["what"], None)
        tape: Tape[Any] = recorder.tape
        if tape.kind != d["kind"]:
            fail(where, "kind", d["kind"], f"must be {tape.kind!r}")
        tape.every = integer("stored network: recorder", "every", d["every"], 1)
        if "file" in d:
            if type(d["file"]) is not int or not 0 <= d["file"] < len(files):
                fail(where, "file", d["file"], f"must lie in 0 .. {len(files) - 1}")
            free = set(files[d["file"]].done) - set(files[d["file"]].layouts)
            if d["name"] not in free:
                fail(where, "name", d["name"], f"must be one of: {', '.join(sorted(free))}")
            tape.go_on(files[d["file"]], d["name"])
        else:
            tape.earlier = [_recorded(tape, k, arrays)]
        tape.start()
        net.contents.recorders.append(recorder)
    for f in files:
        if set(f.layouts) != set(f.done):
            rule = "must each have a recorder"
            fail("stored network", f"recordings in {f.path}", sorted(f.done), rule)


def _recorded(tape: Tape[Any], k: int, arrays: Mapping[str, Any]) -> Arrays:
    """Return what a recorder held in memory."""
    stamps, data = arrays[f"recorder{k}.stamps"], arrays[f"recorder{k}.data"]
    where, now = "stored network", tape.network.engine.step
    if stamps.dtype != np.int64 or stamps.ndim != 1:
        fail(where, f"recorder{k}.stamps", (stamps.dtype, stamps.shape), "must be whole numbers")
    if len(stamps) and (stamps[0] < 0 or stamps[-1] > now or (np.diff(stamps) < 0).any()):
        fail(where, f"recorder{k}.stamps", stamps, f"must ascend from 0 to {now}")
    dtype, shape = np.dtype(tape.layout().dtype), (len(stamps), *tape.shape())
    if data.dtype != dtype or data.shape != shape:
        rule = f"must be {dtype} of shape {shape}"
        fail(where, f"recorder{k}.data", (data.dtype, data.shape), rule)
    return stamps, data


def _load_projection(
    net: NetworkContents, index: int, d: dict[str, Any], file: Mapping[str, Any]
) -> None:
    key = f"projection{index}"
    pre, post = (_part(net, d[end], file.get(f"{key}.{end}_ids")) for end in ("pre", "post"))
    rule = None if d["plasticity"] is None else _restore(d["plasticity"], file)
    if d["receptor"] not in RECEPTORS.values():
        fail("stored network", f"{key} receptor", d["receptor"], "must be a known one")
    receptor = _core.Receptor(d["receptor"])
    row = _sized(file, f"{key}.row", pre.size + 1).astype(np.int64)
    posts = _below(f"{key}.post", file[f"{key}.post"], post.size)
    weight, delay = (_sized(file, f"{key}.{x}", 1, len(posts)) for x in ("weight", "delay"))
    if row[0] != 0 or row[-1] != len(posts) or (np.diff(row) < 0).any():
        fail("stored network", f"{key}.row", row, f"must ascend from 0 to {len(posts)}")
    pre_ids = np.repeat(np.arange(len(row) - 1), np.diff(row)).astype(np.uint32)
    if rule is not None:  # their layout follows from their initial weights
        weight = _sized(file, f"{key}.plastic.initial", len(posts))
    net.engine.sim.connect_lists(
        pre.index, post.index, pre.size, pre_ids, posts, weight, delay,
        receptor, None if rule is None else rule.to_core(), d["born"],
    )  # fmt: skip
    projection = Projection(net, index, pre, post, rule, receptor)
    net.contents.projections.append(projection)
    if rule is not None:
        prefix = f"{key}.plastic."
        state = {k.removeprefix(prefix): file[k] for k in file if k.startswith(prefix)}
        _check_plastic(net, index, state, len(posts), post.size)
        net.engine.sim.set_plastic_state(index, own_state(projection, state))


def _check_plastic(
    net: NetworkContents, index: int, state: dict[str, Any], synapses: int, targets: int
) -> None:
    """Check the sizes of the arrays that a rule stores."""
    where = f"stored network: plastic state of projection {index}"
    missing = set(net.engine.sim.plastic_state(index)) - set(state)
    if missing:
        fail(where, "arrays", sorted(missing), "must be complete", got="without")
    if len(state["row_source"]) == len(state["counts"]) == 0:
        targets = 0  # it has not run and holds only weights
    sizes = {"synapse": synapses, "target": targets}
    for name, values in state.items():
        if name != "clock" and sizes.setdefault(family(name), len(values)) != len(values):
            fail(where, name, len(values), f"must have {sizes[family(name)]} values")
