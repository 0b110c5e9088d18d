"""Linear layers whose synapses have learned delays."""

from __future__ import annotations

import functools
import math
from contextlib import nullcontext
from typing import Any, Literal, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # PyTorch's customary name

from spikelet import _core
from spikelet._util.checks import choice, fail, integer, numbers
from spikelet.torch.arguments import real, require_kind
from spikelet.torch.computed import recompute
from spikelet.torch.conventions import RASTERS, single
from spikelet.torch.functional import kept_as
from spikelet.torch.memory import empty
from spikelet.torch.plain import gradients
from spikelet.torch.watched import is_transformed, is_watched

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
    """Return delays with those outside of 0 .. `longest`, where an optimizer may put them, at its ends.

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


_NARROWEST = 0.25  # steps; a Gaussian that is narrower has no taps besides its center
_REACH = 3.0  # of the Gaussian, in widths


class Delay(nn.Module):
    """A linear layer whose inputs arrive later, by delays that are learned.

    ``y[t, b, o] = bias[o] + sum over i of weight[o, i] x[t - delay[o, i], b, i]``, where x is 0 before its first step.

    In training mode delays are real numbers. An input acts at the two steps around its delay, by linear interpolation, and
    with `width` > 0 at those around them too, as a Gaussian of this standard deviation [steps]. A wide Gaussian gives a
    delay a gradient towards useful spikes far away; `narrow_delays` shrinks it to zero width during training
    (Hammouamri et al., ICLR 2024). In eval mode delays are rounded to whole steps, as `to_network` deploys them.

    Parameters
    ----------
    in_features, out_features : int
    max_delay : int >= 0
        Longest delay [steps]. Before each run in training mode, delays that the optimizer has moved out of
        0 .. `max_delay` are set back to its ends.
    per : "synapse", "axon" or "neuron"
        Delays of their own for all synapses [out, in], for the inputs [in], or for the outputs [out].
    bias : bool
    width : float >= 0, optional
        Initial width of the Gaussian [steps]; by default ``max_delay / 2``.
    delay : float, array-like or Tensor, optional
        Initial delays [steps]; by default they are drawn uniformly from 0 .. `max_delay`. The parameter `delay`, like
        `weight` and `bias`, may be changed at any time.
    backend : "core" or "torch"
        Implementation: the compiled core, on the CPU, where a synapse costs two products per step for any delay, or a
        convolution by PyTorch on any device, with one product for each possible delay.

    Raises
    ------
    ValueError, TypeError
        If a size or delay is out of range, or the shape of `delay` does not fit `per`.

    Notes
    -----
    The Gaussian is applied to the inputs, before the delays. It also looks ahead: in training mode, the layer sees up
    to ``3 width`` steps of the future of a sequence. The core's results have the same bits for any number of threads
    and any SIMD level.

    References
    ----------
    Hammouamri, Khalfaoui-Hassani & Masquelier, "Learning delays in spiking neural networks using dilated convolutions with
    learnable spacings", ICLR 2024. There, each synapse has its own Gaussian, cut off at the ends of the kernel. Here,
    the Gaussian is applied once to the inputs of all synapses, so the cost does not depend on its width.

    Examples
    --------
    >>> import torch, spikelet.torch as st
    >>> net = torch.nn.Sequential(st.Delay(140, 256, 25), st.LIF(), st.Delay(256, 10, 25), st.LI())
    >>> net(torch.rand(100, 8, 140)).shape
    torch.Size([100, 8, 10])
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        max_delay: int,
        *,
        per: Per = "synapse",
        bias: bool = True,
        width: float | None = None,
        delay: Any = None,
        backend: Literal["core", "torch"] = "core",
    ) -> None:
        super().__init__()
        self.in_features = integer("Delay", "in_features", in_features, 1, 2**31 - 1)
        self.out_features = integer("Delay", "out_features", out_features, 1, 2**31 - 1)
        self.max_delay = integer("Delay", "max_delay", max_delay, 0, 2**30)
        choice("Delay", "backend", backend, "core", "torch")
        self.per, self.backend = per, backend
        shape = shape_of("Delay", per, self.in_features, self.out_features)
        first = first_delays("Delay", delay, shape, self.max_delay, "steps")
        self.weight = nn.Parameter(torch.empty(out_features, in_features))
        nn.init.kaiming_uniform_(self.weight, a=math.sqrt(5))  # as nn.Linear
        self.delay = nn.Parameter(first)
        self.register_parameter("bias", None)
        if bias:
            bound = 1 / math.sqrt(in_features)
            self.bias = nn.Parameter(torch.empty(out_features).uniform_(-bound, bound))
        wide = self.max_delay / 2 if width is None else width
        self.register_buffer("gaussian", torch.zeros(()))  # in the state, as checkpoints need it
        self.width = wide
        self.first_width = float(wide) if self.gaussian.is_meta else self.width

    @property
    def width(self) -> float:
        """Standard deviation of the Gaussian around each delay in training mode [steps]; 0: none."""
        return float(self.gaussian)

    @width.setter
    def width(self, value: float) -> None:
        self.gaussian.fill_(real("Delay", "width", value, ">= 0"))

    def rounded(self) -> Tensor:
        """Return the delays of all synapses in whole steps, as in eval mode: an int64 tensor [out, in]."""
        return self._of_synapses(self._kept(training=False).detach().round()).long()

    def without_delays(self) -> nn.Linear:
        """Return a linear layer with copies of weights and bias."""
        linear = nn.Linear(self.in_features, self.out_features, self.bias is not None)
        linear = linear.to(self.weight)
        recompute(self)
        with torch.no_grad():
            linear.weight.copy_(self.weight)
            if self.bias is not None:
                linear.bias.copy_(self.bias)
        return linear

    def _kept(self, *, training: bool) -> Tensor:
        return kept_within("Delay", "delay", self.delay, self.max_delay, training=training)

    def _of_synapses(self, delay: Tensor) -> Tensor:
        return expanded(delay, self.per, (self.out_features, self.in_features))

    def forward(self, x: Tensor) -> Tensor:
        """Return the outputs [T, B, out_features] of inputs [T, B, in_features].

        Raises
        ------
        TypeError, ValueError
            If x has another shape, type or device, or a delay is not finite.
        """
        given = x
        x, kind = self._checked(x)
        weight = single(self.weight)
        if self.training:
            delay = single(self._kept(training=True))
            lag = delay.detach().floor()
            part = self._of_synapses(delay - lag)
            early, late = weight * (1 - part), weight * part
            if self.width > _NARROWEST:
                x = given = _Smoothed.apply(x, self.width)
            lag = self._of_synapses(lag)
        else:
            lag, early, late = self.rounded(), weight, torch.zeros_like(weight)
        lag = lag.to(torch.int32)
        if self.backend == "torch" or is_watched(x, early, late, lag):
            y = _convolved(x, early, late, lag, self.max_delay)
            y = y if self.bias is None else y + single(self.bias)
            return y.to(kind)
        with kept_as(given, x) if given.dtype in RASTERS else nullcontext():
            y = delayed(x, early, late, lag, self.max_delay)
        y = y if self.bias is None else y.add_(single(self.bias))
        return y.to(kind)

    def _checked(self, x: Any) -> tuple[Tensor, torch.dtype]:
        """Return the input in the type of the computation, and the type of the result."""
        if not isinstance(x, Tensor) or x.layout != torch.strided:
            fail("Delay", "x", type(x).__name__, "must be a dense torch.Tensor", error=TypeError)
        weight = self.weight
        kind = weight.dtype if x.dtype in RASTERS else x.dtype
        real = single(weight).dtype
        x = x.to(real) if x.dtype in RASTERS else single(x)
        if x.dtype != real or x.device != weight.device:
            rule = f"must be a {weight.dtype} tensor on {weight.device} like weight"
            fail("Delay", "x", f"{x.dtype} on {x.device}", rule, error=TypeError)
        if self.backend == "core" and x.device.type != "cpu":
            rule = 'must be on the CPU with backend="core"; backend="torch" computes on any device'
            fail("Delay", "x", str(x.device), rule, got="device", error=TypeError)
        if x.ndim != 3 or x.shape[2] != self.in_features:
            rule = f"must be [T, B, {self.in_features}]"
            fail("Delay", "x", tuple(x.shape), rule, got="shape")
        return x, kind

    def extra_repr(self) -> str:
        """Return sizes and the width."""
        parts = (
            f"{self.in_features}, {self.out_features}, max_delay={self.max_delay}, per={self.per!r}"
        )
        parts += "" if self.bias is not None else ", bias=False"
        parts += "" if self.backend == "core" else f", backend={self.backend!r}"
        return f"{parts}, width={self.width:g}"


def narrow_delays(model: nn.Module, progress: float) -> None:
    """Shrink the Gaussians of all `Delay` layers of a model: exponentially, from their first width to none.

    Parameters
    ----------
    model : nn.Module
    progress : float >= 0
        0 for the first width, 1 and more for none. Hammouamri et al. (ICLR 2024) shrink over the first quarter of the
        training: ``narrow_delays(model, 4 * epoch / epochs)`` before each epoch.

    Raises
    ------
    ValueError, TypeError
        If `progress` is negative or not a number, or the model has no `Delay`.
    """
    require_kind("narrow_delays", "model", model, nn.Module, "a torch.nn.Module")
    part = real("narrow_delays", "progress", progress, ">= 0")
    layers = [m for m in model.modules() if isinstance(m, Delay)]
    if not layers:
        fail("narrow_delays", "model", type(model).__name__, "must contain a Delay")
    for layer in layers:
        first = layer.first_width
        narrow = 0.0 if part >= 1 or first <= _NARROWEST else first * (_NARROWEST / first) ** part
        layer.width = first if part == 0 else narrow


class _Smoothed(torch.autograd.Function):
    """x [T, ...] convolved over time with a Gaussian whose sum is 1; outside, x is 0."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, width: float) -> Tensor:
        return _convolved_with_gaussian(x, width)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, float], output: Tensor) -> None:
        del output
        _, ctx.width = inputs

    @staticmethod
    def backward(ctx: Any, by_y: Tensor) -> tuple[Tensor, None]:
        return _Smoothed.apply(by_y, ctx.width), None  # it is symmetric


def delayed(x: Tensor, early: Tensor, late: Tensor, lag: Tensor, longest: int) -> Tensor:
    """Return y[t] = sum over inputs of early x[t - lag] + late x[t - lag - 1], for x [T, B, I] and [O, I] of the others.

    Each synapse costs two products per step, however long the delays are.
    """
    return _Delayed.apply(x, early, late, lag, longest)


class _Delayed(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, early: Tensor, late: Tensor, lag: Tensor, longest: int
    ) -> Tensor:
        ctx.longest = longest
        ctx.save_for_backward(x, early, late, lag)
        y = empty((*x.shape[:2], early.shape[0]), x.dtype)
        threads, result = torch.get_num_threads(), y.numpy()
        _core.delayed(_view(x), _view(early), _view(late), _view(lag), longest, result, threads)
        return y

    @staticmethod
    def backward(ctx: Any, by_y: Tensor) -> tuple[Tensor | None, ...]:
        x, early, late, lag = ctx.saved_tensors
        wanted, longest = ctx.needs_input_grad[:3], ctx.longest
        if torch.is_grad_enabled() or is_watched(by_y):
            run = functools.partial(_convolved, lag=lag, longest=longest)
            found = gradients(lambda *sources: (run(*sources),), (x, early, late), wanted, (by_y,))
            return *found, None, None
        threads, by = torch.get_num_threads(), _view(by_y)
        by_x = by_early = by_late = None
        if wanted[0]:
            by_x = empty(x.shape, x.dtype)
            synapses = _view(early), _view(late), _view(lag)
            _core.delayed_input(by, *synapses, longest, by_x.numpy(), threads)
        if any(wanted[1:]):
            by_early, by_late = torch.empty_like(early), torch.empty_like(late)
            arrays = by_early.numpy(), by_late.numpy()
            _core.delayed_weights(_view(x), by, _view(lag), longest, *arrays, threads)
        return by_x, by_early, by_late, None, None


def _view(tensor: Tensor) -> Any:
    return tensor.detach().contiguous().numpy()


def _convolved_with_gaussian(x: Tensor, width: float) -> Tensor:
    if x.numel() == 0:
        return torch.zeros_like(x)
    steps = len(x)
    reach = min(math.ceil(_REACH * width), steps - 1)
    offset = torch.arange(-reach, reach + 1, dtype=torch.float64)
    taps = torch.exp(-((offset / width) ** 2) / 2)
    taps = (taps / taps.sum()).to(x)
    # Blocks of steps, each the product of a band of a Toeplitz matrix and the steps around it.
    flat, parts = x.reshape(steps, -1), []
    block = max(64, 2 * reach)
    for first in range(0, steps, block):
        last = min(first + block, steps)
        low, high = max(first - reach, 0), min(last + reach, steps)
        after = torch.arange(first, last)[:, None] - torch.arange(low, high)[None, :] + reach
        inside = (after >= 0) & (after <= 2 * reach)
        band = taps[after.clamp(0, 2 * reach).to(x.device)] * inside.to(x)
        parts.append(band @ flat[low:high])
    return (parts[0] if len(parts) == 1 else torch.cat(parts)).view(x.shape)


def _convolved(x: Tensor, early: Tensor, late: Tensor, lag: Tensor, longest: int) -> Tensor:
    """Return what `delayed` does, by a dense convolution over time."""
    if len(x) == 0:
        return x.new_zeros(0, x.shape[1], len(early))
    at = longest + 1 - lag[..., None].long()  # the last tap has no delay
    kernel = early.new_zeros(*early.shape, longest + 2)
    kernel = kernel.scatter(2, at, early[..., None]).scatter(2, at - 1, late[..., None])
    series = F.pad(x.permute(1, 2, 0), (longest + 1, 0))
    return F.conv1d(series, kernel).permute(2, 0, 1)
