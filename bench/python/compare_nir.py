"""Write networks as NIR graphs, read them with each library's own reader, and compare all spikes.

    PYTHONPATH=python python bench/python/compare_nir.py [--library norse]

It needs snntorch, spikingjelly, norse, sinabs and nirtorch. Weights are multiples of 1/64 and decays powers of two where a
library may add in another order: sums are then exact in float32, and every spike has to be equal.
"""

from __future__ import annotations

import argparse
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from nir_peers import PEERS, Exported, Tensor
from torch import nn

import spikelet as sl
import spikelet.torch as st

STEPS, BATCH = 48, 4
LIBRARIES = tuple(PEERS)


@dataclass(frozen=True)
class Case:
    """A network, the shape of its input, and what it shows."""

    name: str
    make: Callable[[str], Any]
    shape: tuple[int, ...]
    exact: bool = True  # weights are rounded to a grid


def on_a_grid(module: nn.Module) -> nn.Module:
    """Make weights larger, so that neurons spike, and round them to multiples of 1/64."""
    with torch.no_grad():
        for p in module.parameters():
            p.copy_((p * 4 * 64).round() / 64)
    return module.eval()


def _reset(library: str) -> str:
    return "subtract" if library == "sinabs" else "zero"


def _first(library: str) -> st.Neuron:
    """Return neurons with a leak; sinabs reads those of images without one only."""
    if library == "sinabs":
        return st.IF(v_threshold=0.5)
    return st.LIF(decay=0.75, v_threshold=0.5, reset="zero")


def dense(library: str) -> nn.Module:
    """Linear layers, with and without leak."""
    reset = _reset(library)
    return nn.Sequential(
        nn.Linear(20, 40),
        st.LIF(decay=0.75, reset=reset),
        nn.Linear(40, 30, bias=False),
        st.IF(reset=reset, v_threshold=0.75),
        nn.Linear(30, 10),
        st.LIF(decay=0.5, gain=0.5, v_threshold=0.25, reset=reset),
    )


def not_on_a_grid(library: str) -> nn.Module:
    """Return a network whose sums depend on their order in the last digit."""
    reset = _reset(library)
    net = nn.Sequential(
        nn.Linear(20, 200),
        st.LIF(tau_m=5.0, reset=reset),
        nn.Linear(200, 200),
        st.LIF(tau_m=5.0, gain="normalized", v_threshold=0.2, reset=reset),
        nn.Linear(200, 200),
        st.LIF(tau_m=10.0, reset=reset),
    )
    with torch.no_grad():
        for p in net.parameters():
            p.mul_(4)
    return net


def images(library: str) -> nn.Module:
    """Convolutions, pooling, flattening."""
    reset = _reset(library)
    return nn.Sequential(
        st.OverTime(nn.Conv2d(2, 4, 3, padding=1)),
        _first(library),
        st.OverTime(nn.AvgPool2d(2), nn.Conv2d(4, 6, 3, stride=2)),
        st.IF(v_threshold=0.25, reset=reset),
        nn.Flatten(2),
        nn.Linear(6 * 4, 10),
        st.IF(v_threshold=0.125, reset=reset),
    )


def grouped(library: str) -> nn.Module:
    """Convolutions with groups and dilation."""
    return nn.Sequential(
        st.OverTime(nn.Conv2d(2, 4, 3, padding=(2, 1), dilation=(2, 1), groups=2)),
        _first(library),
    )


def sequences(library: str) -> nn.Module:
    """One-dimensional convolutions."""
    reset = _reset(library)
    return nn.Sequential(
        st.OverTime(nn.Conv1d(2, 4, 3, padding=1)),
        _first(library),
        st.OverTime(nn.Conv1d(4, 4, 4, stride=2)),
        st.IF(v_threshold=0.5, reset=reset),
        nn.Flatten(2),
        nn.Linear(4 * 7, 10),
        st.IF(v_threshold=0.25, reset=reset),
    )


def recurrent(library: str) -> nn.Module:
    """Recurrent neurons."""
    reset = _reset(library)
    return nn.Sequential(
        nn.Linear(20, 30),
        st.RecurrentLIF(30, decay=0.75, reset=reset),
        nn.Linear(30, 10),
        st.LIF(decay=0.5, reset=reset),
    )


def synapses(library: str) -> nn.Module:
    """Neurons with synaptic currents."""
    reset = _reset(library)
    options = {"dt": 1.0, "decay": 0.75, "reset": reset}
    tau = torch.tensor(1 / np.log(2), dtype=torch.float64).item()  # decay 0.5
    return nn.Sequential(
        nn.Linear(20, 40),
        st.CubaLIF(tau_syn=tau, **options),
        nn.Linear(40, 10),
        st.CubaLIF(tau_syn=tau, v_threshold=2.0, **options),
    )


def recurrent_synapses(library: str) -> nn.Module:
    """Recurrent neurons with synaptic currents."""
    tau = float(1 / np.log(2))
    return nn.Sequential(
        nn.Linear(20, 30),
        st.RecurrentCubaLIF(30, tau_syn=tau, decay=0.75, reset=_reset(library)),
        nn.Linear(30, 10),
        st.LIF(decay=0.5, reset=_reset(library)),
    )


def own_neurons(library: str) -> nn.Module:
    """Return the library's own neurons."""
    options: dict[str, dict[str, Any]] = {
        "snntorch": {"convention": "snntorch", "beta": 0.75, "reset": "zero", "reset_delay": False},
        "spikingjelly": {"convention": "spikingjelly", "tau": 2.0},
        "norse": {"convention": "norse", "tau_mem_inv": 250.0, "tau_syn_inv": 500.0},
        "sinabs": {"decay": 0.75, "reset": "subtract"},
    }
    made = options[library]
    return nn.Sequential(
        nn.Linear(20, 40),
        st.LIF(v_threshold=0.5, **made),
        nn.Linear(40, 10),
        st.LIF(v_threshold=0.25, **made),
    )


def residual(library: str) -> sl.SpikingModel:
    """Return a shortcut around a convolution, with spikes of other sizes than 1."""
    rng = np.random.default_rng(0)
    layers = sl.layers
    reset = _reset(library)

    def grid(*shape: int) -> np.ndarray:
        return np.round(rng.normal(0, 0.5, shape) * 64) / 64

    return sl.SpikingModel(
        [
            ("first", layers.Conv2d(grid(4, 2, 3, 3), padding=1), ["input"]),
            ("a", layers.IF(0.5, reset, amplitude=0.5), ["first"]),
            ("second", layers.Conv2d(grid(4, 4, 3, 3), grid(4), padding=1), ["a"]),
            ("third", layers.Conv2d(grid(4, 4, 1, 1)), ["a"]),
            ("sum", layers.Add(), ["second", "third"]),
            ("b", layers.IF(1.0, reset, amplitude=2.0), ["sum"]),
            ("flat", layers.Flatten(), ["b"]),
            ("last", layers.Linear(grid(10, 4 * 64)), ["flat"]),
            ("out", layers.IF(1.0, reset), ["last"]),
        ]
    )


def converted(library: str) -> sl.SpikingModel:
    """Return an ANN, converted by `sl.convert` with hard reset."""
    torch.manual_seed(1)
    ann = nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1), nn.ReLU(), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(64, 10)
    )
    x = torch.rand(64, 2, 8, 8)
    snn = sl.convert(ann, x, neuron="hard" if library != "sinabs" else "soft", steps=STEPS)
    graph = snn.graph
    neuron = next(n for n in graph if isinstance(n.layer, sl.layers.Neuron))
    binary = 2.0 ** np.round(np.log2(neuron.layer.threshold))
    layer = neuron.layer.replace(threshold=binary, amplitude=binary, v_init=0.0)
    changes: dict[str, Any] = {neuron.name: layer}
    for n in graph:
        if isinstance(n.layer, (sl.layers.Conv2d, sl.layers.Linear)):
            bias = np.round(n.layer.bias * 64) / 64
            changes[n.name] = n.layer.replace(weight=np.round(n.layer.weight * 64) / 64, bias=bias)
    whole = [
        *graph.replaced(changes),
        ("out", sl.layers.IF(0.5, _reset(library)), [graph.output.name]),
    ]
    return sl.SpikingModel(whole)


CASES = (
    Case("linear layers, LIF and IF", dense, (20,)),
    Case("the library's own neurons", own_neurons, (20,)),
    Case("weights as trained, not on a grid", not_on_a_grid, (20,), exact=False),
    Case("convolutions, pooling, flattening", images, (2, 10, 10)),
    Case("convolutions with groups and dilation", grouped, (2, 8, 8)),
    Case("one-dimensional convolutions", sequences, (2, 16)),
    Case("recurrent LIF", recurrent, (20,)),
    Case("CubaLIF", synapses, (20,)),
    Case("recurrent CubaLIF", recurrent_synapses, (20,)),
    Case("a residual SpikingModel", residual, (2, 8, 8)),
    Case("a converted ANN", converted, (2, 8, 8)),
)


def spikes(model: Any, x: torch.Tensor) -> torch.Tensor:
    """Return what the model itself sends, [T, B, ...]."""
    if isinstance(model, sl.SpikingModel):
        return torch.from_numpy(model.run(x.numpy()).spikes)
    with torch.no_grad():
        return model(x)


def compare(case: Case, library: str, read: Callable[[str, Tensor], Tensor], folder: Path) -> str:
    """Return how the reader's spikes compare with ours."""
    torch.manual_seed(0)
    model = case.make(library)
    if isinstance(model, nn.Module) and case.exact:
        on_a_grid(model)
    x = (torch.rand(STEPS, BATCH, *case.shape) < 0.3).float()
    ours = spikes(model, x)
    path = folder / "graph.nir"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            sl.io.write_nir(model, path, convention=library, input_shape=case.shape)
        except ValueError as error:
            return f"refused: {error}"
        try:
            with torch.no_grad():
                theirs = read(str(path), x)
        except Exception as error:  # noqa: BLE001  of any library
            return f"cannot be read: {_last_line(error)}"
    return _verdict(theirs, ours)


def compare_written(make: Callable[[], Exported]) -> str:
    """Return how our run of a graph that a library wrote compares with the library's own spikes."""
    torch.manual_seed(0)
    try:
        made = make()
    except Exception as error:  # noqa: BLE001  of any library
        return f"cannot be written: {_last_line(error)}"
    shape = next(node for node in made.graph.nodes.values() if type(node).__name__ == "Input")
    sample = [int(n) for n in shape.input_type["input"]]
    x = (torch.rand(STEPS, BATCH, *sample) < 0.3).float()
    with torch.no_grad():
        theirs = made.spikes(x)
    try:
        ours = sl.io.read_nir(made.graph).run(x.numpy(), dtype="float32", **made.options).output
    except ValueError as error:
        return f"refused: {error}"
    return _verdict(torch.from_numpy(ours), theirs)


def _last_line(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).strip().splitlines()[-1][:160]}"


def _verdict(found: torch.Tensor, wanted: torch.Tensor) -> str:
    different = int((found.reshape(wanted.shape) != wanted).sum())
    total = int(wanted.sum())
    assert 0.005 < wanted.float().mean() < 0.95, wanted.float().mean()  # it says something
    return (
        f"equal, {total} spikes"
        if not different
        else f"{different} of {wanted.numel()} differ, {total} spikes"
    )


def versions() -> str:
    """Return the versions of all libraries."""
    names = (*LIBRARIES, "nir", "nirtorch", "torch")
    return ", ".join(f"{name} {version(name)}" for name in names)


def main() -> None:
    """Compare all cases with all libraries."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--library", choices=LIBRARIES, action="append")
    arguments = parser.parse_args()
    print(versions())
    with tempfile.TemporaryDirectory() as folder:
        for library in arguments.library or LIBRARIES:
            peer = PEERS[library]()
            for name, read in peer.readers.items():
                print(f"\nwritten by write_nir, read by {name}")
                for case in CASES:
                    result = compare(case, library, read, Path(folder))
                    print(f"  {case.name:60} {result}", flush=True)
            print(f"\nwritten by {library}, read by read_nir")
            for make in peer.writers:
                title = (make.__doc__ or "").splitlines()[0].rstrip(".")
                print(f"  {title:60} {compare_written(make)}", flush=True)


if __name__ == "__main__":
    main()
