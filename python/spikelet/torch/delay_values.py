"""Delays of synapses as parameters: their first values, and the bounds that they keep."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import torch
from torch import Tensor

from spikelet._util.checks import choice, fail, numbers
from spikelet.torch.watched import is_transformed

__all__ = ["Per", "expanded", "first_delays", "kept_within", "shape_of"]

Per: TypeAlias = Literal["synapse", "axon", "neuron"]


def shape_of(where: str, per: str, in_features: int, out_features: int) -> tuple[int, ...]:
    """Return the shape of the delays of all synapses, of the inputs, or of the outputs."""
    choice(where, "per", per, "synapse", "axon", "neuron")
    shapes = {"axon": (in_features,), "neuron": (out_features,)}
    return shapes.get(per, (out_features, in_features))


def first_delays(
    where: str, given: Any, shape: tuple[int, ...], longest: float, unit: str,
    generator: Any = None, dtype: torch.dtype | None = None,
) -> Tensor:  # fmt: skip
    """Return delays drawn uniformly from 0 .. `longest`, or the given ones, checked; of `dtype`, or the default type."""
    kind = dtype or torch.get_default_dtype()
    if given is None:
        return (torch.rand(shape, generator=generator) * longest).to(kind)
    array = given.detach().cpu().double().numpy() if isinstance(given, Tensor) else given
    values = torch.from_numpy(numbers(where, "delay", array, "", 2).copy())
    if values.ndim and tuple(values.shape) != shape:
        rule = f"must be a number or {list(shape)}, as `per` says"
        fail(where, "delay", tuple(values.shape), rule, got="shape")
    bad = ~((values >= 0) & (values <= longest))
    if bad.any():
        rule = f"must lie in 0 .. max_delay = {longest:g} {unit}"
        fail(where, "delay", float(values[bad].flatten()[0]), rule)
    return values.expand(shape).to(kind).contiguous()


def kept_within(where: str, name: str, delay: Tensor, longest: float, *, training: bool) -> Tensor:
    """Return delays with those outside of 0 .. `longest`, where an optimiser may put them, at its ends.

    In training the parameter itself is set back, so that it is not lost there; outside of it nothing changes.
    """
    if torch.compiler.is_compiling() or delay.device.type == "meta" or is_transformed():
        if is_transformed() and training:  # with the gradient that brings them back
            return delay + (delay.clamp(0, longest) - delay).detach()
        if not training:
            return delay.clamp(0, longest)
        with torch.no_grad():
            delay.clamp_(0, longest)
        return delay
    with torch.no_grad():
        bad = ~torch.isfinite(delay)
        if bad.any():
            rule = "must be finite; reduce the learning rate"
            fail(where, name, float(delay[bad].flatten()[0]), rule)
        # A tensor that is saved must not be touched.
        if not ((delay < 0) | (delay > longest)).any():
            return delay
        if training:
            delay.clamp_(0, longest)
            return delay
    return delay.clamp(0, longest)


def expanded(delay: Tensor, per: str, shape: tuple[int, int]) -> Tensor:
    """Return the delays of all synapses [out, in]."""
    return (delay[:, None] if per == "neuron" else delay).expand(shape)
