"""One operation of an ONNX model, apart from protobuf."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["Input", "Operation", "operations"]

Input: TypeAlias = str | NDArray[Any]  # the name of a value, "" if omitted, or a constant


@dataclass(frozen=True)
class Operation:
    """One operation.

    Parameters
    ----------
    kind : str
        Name of the operator.
    inputs : tuple of str or array
    outputs : tuple of str
        Names of values.
    attributes : mapping
        Texts are of type str.
    name : str
        Name of the node, made of its first output if it has none.
    label : str
        What error messages call it.
    domain : str
        "" is ONNX's own.
    """

    kind: str
    inputs: tuple[Input, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any] = field(default_factory=dict)
    name: str = ""
    label: str = ""
    domain: str = ""

    def changed(self, *drop: str, **changes: Any) -> Operation:
        """Return a copy with some fields changed, and without the attributes `drop`."""
        attributes = changes.pop("attributes", self.attributes)
        kept = {k: v for k, v in attributes.items() if k not in drop}
        return dataclasses.replace(self, attributes=kept, **changes)

    def with_attributes(self, **more: Any) -> Operation:
        """Return a copy with more attributes."""
        return dataclasses.replace(self, attributes={**self.attributes, **more})

    @property
    def used(self) -> list[str]:
        """Names of the values that it uses, also in the bodies of control flow."""
        names = [i for i in self.inputs if isinstance(i, str) and i]
        for graph in self._bodies():
            names += _needed(graph)
        return names

    @property
    def made(self) -> list[str]:
        """Names of the values that it defines, also in the bodies of control flow."""
        names = [o for o in self.outputs if o]
        for graph in self._bodies():
            names += [o for node in graph.node for o in node.output if o]
        return names

    def _bodies(self) -> list[Any]:
        return [v for v in self.attributes.values() if hasattr(v, "initializer")]

    def input(self, k: int) -> Input:
        """Return an input, "" if it is omitted."""
        return self.inputs[k] if k < len(self.inputs) else ""

    def given(self, k: int) -> bool:
        """Return whether an input is not omitted."""
        value = self.input(k)
        return isinstance(value, np.ndarray) or bool(value)

    def proto(self, onnx: Any) -> tuple[Any, list[Any]]:
        """Return it as a NodeProto, and its constant inputs as initialisers."""
        names, constants = [], []
        for k, value in enumerate(self.inputs):
            if isinstance(value, np.ndarray):
                names.append(f"\0{k}")
                constants.append(onnx.numpy_helper.from_array(value, names[-1]))
            else:
                names.append(value)
        node = onnx.helper.make_node(self.kind, names, self.outputs, domain=self.domain)
        node.attribute.extend(
            onnx.helper.make_attribute(k, v) for k, v in self.attributes.items() if v is not None
        )
        return node, constants


def operations(onnx: Any, nodes: Any) -> list[Operation]:
    """Return the operations of a graph."""
    found = []
    for node in nodes:
        name = node.name or next((o for o in node.output if o), "")
        found.append(
            Operation(
                node.op_type,
                tuple(node.input),
                tuple(node.output),
                {a.name: _plain(onnx.helper.get_attribute_value(a)) for a in node.attribute},
                node.name,
                f"node '{name}' ({node.op_type})",
                "" if node.domain == "ai.onnx" else node.domain,
            )
        )
    return found


def _plain(value: Any) -> Any:
    """Return an attribute with its texts decoded."""
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, list):
        return [_plain(v) for v in value]
    return value


def _needed(graph: Any) -> list[str]:
    """Return the names that the nodes of a graph use."""
    names = [i for node in graph.node for i in node.input if i] + [o.name for o in graph.output]
    for node in graph.node:
        for a in node.attribute:
            if a.HasField("g"):
                names += _needed(a.g)
    return names
