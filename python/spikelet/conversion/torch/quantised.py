"""Modules that PyTorch has quantised, with the weights that they hold in place of their arithmetic."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from spikelet.conversion.building import refuse
from spikelet.conversion.torch.tracing import READER, class_of

__all__ = ["dequantised"]

_FAMILIES = ("torch.ao.nn.quantized.", "torch.ao.nn.intrinsic.quantized.")
_RECURRENT = {"LSTM": nn.LSTM, "GRU": nn.GRU}


def dequantised(module: nn.Module) -> nn.Module:
    """Replace the modules of ``torch.ao.quantization.quantize_dynamic`` by those with the same weights, in place.

    Only their weights are quantised. PyTorch also rounds their input, to 8 bits over the range of the whole batch, so that the
    result for a sample depends on the others; this is left out.

    Parameters
    ----------
    module : nn.Module

    Returns
    -------
    nn.Module
        The module itself, or what replaces it.

    Raises
    ------
    ValueError
        If a module is quantised in another way.
    """
    found: dict[int, nn.Module] = {}
    names: list[str] = []
    for name, inner in list(module.named_modules(remove_duplicate=False)):
        if any(name.startswith(f"{above}." if above else "") for above in names):
            continue
        if not type(inner).__module__.startswith(_FAMILIES):
            continue
        names.append(name)
        if id(inner) not in found:
            found[id(inner)] = _plain(name, inner)
        if not name:
            return found[id(inner)]
        parent, _, last = name.rpartition(".")
        setattr(module.get_submodule(parent), last, found[id(inner)])
    return module


def _plain(name: str, module: Any) -> nn.Module:
    kind = class_of(module)
    dynamic = ".quantized.dynamic." in type(module).__module__
    if not dynamic or kind not in ("Linear", *_RECURRENT):
        refuse(
            f"{READER}: layer '{name or kind}' ({kind})",
            f"is quantised ({type(module).__module__.rpartition('.modules')[0]})",
            "pass the float module from which it was made; of quantised modules, only the Linear, LSTM and GRU of "
            "quantize_dynamic hold weights that can be read",
        )
    if kind in _RECURRENT:
        recurrent = _RECURRENT[kind](
            module.input_size,
            module.hidden_size,
            module.num_layers,
            module.bias,
            module.batch_first,
            module.dropout,
            module.bidirectional,
        )
        return _loaded(recurrent, {**module.get_weight(), **module.get_bias()})
    bias = module.bias()
    linear = nn.Linear(module.in_features, module.out_features, bias is not None)
    return _loaded(linear, {"weight": module.weight(), **({} if bias is None else {"bias": bias})})


def _loaded(module: nn.Module, state: dict[str, torch.Tensor]) -> nn.Module:
    plain = {k: v.dequantize() if v.is_quantized else v.float() for k, v in state.items()}
    module.load_state_dict(plain)
    return module.eval().requires_grad_(False)
