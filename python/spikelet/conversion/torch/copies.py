"""Copies of modules that can be followed: their weights are plain, their checks of inputs gone."""

from __future__ import annotations

import copy
from typing import Any, TypeVar

import torch
from torch import nn

from spikelet.conversion.building import ERRORS, refuse

READER = "read_torch"
_Module = TypeVar("_Module", bound=nn.Module)
_GUARDS = ("_guards_fn", "aten._assert_tensor_metadata.default")
_FAMILIES = ("torch.ao.nn.quantized.", "torch.ao.nn.intrinsic.quantized.")
_RECURRENT = {"LSTM": nn.LSTM, "GRU": nn.GRU}


def is_layer(module: nn.Module) -> bool:
    """Return whether a module is a layer of PyTorch itself, or of spikelet, and not built of others."""
    forward: Any = type(module).forward
    own = str(forward.__module__).startswith(("torch.nn.modules", "spikelet.torch"))
    inside = [m for n, m in module.named_children() if n != "parametrizations"]
    return own and (not inside or isinstance(module, nn.MultiheadAttention))


def class_of(module: nn.Module) -> str:
    """Return the name of a module's class, before its parameters were parametrised."""
    kind = type(module)
    if nn.utils.parametrize.is_parametrized(module):
        kind = kind.__mro__[1]
    return kind.__name__


def copied(module: nn.Module) -> nn.Module:
    """Return a copy that can be followed: in eval mode, on the CPU, with the weights of quantized modules in plain ones."""
    while type(module).__name__ in ("DataParallel", "DistributedDataParallel", "OptimizedModule"):
        module = getattr(module, "_orig_mod", None) or module.module
    for name, m in module.named_modules():
        where = f"{READER}: module '{name}' ({type(m).__name__})"
        if isinstance(m, torch.jit.ScriptModule):
            refuse(where, "is scripted", "pass the torch.nn.Module from which it was made")
    for name, p in (*module.named_parameters(), *module.named_buffers()):
        if isinstance(p, nn.parameter.UninitializedTensorMixin):
            refuse(f"{READER}: '{name}'", "has no shape yet", "run the module once first")
        if p.device.type == "meta":
            refuse(f"{READER}: '{name}'", "has no values", "load its weights first")
    try:
        twin = copy_of(module)
    except ERRORS as error:
        refuse(
            f"{READER}: {type(module).__name__}",
            f"cannot be copied ({error})",
            "make parameters that hooks compute plain: torch.nn.utils.remove_weight_norm",
        )
    return _dequantized(_unguarded(twin.cpu().eval().requires_grad_(False)))


def copy_of(module: _Module) -> _Module:
    """Return a deep copy of a module, whose weights may be pruned or normalised by a hook.

    Such a weight is not a leaf of the graph, and PyTorch copies only leaves; the hook of the copy computes it before each
    forward pass.
    """
    memo: dict[int, Any] = {
        id(tensor): tensor.detach().clone()
        for m in module.modules()
        for tensor in vars(m).values()
        if isinstance(tensor, torch.Tensor) and not tensor.is_leaf
    }
    return copy.deepcopy(module, memo)


def _unguarded(module: nn.Module) -> nn.Module:
    """Remove the checks of an exported program from a module, in place, and return it.

    They insist on the precision and the batch of the example with which it was exported.
    """
    for m in module.modules():
        if not isinstance(m, torch.fx.GraphModule):
            continue
        if hasattr(m, "validate_inputs"):
            m.validate_inputs = False
        guards = [node for node in m.graph.nodes if str(node.target) in _GUARDS]
        for node in guards:
            m.graph.erase_node(node)
        if guards:
            m.recompile()
    return module


def batch_of(module: nn.Module) -> int | None:
    """Return the number of samples for which a program was exported, which decomposed operators have in their shapes."""
    nodes = module.graph.nodes if isinstance(module, torch.fx.GraphModule) else ()
    for node in nodes:
        example = node.meta.get("val") if node.op == "placeholder" else None
        if isinstance(example, torch.Tensor) and example.ndim:
            return example.shape[0] if isinstance(example.shape[0], int) else None
    return None


def _dequantized(module: nn.Module) -> nn.Module:
    """Replace the modules of ``torch.ao.quantization.quantize_dynamic`` by those with the same weights, in place.

    Only their weights are quantized. PyTorch also rounds their input, to 8 bits over the range of the whole batch, so that the
    result for a sample depends on the others; this is left out.
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
            f"is quantized ({type(module).__module__.rpartition('.modules')[0]})",
            "pass the float module from which it was made; of quantized modules, only the Linear, LSTM and GRU of "
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
