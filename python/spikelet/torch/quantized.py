"""Training with weights of a few bits, which integer engines then run with identical spikes."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterator
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.utils import fusion, parametrize

from spikelet._util.checks import fail, integer
from spikelet.conversion.torch.copies import copy_of
from spikelet.torch.arguments import require_kind
from spikelet.torch.computed import is_computed, recompute
from spikelet.torch.conventions import single
from spikelet.torch.delay import Delay
from spikelet.torch.plain import straight_through
from spikelet.torch.time import layers_over_time

_LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d, Delay)
_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
_BIAS_BITS = 8  # by which a bias is finer than the weights of its channel
_Module = TypeVar("_Module", bound=nn.Module)


def quantize(model: _Module, bits: int = 8) -> _Module:
    r"""Return a copy whose weights are integers of a few bits times a power of two, one for each output channel.

    A weight of the copy is :math:`2^e \, \mathrm{clip}(\mathrm{round}(w / 2^e), -2^{b-1} + 1, 2^{b-1} - 1)` in each forward
    pass, with the e of smallest mean squared error of its channel; the gradient goes straight through to w (Bengio et al.).
    A bias is rounded to :math:`2^{e-8}`. BatchNorm is first folded into the preceding layer. Therefore quantize a
    trained network, and train the copy for a few more epochs at a tenth of the learning rate.

    Sums of such weights over spikes have no rounding errors in any order, so a deployed copy sends the same spikes:
    ``to_spiking_model(copy, shape, dtype="int16")`` adds 16-bit integers, and its ``export`` to C does too.

    Parameters
    ----------
    model : nn.Module
        A network of ``nn.Linear``, `Delay`, convolutions (also sparse ones) and neurons, trained or not; it is not
        modified.
    bits : int, 2 to 16
        Bits of a weight.

    Raises
    ------
    TypeError, ValueError
        If `model` is not a module, has no such layers or is quantized already, a BatchNorm does not follow such a
        layer, one of the two is used twice, weights are not finite or of another type than float32 and float64, or
        `bits` is out of range.

    Notes
    -----
    Parameters are those of `model` under the names of `torch.nn.utils.parametrize`, ``parametrizations.weight.original``;
    as with all such modules, you can pickle the state_dict but not the module. Recurrent weights and those of
    transposed convolutions stay as they are, in full precision.

    Spikes are the same if all inputs of a layer are spikes, counts, or averages of them over windows whose size is a power
    of two, and if sums stay within 24 bits; 16-bit sums hold :math:`\pm 32767` steps of the weights of a channel, otherwise
    the layer is computed in float32 (and with `IF` its weights are rounded to the 16 bits that fit). An analog input of the
    first layer has to lie on a binary grid too, such as ``round(256 x) / 256``.

    References
    ----------
    Jacob et al., "Quantization and training of neural networks for efficient integer-arithmetic-only inference", CVPR 2018;
    Bengio, Léonard & Courville, "Estimating or propagating gradients through stochastic neurons", arXiv:1308.3432 (2013).

    Examples
    --------
    >>> import torch, spikelet.torch as st
    >>> net = torch.nn.Sequential(torch.nn.Linear(4, 8), st.LIF(), torch.nn.Linear(8, 2), st.LIF())
    >>> small = st.quantize(net, bits=4)
    >>> x = torch.rand(10, 3, 4).round()
    >>> snn = st.to_spiking_model(small, (4,), dtype="int16")
    >>> bool((snn.run(x.numpy()).spikes == small(x).detach().numpy()).all())
    True
    """
    require_kind("quantize", "model", model, nn.Module, "a torch.nn.Module")
    bits = integer("quantize", "bits", bits, 2, 16)
    for name, module in model.named_modules():
        if parametrize.is_parametrized(module):
            rule = "must have plain parameters: quantize the network that this one was made of"
            fail("quantize", f"module '{name}'", "parametrized", rule)
        if isinstance(module, _LAYERS):
            _checked(name, module)
    copied = copy.deepcopy(model)
    _fold(copied)
    layers = [m for m in copied.modules() if isinstance(m, _LAYERS)]
    if not layers:
        fail("quantize", "model", type(model).__name__, "must have linear layers or convolutions")
    for layer in layers:
        if layer.bias is not None:
            parametrize.register_parametrization(layer, "bias", _Bias(layer, bits))
        parametrize.register_parametrization(layer, "weight", _Weight(bits))
    return copied


def _checked(name: str, layer: nn.Module) -> None:
    """Refuse parameters whose grid cannot be found."""
    for which, p in (("weight", layer.weight), ("bias", layer.bias)):
        if not isinstance(p, Tensor):
            continue
        what = f"module '{name}', {which}"
        if not isinstance(p, nn.Parameter):
            rule = "must be a parameter: end pruning with torch.nn.utils.prune.remove, or normalization with remove_weight_norm"
            fail("quantize", what, "computed by a hook", rule)
        if p.dtype not in (torch.float32, torch.float64):
            rule = "must be float32 or float64: convert the model with .float()"
            fail("quantize", what, str(p.dtype), rule, got="dtype", error=TypeError)
        if not torch.isfinite(p).all():
            bad = float(p.detach()[~torch.isfinite(p)][0])
            fail("quantize", what, bad, "must be finite: train with a lower learning rate")


def plain(model: nn.Module) -> nn.Module:
    """Return a copy in eval mode whose layers hold the present values of quantized, pruned and other computed weights.

    It is the model itself if it has none.
    """
    if not any(parametrize.is_parametrized(m) or is_computed(m) for m in model.modules()):
        return model
    copied = copy_of(model).eval()  # spectral_norm changes its estimate in training mode
    for layer in copied.modules():
        recompute(layer)
    for layer in [m for m in copied.modules() if parametrize.is_parametrized(m)]:
        parts: Any = layer.parametrizations
        values = {name: getattr(layer, name) for name in parts}
        # PyTorch's own removal changes the class, which copies share.
        layer.__class__ = type(layer).__bases__[0]
        del layer.parametrizations
        for name, value in values.items():
            layer.register_parameter(name, nn.Parameter(value.detach().clone()))
    return copied


class _Weight(nn.Module):
    """Rounds weights [out, ...] to the grid of each output channel."""

    def __init__(self, bits: int) -> None:
        super().__init__()
        self.bits = bits

    def forward(self, weight: Tensor) -> Tensor:
        with torch.no_grad():
            given = single(weight.detach())
            step = _steps(given, self.bits)
            rounded = _on_grid(given, step, self.bits).to(weight.dtype)
        return straight_through(weight, rounded)

    def extra_repr(self) -> str:
        return f"bits={self.bits}"


class _Bias(nn.Module):
    """Rounds a bias to a grid finer than that of the weights of its channel."""

    def __init__(self, layer: nn.Module, bits: int) -> None:
        super().__init__()
        self.of = [layer]  # in a list, so that it does not become a part of this module
        self.bits = bits

    def forward(self, bias: Tensor) -> Tensor:
        with torch.no_grad():
            layer: Any = self.of[0]
            first = not parametrize.is_parametrized(layer, "weight")  # while it is being registered
            given = layer.weight if first else layer.parametrizations.weight.original
            step = _steps(single(given.detach()), self.bits).flatten() / 2**_BIAS_BITS
            rounded = (torch.round(bias.detach() / step) * step).to(bias.dtype)
        return straight_through(bias, rounded)


def _on_grid(weight: Tensor, step: Tensor, bits: int) -> Tensor:
    most = 2 ** (bits - 1) - 1
    return (weight / step).round().clamp(-most, most) * step


def _steps(weight: Tensor, bits: int) -> Tensor:
    """Return the power of two of each output channel, [out, 1, ...], whose grid is closest to its weights."""
    over = tuple(range(1, weight.ndim))
    largest = weight.abs().amax(over, keepdim=True)
    # So that the grid of a bias has no subnormal numbers.
    tiny = torch.finfo(weight.dtype).smallest_normal * 2**32
    covering = torch.exp2(torch.ceil(torch.log2(largest.clamp(min=tiny) / (2 ** (bits - 1) - 1))))
    best, least = covering, torch.full_like(covering, torch.inf)
    for finer in (1, 2, 4):  # smaller steps clip the largest weights
        step = covering / finer
        error = (_on_grid(weight, step, bits) - weight).square().sum(over, keepdim=True)
        best = torch.where(error < least, step, best)
        least = torch.minimum(error, least)
    return best


def _fold(model: nn.Module) -> None:
    """Fold each BatchNorm into the layer before it, in place; an identity stays where it was."""
    places = [(name, id(m)) for name, m in model.named_modules(remove_duplicate=False)]
    uses = Counter(which for _, which in places)
    names = {which: name for name, which in reversed(places)}
    for chain in _chains(model):
        before: nn.Module | None = None
        for parent, name, module in chain:
            if isinstance(module, _NORMS) and isinstance(before, _LAYERS):
                for each in (before, module):
                    if uses[id(each)] > 1:
                        rule = "must stand in one place only where a BatchNorm is folded: give each place a layer of its own"
                        fail("quantize", f"module '{names[id(each)]}'", type(each).__name__, rule)
                _folded(before, module)
                setattr(parent, name, nn.Identity())
                before = None
            else:
                before = module
    for name, module in model.named_modules():
        if isinstance(module, _NORMS):
            rule = "must directly follow a linear layer or convolution, in a torch.nn.Sequential"
            fail("quantize", f"module '{name}'", type(module).__name__, rule)


def _chains(model: nn.Module) -> Iterator[list[tuple[nn.Module, str, nn.Module]]]:
    """Yield the leaves of each outermost Sequential in the order in which they are applied, with their parents."""
    if _is_chain(model):
        yield list(_leaves(model))
        inside = (m for _, _, m in _leaves(model))
    else:
        inside = iter(model.children())
    for module in inside:
        yield from _chains(module)


def _is_chain(module: nn.Module) -> bool:
    """Return whether a module applies its children one after another, and nothing else."""
    plain_one = isinstance(module, nn.Sequential) and type(module).forward is nn.Sequential.forward
    return plain_one or layers_over_time(module) is not None


def _leaves(model: nn.Module) -> Iterator[tuple[nn.Module, str, nn.Module]]:
    for name, module in model.named_children():
        if _is_chain(module):
            yield from _leaves(module)
        else:
            yield model, name, module


def _folded(layer: Any, norm: Any) -> None:
    """Multiply a layer by the scales of a norm behind it, which its running statistics give."""
    if norm.running_mean is None:
        fail("quantize", "norm", type(norm).__name__, "must have running statistics")
    # Without parameters of its own, its factors are 1 and its offsets 0.
    factor = torch.ones_like(norm.running_var) if norm.weight is None else norm.weight
    offset = torch.zeros_like(norm.running_mean) if norm.bias is None else norm.bias
    statistics = (norm.running_mean, norm.running_var, norm.eps)
    flat = isinstance(layer, (nn.Linear, Delay))
    fuse: Any = fusion.fuse_linear_bn_weights if flat else fusion.fuse_conv_bn_weights
    layer.weight, layer.bias = fuse(layer.weight, layer.bias, *statistics, factor, offset)
    layer.bias.requires_grad_(layer.weight.requires_grad)  # also where there was none
