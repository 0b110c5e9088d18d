"""A state machine that builds, runs and changes networks at random, and compares them with the specification.

Each rule draws from the random numbers of one integer, so that hypothesis drops steps when it shrinks, and does not
change what the others do. A network may have a twin, with other threads and other cuts of each run, whose bits must be
the same. Or it may be one of an ensemble, which run_all() joins where it can.
"""

from __future__ import annotations

import copy
import inspect
import pickle
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis.stateful import initialize
from tests.specification import simulator as spec
from tests.specification import wrong
from tests.specification.base import COUNTS, EXCLUDED, SEEDS, Mismatch, action
from tests.specification.building import Building
from tests.specification.changing import Changing

import spikelet as sl

__all__ = ["COUNTS", "EXCLUDED", "Machine", "Mismatch"]


ENSEMBLE = 9
"""Networks of an ensemble: enough to be joined."""


class Machine(Building, Changing):
    """Networks, step by step."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.undecided = False
        self.files = 0
        COUNTS["examples"] += 1

    def teardown(self) -> None:
        """Remove files."""
        self.folder.cleanup()

    @initialize(seed=SEEDS)
    def start(self, seed: int) -> None:
        """Make a network, and perhaps its twin."""
        rng = np.random.default_rng(seed)
        self.dt = float(rng.choice([0.1, 0.1, 0.1, 0.2, 0.5, 1.0]))
        self.seed = int(rng.integers(0, 1000))
        threads = [int(rng.choice([1, 1, 2]))]
        if rng.random() < 0.3:
            threads.append(3 if threads[0] == 1 else 1)
        self.ensemble = bool(rng.random() < 0.15)
        if self.ensemble:
            threads = [1] * (ENSEMBLE + 1)
        self.nets = [
            sl.Network(dt=self.dt, seed=self.seed, threads=t, dtype="float64") for t in threads
        ]
        self.spec = spec.Network(self.dt)
        self.streams: list[list[int]] = []  # the numbers of the random streams of each input
        self.taken = 0
        self.trains: dict[tuple[int, bytes, int], tuple[int, ...]] = {}  # of Poisson sources
        self.handles: list[list[Any]] = [[] for _ in self.nets]
        self.add(rng, source=False)
        for _ in range(rng.integers(0, 3)):
            self.add(rng, source=bool(rng.random() < 0.6))
        for build, most in ((self.connect, 4), (self.inject, 3), (self.record, 4)):
            for _ in range(rng.integers(0, most)):
                build(int(rng.integers(0, 2**32)))
        if self.ensemble:  # networks are joined once they have run for long
            self.advance(rng, 400)

    @action("run", then_run=False)
    def run(self, rng: np.random.Generator) -> None:
        """Run, in pieces, and compare."""
        self.advance(
            rng,
            int(
                rng.choice(
                    [0, 1, 2, 7, 30, 64, 90, 150], p=[0.05, 0.05, 0.05, 0.15, 0.2, 0.2, 0.2, 0.1]
                )
            )
            + 300 * self.ensemble,
        )

    @action("save and load")
    def save_and_load(self, rng: np.random.Generator) -> None:
        """Go on with a loaded network."""
        recorders = bool(rng.random() < 0.6)
        path = Path(self.folder.name) / "net.npz"
        for k, net in enumerate(self.nets):
            net.save(path, recorders=recorders)
            if rng.random() < 0.3:
                continue  # saving changes nothing
            threads = net.threads if len(self.nets) > 1 else int(rng.integers(1, 4))
            self.nets[k] = sl.Network.load(path, threads=threads)
            self.handles[k] = self.handles_of(self.nets[k])
            if not recorders:
                COUNTS["loads without recorders"] += 1
        if not recorders:
            self.forget_recorders()
        self.compare()

    @staticmethod
    def handles_of(net: sl.Network) -> list[Any]:
        """Return the handles of the inputs of a loaded network."""
        return [x if hasattr(x, "remove") else None for x in net.inputs]

    def forget_recorders(self) -> None:
        """Make all networks have no recorders but those of Poisson sources: load them."""
        path = Path(self.folder.name) / "bare.npz"
        for k, net in enumerate(self.nets):
            net.save(path)
            self.nets[k] = sl.Network.load(path, threads=net.threads)
            self.handles[k] = self.handles_of(self.nets[k])
        self.spec.recorders = []
        for p in self.spec.sources():
            if isinstance(self.net.populations[p].model, sl.PoissonSource):
                self.observe(p)

    @action("reset")
    def reset(self, rng: np.random.Generator) -> None:
        """Start again, now and then."""
        if rng.random() < 0.6:
            return
        keep, at = bool(rng.random() < 0.5), int(rng.choice([0, 0, 0, 0, 40, 333, 2**33 + 7]))
        if any(isinstance(drive.what, sl.SineCurrent) for drive in self.spec.drives):
            at = min(
                at, 333
            )  # later, a phase in double precision has fewer digits than are compared
        self.each(lambda net: net.reset(keep_weights=keep, at=self.ms(at)))
        self.spec.reset(keep_weights=keep, at=at)
        self.compare()

    @action("look", then_run=False)
    def look(self, rng: np.random.Generator) -> None:
        """Read all there is, or prepare; copies are refused."""
        for net in self.nets:
            repr(net), repr(net.projections), repr(net.populations), repr(net.recorders)
            for q in net.projections:
                if rng.random() < 0.5:
                    _ = q.weights, q.delays, q.to_scipy()
            if rng.random() < 0.3:
                net.prepare()
        for call in (copy.deepcopy, pickle.dumps, *(() if "copy" in EXCLUDED else (copy.copy,))):
            try:
                call(self.net)
            except TypeError:
                continue
            raise Mismatch(f"{call.__name__} of a network did not raise a TypeError")
        if rng.random() < 0.2 and self.net.recorders:
            k = int(rng.integers(0, len(self.net.recorders)))
            recorder = self.spec.recorders[k]
            if recorder.what == "spikes" and isinstance(
                self.net.populations[recorder.target].model, sl.PoissonSource
            ):
                return  # it gives the specification its spikes
            self.each(lambda net: net.recorders[k].clear())
            recorder.clear(self.now)

    @action("wrong call", then_run=False)
    def wrong_call(self, rng: np.random.Generator) -> None:
        """Call something wrongly: it says so, and changes nothing."""
        for _ in range(4):
            name = str(rng.choice(list(wrong.CALLS)))
            if name in EXCLUDED:
                continue
            state = rng.bit_generator.state
            for net in self.nets:
                rng.bit_generator.state = state
                call = wrong.CALLS[name](net, rng)
                if call is None:
                    continue
                COUNTS["wrong calls"] += 1
                given = inspect.getclosurevars(call).nonlocals
                before = wrong.digest(net)
                try:
                    call()
                except (TypeError, ValueError):
                    pass
                except Exception as error:
                    msg = f"wrong call {name!r} {given} raised {type(error).__name__}: {error}"
                    raise Mismatch(msg) from error
                else:
                    raise Mismatch(f"wrong call {name!r} {given} was accepted")
                after = wrong.digest(net)
                if before != after:
                    odd = [a[0] for a, b in zip(before, after, strict=False) if a != b]
                    raise Mismatch(f"wrong call {name!r} changed the network: {odd}")
