"""The other libraries' own readers and writers of NIR, one module's worth of calls each.

Each reader takes the path of a file and an input [T, B, ...], and returns spikes [T, B, ...]; each writer takes a network of its
library and returns a NIR graph.
"""

from __future__ import annotations

import contextlib
import io
import logging
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import nir
import torch
from torch import nn

__all__ = ["READERS", "WRITERS", "Exported", "versions"]

Tensor = torch.Tensor


def _stepped(net: nn.Module, x: Tensor) -> Tensor:
    """Step a network that takes and returns its state."""
    state, out = None, []
    for step in x:
        y, state = net(step, state)
        out.append(y)
    return torch.stack(out)


def _by_sample(make: Callable[[], nn.Module], x: Tensor) -> Tensor:
    """Run sample by sample, without a dimension for them."""
    return torch.stack([_stepped(make(), x[:, b]) for b in range(x.shape[1])], 1)


def _flattens(graph: nir.NIRGraph) -> bool:
    return any(isinstance(node, nir.Flatten) for node in graph.nodes.values())


@contextlib.contextmanager
def _quiet():
    with contextlib.redirect_stdout(io.StringIO()):
        logging.disable(logging.WARNING)
        try:
            yield
        finally:
            logging.disable(logging.NOTSET)


def snntorch(path: str, x: Tensor) -> Tensor:
    """Read with snntorch.import_nir, which flattens the batch too (import_nir.py): then sample by sample."""
    from snntorch.import_nir import import_from_nir

    def make() -> nn.Module:
        return import_from_nir(nir.read(path))

    with _quiet():
        return _by_sample(make, x) if _flattens(nir.read(path)) else _stepped(make(), x)


def spikingjelly(path: str, x: Tensor) -> Tensor:
    """Read with spikingjelly.activation_based.nir_exchange."""
    from spikingjelly.activation_based.nir_exchange import import_from_nir

    with _quiet():
        return _stepped(import_from_nir(path), x)


def norse(path: str, x: Tensor) -> Tensor:
    """Read with norse.torch.from_nir, which flattens the batch too (import_nir.py): then sample by sample."""
    from norse.torch import from_nir

    def make() -> nn.Module:
        return from_nir(nir.read(path), ignore_warnings=True)

    with _quiet():
        return _by_sample(make, x) if _flattens(nir.read(path)) else _stepped(make(), x)


def sinabs(path: str, x: Tensor) -> Tensor:
    """Read with sinabs.nir.from_nir, which sends several spikes in a step and clips potentials of IF neurons."""
    return _sinabs(path, x, as_read=True)


def sinabs_plain(path: str, x: Tensor) -> Tensor:
    """Do the same, then set the layers to one spike per step and no lower limit of the potential."""
    return _sinabs(path, x, as_read=False)


def _sinabs(path: str, x: Tensor, *, as_read: bool) -> Tensor:
    from sinabs.activation import SingleSpike
    from sinabs.layers import StatefulLayer
    from sinabs.nir import from_nir

    steps, batch = x.shape[:2]
    with _quiet():
        net = from_nir(nir.read(path), batch_size=batch)
        for module in net.modules():
            if isinstance(module, StatefulLayer) and not as_read:
                module.spike_fn, module.min_v_mem = SingleSpike, None
        y = net(x.transpose(0, 1).flatten(0, 1))
    y = y[0] if isinstance(y, tuple) else y
    return y.unflatten(0, (batch, steps)).transpose(0, 1)


READERS = {
    "snntorch": snntorch,
    "spikingjelly": spikingjelly,
    "norse": norse,
    "sinabs": sinabs_plain,
    "sinabs, as it reads": sinabs,
}


def versions() -> str:
    """Return the versions of all libraries."""
    names = ("snntorch", "spikingjelly", "norse", "sinabs", "nir", "nirtorch", "torch")
    return ", ".join(f"{name} {version(name)}" for name in names)


# --- what the libraries write ----------------------------------------------------------------------


@dataclass(frozen=True)
class Exported:
    """A network of a library and its NIR graph, by the library's own writer.

    `spikes` returns what the library sends for x [T, B, ...]; `options` those of `NirModel.run` that are its conventions.
    """

    graph: nir.NIRGraph
    spikes: Callable[[Tensor], Tensor]
    options: dict[str, Any]


_SNNTORCH = {"reset_mechanism": "zero", "reset_delay": False, "init_hidden": True}


def snntorch_leaky() -> Exported:
    """Leaky neurons, reset to zero in the step of the spike."""
    import snntorch as snn

    def neurons(n: int) -> nn.Module:
        return snn.Leaky(beta=0.8 * torch.ones(n), threshold=torch.ones(n), **_SNNTORCH)

    return _from_snntorch(nn.Sequential(nn.Linear(20, 40), neurons(40), nn.Linear(40, 10), neurons(10)))


def snntorch_synaptic() -> Exported:
    """Synaptic neurons, reset to zero in the step of the spike."""
    import snntorch as snn

    def neurons(n: int) -> nn.Module:
        ones = torch.ones(n)
        return snn.Synaptic(alpha=0.5 * ones, beta=0.75 * ones, threshold=ones, **_SNNTORCH)

    return _from_snntorch(nn.Sequential(nn.Linear(20, 40), neurons(40), nn.Linear(40, 10), neurons(10)))


def snntorch_recurrent() -> Exported:
    """RLeaky neurons, reset to zero in the step of the spike."""
    import snntorch as snn

    hidden = snn.RLeaky(beta=0.75, linear_features=30, all_to_all=True, **_SNNTORCH)
    last = snn.Leaky(beta=0.5 * torch.ones(10), threshold=torch.ones(10), **_SNNTORCH)
    return _from_snntorch(nn.Sequential(nn.Linear(20, 30), hidden, nn.Linear(30, 10), last))


def _from_snntorch(net: nn.Module) -> Exported:
    from snntorch import utils
    from snntorch.export_nir import export_to_nir

    _larger(net)
    with _quiet():
        graph = export_to_nir(net, torch.zeros(1, 20), ignore_dims=[0])

    def spikes(x: Tensor) -> Tensor:
        utils.reset(net)
        return torch.stack([net(step) for step in x])

    return Exported(graph, spikes, {"dt": 1e-4, "mode": "euler"})


def spikingjelly_lif() -> Exported:
    """LIFNode and IFNode, in one network."""
    from spikingjelly.activation_based import neuron

    net = nn.Sequential(
        nn.Linear(20, 40),
        neuron.LIFNode(tau=4.0, decay_input=False),
        nn.Linear(40, 30),
        neuron.IFNode(),
        nn.Linear(30, 10),
        neuron.LIFNode(tau=2.0),
    )
    return _from_spikingjelly(net, torch.zeros(1, 20))


def spikingjelly_images() -> Exported:
    """Convolutions, pooling and flattening."""
    from spikingjelly.activation_based import neuron

    net = nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1),
        neuron.LIFNode(tau=2.0),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(64, 10),
        neuron.IFNode(v_threshold=0.5),
    )
    return _from_spikingjelly(net, torch.zeros(1, 2, 8, 8))


def spikingjelly_cuba() -> Exported:
    """CUBALIFNode."""
    from spikingjelly.activation_based import neuron

    net = nn.Sequential(
        nn.Linear(20, 40),
        neuron.CUBALIFNode(c_decay=0.5, v_decay=0.75, v_reset=0.0),
        nn.Linear(40, 10),
        neuron.CUBALIFNode(c_decay=0.5, v_decay=0.75, v_reset=0.0),
    )
    return _from_spikingjelly(net, torch.zeros(1, 20))


def _from_spikingjelly(net: nn.Module, example: Tensor) -> Exported:
    from spikingjelly.activation_based import functional
    from spikingjelly.activation_based.nir_exchange import export_to_nir

    _larger(net)
    with _quiet():
        graph = export_to_nir(net, example)

    def spikes(x: Tensor) -> Tensor:
        functional.reset_net(net)
        return torch.stack([net(step) for step in x])

    return Exported(graph, spikes, {"dt": 1e-4, "mode": "euler"})


def norse_box() -> Exported:
    """LIFBoxCell; the writer multiplies time constants by dt, so that the step is dt^2."""
    from norse.torch import LIFBoxCell, LIFBoxParameters, SequentialState

    def neurons(n: int) -> LIFBoxCell:
        parameters = LIFBoxParameters(
            tau_mem_inv=torch.full((n,), 200.0),
            v_leak=torch.zeros(n),
            v_th=torch.full((n,), 0.3),
        )
        return LIFBoxCell(parameters)

    return _from_norse(
        SequentialState(nn.Linear(20, 40), neurons(40), nn.Linear(40, 10), neurons(10))
    )


def norse_if() -> Exported:
    """IAFCell, which adds its input without dt: the writer's r = 1 fits a step of 1."""
    from norse.torch import SequentialState
    from norse.torch.functional.iaf import IAFParameters
    from norse.torch.module.iaf import IAFCell

    net = SequentialState(
        nn.Linear(20, 40),
        IAFCell(IAFParameters(v_th=torch.full((40,), 1.0))),
        nn.Linear(40, 10),
        IAFCell(IAFParameters(v_th=torch.full((10,), 1.0))),
    )
    made = _from_norse(net)
    return Exported(made.graph, made.spikes, {"dt": 1.0, "mode": "euler"})


def norse_cuba() -> Exported:
    """LIFCell, whose input the writer leaves without its factor tau_syn / dt."""
    from norse.torch import LIFCell, LIFParameters, SequentialState

    def neurons(n: int) -> LIFCell:
        ones = torch.ones(n)
        return LIFCell(
            LIFParameters(
                tau_syn_inv=500 * ones,
                tau_mem_inv=250 * ones,
                v_leak=0 * ones,
                v_th=0.3 * ones,
                v_reset=0 * ones,
            )
        )

    return _from_norse(
        SequentialState(nn.Linear(20, 40), neurons(40), nn.Linear(40, 10), neurons(10))
    )


def _from_norse(net: nn.Module) -> Exported:
    from norse.torch.utils.export_nir import to_nir

    _larger(net)
    with _quiet():
        graph = to_nir(net, torch.zeros(20))
    return Exported(graph, lambda x: _stepped(net, x), {"dt": 1e-6, "mode": "euler"})


def sinabs_lif() -> Exported:
    """LIF layers with a normalised input: exact steps of length 1."""
    from sinabs.layers import LIFSqueeze

    def neurons(n: int) -> nn.Module:
        return LIFSqueeze(
            tau_mem=torch.full((n,), 4.0), spike_threshold=torch.full((n,), 0.3), batch_size=4
        )

    net = nn.Sequential(nn.Linear(20, 40), neurons(40), nn.Linear(40, 10), neurons(10))
    return _from_sinabs(net, torch.zeros(4, 20))


def sinabs_if() -> Exported:
    """IAF layers without a lower limit of the potential, and images."""
    from sinabs.layers import IAFSqueeze, SumPool2d

    net = nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1),
        IAFSqueeze(batch_size=4, min_v_mem=None),
        SumPool2d(2),
        nn.Flatten(),
        nn.Linear(64, 10),
        IAFSqueeze(batch_size=4, min_v_mem=None),
    )
    return _from_sinabs(net, torch.zeros(4, 2, 8, 8))


def _from_sinabs(net: nn.Module, example: Tensor) -> Exported:
    from sinabs.activation import SingleSpike
    from sinabs.layers import StatefulLayer
    from sinabs.nir import to_nir

    _larger(net)
    layers = [m for m in net.modules() if isinstance(m, StatefulLayer)]
    for layer in layers:
        layer.spike_fn = SingleSpike
    with _quiet():
        net(example)
        graph = to_nir(net, example)

    def spikes(x: Tensor) -> Tensor:
        for layer in layers:
            layer.reset_states()
        steps, batch = x.shape[:2]
        y = net(x.transpose(0, 1).flatten(0, 1))
        return y.unflatten(0, (batch, steps)).transpose(0, 1)

    return Exported(graph, spikes, {"dt": 1.0, "mode": "exact", "reset": "subtract"})


def _larger(net: nn.Module) -> None:
    """Make weights larger, so that neurons spike."""
    with torch.no_grad():
        for name, p in net.named_parameters():
            if name.endswith(("weight", "bias")):
                p *= 4


WRITERS = {
    "snntorch": (snntorch_leaky, snntorch_synaptic, snntorch_recurrent),
    "spikingjelly": (spikingjelly_lif, spikingjelly_images, spikingjelly_cuba),
    "norse": (norse_box, norse_if, norse_cuba),
    "sinabs": (sinabs_lif, sinabs_if),
}
