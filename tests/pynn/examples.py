"""PyNN's examples on spikelet and on NEST, and whether their spikes are the same.

    python -m tests.pynn.examples FOLDER [NAME...]

runs the scripts of a folder of PyNN's sources (``examples``), as they are, with the simulators' names, and prints a
table: which run, how spikes and membrane potentials differ, and how many times faster spikelet is. Not part of CI: it
takes minutes.

For the comparison both get the same input: Poisson sources become sources of given spikes, drawn by numpy. NEST gets
``setup(min_delay=timestep, spike_precision="on_grid")``: its defaults move spikes off the grid, and delay those of
sources by the shortest delay less one step. With ``--as-they-are`` nothing is replaced.
"""

from __future__ import annotations

import argparse
import importlib
import itertools
import os
import pickle
import runpy
import subprocess
import sys
import tempfile
import time
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pyNN.random
from pyNN.parameters import Sequence

ARGUMENTS = {
    "VAbenchmarks": [["CUBA"], ["COBA"]],
    "inhomogeneous_network": [[]],
    "monolith_vs_composed": [[]],
}
NOT_HERE = {
    "nineml_brunel": "for NineML",
    "nineml_neuron": "for NineML",
    "nrn_artificial_cell": "for NEURON alone",
    "random_distributions": "without a simulator",
    "distrib_example": "a test of MPI",
}


def collected(populations: list[Any]) -> dict[str, Any]:
    """Return the spikes and potentials that populations have recorded, by the populations' order."""
    found: dict[str, Any] = {}
    for k, population in enumerate(populations):
        if not any(population.recorder.recorded.values()):
            continue
        block = population.get_data(gather=True)
        for s, segment in enumerate(block.segments):
            trains = [np.asarray(train.magnitude, float) for train in segment.spiketrains]
            if trains and population.celltype.injectable:
                found[f"{k}.{s}.spikes"] = trains
            for signal in segment.analogsignals:
                found[f"{k}.{s}.{signal.name}"] = np.asarray(signal.magnitude, float)
    return found


def given_spikes(sim: Any, kind: Any, size: int, number: int, timestep: float) -> Any:
    """Return the cell type of given spikes in place of Poisson sources, and any other as it is."""
    if isinstance(kind, type):
        kind = kind()
    if type(kind).__name__ != "SpikeSourcePoisson":
        return kind
    space = deepcopy(kind.parameter_space)
    space.shape = (size,)
    space.evaluate()
    values = {name: np.broadcast_to(value, size) for name, value in space.as_dict().items()}
    rng = np.random.default_rng(number)
    trains = []
    for rate, start, duration in zip(values["rate"], values["start"], values["duration"], strict=True):
        length = min(duration, 5000.0)
        times = start + length * rng.random(rng.poisson(rate * length / 1000.0))
        steps = np.unique(np.ceil(times[times > start + 5.0] / timestep))  # NEST has none before its shortest delay
        trains.append(Sequence(np.round(steps * timestep, 6)))
    return sim.SpikeSourceArray(spike_times=trains)


def one(simulator: str, script: str, arguments: list[str], output: str, *, same: bool) -> None:
    """Run one script in this process, and write what was recorded before it ends."""
    if simulator == "spikelet":
        import spikelet.pynn

        sys.modules["pyNN.spikelet"] = pyNN.spikelet = spikelet.pynn
    sim = importlib.import_module(f"pyNN.{simulator}")
    made: list[Any] = []
    results: dict[str, Any] = {}
    count = itertools.count()

    class Population(sim.Population):
        def __init__(self, size: Any, cellclass: Any, *args: Any, **kwargs: Any) -> None:
            if same and isinstance(size, int) and not args and "cellparams" not in kwargs:
                cellclass = given_spikes(sim, cellclass, size, next(count), sim.get_time_step())
            super().__init__(size, cellclass, *args, **kwargs)
            made.append(self)

    def setup(timestep: float = 0.1, min_delay: Any = "auto", **more: Any) -> Any:
        if same and simulator == "nest":
            min_delay = timestep if min_delay == "auto" else min_delay
            more["spike_precision"] = "on_grid"
        return begin_setup(timestep, min_delay, **more)

    def end(compatible_output: bool = True) -> None:
        if made:
            results.update(collected(made))
            made.clear()
        finish()

    finish, sim.end, sim.Population = sim.end, end, Population
    begin_setup, sim.setup = sim.setup, setup
    if same:
        seeds = itertools.count(1)
        begin_rng = pyNN.random.NumpyRNG.__init__

        def seeded(self: Any, seed: int | None = None, parallel_safe: bool = True) -> None:
            begin_rng(self, next(seeds) if seed is None else seed, parallel_safe)

        pyNN.random.NumpyRNG.__init__ = seeded
    sys.argv[:] = [script, simulator, *arguments]
    begin = time.perf_counter()
    runpy.run_path(script, run_name="__main__")
    results["seconds"] = time.perf_counter() - begin
    if made:
        results.update(collected(made))
    Path(output).write_bytes(pickle.dumps(results))


def compared(a: dict[str, Any], b: dict[str, Any]) -> str:
    """Describe how two recordings differ."""
    notes, differ = [], []
    total = 0
    for name in sorted(set(a) & set(b) - {"seconds"}):
        x, y = a[name], b[name]
        if name.endswith(".spikes"):
            for mine, other in zip(x, y, strict=True):
                total += len(other)
                n = min(len(mine), len(other))
                bad = np.flatnonzero(np.abs(mine[:n] - other[:n]) > 1e-6)
                rest = [*mine[n:], *other[n:]]
                differ += [min(mine[bad[0]], other[bad[0]])] if len(bad) else [min(rest)] if rest else []
        elif x.shape == y.shape:
            notes.append(f"{name}: {np.nanmax(np.abs(x - y), initial=0.0):.1e}")
        else:
            notes.append(f"{name}: shapes {x.shape} {y.shape}")
    spikes = f"all of {total} spikes" if not differ else f"{total} spikes, those before {min(differ):g} ms"
    only = sorted(set(a) ^ set(b))
    return f"{spikes}; {', '.join(notes[:6])}" + (f"; only in one: {only}" if only else "")


def main() -> None:
    """Run examples on both simulators, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--as-they-are", action="store_true")
    options = parser.parse_args()
    names = options.names or sorted(p.stem for p in options.folder.glob("*.py"))
    environment = {**os.environ, "MPLBACKEND": "Agg"}
    here = Path(__file__).resolve().parents[2]
    environment["PYTHONPATH"] = os.pathsep.join([str(here), environment.get("PYTHONPATH", "")])
    mode = "--one-as-is" if options.as_they_are else "--one"
    for name in names:
        if name in NOT_HERE:
            print(f"| {name} | {NOT_HERE[name]} | |")
            continue
        for arguments in ARGUMENTS.get(name, [[]]):
            results = {}
            for simulator in ("nest", "spikelet"):
                with tempfile.TemporaryDirectory() as folder:
                    script = (options.folder / f"{name}.py").resolve()
                    for extra in ("Results", "tmp"):
                        (Path(folder) / extra).mkdir()
                    output = Path(folder) / "results.pickle"
                    command = [sys.executable, "-m", "tests.pynn.examples", mode, simulator, str(script), str(output)]
                    done = subprocess.run(
                        [*command, *arguments], cwd=folder, env=environment, capture_output=True, text=True, timeout=900
                    )
                    if output.exists():
                        results[simulator] = pickle.loads(output.read_bytes())
                    else:
                        results[simulator] = (done.stderr.strip().splitlines() or ["?"])[-1][:150]
            title = " ".join([name, *arguments])
            failed = {k: v for k, v in results.items() if isinstance(v, str)}
            if failed:
                print(f"| {title} | " + "; ".join(f"{k}: {v}" for k, v in failed.items()) + " |", flush=True)
            else:
                ratio = results["nest"]["seconds"] / results["spikelet"]["seconds"]
                print(f"| {title} | {compared(results['spikelet'], results['nest'])} | {ratio:.1f} |", flush=True)


if __name__ == "__main__":
    if sys.argv[1].startswith("--one"):
        one(sys.argv[2], sys.argv[3], sys.argv[5:], sys.argv[4], same=sys.argv[1] == "--one")
    else:
        main()
