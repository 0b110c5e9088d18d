"""Run the graphs of the paper on NIR, and compare with what its authors stored.

    git clone https://github.com/neuromorphs/NIR
    python bench/python/nir_paper.py NIR/paper

The single LIF neuron is compared with the authors' exact solution and with the traces of all platforms, the Braille networks
with their training script on random spikes.

Pedersen et al., Nature Communications 15, 8122 (2024).
"""

from __future__ import annotations

import argparse
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
        found = (
            "another number of spikes"
            if lag is None
            else f"later by {sorted(set(lag.tolist()))} steps"
        )
        print(f"  {path.name}: {len(theirs)} spikes, mode euler has {len(mine)}; {found}")


def as_trained(graph: Any, reset: str, x: Any) -> tuple[Any, Any]:
    """Return the spikes [T, B, n] of both layers as the training script computes them, in float32.

    That is snnTorch's RSynaptic and Synaptic with ``reset_delay=False`` of 2023: a potential that is still above threshold
    after a reset is reset again before the next step. (In snntorch 0.9.4 RSynaptic drops that reset.)
    """
    single = np.float32

    def layer(node: Any) -> Any:
        alpha, beta = (single(1 - DT / tau[0]) for tau in (node.tau_syn, node.tau_mem))
        limit = single(node.v_threshold[0])
        shape = (x.shape[1], len(node.r))
        state = [np.zeros(shape, single), np.zeros(shape, single)]

        def step(now: Any) -> Any:
            again = (state[1] > limit).astype(single)
            state[0] = alpha * state[0] + now
            v = beta * state[1] + state[0] - again * limit
            sent = (v > limit).astype(single)
            due = sent - again
            state[1] = v - due * (v if reset == "value" else limit)
            return sent

        return step

    def apply(node: Any, now: Any) -> Any:
        return now @ node.weight.T + getattr(node, "bias", single(0))

    nodes = graph.nodes
    one, two = layer(nodes["lif1.lif"]), layer(nodes["lif2"])
    spikes = np.zeros((x.shape[1], len(nodes["lif1.lif"].r)), single)
    found: tuple[list[Any], list[Any]] = [], []
    for now in x.astype(single):
        spikes = one(apply(nodes["fc1"], now) + apply(nodes["lif1.w_rec"], spikes))
        found[0].append(spikes)
        found[1].append(two(apply(nodes["fc2"], spikes)))
    return np.array(found[0]), np.array(found[1])


def braille(folder: Path, name: str, reset: str) -> None:
    """Compare a Braille network."""
    model = sl.io.read_nir(folder / f"braille_{name}.nir")
    options: dict[str, Any] = {"dt": DT, "mode": "euler", "reset": reset, "record": "lif1.lif"}
    x = (np.random.default_rng(1).random((256, 140, 12)) < 0.1).astype(float)
    theirs = as_trained(model.graph, reset, x)
    for mode in ("euler", "exact"):
        run = model.run(x, **{**options, "mode": mode})
        for layer, mine, other in zip(("lif1", "lif2"), (run.record["lif1.lif"], run.output), theirs, strict=True):  # fmt: skip
            print(f"{name}, random spikes, mode {mode}, {layer}: {int((mine != other).sum())} of {mine.size} outputs "
                  f"differ from the training script ({int(other.sum())} spikes)")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "paper", type=Path, help="the folder 'paper' of the repository neuromorphs/NIR"
    )
    folder = parser.parse_args().paper
    lif(folder / "01_lif")
    for name, reset in BRAILLE.items():
        braille(folder / "03_rnn", name, reset)


if __name__ == "__main__":
    main()
