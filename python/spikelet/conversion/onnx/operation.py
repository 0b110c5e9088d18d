"""One operation of an ONNX model, with its attributes as Python values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Operation", "operation", "operations"]


@dataclass(frozen=True)
class Operation:
    """One operation.

    Parameters
    ----------
    node : onnx.NodeProto
    attributes : mapping
        Texts are of type str.
    label : str
        What error messages call it.
    """

    node: Any
    attributes: Mapping[str, Any]
    label: str

    @property
    def kind(self) -> str:
        """The operator."""
        return str(self.node.op_type)

    @property
    def domain(self) -> str:
        """Whose operator it is; "" is ONNX."""
        return "" if self.node.domain == "ai.onnx" else self.node.domain

    @property
    def inputs(self) -> list[str]:
        """Names of its operands, "" where one is omitted."""
        return list(self.node.input)

    @property
    def outputs(self) -> list[str]:
        """Names of its results, "" where one is omitted."""
        return list(self.node.output)

    @property
    def used(self) -> list[str]:
        """Names of the values that it uses, also in the bodies of control flow."""
        return [i for i in self.inputs if i] + [n for g in self._bodies() for n in _needed(g)]

    @property
    def made(self) -> list[str]:
        """Names of the values that it defines, also in the bodies of control flow."""
        inner = [o for graph in self._bodies() for node in graph.node for o in node.output]
        return [o for o in (*self.outputs, *inner) if o]

    def _bodies(self) -> list[Any]:
        return [v for v in self.attributes.values() if hasattr(v, "initializer")]


def operation(node: Any, label: str = "") -> Operation:
    """Return the operation of a node.

    Parameters
    ----------
    node : onnx.NodeProto
    label : str, optional
        By default it has the name of the node, or of its first output.
    """
    from onnx import helper  # noqa: PLC0415  # only where it is used

    name = node.name or next((o for o in node.output if o), "")
    values = {a.name: _decoded(helper.get_attribute_value(a)) for a in node.attribute}
    return Operation(node, values, label or f"node '{name}' ({node.op_type})")


def operations(nodes: Iterable[Any]) -> list[Operation]:
    """Return the operations of the nodes of a graph."""
    return [operation(node) for node in nodes]


def _decoded(value: Any) -> Any:
    """Return an attribute with its texts decoded."""
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return [_decoded(v) for v in value] if isinstance(value, list) else value


def _needed(graph: Any) -> list[str]:
    """Return the names that the nodes of a graph use."""
    names = [i for node in graph.node for i in node.input if i] + [o.name for o in graph.output]
    inner = [a.g for node in graph.node for a in node.attribute if a.HasField("g")]
    return names + [name for g in inner for name in _needed(g)]
