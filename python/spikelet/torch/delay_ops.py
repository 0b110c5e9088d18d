"""The operators behind `Delay`, as ``torch.compile`` and ``torch.export`` see them.

``delayed(x, early, late, lag, longest)`` is y[t] = sum over inputs of early x[t - lag] + late x[t - lag - 1], for x [T, B, I]
and [O, I] of the others; each synapse costs two products a step, however long the delays are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from spikelet import _core
from spikelet.torch.memory import empty
from spikelet.torch.transforms import of_batches

__all__ = ["delayed"]


def _view(tensor: Tensor) -> Any:
    return tensor.detach().contiguous().numpy()


def _delayed(x: Tensor, early: Tensor, late: Tensor, lag: Tensor, longest: int) -> Tensor:
    y = empty((*x.shape[:2], early.shape[0]), x.dtype)
    threads = torch.get_num_threads()
    _core.delayed(_view(x), _view(early), _view(late), _view(lag), longest, y.numpy(), threads)
    return y


def _delayed_fake(x: Tensor, early: Tensor, *_: Any) -> Tensor:
    return x.new_empty(*x.shape[:2], early.shape[0])


def _backward(
    x: Tensor,
    early: Tensor,
    late: Tensor,
    lag: Tensor,
    longest: int,
    by_y: Tensor,
    wanted: Sequence[bool],
) -> tuple[Tensor, Tensor, Tensor]:
    by_x, by_early, by_late = _backward_fake(x, early, late, lag, longest, by_y, wanted)
    threads, gradient = torch.get_num_threads(), _view(by_y)
    if wanted[0]:
        by_x = empty(x.shape, x.dtype)
        _core.delayed_input(
            gradient, _view(early), _view(late), _view(lag), longest, by_x.numpy(), threads
        )
    if wanted[1]:
        _core.delayed_weights(
            _view(x), gradient, _view(lag), longest, by_early.numpy(), by_late.numpy(), threads
        )
    return by_x, by_early, by_late


def _backward_fake(
    x: Tensor, early: Tensor, late: Tensor, lag: Tensor, longest: int, by_y: Tensor, wanted: Any
) -> tuple[Tensor, Tensor, Tensor]:
    del lag, longest, by_y
    of_x = x.new_empty(x.shape if wanted[0] else 0)
    return (
        of_x,
        early.new_empty(early.shape if wanted[1] else 0),
        late.new_empty(late.shape if wanted[1] else 0),
    )


def _save(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    del output
    *tensors, ctx.longest = inputs
    ctx.save_for_backward(*tensors)


@of_batches
def _gradient(ctx: Any, by_y: Tensor) -> tuple[Tensor | None, ...]:
    wanted = [ctx.needs_input_grad[0], any(ctx.needs_input_grad[1:3])]
    by_x, by_early, by_late = _backward_op(*ctx.saved_tensors, ctx.longest, by_y, wanted)
    of_weights = (by_early, by_late) if wanted[1] else (None, None)
    return by_x if wanted[0] else None, *of_weights, None, None


_FORWARD = "(Tensor x, Tensor early, Tensor late, Tensor lag, int longest"
delayed = torch.library.custom_op(
    "spikelet::delayed", _delayed, mutates_args=(), schema=f"{_FORWARD}) -> Tensor"
)
_backward_op = torch.library.custom_op(
    "spikelet::delayed_backward",
    _backward,
    mutates_args=(),
    schema=f"{_FORWARD}, Tensor by_y, bool[] wanted) -> (Tensor, Tensor, Tensor)",
)
delayed.register_fake(_delayed_fake)
_backward_op.register_fake(_backward_fake)
delayed.register_autograd(_gradient, setup_context=_save)


def _no_second(ctx: Any, *_: Any) -> Any:  # noqa: ARG001
    raise RuntimeError(
        'spikelet.torch: Delay can be differentiated once; with backend="torch" it can be again'
    )


_backward_op.register_autograd(_no_second)
