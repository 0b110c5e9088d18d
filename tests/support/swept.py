"""Functions that workers run: each worker imports this module, which needs no more than spikelet."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import numpy as np

import spikelet as sl


def threads(x, seed):
    return sl.Network().threads


def simulate(weight, n, seed):
    net = sl.Network(dt=0.1, seed=seed)
    neurons = net.population(n, sl.LIF(I_e=400.0))
    net.inject(neurons, sl.PoissonInput(rate=1000.0, weight=weight))
    spikes = net.record(neurons, "spikes")
    net.run(50.0)
    if weight == 60.0 and n == 10:
        raise ValueError("this one fails")
    noise = np.random.default_rng(seed).normal()
    return {
        "rate": spikes.rates().mean(),
        "noise": noise,
        "spikes": spikes,
        "pid": str(os.getpid()),
    }


def die_once(x, flag, seed):
    if x == 3 and not Path(flag).exists():
        Path(flag).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return 2 * x


def slow_then_die(folder, x, seed):
    """Take longer from the fourth run on; the seventh run ends its worker once, in the middle of a batch."""
    time.sleep(0.2 if x > 2 else 0.001)
    if x == 6 and not Path(folder, "once").exists():
        Path(folder, "once").touch()
        os._exit(1)
    with Path(folder, "log").open("a") as log:
        log.write(f"{x} ")
    return x


def die(x, seed):
    if x == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.01)
    return 2 * x


def die_below(x, limit, seed):
    if x < limit:
        os._exit(1)
    return x


class Deadly:
    """Kills whoever gets it."""

    def __call__(self, x, seed):
        return x

    def __reduce__(self):
        return os._exit, (1,)
