"""A call of an ONNX operator: its operands, attributes and results."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from spikelet.conversion.building import Call, Data
from spikelet.conversion.onnx.operation import Operation
from spikelet.conversion.onnx.runtime import Runtime
from spikelet.layers import Shape

__all__ = ["Handler", "OnnxCall"]


@dataclass(frozen=True)
class OnnxCall(Call):
    """An operator of an ONNX model that is being converted to layers.

    Parameters
    ----------
    builder, where, name, result, batch
        See `Call`.
    operation : Operation
    operands : tuple
        Data, arrays, or None for an omitted operand.
    attributes : mapping
        Those of the operation, or of a part of it.
    results : sequence of tuple of int, or None
        Shape of each output for a batch, None if it is not known.
    runtime : Runtime
    """

    operation: Operation
    operands: tuple[Any, ...]
    attributes: Mapping[str, Any]
    results: Sequence[Shape | None]
    runtime: Runtime

    @property
    def x(self) -> Data:
        """The first operand, which must depend on the input."""
        return self.one(self.at(0))

    def evaluate(self, *operands: Any) -> list[Any]:
        """Return the outputs of the operation for these arrays."""
        return self.runtime.values(self.operation, operands)

    def get(self, attribute: str, default: Any = None) -> Any:
        """Return an attribute."""
        return self.attributes.get(attribute, default)

    def at(self, k: int) -> Any:
        """Return an operand, or None if it is omitted."""
        return self.operands[k] if k < len(self.operands) else None

    def constant_at(self, k: int, what: str) -> Any:
        """Return an operand that must not depend on the input."""
        value = self.at(k)
        if isinstance(value, Data):
            self.refuse(
                f"has {what} that depend on the input", "export the model with constants there"
            )
        return value

    def integers(self, k: int, what: str) -> list[int] | None:
        """Return integers: an operand, in older versions an attribute of this name; None if they are omitted."""
        value = self.constant_at(k, what)
        value = self.get(what) if value is None else value
        return None if value is None else [int(v) for v in np.ravel(value)]

    def number(self, k: int, what: str) -> float | None:
        """Return one number: an operand, in older versions an attribute of this name; None if it is omitted."""
        value = self.constant_at(k, what)
        value = self.get(what) if value is None else value
        return None if value is None else float(np.ravel(value)[0])

    def part(self, name: str, *operands: Any, **attributes: Any) -> OnnxCall:
        """Return a call for a part of the operator, with operands and attributes of its own."""
        inner = f"{self.name}.{name}"
        return dataclasses.replace(self, name=inner, operands=operands, attributes=attributes)


Handler: TypeAlias = Callable[[OnnxCall], Any]
"""Returns Data, or a tuple of results, which may be arrays, or None for what is not available."""
