"""Random models in networks that must give the same bits, however they run."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from tests.equations_proof.against_scipy import equations, schedule_of
from tests.support.random_equations import RandomEquations, random_equations

import spikelet as sl

SIZES = (1, 2, 63, 65, 130, 197)
STEPS = 240
DTYPES = ("float32", "float64")


def build(
    model: RandomEquations,
    dtype: str,
    *,
    threads: int = 1,
    arrays: bool = False,
    idle: bool = True,
    n: int | None = None,
    **options: Any,
) -> tuple[sl.Network, Any]:
    """Return a network of a random model, and its neurons, with events, weights of both signs, and currents.

    Parameters
    ----------
    model : RandomEquations
        The model.
    dtype : str
        Precision.
    threads : int
        Threads.
    arrays : bool
        Give each neuron its own, equal, parameters.
    idle : bool
        Without currents, blocks of neurons may rest.
    n : int, optional
        Number of neurons; by default one of `SIZES`.
    **options
        For `spikelet.Equations`.
    """
    made = equations(model, schedule=schedule_of(model), **options)
    net = sl.Network(dt=0.1, seed=model.seed + 1, threads=threads, dtype=dtype)
    n = SIZES[model.seed % len(SIZES)] if n is None else n
    rng = np.random.default_rng(model.seed)
    values: dict[str, Any] = {}
    if not idle:
        values = {"I_e": model.parameters["I_e"] + rng.uniform(-0.3, 0.9, n)}
    if arrays:
        values = {k: np.full(n, v) for k, v in model.parameters.items()} | values
    cells = net.population(n, made(**values))
    for name in model.states:
        setattr(cells, name, model.initial[name] + rng.uniform(-0.3, 0.3, n))
    events = net.population(30, sl.PoissonSource(60.0))
    for name in model.receptors:
        low = 0.0 if model.receptors[name][2] else -0.4
        how = sl.FixedIndegree(4)
        net.connect(
            events,
            cells,
            how,
            weight=sl.Uniform(low, 0.6),
            delay=sl.Uniform(0.1, 2.0),
            receptor=name,
        )
        if model.threshold:
            net.connect(
                cells,
                cells,
                sl.FixedProbability(min(1.0, 4 / n)),
                weight=0.2,
                delay=1.0,
                receptor=name,
            )
        if len(model.receptors) == 1 or name == "ex":
            net.inject(cells[: n // 2], sl.PoissonInput(300.0, 0.1, receptor=name))
    if not idle and made.current is not None:
        net.inject(cells, sl.NoiseInput(0.1, 0.3, 0.5))
        net.inject(cells[n // 3 :], sl.CurrentInput(rng.uniform(-0.2, 0.3, (STEPS, n - n // 3))))
    net.record(cells, "spikes")
    return net, cells


def outcome(net: sl.Network) -> str:
    """Return a hash of all states and spikes."""
    cells, spikes = net.populations[0], net.recorders[0]
    parts = [spikes.times, spikes.ids, *(np.asarray(getattr(cells, s)) for s in cells.model.states)]
    return hashlib.sha256(b"".join(np.ascontiguousarray(x).tobytes() for x in parts)).hexdigest()


def in_one_piece(seed: int, dtype: str, **options: Any) -> str:
    """Run a network of a random model, and return its hash."""
    net, _ = build(
        random_equations(seed, smooth=seed % 2 == 0), dtype, idle=seed % 4 < 2, **options
    )
    net.run(STEPS * net.dt)
    return outcome(net)


def differing(seed: int, folder: Path) -> list[str]:
    """Return in which ways a random model gives other bits than at first."""
    found = []
    for dtype in DTYPES:
        expected = in_one_piece(seed, dtype)
        for threads in (2, 3, 7):
            if in_one_piece(seed, dtype, threads=threads) != expected:
                found.append(f"{dtype}, {threads} threads")
        if in_one_piece(seed, dtype, arrays=True) != expected:
            found.append(f"{dtype}, parameters by neuron")
        if cut(seed, dtype) != expected:
            found.append(f"{dtype}, in pieces")
        if loaded(seed, dtype, folder) != expected:
            found.append(f"{dtype}, saved and loaded")
    return found


def cut(seed: int, dtype: str) -> str:
    """Run in pieces, twice: after a reset, too."""
    net, _ = build(
        random_equations(seed, smooth=seed % 2 == 0), dtype, idle=seed % 4 < 2, threads=2
    )
    net.run(3.0)
    net.reset()
    steps = np.diff([0, 1, 2, 65, 66, 130, STEPS])
    for piece in steps:
        net.run(piece * net.dt)
    return outcome(net)


def loaded(seed: int, dtype: str, folder: Path) -> str:
    """Run half, save, load, and run the rest."""
    net, _ = build(random_equations(seed, smooth=seed % 2 == 0), dtype, idle=seed % 4 < 2)
    net.run(97 * net.dt)
    net.save(folder / "half.npz", recorders=True)
    again = sl.Network.load(folder / "half.npz", threads=3)
    again.run((STEPS - 97) * net.dt)
    return outcome(again)


def resting(seed: int, dtype: str) -> list[str]:
    """Return where neurons that may rest between rare events differ from those that a current of 0 keeps awake."""
    spikes, states = [], []
    for awake in (False, True):
        model = random_equations(seed)
        made = equations(model, schedule=schedule_of(model))
        net = sl.Network(dt=1.0, seed=1, threads=2, dtype=dtype)
        cells = net.population(200, made())
        at = np.array([3.0, 900.0, 1300.0, 1301.0])  # one neuron each, after a long silence
        ids = np.array([5, 70, 71, 199])
        for name in model.receptors:
            source = net.population(4, sl.SpikeSource(at, np.arange(4)))
            net.connect(source, cells, (np.arange(4), ids), weight=0.9, delay=1.0, receptor=name)
        if awake:
            if made.current is None:
                return []
            net.inject(cells, sl.CurrentInput(np.zeros(2000)))
        spikes.append(net.record(cells, "spikes"))
        net.run(1600.0)
        states.append([np.asarray(getattr(cells, s)).tobytes() for s in model.states])
    same = all(
        np.array_equal(getattr(spikes[0], x), getattr(spikes[1], x)) for x in ("times", "ids")
    )
    return [] if same and states[0] == states[1] else [f"{dtype}, at rest"]
