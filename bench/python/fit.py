"""Fit AdEx and GIF neurons to traces made by NEST: ``python bench/python/fit.py --model adex``.

Prints the largest error of six parameters, and the time. Needs NEST; ``--optimizer cma`` needs cma.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np

import spikelet as sl

DT, STEPS = 0.1, 4000
F = sl.fitting
STC = {"tau_stc_1": 100.0, "q_stc_1": 20.0}
MODELS: dict[str, tuple[Any, str, dict[str, Any], list[float], dict[str, Any]]] = {
    "adex": (
        sl.AdEx(method="rk4"),
        "aeif_cond_exp",
        {},
        [-200.0, 300.0, 600.0, 900.0],
        {"C_m": (100, 500), "g_L": (10, 60), "V_th": (-60, -40), "a": (0, 10), "b": (10, 200), "tau_w": (30, 300)},
    ),
    "gif": (
        # A sharp threshold: with noise, no candidate has the spikes of the data.
        sl.GIF(tau_stc=[100.0], q_stc=[20.0], Delta_V=0.01),
        "gif_psc_exp",
        {"tau_stc": [100.0], "q_stc": [20.0], "Delta_V": 0.01},
        [-50.0, 100.0, 200.0, 300.0],
        {"C_m": (30, 200), "g_L": (1, 10), "E_L": (-80, -60), "V_reset": (-70, -45), "tau_stc_1": (20, 300), "q_stc_1": (2, 100)},
    ),
}  # fmt: skip


def recording(model: str, parameters: dict[str, Any], amplitudes: list[float]) -> F.Recording:
    """Return what NEST's neuron answers to steps of current."""
    import nest  # noqa: PLC0415  # prints when imported

    nest.verbosity = nest.VerbosityLevel.ERROR
    nest.ResetKernel()
    nest.resolution = DT
    current = np.zeros((STEPS, len(amplitudes)))
    cells = nest.Create(model, len(amplitudes), params=parameters)
    for cell, amplitude, column in zip(cells, amplitudes, current.T, strict=True):
        # NEST's current acts one delay, here a step, after it begins.
        source = nest.Create(
            "dc_generator", params={"amplitude": amplitude, "start": 50.0 - DT, "stop": 300.0 - DT}
        )
        nest.Connect(source, cell, syn_spec={"delay": DT})
        column[500:3000] = amplitude
    meter = nest.Create("multimeter", params={"record_from": ["V_m"], "interval": DT})
    spikes = nest.Create("spike_recorder")
    nest.Connect(meter, cells)
    nest.Connect(cells, spikes)
    nest.Simulate(STEPS * DT + 2 * DT)
    samples, events = meter.events, spikes.events
    first = cells.global_id if len(amplitudes) == 1 else cells.global_id[0]
    order = np.lexsort((samples["senders"], samples["times"]))
    V_m = samples["V_m"][order].reshape(-1, len(amplitudes))[:STEPS]
    inside = events["times"] <= STEPS * DT
    trains = sl.Spikes(events["times"][inside], events["senders"][inside] - first, len(amplitudes))
    return F.Recording(current, V_m, trains, dt=DT)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", choices=MODELS, default="adex")
    parser.add_argument("--optimizer", choices=["scipy", "cma"], default="scipy")
    parser.add_argument("--loss", choices=["aligned", "squared"], default="aligned")
    parser.add_argument("--candidates", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    model, name, parameters, amplitudes, vary = MODELS[given.model]
    data = recording(name, parameters, amplitudes)
    optimizer = F.CMAES() if given.optimizer == "cma" else F.DifferentialEvolution()
    loss = F.AlignedError() if given.loss == "aligned" else F.MeanSquaredError()
    begin = time.perf_counter()
    best = sl.fit(
        model,
        vary=vary,
        data=data,
        loss=loss,
        optimizer=optimizer,
        candidates=given.candidates,
        seed=given.seed,
    )
    seconds = time.perf_counter() - begin
    errors = {key: value / getattr(model, key) - 1 for key, value in best.parameters.items()}
    print(
        f"{len(data.spikes)} spikes, {len(best.losses)} candidates, loss {best.loss:.3g}, {seconds:.1f} s"
    )
    print(", ".join(f"{key} {error:+.2%}" for key, error in errors.items()))
    print(f"largest error {max(map(abs, errors.values())):.2%}")
