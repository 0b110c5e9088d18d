"""Operators, constants and unique names of an ONNX graph under construction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from spikelet._util.checks import fail

OPSET = 18
_IR = 8  # of ONNX 1.13, which runtimes of 2023 and later read


class Builder:
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
        self._operators: list[Any] = []
        self._constants: dict[tuple[str, tuple[int, ...], bytes], str] = {}
        self._initializers: list[Any] = []
        self._count = 0

    @property
    def element(self) -> int:
        """The type of all values, in ONNX's numbers."""
        return int(TensorProto.DOUBLE if self.real == np.float64 else TensorProto.FLOAT)

    def name(self, hint: str) -> str:
        """Return a new name."""
        self._count += 1
        return f"{self.prefix}{hint}_{self._count}"

    def add(self, operator: str, *inputs: str, outputs: Sequence[str] = (), **options: Any) -> str:
        """Add an operator, and return the name of its first output."""
        names = list(outputs) or [self.name(operator.lower())]
        self._operators.append(helper.make_node(operator, list(inputs), names, **options))
        return names[0]

    def constant(self, value: Any, hint: str = "constant", dtype: Any = None) -> str:
        """Return the name of a constant, which equal ones share."""
        array = np.ascontiguousarray(value, dtype or self.real).reshape(np.shape(value))
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self._constants:
            name = self._constants[key] = self.name(hint)
            self._initializers.append(numpy_helper.from_array(array, name))
        return self._constants[key]

    def ints(self, *values: int) -> str:
        """Return the name of a constant vector of integers."""
        return self.constant(list(values), "sizes", np.int64)

    def shaped(self, x: str, *sizes: int) -> str:
        """Return x with samples of other sizes: [N, *sizes]."""
        return self.add("Reshape", x, self.ints(-1, *sizes))

    def crossed(self, x: str, limit: str, *, strict: bool = False) -> str:
        """Return 1 where x has reached a limit, and 0 elsewhere."""
        truth = self.add("Greater" if strict else "GreaterOrEqual", x, limit)
        return self.add("Cast", truth, to=self.element)

    def info(self, name: str, sizes: Sequence[int | str]) -> Any:
        """Return the description of an input or output."""
        return helper.make_tensor_value_info(name, self.element, list(sizes))

    def graph(self, name: str, inputs: Sequence[Any], outputs: Sequence[Any]) -> Any:
        """Return the graph."""
        return helper.make_graph(
            self._operators, name, list(inputs), list(outputs), self._initializers
        )

    def model(self, graph: Any, where: str) -> Any:
        """Return the graph as a checked model."""
        made = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            producer_name="spikelet",
            ir_version=_IR,
        )
        try:
            onnx.checker.check_model(made, full_check=True)
        except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
            fail(where, "the graph", str(error), "must be valid ONNX; please report the model")
        return made


class Arithmetic:
    """The operators of ONNX as methods, whose operands may be numbers: ``Arithmetic(b).Add(x, 1.0)``."""

    def __init__(self, b: Builder) -> None:
        self.b = b

    def __getattr__(self, operator: str) -> Callable[..., str]:
        def add(*operands: Any, **options: Any) -> str:
            names = [a if isinstance(a, str) else self.b.constant(a) for a in operands]
            return self.b.add(operator, *names, **options)

        return add
