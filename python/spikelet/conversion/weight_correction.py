"""Correct weights by ridge regression, so that the means of the spiking network give the potentials of the ANN."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from spikelet.conversion.calibration import Calibration, Floats
from spikelet.layers import Add, Conv2d, Layer, Linear
from spikelet.layers.graph import INPUT

__all__ = ["correct_weights"]

_RIDGE = 1e-3  # penalty, relative to the mean square of the inputs
_FEATURES = 2048  # layers with more inputs are not fitted: there are too few samples
_ROWS = 1 << 25  # limit of unfolded input values at once


def correct_weights(
    cal: Calibration, neuron: str, potentials: Floats, changes: Mapping[str, Layer]
) -> dict[str, Layer]:
    """Correct the linear layers that feed a neuron.

    With the old weights, the means of the spiking network give potentials that differ from the ANN's. The correction is the
    ridge regression of this difference on the means, jointly for all layers of a sum (a convolution and a shortcut).

    Returns
    -------
    dict of str to Layer
        The corrected layers by name; may be empty.
    """
    source = cal.source(neuron)
    names = _linear_parts(cal, source, changes)
    sizes = [_features(_layer(cal, changes, n)) for n in names]
    twice = len(set(names)) < len(names)  # a layer that is added to itself
    if not names or twice or sum(sizes) > _FEATURES or _input_only(cal, names):
        return {}
    missing = potentials - cal.mean(source, changes)
    inputs = [cal.mean(cal.graph[n].inputs[0], changes) for n in names]
    total = sum(sizes) + 1
    gram = np.zeros((total, total))
    mixed = np.zeros((total, missing.shape[1]))
    for rows, wanted in _rows(cal, names, changes, inputs, missing, total):
        gram += rows.T @ rows
        mixed += rows.T @ wanted
    scale = np.trace(gram) / total
    ridge = np.full(total, _RIDGE * scale)
    ridge[-1] = 1e-6 * scale
    correction = np.linalg.solve(gram + np.diag(ridge), mixed)
    result: dict[str, Layer] = {}
    first = 0
    for k, (name, size) in enumerate(zip(names, sizes, strict=True)):
        layer = _layer(cal, changes, name)
        weight = layer.weight + correction[first : first + size].T.reshape(layer.weight.shape)
        bias = np.zeros(len(weight)) if layer.bias is None else layer.bias
        result[name] = layer.replace(weight=weight, bias=bias + correction[-1] if k == 0 else bias)
        first += size
    return result


def _layer(cal: Calibration, changes: Mapping[str, Layer], name: str) -> Conv2d | Linear:
    layer = changes.get(name, cal.graph[name].layer)
    assert isinstance(layer, (Conv2d, Linear))
    return layer


def _linear_parts(cal: Calibration, source: str, changes: Mapping[str, Layer]) -> list[str]:
    """Return the names of the layers with weights whose sum is the input of a neuron, and that feed nothing else."""
    if source == INPUT or len(cal.graph.consumers(source)) > 1:
        return []
    node = cal.graph[source]
    layer = changes.get(source, node.layer)
    if isinstance(layer, Add):
        return [name for part in node.inputs for name in _linear_parts(cal, part, changes)]
    one_group = isinstance(layer, Linear) or (isinstance(layer, Conv2d) and layer.groups == 1)
    return [source] if one_group else []


def _input_only(cal: Calibration, names: list[str]) -> bool:
    """Return whether all take the input of the model, which is exact."""
    return all(cal.graph[n].inputs[0] == INPUT for n in names) and not cal.run_options


def _features(layer: Conv2d | Linear) -> int:
    return int(np.prod(layer.weight.shape[1:]))


def _rows(
    cal: Calibration,
    names: list[str],
    changes: Mapping[str, Layer],
    inputs: list[Floats],
    missing: Floats,
    total: int,
) -> Iterator[tuple[Floats, Floats]]:
    places = int(np.prod(missing.shape[2:], initial=1))
    batch = max(1, _ROWS // (places * total))
    for first in range(0, len(missing), batch):
        part = slice(first, first + batch)
        columns = [
            _unfold(_layer(cal, changes, n), x[part]) for n, x in zip(names, inputs, strict=True)
        ]
        wanted = np.moveaxis(missing[part], 1, -1).reshape(-1, missing.shape[1])
        columns.append(np.ones((len(wanted), 1)))
        # Sums in float32 would depend on the size of a batch.
        yield np.concatenate(columns, axis=1, dtype=np.float64), wanted


def _unfold(layer: Conv2d | Linear, x: Floats) -> Floats:
    """Return the inputs of each output position, [positions, inputs x kernel]."""
    if isinstance(layer, Linear):
        return x.reshape(len(x), -1)
    top, bottom, left, right = layer.padding
    (sy, sx), (dy, dx) = layer.stride, layer.dilation
    kh, kw = layer.weight.shape[2:]
    padded = np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)))
    windows = sliding_window_view(padded, (dy * (kh - 1) + 1, dx * (kw - 1) + 1), axis=(2, 3))
    windows = windows[:, :, ::sy, ::sx, ::dy, ::dx]
    return np.ascontiguousarray(windows.transpose(0, 2, 3, 1, 4, 5)).reshape(-1, _features(layer))
