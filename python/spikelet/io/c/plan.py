"""The computations of the engine for a model, node by node, with its own numbers: those of `LayerEngine32.describe`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from spikelet import _core
from spikelet.layers.graph import Graph
from spikelet.layers.to_core import Source, lower


@dataclass(frozen=True)
class Item:
    """A node of the engine.

    Parameters
    ----------
    number : int
    names : tuple of str
        Names of the layers that it computes.
    data : mapping
        Its description, whose entries are attributes.
    """

    number: int
    names: tuple[str, ...]
    data: dict[str, Any]

    def __getattr__(self, name: str) -> Any:
        try:
            return self.data[name]
        except KeyError:
            raise AttributeError(name) from None

    @property
    def channels(self) -> int:
        """Number of channels."""
        return int(self.shape[0])

    @property
    def pixels(self) -> int:
        """Number of pixels."""
        return int(self.shape[1] * self.shape[2])

    @property
    def size(self) -> int:
        """Number of values."""
        return self.channels * self.pixels

    @property
    def bytes(self) -> int:
        """Bytes of the spikes of a pixel."""
        return (self.channels + 7) // 8

    @property
    def plane_bytes(self) -> int:
        """Bytes of the spikes of one sign and size."""
        return self.pixels * self.bytes

    @property
    def waits(self) -> bool:
        """True if it needs the mean of all steps."""
        return bool(self.kind == "relu")


class Plan:
    """The nodes of a model, and when they are computed.

    Parameters
    ----------
    graph : Graph
    shapes : mapping or tuple
        Shapes of the inputs.
    sources : sequence of Source
        Kinds of the inputs.
    whole : bool
        Weights of 16 bits.
    sizes : array, [T], optional
        Size of a spike at each step; by default 1.
    delay : int
        Number of steps that means leave out.
    """

    def __init__(
        self,
        graph: Graph,
        shapes: Any,
        sources: list[Source],
        *,
        whole: bool,
        sizes: Any = None,
        delay: int = 0,
    ) -> None:
        self.delay = delay
        core, numbers, _ = lower(graph, shapes, sources)
        self.outputs = [numbers[name] for name in graph.outputs]
        engine = _core.LayerEngine32(
            core,
            whole=whole,
            records=[(n, "mean") for n in self.outputs],
            sizes=[] if sizes is None else sizes,
        )
        self.sizes = None if sizes is None else np.asarray(sizes, np.float32)
        names: dict[int, list[str]] = {}
        for name, number in numbers.items():
            names.setdefault(number, []).append(name)
        self.items = [
            Item(k, tuple(names.get(k, ())), data) for k, data in enumerate(engine.describe())
        ]
        self.inputs = [item for item in self.items if item.kind == "input"]
        self.phases: list[int] = []
        for item in self.items:
            before = max((self.phases[k] for k in item.inputs if k < item.number), default=0)
            late = item.waits and any(self.items[k].form != "constant" for k in item.inputs)
            self.phases.append(before + late)

    def __getitem__(self, number: int) -> Item:
        return self.items[number]

    @property
    def last_phase(self) -> int:
        """The number of the last phase."""
        return max(self.phases)

    @property
    def volumes(self) -> bool:
        """True if a convolution has depth."""
        return any(
            part["kernel_depth"] > 1 or part["in_depth"] > 1 or part["out_depth"] > 1
            for item in self.items
            for part in (*item.parts, *item.folded, item.about)
            if "kernel_depth" in part
        )

    def is_graded(self, item: Item) -> bool:
        """Return whether a node is a function of running means; linear functions act on each step by itself."""
        changing = [self.items[k].form != "constant" for k in item.inputs]
        match item.kind:
            case "matmul":
                return all(changing)
            case "binary":
                which = item.about["function"].name
                return bool({"multiply": all(changing), "divide": changing[1]}.get(which, True))
            case "reduce":
                return bool(item.about["function"].name not in ("mean", "sum"))
        return bool(item.kind in ("activation", "softmax", "normalize", "local_response"))

    def steps_of(self, phase: int) -> list[Item]:
        """Return what is computed at each step of a phase: its own nodes, and earlier ones that they need again."""
        needed: set[int] = set()
        before = None
        while before != needed:  # more than once if a delay comes before its input
            before = set(needed)
            for item in reversed(self.items):
                if item.form == "constant" or not self._stepped(item):
                    continue
                if self.phases[item.number] == phase or item.number in needed:
                    needed.add(item.number)
                    needed.update(self._sources(item))
        return [i for i in self.items if i.number in needed and i.form != "constant"]

    def _stepped(self, item: Item) -> bool:
        return bool(item.form == "spikes" or item.steps)

    def _sources(self, item: Item) -> list[int]:
        """Return the nodes whose value at each step is used."""
        if item.summed:
            return [part["source"] for part in item.parts]
        return list(item.inputs)
