"""Layered models in files: `SpikingModel.save` and `SpikingModel.load`.

A file (.spk) holds a JSON description of the layers, and their arrays; no code. The fields of its dataclass describe a
layer.
"""

from __future__ import annotations

import contextlib
import dataclasses
import inspect
import math
import os
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikelet._util.checks import fail, own, shown
from spikelet._util.container import Format
from spikelet._util.files import path_of
from spikelet._util.identity import identity
from spikelet._util.reading import refusing
from spikelet.layers.base import Layer
from spikelet.layers.graph import Graph, Node
from spikelet.layers.stopping import Stopping

_FORMAT = Format("spikelet model, format", version=2)

Array = NDArray[Any]
StrPath = str | os.PathLike[str]


def save(model: Any, path: StrPath) -> None:
    """Write a `SpikingModel` to a file, atomically."""
    where = f"{type(model).__name__}.save"
    path = path_of(where, path)
    writer = _Writer()
    described = writer.model(where, model)
    _FORMAT.save(path, {"model": described}, writer.arrays)


def load(cls: type[Any], path: StrPath, threads: int | None) -> Any:
    """Read a model of the class that was saved, which must be a `cls`."""
    where = f"{cls.__name__}.load"
    path = path_of(where, path)
    with refusing(where, path):
        header, arrays = _FORMAT.load(path, map_arrays=True)
        return _Reader(arrays, threads).model(header["model"], cls)


class _Writer:
    """Describes values as JSON; arrays are kept once each, in single precision where that is exact."""

    def __init__(self) -> None:
        self.arrays: dict[str, Array] = {}
        self._names: dict[Any, str] = {}

    def model(self, where: str, model: Any) -> dict[str, Any]:
        kind = _own(type(model))
        options = {
            name: self.value(f"{where}: {name}", getattr(model, name)) for name in _options(kind)
        }
        return {"class": kind.__name__, "graph": self.graph(where, model.graph), "options": options}

    def graph(self, where: str, graph: Graph) -> dict[str, Any]:
        nodes = [
            {
                "name": node.name,
                "inputs": list(node.inputs),
                "layer": self.layer(f"{where}: layer '{node.name}'", node.layer),
            }
            for node in graph
        ]
        return {"nodes": nodes, "inputs": list(graph.inputs), "outputs": list(graph.outputs)}

    def layer(self, where: str, layer: Layer) -> dict[str, Any]:
        kind = type(layer).__name__
        if _layers().get(kind) is not type(layer):
            rule = "must be a layer of sl.layers; others cannot be saved"
            fail(where, "type", kind, rule)
        fields = {}
        for field in dataclasses.fields(layer):
            if field.init:
                fields[field.name] = self.value(
                    f"{where}: {field.name}", getattr(layer, field.name)
                )
        return {"type": kind, "fields": fields}

    def value(self, where: str, value: Any) -> Any:  # one line for each kind of value
        if value is None or isinstance(value, bool | str):
            return value
        if isinstance(value, np.ndarray):
            return {"array": self._array(value), "dtype": value.dtype.str}
        if isinstance(value, int | np.integer):
            return int(value)
        if isinstance(value, float | np.floating):
            number = float(value)
            return number if math.isfinite(number) else {"number": repr(number)}
        if isinstance(value, list | tuple):
            return [self.value(f"{where}[{k}]", v) for k, v in enumerate(value)]
        if isinstance(value, Mapping):
            return {"map": [[self.value(where, k), self.value(where, v)] for k, v in value.items()]}
        if isinstance(value, Stopping):
            return {
                "stopping": {
                    f.name: self.value(where, getattr(value, f.name))
                    for f in dataclasses.fields(value)
                }
            }
        if isinstance(value, Layer):
            return {"layer": self.layer(where, value)}
        if isinstance(value, tuple(_models().values())):
            return {"model": self.model(where, value)}
        what = "a function" if callable(value) else "an object"
        msg = f"{where} holds {what} of Python, {shown(value)}, which a file cannot hold"
        raise ValueError(msg)

    def _array(self, array: Array) -> str:
        if array.dtype == np.float64:
            with np.errstate(over="ignore", under="ignore"):
                single = array.astype(np.float32)
            array = single if np.array_equal(single, array) else array
        key = identity(array)
        if key not in self._names:
            self._names[key] = f"array{len(self._names)}"
            self.arrays[self._names[key]] = array
        return self._names[key]


class _Reader:
    """Makes what a file describes; every error is a ValueError, or of a type that `refusing` turns into one."""

    def __init__(self, arrays: Mapping[str, Array], threads: int | None) -> None:
        self._arrays = arrays
        self._threads = threads

    def model(self, described: Any, expected: type[Any]) -> Any:
        _fields("a model", described, "class", "graph", "options")
        kind = _models().get(described["class"])
        if kind is None:
            raise ValueError(f"there is no class of models {shown(described['class'])}")
        if _own(expected) not in kind.__mro__:
            way_out = f"load it with {kind.__name__}.load"
            raise ValueError(f"it holds a {kind.__name__}, not a {expected.__name__}; {way_out}")
        if kind is _own(expected):
            kind = expected  # of a user, perhaps
        values = {name: self.value(value) for name, value in described["options"].items()}
        unknown = set(values) - set(_options(kind))
        if unknown:
            raise ValueError(f"a {kind.__name__} has no {shown(sorted(unknown))}")
        with _about(kind.__name__):
            return kind(self.graph(described["graph"]), threads=self._threads, **values)

    def graph(self, described: Any) -> Graph:
        _fields("a graph", described, "nodes", "inputs", "outputs")
        nodes = []
        for item in described["nodes"]:
            _fields("a node", item, "name", "inputs", "layer")
            name, inputs = item["name"], item["inputs"]
            if not isinstance(name, str) or not all(isinstance(i, str) for i in inputs):
                raise ValueError(f"names of nodes must be text, got {shown((name, inputs))}")
            with _about(f"layer '{name}'"):
                nodes.append(Node(name, self.layer(item["layer"]), tuple(inputs)))
        ends = [described["inputs"], described["outputs"]]
        if not all(isinstance(names, list) for names in ends):
            raise ValueError(f"inputs and outputs must be lists of names, got {shown(ends)}")
        return Graph(nodes, inputs=ends[0], outputs=ends[1])

    def layer(self, described: Any) -> Layer:
        _fields("a layer", described, "type", "fields")
        fields = {k: self.value(v) for k, v in described["fields"].items()}
        kind = _layers().get(described["type"])
        if kind is None:
            raise ValueError(f"there is no layer of type {shown(described['type'])}")
        layer: Layer = kind(**fields)
        return layer

    def value(self, described: Any) -> Any:
        if isinstance(described, list):
            return tuple(self.value(v) for v in described)
        if not isinstance(described, dict):
            return described
        match described:
            case {"array": name, "dtype": dtype}:
                return self._array(name, dtype)
            case {"number": ("inf" | "-inf" | "nan") as text}:
                return float(text)
            case {"map": items}:
                return {self.value(k): self.value(v) for k, v in items}
            case {"stopping": fields}:
                return Stopping(**{k: self.value(v) for k, v in fields.items()})
            case {"layer": layer}:
                return self.layer(layer)
            case {"model": model}:
                return self.model(model, _models()["SpikingModel"])
        raise ValueError(f"there is no value {shown(described)}")

    def _array(self, name: str, dtype: str) -> Array:
        array = self._arrays[name]
        if array.dtype.str == dtype:
            return array
        if np.dtype(dtype) != np.float64 or array.dtype != np.float32:
            raise ValueError(f"{name} must be of type {shown(dtype)}, got {array.dtype}")
        # Weights stay in the file. Vectors multiply them, in double precision.
        whole: Array = array if array.ndim > 1 else own(array.astype(np.float64))
        return whole


def _fields(what: str, described: Any, *names: str) -> None:
    """Check that a description has exactly these fields."""
    if not isinstance(described, dict) or set(described) != set(names):
        found = sorted(described) if isinstance(described, dict) else described
        raise ValueError(f"{what} must have the fields {', '.join(names)}, got {shown(found)}")


@contextlib.contextmanager
def _about(what: str) -> Iterator[None]:
    """Say of what an error is."""
    try:
        yield
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError) as error:
        raise ValueError(f"{what}: {error}") from error


def _layers() -> dict[str, type[Layer]]:
    """Return the types of layers by name: the public ones from which no other is derived."""
    package = sys.modules["spikelet.layers"]
    found = [getattr(package, name) for name in package.__all__]
    kinds = [c for c in found if isinstance(c, type) and issubclass(c, Layer)]
    return {c.__name__: c for c in kinds if not any(d is not c and issubclass(d, c) for d in kinds)}


def _own(kind: type[Any]) -> type[Any]:
    """Return the class of this package that a class is or extends."""
    return next(c for c in kind.__mro__ if c.__module__.startswith("spikelet."))


def _models() -> dict[str, type[Any]]:
    """Return the classes of models by name."""
    import spikelet as sl  # noqa: PLC0415  # they import this module

    return {
        c.__name__: c
        for c in (sl.SpikingModel, sl.conversion.ConvertedModel, sl.conversion.FirstSpikeModel)
    }


def _options(kind: type[Any]) -> list[str]:
    """Return the arguments of a model's constructor besides its graph; attributes of these names hold them.

    The number of threads is that of the machine.
    """
    names: list[str] = []
    for base in kind.__mro__:
        if "__init__" not in vars(base):
            continue
        given = list(inspect.signature(base).parameters.values())[1:]  # the first is the graph
        names += [p.name for p in given if p.kind is not p.VAR_KEYWORD]
        if not any(p.kind is p.VAR_KEYWORD for p in given):  # the base class takes no more
            break
    return [name for name in names if name != "threads"]
