"""NIR in other libraries, one function each: their readers, and networks that they write. Used by compare_nir.py."""

from __future__ import annotations

import contextlib
import io
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import nir
import torch
from torch import nn

Tensor = torch.Tensor


class Peer(NamedTuple):
    """A library: readers by name, which return the spikes of x [T, B, ...], and functions that write a network."""

    readers: dict[str, Callable[[str, Tensor], Tensor]]
    writers: tuple[Callable[[], Exported], ...]


@dataclass(frozen=True)
class Exported:
    """A network of a library and its NIR graph, by the library's own writer.

    `spikes` returns what the library sends for x [T, B, ...]; `options` those of `NirModel.run` that are its conventions.
    """

    graph: nir.NIRGraph
    spikes: Callable[[Tensor], Tensor]
    options: dict[str, Any]


def stepped(net: nn.Module, x: Tensor) -> Tensor:
    """Step a network that takes and returns its state."""
    state, out = None, []
    for step in x:
        y, state = net(step, state)
        out.append(y)
    return torch.stack(out)


def by_sample(make: Callable[[], nn.Module], x: Tensor) -> Tensor:
    """Run sample by sample, without a dimension for them."""
    return torch.stack([stepped(make(), x[:, b]) for b in range(x.shape[1])], 1)


def flattens(graph: nir.NIRGraph) -> bool:
    """Return whether a graph has a Flatten."""
    return any(isinstance(node, nir.Flatten) for node in graph.nodes.values())


def larger(net: nn.Module) -> None:
    """Make weights larger, so that neurons spike."""
    with torch.no_grad():
        for name, p in net.named_parameters():
            if name.endswith(("weight", "bias")):
                p.mul_(4)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Drop what a library prints."""
    with contextlib.redirect_stdout(io.StringIO()):
        logging.disable(logging.WARNING)
        try:
            yield
        finally:
            logging.disable(logging.NOTSET)


def snntorch() -> Peer:
    """SnnTorch."""
    import copy  # noqa: PLC0415

    import snntorch as snn  # noqa: PLC0415
    from snntorch import utils  # noqa: PLC0415
    from snntorch.export_nir import export_to_nir  # noqa: PLC0415
    from snntorch.import_nir import import_from_nir  # noqa: PLC0415

    def read(path: str, x: Tensor) -> Tensor:
        """Read with snntorch.import_nir, which flattens the batch too (import_nir.py): then sample by sample."""

        def make() -> nn.Module:
            return import_from_nir(nir.read(path))

        with quiet():
            return by_sample(make, x) if flattens(nir.read(path)) else stepped(make(), x)

    _SNNTORCH = {"reset_mechanism": "zero", "reset_delay": False, "init_hidden": True}

    def leaky() -> Exported:
        """Leaky neurons, reset to zero in the step of the spike."""

        def neurons(n: int) -> nn.Module:
            return snn.Leaky(beta=0.8 * torch.ones(n), threshold=torch.ones(n), **_SNNTORCH)

        return _written(
            nn.Sequential(nn.Linear(20, 40), neurons(40), nn.Linear(40, 10), neurons(10))
        )

    def synaptic() -> Exported:
        """Synaptic neurons, reset to zero in the step of the spike."""

        def neurons(n: int) -> nn.Module:
            ones = torch.ones(n)
            return snn.Synaptic(alpha=0.5 * ones, beta=0.75 * ones, threshold=ones, **_SNNTORCH)

        return _written(
            nn.Sequential(nn.Linear(20, 40), neurons(40), nn.Linear(40, 10), neurons(10))
        )

    def recurrent() -> Exported:
        """RLeaky neurons, reset to zero in the step of the spike."""
        hidden = snn.RLeaky(beta=0.75, linear_features=30, all_to_all=True, **_SNNTORCH)
        last = snn.Leaky(beta=0.5 * torch.ones(10), threshold=torch.ones(10), **_SNNTORCH)
        return _written(nn.Sequential(nn.Linear(20, 30), hidden, nn.Linear(30, 10), last))

    def _written(net: nn.Module) -> Exported:
        larger(net)
        with quiet():
            graph = export_to_nir(net, torch.zeros(1, 20), ignore_dims=[0])

        def spikes(x: Tensor) -> Tensor:
            utils.reset(net)
            return torch.stack([net(step) for step in x])

        return Exported(graph, spikes, {"dt": 1e-4, "mode": "euler"})

    def round_trip() -> Exported:
        """Return its own RLeaky network, as it reads that back: the input passes the recurrent weights."""
        made = recurrent()
        with quiet():
            net = import_from_nir(copy.deepcopy(made.graph))
        return Exported(made.graph, lambda x: stepped(net, x), made.options)

    return Peer({"snntorch": read}, (leaky, synaptic, recurrent, round_trip))


def spikingjelly() -> Peer:
    """SpikingJelly."""
    from spikingjelly.activation_based import functional, neuron  # noqa: PLC0415
    from spikingjelly.activation_based.nir_exchange import export_to_nir, import_from_nir  # noqa: PLC0415

    def read(path: str, x: Tensor) -> Tensor:
        """Read with spikingjelly.activation_based.nir_exchange."""
        with quiet():
            return stepped(import_from_nir(path), x)

    def leaky() -> Exported:
        """LIFNode and IFNode, in one network."""
        net = nn.Sequential(
            nn.Linear(20, 40),
            neuron.LIFNode(tau=4.0, decay_input=False),
            nn.Linear(40, 30),
            neuron.IFNode(),
            nn.Linear(30, 10),
            neuron.LIFNode(tau=2.0),
        )
        return _written(net, torch.zeros(1, 20))

    def images() -> Exported:
        """Convolutions, pooling and flattening."""
        net = nn.Sequential(
            nn.Conv2d(2, 4, 3, padding=1),
            neuron.LIFNode(tau=2.0),
            nn.AvgPool2d(2),
            nn.Flatten(),
            nn.Linear(64, 10),
            neuron.IFNode(v_threshold=0.5),
        )
        return _written(net, torch.zeros(1, 2, 8, 8))

    def synaptic() -> Exported:
        """CUBALIFNode."""
        net = nn.Sequential(
            nn.Linear(20, 40),
            neuron.CUBALIFNode(c_decay=0.5, v_decay=0.75, v_reset=0.0),
            nn.Linear(40, 10),
            neuron.CUBALIFNode(c_decay=0.5, v_decay=0.75, v_reset=0.0),
        )
        return _written(net, torch.zeros(1, 20))

    def _written(net: nn.Module, example: Tensor) -> Exported:
        larger(net)
        with quiet():
            graph = export_to_nir(net, example)

        def spikes(x: Tensor) -> Tensor:
            functional.reset_net(net)
            return torch.stack([net(step) for step in x])

        return Exported(graph, spikes, {"dt": 1e-4, "mode": "euler"})

    return Peer({"spikingjelly": read}, (leaky, images, synaptic))


def norse() -> Peer:
    """Norse."""
    from norse.torch import (  # noqa: PLC0415
        LIFBoxCell,
        LIFBoxParameters,
        LIFCell,
        LIFParameters,
        SequentialState,
        from_nir,
    )
    from norse.torch.functional.iaf import IAFParameters  # noqa: PLC0415
    from norse.torch.module.iaf import IAFCell  # noqa: PLC0415
    from norse.torch.utils.export_nir import to_nir  # noqa: PLC0415

    def read(path: str, x: Tensor) -> Tensor:
        """Read with norse.torch.from_nir, which flattens the batch too (import_nir.py): then sample by sample."""

        def make() -> nn.Module:
            return from_nir(nir.read(path), ignore_warnings=True)

        with quiet():
            return by_sample(make, x) if flattens(nir.read(path)) else stepped(make(), x)

    def leaky() -> Exported:
        """LIFBoxCell; the writer multiplies time constants by dt, so that the step is dt^2."""

        def neurons(n: int) -> LIFBoxCell:
            parameters = LIFBoxParameters(
                tau_mem_inv=torch.full((n,), 200.0),
                v_leak=torch.zeros(n),
                v_th=torch.full((n,), 0.3),
            )
            return LIFBoxCell(parameters)

        return _written(
            SequentialState(nn.Linear(20, 40), neurons(40), nn.Linear(40, 10), neurons(10))
        )

    def integrating() -> Exported:
        """IAFCell, which adds its input without dt: the writer's r = 1 fits a step of 1."""
        net = SequentialState(
            nn.Linear(20, 40),
            IAFCell(IAFParameters(v_th=torch.full((40,), 1.0))),
            nn.Linear(40, 10),
            IAFCell(IAFParameters(v_th=torch.full((10,), 1.0))),
        )
        made = _written(net)
        return Exported(made.graph, made.spikes, {"dt": 1.0, "mode": "euler"})

    def synaptic() -> Exported:
        """LIFCell, whose input the writer leaves without its factor tau_syn / dt."""

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

        return _written(
            SequentialState(nn.Linear(20, 40), neurons(40), nn.Linear(40, 10), neurons(10))
        )

    def synaptic_repaired() -> Exported:
        """LIFCell, with that factor put in by hand."""
        made = synaptic()
        for node in made.graph.nodes.values():
            if isinstance(node, nir.CubaLIF):
                node.w_in = node.tau_syn / made.options["dt"]
        return made

    def _written(net: nn.Module) -> Exported:
        larger(net)
        with quiet():
            graph = to_nir(net, torch.zeros(20))
        return Exported(graph, lambda x: stepped(net, x), {"dt": 1e-6, "mode": "euler"})

    return Peer({"norse": read}, (leaky, integrating, synaptic, synaptic_repaired))


def sinabs() -> Peer:
    """Sinabs."""
    from sinabs.activation import SingleSpike  # noqa: PLC0415
    from sinabs.layers import IAFSqueeze, LIFSqueeze, StatefulLayer, SumPool2d  # noqa: PLC0415
    from sinabs.nir import from_nir, to_nir  # noqa: PLC0415

    def as_it_reads(path: str, x: Tensor) -> Tensor:
        """Read with sinabs.nir.from_nir, which sends several spikes in a step and clips potentials of IF neurons."""
        return _sinabs(path, x, as_read=True)

    def read(path: str, x: Tensor) -> Tensor:
        """Do the same, then set the layers to one spike per step and no lower limit of the potential."""
        return _sinabs(path, x, as_read=False)

    def _sinabs(path: str, x: Tensor, *, as_read: bool) -> Tensor:
        steps, batch = x.shape[:2]
        with quiet():
            net = from_nir(nir.read(path), batch_size=batch)
            for module in net.modules():
                if isinstance(module, StatefulLayer) and not as_read:
                    module.spike_fn, module.min_v_mem = SingleSpike, None
            y = net(x.transpose(0, 1).flatten(0, 1))
        y = y[0] if isinstance(y, tuple) else y
        return y.unflatten(0, (batch, steps)).transpose(0, 1)

    def leaky() -> Exported:
        """LIF layers with a normalised input: exact steps of length 1."""

        def neurons(n: int) -> nn.Module:
            return LIFSqueeze(
                tau_mem=torch.full((n,), 4.0), spike_threshold=torch.full((n,), 0.3), batch_size=4
            )

        net = nn.Sequential(nn.Linear(20, 40), neurons(40), nn.Linear(40, 10), neurons(10))
        return _written(net, torch.zeros(4, 20))

    def integrating() -> Exported:
        """IAF layers without a lower limit of the potential, and images."""
        net = nn.Sequential(
            nn.Conv2d(2, 4, 3, padding=1),
            IAFSqueeze(batch_size=4, min_v_mem=None),
            SumPool2d(2),
            nn.Flatten(),
            nn.Linear(64, 10),
            IAFSqueeze(batch_size=4, min_v_mem=None),
        )
        return _written(net, torch.zeros(4, 2, 8, 8))

    def _written(net: nn.Module, example: Tensor) -> Exported:
        larger(net)
        layers = [m for m in net.modules() if isinstance(m, StatefulLayer)]
        for layer in layers:
            layer.spike_fn = SingleSpike
        with quiet():
            net(example)
            graph = to_nir(net, example)

        def spikes(x: Tensor) -> Tensor:
            for layer in layers:
                layer.reset_states()
            steps, batch = x.shape[:2]
            y = net(x.transpose(0, 1).flatten(0, 1))
            return y.unflatten(0, (batch, steps)).transpose(0, 1)

        return Exported(graph, spikes, {"dt": 1.0, "mode": "exact", "reset": "subtract"})

    return Peer({"sinabs": read, "sinabs, as it reads": as_it_reads}, (leaky, integrating))


PEERS = {peer.__name__: peer for peer in (snntorch, spikingjelly, norse, sinabs)}
