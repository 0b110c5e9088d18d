"""Checkpoints: a network in one file, with a JSON description and arrays.

Loading reads and checks the whole file before it builds anything; an error says what does not fit and where.
"""

from __future__ import annotations

import dataclasses
import errno
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from spikelet import plasticity, regulation, sources
from spikelet._util.advice import only_about
from spikelet._util.checks import fail
from spikelet._util.container import Format
from spikelet._util.files import path_of
from spikelet.network import to_disk
from spikelet.network.contents import NetworkContents
from spikelet.network.gathered_state import whole_state
from spikelet.network.population import Population
from spikelet.network.regulate import counted_so_far, go_on_counting, regulate
from spikelet.network.stored import LATEST, File, array, item, whole
from spikelet.network.stored_inputs import load_inputs
from spikelet.network.stored_populations import in_flight, load_populations, load_states
from spikelet.network.stored_projection import load_projection
from spikelet.network.stored_recorders import load_recorders
from spikelet.network.stored_signals import load_signals
from spikelet.network.synapse_equations import SynapseEquations
from spikelet.network.synapse_rule import SynapseRule
from spikelet.network.tape import Tape
from spikelet.network.to_disk import StrPath
from spikelet.neurons import LIF, NeuronModel
from spikelet.neurons.equations.equations import Equations
from spikelet.neurons.equations.equations_model import EquationsModel
from spikelet.neurons.integrate_and_fire import models

AnyNetwork = TypeVar("AnyNetwork", bound=NetworkContents)

FORMAT = Format("spikelet network", version=6)


def _types() -> dict[str, Any]:
    """Return everything that a checkpoint can describe, by name."""
    modules = (sources, plasticity, regulation)
    others = {name: getattr(module, name) for module in modules for name in module.__all__}
    return models() | others


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
            elif dataclasses.is_dataclass(value):
                value = self.describe(value, f"{key}.{f.name}")
            fields[f.name] = value
        if isinstance(item, EquationsModel):
            return {"type": "Equations", "equations": item.equations.to_dict(), "fields": fields}
        if isinstance(item, SynapseRule):
            about = item.equations.to_dict()
            return {"type": "SynapseEquations", "equations": about, "fields": fields}
        return {"type": type(item).__name__, "fields": fields}


def _restore(description: dict[str, Any], file: Mapping[str, Any], *, inner: bool = False) -> Any:
    name = description["type"]
    fields = description["fields"]
    kind: Any = _types().get(name)
    if name == "Equations":  # reading the text runs nothing
        kind = Equations.from_dict(description["equations"]).model
    if name == "SynapseEquations":
        kind = type(SynapseEquations.from_dict(description["equations"])())
    if kind is None:
        fail("stored network", "type", name, "must be one that this version of spikelet has")
    known = {f.name for f in dataclasses.fields(kind)}
    if set(fields) != known:
        odd = ", ".join(sorted(set(fields) ^ known))
        rule = "must have the fields of this version"
        fail("stored network", name, odd, rule, got="unknown or missing")

    def value(v: Any) -> Any:
        if not isinstance(v, dict):
            return v
        return file[v["array"]] if inner or "array" in v else _restore(v, file, inner=True)

    return kind(**{k: value(v) for k, v in fields.items()})


def save(
    net: NetworkContents,
    path: StrPath,
    *,
    recorders: bool,
    learner: Mapping[str, Any] | None = None,
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
    learner : mapping, optional
        Description of the `Learner` that the network belongs to.
    """
    path = path_of("Network.save", path)
    require_target(net, path)
    if net.ranks.size > 1:
        net.engine.sim.prepare()  # from then on all ranks know the longest delay
    header, arrays = _describe(net, path.absolute().parent, recorders=recorders)
    header |= {} if learner is None else {"learner": learner}
    with net.ranks.all_or_none(f"saving {path}"):
        if net.ranks.rank == 0:
            _require_numbers(net, path, arrays)
            FORMAT.save(path, header, arrays)


def _require_numbers(net: NetworkContents, path: StrPath, arrays: Mapping[str, Any]) -> None:
    """Check that states are numbers: a run notices only some steps later, and the last checkpoint must be usable then."""
    for p in net.contents.populations:
        model = p.model
        if p.removed or not isinstance(model, NeuronModel):
            continue
        for state in model.states:
            values = arrays[f"population{p.index}.state.{state}"]
            bad = ~np.isfinite(values)
            if bad.any():
                k = int(bad.argmax())
                msg = (
                    f"save: population {p.name}: {state} of neuron {k} is {values[k]:g} at {net.t:g} ms "
                    f"({model.about_stability(net.dt)}); {path} was not written"
                )
                raise FloatingPointError(msg)


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


def _describe(
    net: NetworkContents, folder: Path, *, recorders: bool
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the header and the arrays."""
    out, sim = _Writer(), net.engine.sim
    if recorders and to_disk.pending(net):  # a write failed before
        to_disk.drain(net)
    populations: list[dict[str, Any]] = []
    projections: list[dict[str, Any]] = []
    for p in net.contents.populations:
        key = f"population{p.index}"
        if p.removed:
            populations.append({"name": p.name, "removed": True})
            continue
        if isinstance(p.model, NeuronModel):
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
        described = {"n": p.size, "name": p.name, "model": model}
        described["start"] = net.engine.raster_starts[p.index]
        if p.space is not None:
            described["space"] = out.describe(p.space, f"{key}.space")["fields"]
        populations.append(described)
    for q in net.contents.projections:
        key = f"projection{q.index}"
        if q.removed:
            ends = {"pre": q.pre.index, "post": q.post.index}
            receptor = -1 if q.post.removed else q.receptor
            projections.append({**ends, "receptor": receptor, "removed": True})
            continue
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
                "receptor": q.receptor,
                "plasticity": plastic,
                "born": sim.born(q.index),
                "weight_step": sim.weight_step(q.index),
                **({} if plastic is None else {"storage": sim.describe_storage(q.index)}),
            }
        )
    inputs = []
    for k, drive in enumerate(net.inputs):
        if not drive.target.whole:
            out.arrays[f"input{k}.ids"] = drive.target.ids
        inputs.append(
            {
                "target": drive.target.index,
                "what": out.describe(drive.input, f"input{k}"),
                "start": drive.since_step,
                "number": drive.number,
                "streams": sim.input_streams(drive.number),
            }
        )
    regulations = []
    for k, (q, how) in enumerate(net.regulations):
        begin, out.arrays[f"regulation{k}.spikes"] = counted_so_far(net, k)
        regulations.append({"projection": q.index, "how": out.describe(how, ""), "begin": begin})
    stamps, gids = in_flight(net)
    out.arrays["in_flight.stamps"], out.arrays["in_flight.gids"] = stamps, gids
    header = {
        "dt": net.dt,
        "seed": net.seed,
        "dtype": net.dtype.name,
        "now": net.engine.step,
        "drawn": net.engine.drawn,
        "populations": populations,
        "projections": projections,
        "inputs": inputs,
        "streams": sim.streams,
        "regulations": regulations,
        "signals": sim.signals(),
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
        d |= tape.described()
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
    KeyError, IndexError, TypeError, AttributeError, ValueError, NotImplementedError, RuntimeError, OverflowError,
)  # fmt: skip  # whatever a damaged description raises


_FIELDS = {
    "format", "version", "dt", "seed", "dtype", "now", "drawn", "populations", "projections", "inputs",
    "streams", "regulations", "signals", "recorders", "recordings", "arrays", "learner",
}  # fmt: skip


def load(cls: type[AnyNetwork], path: StrPath, threads: int | None, comm: Any) -> AnyNetwork:
    """Read a network of a given class."""
    where = path_of("Network.load", path).absolute()
    try:
        header, arrays = FORMAT.load(where)
        if unknown := set(header) - _FIELDS:
            fail("stored network", "header", sorted(unknown), "must have known fields only")
        with only_about():
            net = _build(cls, header, arrays, threads, comm)
        load_recorders(net, header, arrays, where.parent)
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
    file: File,
    threads: int | None,
    comm: Any,
) -> AnyNetwork:
    seed = whole("seed", header["seed"], 0, 2**64 - 1)
    net = cls(header["dt"], seed, threads, header["dtype"], comm)
    sim = net.engine.sim
    load_populations(
        net,
        header["populations"],
        [LIF() if d.get("removed") else _restore(d["model"], file) for d in header["populations"]],
        file,
    )
    stamps = array(file, "in_flight.stamps", np.int64)
    gids = array(file, "in_flight.gids", np.uint32, len(stamps))
    sim.set_clock(whole("now", header["now"], 0, LATEST), stamps, gids)
    for d in header["projections"]:
        learns = d.get("plasticity")
        rule = None if learns is None else _restore(learns, file)
        load_projection(net, d, rule, file)
    restored = [_restore(d["what"], file) for d in header["inputs"]]
    load_inputs(net, header["inputs"], restored, header["streams"], file)
    for d in header["regulations"]:
        projection = item("regulated projection", net.contents.projections, d["projection"])
        regulate(net, projection, _restore(d["how"], file))
    for k, d in enumerate(header["regulations"]):
        go_on_counting(net, k, d["begin"], file.get(f"regulation{k}.spikes"))
    load_signals(net, header["signals"])
    net.engine.drawn = whole("drawn", header["drawn"], 0, 2**31)
    load_states(net, header["populations"], file)
    return net
