"""One operation of an ONNX model, with its attributes as Python values."""

from __future__ import annotations

from typing import Any

from spikelet._util.extras import extra
from spikelet.conversion.onnx.model import READER

__all__ = ["Operation"]


class Operation:
    """One operation.

    Parameters
    ----------
    node : onnx.NodeProto
    label : str, optional
        What error messages call it. By default it has the name of the node, or of its first output.

    Attributes
    ----------
    kind, domain : str
        The operator, and whose it is; "" is ONNX.
    inputs, outputs : list of str
        Names of values, "" for an omitted one.
    attributes : dict
        Texts are of type str.
    where : str
        The operation, for error messages.
    """

    def __init__(self, node: Any, label: str = "") -> None:
        value_of = extra("onnx.helper", READER, "onnx").get_attribute_value
        self.node, self.name, self.kind = node, node.name, node.op_type
        self.domain = "" if node.domain == "ai.onnx" else node.domain
        self.inputs, self.outputs = list(node.input), list(node.output)
        self.attributes = {a.name: _decoded(value_of(a)) for a in node.attribute}
        name = node.name or next((o for o in node.output if o), "")
        self.label = label or f"node '{name}' ({node.op_type})"
        self.where = f"{READER}: {self.label}"

    @property
    def used(self) -> list[str]:
        """Names of the values that it uses, also in the bodies of control flow."""
        return [i for i in self.inputs if i] + [n for g in _bodies(self.node) for n in _needed(g)]

    @property
    def made(self) -> list[str]:
        """Names of the values that it defines, also in the bodies of control flow."""
        inner = [o for graph in _bodies(self.node) for node in graph.node for o in node.output]
        return [o for o in (*self.outputs, *inner) if o]


def _decoded(value: Any) -> Any:
    """Return an attribute with its texts decoded."""
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return [_decoded(v) for v in value] if isinstance(value, list) else value


def _bodies(node: Any) -> list[Any]:
    return [a.g for a in node.attribute if a.HasField("g")]


def _needed(graph: Any) -> list[str]:
    """Return the names that the nodes of a graph use."""
    names = [i for node in graph.node for i in node.input if i] + [o.name for o in graph.output]
    return names + [name for node in graph.node for g in _bodies(node) for name in _needed(g)]
