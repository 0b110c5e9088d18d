"""Online training of deep feed-forward networks, one step after another: memory does not depend on their number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from spikelet._util.checks import fail
from spikelet.torch.arguments import require_kind
from spikelet.torch.cell import Cell, Reset
from spikelet.torch.modules import LI, Neuron
from spikelet.torch.plain import straight_through
from spikelet.torch.time import in_order, layers_over_time

# Maps without state that are affine: the filtered output is the output of the filtered input.
_AFFINE = (
    nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Flatten, nn.Identity,
    nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d,
    nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d,
)  # fmt: skip


@dataclass
class _Stage:
    """Layers without state, and the neurons that they drive, of which the last may have none."""

    layers: nn.Sequential
    neurons: Neuron | None
    name: str = ""  # of the neurons
    cell: Cell | None = None  # that was checked
    trace: Tensor | None = None  # of the input, [1, B, ...]
    v: Tensor | None = None

    def decay(self) -> float:
        """Return the present decay of the traces, 0 without neurons; parameters of neurons may be assigned."""
        if self.neurons is None:
            return 0.0
        if self.neurons.setting().cell is not self.cell:
            self.cell = _checked(self.neurons, self.name)
        return float(self.neurons.decay)


class OTTT:
    r"""Trains a feed-forward network online: gradients of each step follow from traces of the inputs of its layers.

    Without resets, the potential of a neuron is a sum of its inputs with decaying weights,
    :math:`u[t] = \sum_{\tau \le t} \lambda^{t - \tau} (W s[\tau] + b)`. Its derivative by :math:`W` is therefore the trace
    :math:`\hat{a}[t] = \lambda \hat{a}[t - 1] + s[t]` of the layer's input, and the gradient of the loss of step t,

    .. math:: \nabla_W L[t] = \frac{\partial L[t]}{\partial u[t]} \, \hat{a}[t]^T,

    needs only this step: :math:`\partial L[t] / \partial u[t]` goes back through the layers at step t, by
    surrogates. This is backpropagation through time without the paths through resets and those from a spike to later
    potentials of the next layer.

    Parameters
    ----------
    model : nn.Sequential
        The network, nested as you like: `LIF`, `IF` and `LI` that are reset by subtraction, with one fixed decay for each
        layer, and between them linear layers, convolutions (in `OverTime`, or `SpikeConv2d`), averaging pools and
        ``nn.Flatten(2)``. It is trained in place. You can still run it over all steps at once and deploy it.

    Raises
    ------
    TypeError, ValueError
        If the model is not such a network; the message names the module.

    Notes
    -----
    `step` and `learn` keep the potentials of neurons and one trace of the input of each layer, whatever the number of
    steps. A copy (``copy.deepcopy``, pickle) also keeps them, but not the graph of the last step: call `step` of the
    copy before `learn`. An optimizer may step after each `learn` (OTTT-O) or after the last (OTTT-A).

    References
    ----------
    Xiao et al., "Online training through time for spiking neural networks", NeurIPS 2022.

    Examples
    --------
    >>> import torch, spikelet.torch as st
    >>> from torch import nn
    >>> net = nn.Sequential(nn.Linear(20, 50), st.LIF(), nn.Linear(50, 4), st.LI())
    >>> online, labels = st.OTTT(net), torch.arange(8) % 4
    >>> online.reset()
    >>> for x_t in torch.rand(100, 8, 20).round():
    ...     y = online.step(x_t)
    ...     online.learn(y.softmax(1) - nn.functional.one_hot(labels, 4))  # of the cross entropy
    >>> net[0].weight.grad.shape
    torch.Size([50, 20])
    """

    def __init__(self, model: nn.Sequential) -> None:
        self._stages = _stages(model)
        self.model = model
        self._ones = [0.0] * len(self._stages)  # traces of a constant 1, the input of a bias
        self._output: Tensor | None = None

    def reset(self) -> None:
        """Start new sequences, from rest and with traces of 0; an output that `learn` has not taken is dropped."""
        for stage in self._stages:
            stage.trace = stage.v = None
        self._ones = [0.0] * len(self._stages)
        self._output = None

    def step(self, x: Tensor) -> Tensor:
        """Run the network for one step.

        Parameters
        ----------
        x : Tensor, [B, ...]
            Inputs of the step, which are copied.

        Returns
        -------
        Tensor, [B, ...]
            Spikes of the last neurons, or potentials of `LI`.

        Raises
        ------
        TypeError, ValueError
            If x is not a tensor [B, ...], or has another shape than at the steps since `reset`. Nothing has changed then,
            nor after an error of a layer.
        """
        first = self._stages[0]
        if not isinstance(x, Tensor) or x.ndim < 2:
            what = tuple(x.shape) if isinstance(x, Tensor) else type(x).__name__
            fail("OTTT.step", "x", what, "must be a tensor [B, ...] of one step", error=TypeError)
        if first.trace is not None and x.shape != first.trace.shape[1:]:
            rule = f"must have the shape {tuple(first.trace.shape[1:])} of earlier steps; reset() starts anew"
            fail("OTTT.step", "x", tuple(x.shape), rule, got="shape")
        kind = next((p.dtype for p in self.model.parameters()), torch.get_default_dtype())
        # A copy, since the trace keeps it: callers may fill the same tensor again at the next step.
        y = x.detach().to(kind, copy=True)[None]
        before = [(stage.trace, stage.v) for stage in self._stages], list(self._ones)
        try:
            with torch.enable_grad():
                for k, stage in enumerate(self._stages):
                    y = self._through(k, stage, y)
        except BaseException:  # a layer that x does not fit: as if there had been no step
            for stage, (trace, v) in zip(self._stages, before[0], strict=True):
                stage.trace, stage.v = trace, v
            self._ones = before[1]
            raise
        self._output = y
        return y.detach()[0]

    def _through(self, k: int, stage: _Stage, x: Tensor) -> Tensor:
        seen, decay = x.detach(), stage.decay()
        stage.trace = seen if stage.trace is None else decay * stage.trace + seen
        self._ones[k] = decay * self._ones[k] + 1
        with torch.no_grad():
            value = stage.layers(seen)
        filtered = stage.layers(straight_through(x, stage.trace))
        if any("bias" in name for name, _ in stage.layers.named_parameters()):
            # What the layers make of 0 are their biases, also pruned or parametrized ones; they are there once already.
            biases = stage.layers(torch.zeros_like(seen[:, :1]))
            filtered = filtered + (self._ones[k] - 1) * biases
        y = straight_through(filtered, value)
        if stage.neurons is None:
            return y
        result = stage.neurons.run(y, v_seq=False, v=stage.v)
        stage.v = result.v.detach()
        return result.v_seq if isinstance(stage.neurons, LI) else result.spikes

    def learn(self, error: Tensor) -> None:
        """Add the gradients of the last step to ``.grad`` of the parameters.

        Parameters
        ----------
        error : Tensor, [B, ...]
            Derivative of the loss of this step by the outputs that `step` has just returned.

        Raises
        ------
        TypeError, ValueError
            If there was no step since the last call, or the shape is not that of the outputs.
        """
        output = self._output
        if output is None:
            fail("OTTT.learn", "state", "none", "must be made: call step before each learn")
        shape = tuple(output.shape[1:])
        if not isinstance(error, Tensor) or tuple(error.shape) != shape:
            rule = f"a tensor {list(shape)}"
            require_kind("OTTT.learn", "error", error, Tensor, rule)
            fail("OTTT.learn", "error", tuple(error.shape), f"must be {rule}", got="shape")
        self._output = None
        if output.requires_grad:
            output.backward(error.detach().to(output.dtype)[None])

    def __getstate__(self) -> dict[str, Any]:
        # PyTorch copies no graphs: a copy begins after `learn`.
        return self.__dict__ | {"_output": None}

    def __repr__(self) -> str:
        return f"OTTT({self.model!r})"


def _stages(model: nn.Sequential) -> list[_Stage]:
    stages, layers = [], nn.Sequential()
    seen: set[nn.Module] = set()
    for name, module in in_order("OTTT", model):
        if module in seen and any(True for _ in module.parameters()):
            fail("OTTT", f"module '{name}'", type(module).__name__, "must not be used twice")
        seen.add(module)
        if isinstance(module, Neuron):
            stages.append(_Stage(layers, module, name, _checked(module, name)))
            layers = nn.Sequential()
            continue
        over = layers_over_time(module)
        inside = module if over is None else over
        for part in inside if isinstance(inside, nn.Sequential) else [inside]:
            if not isinstance(part, _AFFINE):
                rule = "must be a linear layer, convolution, averaging pool, Flatten or neurons: traces pass no other layer"
                fail("OTTT", f"module '{name}'", type(part).__name__, rule)
        layers.append(module)
    if len(layers):
        stages.append(_Stage(layers, None))
    if not stages:
        fail("OTTT", "model", "Sequential()", "must have layers")
    return stages


def _checked(module: Neuron, name: str) -> Cell:
    """Return the cell of neurons whose derivative by their input is a trace of it; refuse others."""
    cell, decay = module.setting().cell, module.decay
    good = (
        type(module).forward in (Neuron.forward, LI.forward)
        and cell.reset != Reset.value
        and not (cell.synapse or cell.adaptive or hasattr(module, "recurrent"))
        and module.surrogate is not None
        and module.steps is None
        and not any(True for _ in module.parameters())
    )
    if not good or (isinstance(decay, Tensor) and decay.numel() != 1):
        rule = (
            'must be LIF, IF or LI with reset="subtract", a surrogate and one fixed decay: traces of inputs are not enough '
            "for other neurons"
        )
        fail("OTTT", f"module '{name}'", type(module).__name__, rule)
    return cell
