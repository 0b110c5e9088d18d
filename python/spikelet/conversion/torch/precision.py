"""Run operators on tensors of several precisions: a module runs in float64, what its code makes is float32."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch

from spikelet.conversion.torch.trees import is_in_place, kind_of, leaves, mapped, name_of

__all__ = ["Constants", "in_one_precision", "mixed"]

# What fills a new tensor with one number.
_FRESH = frozenset({"zeros", "ones", "full", "empty", "empty_strided", "empty_permuted", "zeros_like", "ones_like", "full_like",
                    "empty_like", "new_zeros", "new_ones", "new_full", "new_empty", "new_empty_strided"})  # fmt: skip
# They read or set what a tensor is, not its numbers, or share its memory with what is no tensor.
_AS_IT_IS = frozenset({"__set__", "t_", "transpose_", "swapaxes_", "swapdims_", "squeeze_", "unsqueeze_", "resize_",
                       "resize_as_", "as_strided_", "set_", "detach_", "requires_grad_", "size", "dim", "stride", "numel",
                       "__len__", "numpy", "__array__"})  # fmt: skip


def in_one_precision(tree: Any, dtype: torch.dtype, *but: Any) -> Any:
    """Return nested arguments whose floating-point tensors have a dtype, but for some."""

    def same(a: Any) -> Any:
        other = isinstance(a, torch.Tensor) and a.is_floating_point() and a.dtype != dtype
        return a.to(dtype) if other and not any(a is b for b in but) else a

    return mapped(same, tree)


def mixed(function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """Run an operator, in the highest precision of its arguments if it does not mix them, as products do not.

    What is written in place, or to ``out=``, keeps its precision.
    """
    written = _written(function, args, kwargs)
    dtypes = {t.dtype for t in written}
    if dtypes:
        args, kwargs = in_one_precision((tuple(args), dict(kwargs)), dtypes.pop(), *written)
        return function(*args, **kwargs)
    try:
        return function(*args, **kwargs)
    except RuntimeError:
        dtypes = {t.dtype for t in _floating((args, kwargs))}
        if len(dtypes) < 2:
            raise
    highest = max(dtypes, key=lambda d: d.itemsize)
    args, kwargs = in_one_precision((tuple(args), dict(kwargs)), highest)
    return function(*args, **kwargs)


def _written(function: Callable[..., Any], args: Any, kwargs: Any) -> list[torch.Tensor]:
    """Return the floating-point tensors that an operator changes."""
    first = args[:1] if is_in_place(function) else ()
    return list(_floating((first, kwargs.get("out"))))


def _floating(tree: Any) -> Iterator[torch.Tensor]:
    return (t for t in leaves(tree) if isinstance(t, torch.Tensor) and t.is_floating_point())


class Constants:
    """Runs the operators of constants with the results, and in the memory, that they have in PyTorch.

    Tensors that code fills with one number are kept in the precision of the inputs, which code writes to them. What is
    computed of them is float32 as in PyTorch: its rounding decides in ``(torch.ones(9) * 0.7).floor()``.
    """

    def __init__(self) -> None:
        self.dtype = torch.float64
        # The memory of what would be float32 in PyTorch, by its address.
        self._wide: dict[int, Any] = {}

    def run(self, function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """Run an operator that depends on no input."""
        name, kind = name_of(function), kind_of(function)
        if name in _AS_IT_IS or (name == "__get__" and kind != "dtype"):
            return function(*args, **kwargs)
        narrow: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}

        def narrowed(a: Any) -> Any:
            if not self._is_wide(a):
                return a
            return narrow.setdefault(id(a), (a, a.float()))[1]

        found = mixed(function, *mapped(narrowed, (tuple(args), dict(kwargs))))
        if kind in _FRESH and kwargs.get("out") is None:
            return self._widened(found)
        if narrow:
            found = self._restored(function, args, kwargs, found, list(narrow.values()))
        return found

    def _restored(
        self,
        function: Callable[..., Any],
        args: Any,
        kwargs: Any,
        found: Any,
        pairs: list[tuple[torch.Tensor, torch.Tensor]],
    ) -> Any:
        """Return what an operator found, for the tensors of which it was given copies: it may write to them, or view them."""
        for wide, copy in pairs:
            if not torch.equal(copy, wide.float()):  # it was written to
                wide.copy_(copy)
        own = {id(copy): wide for wide, copy in pairs}
        memory = {_address(copy) for _, copy in pairs}
        others = [t for t in leaves(found) if isinstance(t, torch.Tensor) and id(t) not in own]
        if any(_address(t) in memory for t in others):
            return function(*args, **kwargs)
        return mapped(lambda t: own.get(id(t), t), found)

    def _widened(self, found: torch.Tensor) -> torch.Tensor:
        if found.dtype != torch.float32 or self.dtype == found.dtype or found.layout != torch.strided:  # fmt: skip
            return found
        wide = found.to(self.dtype)
        self._wide[_address(wide)] = wide.untyped_storage()
        return wide

    def _is_wide(self, a: Any) -> bool:
        return isinstance(a, torch.Tensor) and a.dtype == self.dtype and _address(a) in self._wide


def _address(tensor: torch.Tensor) -> int:
    try:
        return int(tensor.untyped_storage().data_ptr())
    except (NotImplementedError, RuntimeError):  # sparse, or inside torch.func.vmap
        return -1
