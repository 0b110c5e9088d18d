"""Write models as NIR graphs."""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from spikelet._util.advice import warn_caller
from spikelet._util.checks import fail, named
from spikelet._util.extras import extra
from spikelet._util.files import path_of, replacing, reserve
from spikelet._util.spelling import spelled
from spikelet.conversion.building import input_shape as checked_shape
from spikelet.io.nir.equations import Mode
from spikelet.io.nir.model import NirModel
from spikelet.io.nir.writing_layers import write_graph
from spikelet.io.nir.writing_network import write_network
from spikelet.io.nir.writing_readers import WHERE, Request
from spikelet.layers import LIF, Shape
from spikelet.layers.spiking_model import SpikingModel
from spikelet.network.network import Network


@spelled
def write_nir(
    model: Any,
    path: str | os.PathLike[str] | None = None,
    *,
    input_shape: Iterable[Any] | None = None,
    dt: float | None = None,
    mode: Mode | None = None,
    convention: Literal["nir", "snntorch", "spikingjelly", "norse", "sinabs"] = "nir",
    dtype: Literal["float32", "float64"] | None = None,
    compression: str | int | None = "gzip",
) -> Any:
    """Write a model as a NIR graph.

    NIR describes neurons by equations in continuous time; the step is the reader's. A neuron with the step ``v = decay v +
    gain x`` therefore gets the time constant that has this decay in a step of `dt`: ``-dt / log(decay)`` if the reader makes
    exact steps, ``dt / (1 - decay)`` if it makes Euler's; and the resistance ``gain / (1 - decay)`` in both cases.
    `mode` selects which. The graph's metadata records it.

    A neuron of NIR spikes above its threshold, those of `spikelet` at it. The threshold is therefore the next smaller number
    of the model's precision, except where the reader spikes at the threshold.

    Parameters
    ----------
    model : SpikingModel, torch.nn.Module, Network, NirModel or nir.NIRGraph
        A module is a network of `spikelet.torch`, as for `spikelet.torch.to_spiking_model`, but with all its neurons: those
        with synapses, recurrent ones, and those with parameters for each neuron. It is written as in eval mode and not
        modified. `NirModel` and `nir.NIRGraph` are written as they are.
    path : path-like, optional
        File to write, usually ``.nir``. It is replaced only when the new one is complete and on disk.
    input_shape : tuple of int, optional
        Shape of one sample at one step, as (2, 34, 34); a sequence of shapes for several inputs. By default that of the
        calibration of a converted model, or what a first fully connected layer takes.
    dt : float, optional
        Time step with which a reader reproduces the model's spikes, in the unit of time of the graph, seconds in all
        known files. By default the step of the reader that `convention` names. For "nir" it is the step of the model,
        or 1e-4 if the model has none.
    mode : "exact" or "euler", optional
        How the reader integrates. By default as the reader that `convention` names. For "nir" it is "exact", unless
        neurons have synapses, whose current acts within the step as with Euler's method.
    convention : str
        "nir": the standard's equations, for any reader. Otherwise the library whose reader should give the same spikes.
        The graph then uses its step, reset and comparison, only primitives that it reads, and potentials in its unit. A
        model that it cannot reproduce raises an error.
    dtype : "float32" or "float64", optional
        Type of the weights; by default that of the model. Parameters of neurons are always float64.
    compression : str or int, optional
        Compression of the file: "gzip", "lzf", a level of gzip, or None.

    Returns
    -------
    nir.NIRGraph

    Raises
    ------
    ValueError
        If NIR or the reader cannot represent the model with the same result; the message names the layer.
    TypeError
        If `model` is of another kind.
    ImportError
        Without the extra `nir`.

    Warns
    -----
    UserWarning
        If only `read_nir` can reproduce the model, from the metadata: reset by subtraction and initial potentials.

    Examples
    --------
    >>> import spikelet as sl
    >>> model = sl.SpikingModel([sl.layers.Linear([[0.3, 0.6]]), sl.layers.LIF(1.0, "zero", tau_m=10.0)])
    >>> sorted(sl.io.write_nir(model).nodes)
    ['input', 'lif1', 'linear0', 'output']
    """
    nir = extra("nir", WHERE, "nir")
    request = Request(convention, dt, mode, dtype, input_shape)
    _require_known(compression)
    file = None if path is None else _file(path)
    graph, notes = _written(model, request, nir)
    if notes:
        warn_caller(f"{WHERE}: " + "; ".join(notes))
    if file is not None:
        with replacing(file) as part:
            _reserve(nir, part, _Storable(graph), compression)
            nir.write(part, _Storable(graph), compression=compression)
    return graph


def _reserve(nir: Any, part: Path, graph: _Storable, compression: Any) -> None:
    """Raise OSError if the disk has no room for a graph, whose size is known if all arrays may stay uncompressed."""
    try:
        reserve(part, _most_bytes(graph.to_dict()))
    except OSError:
        memory = io.BytesIO()
        nir.write(memory, graph, compression=compression)
        reserve(part, 5 * len(memory.getbuffer()) // 4)  # files on disk have more gaps


def _most_bytes(item: Any) -> int:
    own = item.nbytes if isinstance(item, np.ndarray) else 0
    inner = item.values() if isinstance(item, Mapping) else ()
    return own + 8192 + sum(map(_most_bytes, inner))


def _written(model: Any, request: Request, nir: Any) -> tuple[Any, list[str]]:
    """Return the graph, and what its readers should know."""
    if isinstance(model, nir.NIRGraph):
        return _as_it_is(model, request), []
    if isinstance(model, SpikingModel):
        return _write_model(model, request)
    if isinstance(model, NirModel):
        return _as_it_is(model.graph, request), []
    if isinstance(model, Network):
        return write_network(model, request)
    torch = sys.modules.get("torch")  # a module exists only if torch has been imported
    if torch is not None and isinstance(model, torch.nn.Module):
        return _write_module(torch, model, request)
    rule = "must be a SpikingModel, a torch.nn.Module, a Network, a NirModel or a nir.NIRGraph"
    return fail(WHERE, "model", type(model).__name__, rule, error=TypeError)


def _write_model(model: SpikingModel, request: Request) -> tuple[Any, list[str]]:
    """Return the NIR graph of a model, and notes for the user."""
    steps = {n.layer.dt for n in model.graph if isinstance(n.layer, LIF) and n.layer.decay is None}
    own_type = "float64" if model.dtype == "float64" else "float32"
    own_step = steps.pop() * 1e-3 if len(steps) == 1 else None
    shapes = getattr(model, "input_shapes", None)  # of a converted model
    graph, notes = write_graph(model.graph, request, shapes, own_step=own_step, own_type=own_type)
    if model.dtype == "int16":
        notes.append(
            "weights are written in float32, not in the 16 bits of the model, whose spikes may differ"
        )
    return graph, notes


def _write_module(torch: Any, module: Any, request: Request) -> tuple[Any, list[str]]:
    """Return the NIR graph of a network of PyTorch, and notes for the user."""
    from spikelet.torch.deploy import read  # noqa: PLC0415  imports torch
    from spikelet.torch.finetune import SpikingModule  # noqa: PLC0415

    for name, value in (*module.named_parameters(), *module.named_buffers()):
        if value.device.type == "meta":
            fail(f"{WHERE}: '{name}'", "parameter", "meta", "must hold values", got="a tensor on")
    types = {p.dtype for p in (*module.parameters(), *module.buffers()) if p.is_floating_point()}
    own = "float64" if torch.float64 in types else "float32"
    if not isinstance(module, SpikingModule):  # whose graph knows its input
        request = replace(request, input_shape=_sample_shape(torch.nn, module, request))
    with named(WHERE):
        graph = read(module, request.input_shape or ())
    return write_graph(graph, request, own_step=_own_step(module.modules()), own_type=own)


def _sample_shape(nn: Any, module: Any, request: Request) -> Shape:
    if request.input_shape is not None:
        return checked_shape(WHERE, request.input_shape, "input_shape")
    first = module
    while isinstance(first, nn.Sequential) and len(first):
        first = first[0]
    size = getattr(first, "in_features", None)
    if size is None:
        rule = "must be the shape of one sample at one step, as (2, 34, 34)"
        fail(WHERE, "input_shape", None, rule)
    return (int(size),)


def _own_step(modules: Iterable[Any]) -> float | None:
    """Return the step in seconds of all neurons with time constants, or None."""
    from spikelet.torch.modules import Neuron  # noqa: PLC0415

    steps = set()
    for m in modules:
        if not isinstance(m, Neuron):
            continue
        if m.convention == "norse":
            steps.add(float(m.given.get("dt", 0.001)))
        elif m.convention == "spikelet" and ("decay" not in m.given or "tau_syn" in m.given):
            steps.add(float(m.given.get("dt", 1.0)) * 1e-3)
    return steps.pop() if len(steps) == 1 else None


class _Storable:
    """A graph as `nir.write` takes it, so that reading and writing it again gives the same bytes.

    Nodes and metadata are in the order of their names, in which HDF5 lists them. Scalars are no arrays, which `nir.write`
    would compress, and HDF5 cannot.
    """

    def __init__(self, graph: Any) -> None:
        self._graph = graph

    def to_dict(self) -> dict[str, Any]:
        """Return what `nir.write` writes."""
        return _storable(self._graph.to_dict())


def _storable(node: Mapping[str, Any], path: str = "") -> dict[str, Any]:
    found = {}
    for key, value in node.items():
        if key == "nodes":
            found[key] = {name: _storable(value[name], f"{path}{name}/") for name in sorted(value)}
        else:
            found[key] = _by_name(value, f"{path}{key}")
    return found


def _by_name(value: Any, path: str) -> Any:
    if isinstance(value, Mapping):
        return {name: _by_name(value[name], f"{path}/{name}") for name in sorted(value, key=str)}
    if value is None:
        rule = "must not be None, which a file cannot hold; read_nir(graph) infers missing shapes, write what it returns"
        fail(WHERE, f"'{path}'", None, rule)
    return value[()] if isinstance(value, np.ndarray) and value.ndim == 0 else value


def _as_it_is(graph: Any, request: Request) -> Any:
    for name in request.given():
        fail(
            WHERE,
            name,
            getattr(request, name),
            "must not be given: a NIR graph is written as it is",
        )
    return graph


def _require_known(compression: object) -> None:
    level = isinstance(compression, int) and not isinstance(compression, bool)
    if (level and 0 <= compression <= 9) or compression in ("gzip", "lzf", None):  # type: ignore[operator]  # a level is a number
        return
    rule = 'must be "gzip", "lzf", a level of gzip from 0 to 9, or None'
    fail(WHERE, "compression", compression, rule)


def _file(path: str | os.PathLike[str]) -> Path:
    file = path_of(WHERE, path)
    if "\0" in str(file):
        fail(WHERE, "path", path, "must be the path of a file, without null characters")
    if file.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not file.absolute().parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "no such folder", str(file.absolute().parent))
    return file
