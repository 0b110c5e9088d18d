"""Run the graphs of the paper on NIR, and compare with what its authors stored.

    git clone https://github.com/neuromorphs/NIR
    python bench/python/nir_paper.py NIR/paper

The single LIF neuron is compared with the authors' exact solution and with the traces of all platforms, the Braille networks
with the modules of snnTorch they were exported from (if snntorch is installed): on the test set, if PyTorch finds it in
``03_rnn/data``, and on random spikes.

Pedersen et al., Nat. Commun. 15, 8122 (2024).
"""

from __future__ import annotations

import argparse
import importlib.util
from pathlib import Path
from typing import Any

import numpy as np

import spikelet as sl
import spikelet.io

DT = 1e-4  # of all graphs of the paper
BRAILLE = {"noDelay_bias_zero": "value", "noDelay_noBias_subtract": "subtract"}


def lif(folder: Path) -> None:
    """Compare the LIF neuron: input, potential and spikes are the columns of the stored traces."""
    model = sl.io.read_nir(folder / "lif_norse.nir")
    exact = np.loadtxt(folder / "lif_exact.csv", delimiter=",")
    x, first = exact[:, :1], int(np.argmax(exact[:, 2]))
    run = model.run(x, dt=DT, reset="subtract", record="1.v")
    gap = np.abs(run.record["1.v"][:, 0] - exact[:, 1])
    same = np.array_equal(run.output[:, 0], exact[:, 2])
    print(f"lif_exact.csv, mode exact: {gap[:first].max():.1e} before the first spike (step {first}), "
          f"{gap.max():.1e} overall; spikes {'equal' if same else 'differ'} ({int(exact[:, 2].sum())})")  # fmt: skip
    euler = model.run(x, dt=DT, mode="euler").output[:, 0]
    for path in sorted(folder.glob("lif_*.csv")):
        table = np.loadtxt(path, delimiter=",")
        mine, theirs = np.flatnonzero(euler), np.flatnonzero(table[:, -1])
        lag = theirs - mine if len(mine) == len(theirs) else None
        found = "another number of spikes" if lag is None else f"later by {sorted(set(lag.tolist()))} steps"
        print(f"  {path.name}: {len(theirs)} spikes, mode euler has {len(mine)}; {found}")


def snntorch_modules(graph: Any, reset: str) -> Any:
    """Return the network of the paper in snnTorch, with the weights of the graph: spikes [T, B, n] of both layers."""
    import snntorch  # noqa: PLC0415
    import torch  # noqa: PLC0415

    def decays(node: Any) -> dict[str, Any]:
        one = {name: float(np.unique(getattr(node, name))[0]) for name in ("tau_syn", "tau_mem", "v_threshold")}  # fmt: skip
        mechanism = "zero" if reset == "value" else "subtract"
        return {
            "alpha": 1 - DT / one["tau_syn"], "beta": 1 - DT / one["tau_mem"], "threshold": one["v_threshold"],
            "reset_mechanism": mechanism, "reset_delay": False,
        }  # fmt: skip

    def linear(node: Any) -> Any:
        made = torch.nn.Linear(*node.weight.shape[::-1], bias=hasattr(node, "bias"))
        made.weight.data = torch.tensor(node.weight)
        if hasattr(node, "bias"):
            made.bias.data = torch.tensor(node.bias)
        return made

    nodes = graph.nodes
    first, second = linear(nodes["fc1"]), linear(nodes["fc2"])
    one = snntorch.RSynaptic(linear_features=len(nodes["lif1.lif"].r), **decays(nodes["lif1.lif"]))
    one.recurrent = linear(nodes["lif1.w_rec"])
    two = snntorch.Synaptic(**decays(nodes["lif2"]))

    def run(x: Any) -> tuple[Any, Any]:
        spikes, synaptic, potential = (torch.zeros(x.shape[1], len(one.recurrent.weight)) for _ in range(3))
        late, later = (torch.zeros(x.shape[1], len(second.weight)) for _ in range(2))
        found: tuple[list[Any], list[Any]] = [], []
        with torch.no_grad():
            for now in torch.tensor(x, dtype=torch.float32):
                spikes, synaptic, potential = one(first(now), spikes, synaptic, potential)
                sent, late, later = two(second(spikes), late, later)
                found[0].append(spikes.numpy())
                found[1].append(sent.numpy())
        return np.array(found[0]), np.array(found[1])

    return run


def braille(folder: Path, name: str, reset: str) -> None:
    """Compare a Braille network."""
    model = sl.io.read_nir(folder / f"braille_{name}.nir")
    options: dict[str, Any] = {"dt": DT, "mode": "euler", "reset": reset, "record": "lif1.lif"}
    data = folder / "data" / "ds_test.pt"
    if data.is_file():
        import torch  # noqa: PLC0415

        samples = list(torch.load(data, weights_only=False))
        x = np.stack([np.asarray(sample) for sample, _ in samples], 1)
        labels = np.array([int(label) for _, label in samples])
        run = model.run(x, **options)
        right = (run.output.sum(0).argmax(-1) == labels).mean()
        print(f"{name}: accuracy {right:.3f} on the test set")
        for path in sorted(folder.glob(f"*_accuracy_{name}.npy")):
            print(f"  {path.name}: {float(np.load(path)):.3f}")
        for path in sorted(folder.glob(f"*_activity_{name}.npy")):
            stored = np.load(path)
            mine = run.record["lif1.lif"][:, 0]
            if stored.shape == mine.shape:
                print(f"  {path.name}: {int((stored != mine).sum())} of {mine.size} differ")
    if importlib.util.find_spec("snntorch"):
        rng = np.random.default_rng(1)
        x = (rng.random((256, 140, 12)) < 0.1).astype(float)
        theirs = snntorch_modules(model.graph, reset)(x)
        for dtype in ("float64", "float32"):
            run = model.run(x, **options, dtype=dtype)
            for layer, mine, other in zip(("lif1", "lif2"), (run.record["lif1.lif"], run.output), theirs, strict=True):  # fmt: skip
                print(f"{name}, random spikes, {dtype}, {layer}: {int((mine != other).sum())} of {mine.size} differ "
                      f"from snnTorch ({int(other.sum())} spikes)")  # fmt: skip
        exact = model.run(x, **{**options, "mode": "exact"})
        print(f"  mode exact: {int((exact.record['lif1.lif'] != theirs[0]).sum())} differ")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("paper", type=Path, help="the folder 'paper' of the repository neuromorphs/NIR")
    folder = parser.parse_args().paper
    lif(folder / "01_lif")
    for name, reset in BRAILLE.items():
        braille(folder / "03_rnn", name, reset)


if __name__ == "__main__":
    main()
