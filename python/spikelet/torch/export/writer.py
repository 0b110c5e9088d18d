"""Nodes, constants and unique names of an ONNX graph under construction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from spikelet.conversion.building import refuse

__all__ = ["OPSET", "Writer", "array_of"]

OPSET = 17
_IR = 8  # of ONNX 1.12, which runtimes of 2022 and later read


def array_of(tensor: torch.Tensor) -> NDArray[Any]:
    """Return a parameter as an array."""
    array: NDArray[Any] = tensor.detach().cpu().numpy()
    return array


class Writer:
    """A graph, or the body of a scan.

    Parameters
    ----------
    real : numpy.dtype
        Type of all values.
    prefix : str
        Begins all names, so that those of a body and of the graph around it differ.
    """

    def __init__(self, real: np.dtype[Any], prefix: str = "") -> None:
        self.real, self.prefix = real, prefix
        self.nodes: list[Any] = []
        self._constants: dict[tuple[str, tuple[int, ...], bytes], str] = {}
        self._initialisers: list[Any] = []
        self._count = 0

    @property
    def element(self) -> int:
        """The type of all values, in ONNX's numbers."""
        return int(TensorProto.DOUBLE if self.real == np.float64 else TensorProto.FLOAT)

    def name(self, hint: str) -> str:
        """Return a new name."""
        self._count += 1
        return f"{self.prefix}{hint}_{self._count}"

    def add(
        self, operator: str, *inputs: str, outputs: Sequence[str] = (), **attributes: Any
    ) -> str:
        """Add an operator, and return the name of its first output."""
        names = list(outputs) or [self.name(operator.lower())]
        self.nodes.append(helper.make_node(operator, list(inputs), names, **attributes))
        return names[0]

    def constant(self, value: Any, hint: str = "constant", *, integer: bool = False) -> str:
        """Return the name of a constant, which equal ones share."""
        array = np.asarray(value, np.int64 if integer else self.real)
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self._constants:
            name = self._constants[key] = self.name(hint)
            self._initialisers.append(
                numpy_helper.from_array(np.ascontiguousarray(array).reshape(array.shape), name)
            )
        return self._constants[key]

    def ints(self, *values: int) -> str:
        """Return the name of a constant vector of integers."""
        return self.constant(list(values), "sizes", integer=True)

    def sizes(self, x: str, first: int, last: int = 1 << 31) -> str:
        """Return the name of the sizes of x along its axes from `first` until before `last`."""
        return self.add("Slice", self.add("Shape", x), self.ints(first), self.ints(last))

    def graph(self, name: str, inputs: Sequence[Any], outputs: Sequence[Any]) -> Any:
        """Return the graph."""
        return helper.make_graph(self.nodes, name, list(inputs), list(outputs), self._initialisers)

    def model(self, graph: Any) -> Any:
        """Return the graph as a model, checked."""
        made = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            producer_name="spikelet",
            ir_version=_IR,
        )
        try:
            onnx.checker.check_model(made, full_check=True)
        except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
            refuse("to_onnx: the graph", f"is not valid ({error})", "please report the module")
        return made
