"""The values and shapes of one operation, by ONNX's reference implementation and shape inference."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from spikelet.conversion.building import ERRORS
from spikelet.conversion.onnx.operation import Operation
from spikelet.layers import Shape

__all__ = ["Reference", "Tensor"]

_PART = 1 << 22  # values of the windows of a convolution that are held at a time
_SHORT = 64  # values of a constant that may determine a shape
_SLOW = frozenset({"Resize"})  # in the reference implementation
_POOLS = frozenset({"MaxPool", "AveragePool", "LpPool"})


class Tensor(NamedTuple):
    """Shape, None if it is not known, and type of a tensor."""

    shape: Shape | None
    kind: int


class Reference:
    """Evaluates operations, and infers their shapes.

    Parameters
    ----------
    onnx : module
    version : int
        Version of ONNX's own operators.
    domains : mapping of str to int
        Versions of other domains.
    """

    def __init__(self, onnx: Any, version: int, domains: dict[str, int]) -> None:
        self._onnx = onnx
        self._version = min(version, onnx.defs.onnx_opset_version())
        self._opsets = [onnx.helper.make_opsetid("", self._version)]
        self._opsets += [onnx.helper.make_opsetid(d, v) for d, v in domains.items()]
        self._mended = _mended()

    def schema(self, operation: Operation) -> Any | None:
        """Return the definition of an operator, or None if ONNX has none."""
        defs = self._onnx.defs
        try:
            return defs.get_schema(operation.kind, self._version, operation.domain)
        except defs.SchemaError:
            pass
        try:  # an operator of a later version, into which an older one was translated
            return defs.get_schema(operation.kind, operation.domain)
        except defs.SchemaError:
            return None

    def shapes(self, operation: Operation, inputs: Sequence[Any]) -> dict[str, Tensor]:
        """Return the shape and type of each output, as far as they are known.

        Parameters
        ----------
        operation : Operation
        inputs : sequence of Tensor or array
            Or None for an omitted input.

        Raises
        ------
        ValueError
            If the operation cannot take these inputs.
        """
        schema = self.schema(operation)
        if schema is None or not schema.has_type_and_shape_inference_function:
            return {}
        onnx = self._onnx
        node, _ = operation.proto(onnx)
        types, data = {}, {}
        depends = any(isinstance(value, Tensor) for value in inputs)
        for name, value in zip(node.input, inputs, strict=True):
            if isinstance(value, np.ndarray):
                kind = onnx.helper.np_dtype_to_tensor_dtype(value.dtype)
                if depends and value.dtype.kind in "fV":  # data are in single precision
                    kind = onnx.TensorProto.FLOAT
                types[name] = onnx.helper.make_tensor_type_proto(kind, value.shape)
                if value.size <= _SHORT:
                    data[name] = onnx.numpy_helper.from_array(value, name)
            elif isinstance(value, Tensor):
                types[name] = onnx.helper.make_tensor_type_proto(value.kind, value.shape)
        try:
            found = onnx.shape_inference.infer_node_outputs(
                schema, node, types, data, opset_imports=self._opsets
            )
        except (
            *ERRORS,
            onnx.shape_inference.InferenceError,
            onnx.checker.ValidationError,
        ) as error:
            raise ValueError(str(error)) from None
        shapes = {name: self._tensor(kind) for name, kind in found.items()}
        a = operation.attributes
        if (
            operation.kind in _POOLS
            and a.get("ceil_mode", 0)
            and a.get("auto_pad", "NOTSET") == "NOTSET"
        ):
            # Shape inference counts windows that would begin in the padding at the end.
            size = tuple(inputs[0].shape)
            extent = (*size[:2], *_windows_of(size[2:], a))
            shapes = {name: Tensor(extent, kind) for name, (_, kind) in shapes.items()}
        return shapes

    def _tensor(self, kind: Any) -> Tensor:
        tensor, t = kind.tensor_type, self._onnx.TensorProto
        elem = (
            t.FLOAT if tensor.elem_type in (t.DOUBLE, t.FLOAT16, t.BFLOAT16) else tensor.elem_type
        )
        dims = tensor.shape.dim
        if not tensor.HasField("shape") or not all(d.HasField("dim_value") for d in dims):
            return Tensor(None, elem)
        return Tensor(tuple(d.dim_value for d in dims), elem)

    def values(self, operation: Operation, inputs: Sequence[Any]) -> list[Any]:
        """Return the outputs.

        Parameters
        ----------
        operation : Operation
        inputs : sequence of arrays, or None for an omitted input
        """
        onnx = self._onnx
        node, constants = operation.proto(onnx)
        names = {n for n in node.input if n} - {c.name for c in constants}
        given = [onnx.ValueInfoProto(name=n) for n in sorted(names)]
        outputs = [onnx.ValueInfoProto(name=n) for n in operation.outputs if n]
        graph = onnx.GraphProto(name="one", node=[node], input=given, output=outputs)
        graph.initializer.extend(constants)
        schema = self.schema(operation)
        version = self._version
        if schema is not None and not operation.domain:
            version = max(version, schema.since_version)
        feeds = {n: v for n, v in zip(node.input, inputs, strict=True) if n in names}
        try:
            return self._run(graph, version, feeds)
        except RuntimeError as error:
            newest = onnx.defs.onnx_opset_version()
            if "No implementation" not in str(error) or version == newest:
                raise
            return self._run(graph, newest, feeds)  # the reference lacks some older versions

    def _run(self, graph: Any, version: int, feeds: dict[str, Any]) -> list[Any]:
        from onnx.reference import ReferenceEvaluator  # noqa: PLC0415  # only where it is used

        opsets = [self._onnx.helper.make_opsetid("", version), *self._opsets[1:]]
        model = self._onnx.helper.make_model(graph, opset_imports=opsets)
        with np.errstate(all="ignore"):  # values that are not finite are reported later
            found: list[Any] = ReferenceEvaluator(model, new_ops=self._mended).run(None, feeds)
        return found

    def effort(self, operation: Operation, inputs: Sequence[Any], result: Shape) -> float:
        """Return roughly how many seconds `values` takes."""
        size = float(math.prod(result))
        if operation.kind in _SLOW:
            return size * 2e-6
        weight = next((x for x in inputs[1:] if isinstance(x, np.ndarray) and x.ndim >= 2), None)
        outputs = {"Conv": 0, "ConvTranspose": 1, "Gemm": -1, "MatMul": -1}.get(operation.kind)
        if outputs is not None and weight is not None:
            terms = int(weight.size) // max(weight.shape[outputs], 1)
            return float(size * (terms * 1e-10 + 1e-8))
        return size * 2e-8


def _windows(x: NDArray[Any], kernel: Any, strides: Any, dilations: Any) -> NDArray[Any]:
    """Return a view [N, C, *positions, *kernel] of padded images."""
    span = [d * (k - 1) + 1 for k, d in zip(kernel, dilations, strict=True)]
    axes = tuple(range(2, x.ndim))
    view = sliding_window_view(x, span, axes)
    steps = [slice(None, None, s) for s in strides]
    inner = [slice(None, None, d) for d in dilations]
    return view[(slice(None), slice(None), *steps, *inner)]


def _sides(options: Mapping[str, Any], n: int) -> list[tuple[int, int]]:
    pads = options.get("pads") or [0] * 2 * n
    return list(zip(pads[:n], pads[n:], strict=True))


def _windows_of(size: Sequence[int], options: Mapping[str, Any]) -> list[int]:
    """Return the number of windows along each axis; a last one must begin within the image or the padding before it."""
    kernel = options["kernel_shape"]
    n = len(kernel)
    strides, dilations = options.get("strides") or [1] * n, options.get("dilations") or [1] * n
    counts = []
    for m, k, s, d, (low, high) in zip(
        size, kernel, strides, dilations, _sides(options, n), strict=True
    ):
        room = m + low + high - d * (k - 1) - 1
        count = room // s + 1
        counts.append(
            count + bool(options.get("ceil_mode", 0) and room % s and count * s < m + low)
        )
    return counts


def _shifted(
    x: NDArray[Any], fill: NDArray[Any], options: Mapping[str, Any], side: int | None = None
) -> list[NDArray[Any]]:
    """Return, for each place in a window, the values that all windows have there; `side` is the value of padding."""
    kernel = options["kernel_shape"]
    n = len(kernel)
    strides, dilations = options.get("strides") or [1] * n, options.get("dilations") or [1] * n
    sides = _sides(options, n)
    counts = _windows_of(x.shape[2:], options)
    axes = zip(x.shape[2:], counts, kernel, strides, dilations, sides, strict=True)
    ends = [max((c - 1) * s + d * (k - 1) + 1 - m - low, 0) for m, c, k, s, d, (low, _) in axes]
    around = fill if side is None else np.array(side, x.dtype)
    padded = np.pad(x, [(0, 0), (0, 0), *sides], constant_values=around)
    beyond = [(0, max(end - high, 0)) for (_, high), end in zip(sides, ends, strict=True)]
    padded = np.pad(padded, [(0, 0), (0, 0), *beyond], constant_values=fill)
    found = []
    for place in np.ndindex(*kernel):
        starts = [p * d for p, d in zip(place, dilations, strict=True)]
        cut = [
            slice(b, b + (c - 1) * s + 1, s)
            for b, c, s in zip(starts, counts, strides, strict=True)
        ]
        found.append(padded[(slice(None), slice(None), *cut)])
    return found


def _mended() -> list[Any]:
    """Return the operators that the reference implementation lacks, gets wrong, or computes slowly."""
    from onnx.reference.op_run import OpRun  # noqa: PLC0415

    class BatchNormalization(OpRun):  # type: ignore[misc]  # onnx has no types
        """In inference."""

        def _run(self, x: Any, scale: Any, bias: Any, mean: Any, var: Any, epsilon: float = 1e-5,
                 **_: Any) -> tuple[Any]:  # fmt: skip
            inner = (-1, *[1] * (x.ndim - 2))
            scale, bias, mean, var = (p.reshape(inner) for p in (scale, bias, mean, var))
            y = scale * (x - mean) / np.sqrt(var + epsilon) + bias
            return (y.astype(x.dtype),)

    class Conv(OpRun):  # type: ignore[misc]  # onnx has no types
        """By matrix products, part by part; the reference takes half a minute for VGG-19."""

        def _run(self, x: Any, w: Any, b: Any = None, *, auto_pad: Any = "NOTSET",
                 dilations: Any = None, group: Any = 1, pads: Any = None, strides: Any = None,
                 **_: Any) -> tuple[Any]:  # fmt: skip
            n = x.ndim - 2
            strides, dilations = strides or [1] * n, dilations or [1] * n
            low, high = (pads or [0] * 2 * n)[:n], (pads or [0] * 2 * n)[n:]
            if auto_pad not in ("NOTSET", "VALID"):
                total = [
                    max((-(-m // s) - 1) * s + d * (k - 1) + 1 - m, 0)
                    for m, s, k, d in zip(x.shape[2:], strides, w.shape[2:], dilations, strict=True)
                ]
                low = [t // 2 if auto_pad == "SAME_UPPER" else t - t // 2 for t in total]
                high = [t - a for t, a in zip(total, low, strict=True)]
            padded = np.pad(x, [(0, 0), (0, 0), *zip(low, high, strict=True)])
            windows = _windows(padded, w.shape[2:], strides, dilations)
            outer, inner = w.shape[0] // group, w.shape[1]
            y = np.empty((len(x), w.shape[0], *windows.shape[2 : 2 + n]), x.dtype)
            axes = [0, *range(n + 1, 2 * n + 1)]
            rows = max(1, _PART // max(1, inner * math.prod(windows.shape[3:])))
            for k in range(len(x)):
                for g in range(group):
                    one = windows[k, g * inner : (g + 1) * inner]
                    kernels = w[g * outer : (g + 1) * outer]
                    for start in range(0, one.shape[1], rows):
                        part = one[:, start : start + rows]
                        y[k, g * outer : (g + 1) * outer, start : start + rows] = np.tensordot(
                            kernels, part, (range(1, n + 2), axes)
                        )
            return (y if b is None else y + b.reshape(-1, *[1] * n),)

    class ConvTranspose(OpRun):  # type: ignore[misc]  # onnx has no types
        """In groups; the reference gives each group one output, and the bias of the first."""

        def _run(self, x: Any, w: Any, b: Any = None, *, auto_pad: Any = "NOTSET", dilations: Any = None,
                 group: Any = 1, output_padding: Any = None, output_shape: Any = None, pads: Any = None,
                 strides: Any = None, **_: Any) -> tuple[Any]:  # fmt: skip
            n = x.ndim - 2
            size, kernel = x.shape[2:], w.shape[2:]
            strides, dilations = strides or [1] * n, dilations or [1] * n
            axes = zip(size, kernel, strides, dilations, output_padding or [0] * n, strict=True)
            full = [s * (m - 1) + d * (k - 1) + 1 + e for m, k, s, d, e in axes]
            if output_shape is None and auto_pad in ("SAME_UPPER", "SAME_LOWER"):
                output_shape = [m * s for m, s in zip(size, strides, strict=True)]
            if output_shape is None:
                sides = _sides({"pads": pads}, n)
                output_shape = [f - low - high for f, (low, high) in zip(full, sides, strict=True)]
                lows = [low for low, _ in sides]
            else:
                spare = [max(f - m, 0) for f, m in zip(full, output_shape[-n:], strict=True)]
                lows = [t // 2 if auto_pad == "SAME_UPPER" else t - t // 2 for t in spare]
            ends = [low + m for low, m in zip(lows, output_shape[-n:], strict=True)]
            room = [max(f, end) for f, end in zip(full, ends, strict=True)]
            outer, inner = w.shape[1], x.shape[1] // group
            y = np.zeros((len(x), outer * group, *room), x.dtype)
            for g in range(group):
                part = x[:, g * inner : (g + 1) * inner]
                own = y[:, g * outer : (g + 1) * outer]
                for place in np.ndindex(*kernel):
                    weights = w[(slice(g * inner, (g + 1) * inner), slice(None), *place)]
                    starts = [p * d for p, d in zip(place, dilations, strict=True)]
                    cut = [
                        slice(b, b + s * (m - 1) + 1, s)
                        for b, s, m in zip(starts, strides, size, strict=True)
                    ]
                    own[(slice(None), slice(None), *cut)] += np.moveaxis(
                        np.tensordot(part, weights, (1, 0)), -1, 1
                    )
            y = y[(slice(None), slice(None), *map(slice, lows, ends))]
            return (y if b is None else y + b.reshape(-1, *[1] * n),)

    class GlobalMaxPool(OpRun):  # type: ignore[misc]  # onnx has no types
        """Of sequences and volumes, too; the reference takes the maximum over other axes there."""

        def _run(self, x: Any, **_: Any) -> tuple[Any]:
            return (x.max(tuple(range(2, x.ndim)), keepdims=True),)

    class LRN(OpRun):  # type: ignore[misc]  # onnx has no types
        """Of all channels; the reference normalises as many as there are samples, and images only."""

        def _run(self, x: Any, alpha: float = 1e-4, beta: float = 0.75, bias: float = 1.0,
                 size: int = 1, **_: Any) -> tuple[Any]:  # fmt: skip
            squares = np.pad(x**2, [(0, 0), ((size - 1) // 2, size // 2), *[(0, 0)] * (x.ndim - 2)])
            total = sliding_window_view(squares, size, 1).sum(-1)
            return ((x / (bias + alpha / size * total) ** beta).astype(x.dtype),)

    class MaxPool(OpRun):  # type: ignore[misc]  # onnx has no types
        """Without indices; the reference is slow, and wrong for some windows that leave the image."""

        def _run(self, x: Any, **options: Any) -> tuple[Any]:
            low = np.array(-np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).min, x.dtype)
            parts = _shifted(x, low, options)
            return (functools.reduce(np.maximum, parts),)

    class AveragePool(OpRun):  # type: ignore[misc]  # onnx has no types
        """The reference is slow."""

        def _run(self, x: Any, count_include_pad: int = 0, **options: Any) -> tuple[Any]:
            ones, zero = np.ones((1, 1, *x.shape[2:]), x.dtype), np.array(0, x.dtype)
            # Windows may reach beyond the padding, which never counts.
            count = sum(_shifted(ones, zero, options, int(bool(count_include_pad))))
            return (sum(_shifted(x, zero, options)) / count,)

    class LpPool(OpRun):  # type: ignore[misc]  # onnx has no types
        """The reference is slow, and scales windows that leave the image."""

        def _run(self, x: Any, p: int = 2, **options: Any) -> tuple[Any]:
            total = sum(_shifted(np.abs(x) ** p, np.array(0, x.dtype), options))
            return ((total ** (1 / p)).astype(x.dtype),)

    class LpNormalization(OpRun):  # type: ignore[misc]  # onnx has no types
        """By magnitudes, which the reference leaves out."""

        def _run(self, x: Any, axis: int = -1, p: int = 2, **_: Any) -> tuple[Any]:
            norm = np.linalg.norm(x, ord=p, axis=axis, keepdims=True)
            return (np.where(norm == 0, 0, x / np.where(norm == 0, 1, norm)).astype(x.dtype),)

    return [
        AveragePool,
        BatchNormalization,
        Conv,
        ConvTranspose,
        GlobalMaxPool,
        LRN,
        LpNormalization,
        LpPool,
        MaxPool,
    ]
