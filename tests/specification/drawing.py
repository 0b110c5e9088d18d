"""Random models, sources, connections, weights and plasticity rules."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import scipy.sparse
from tests import conftest
from tests.specification import texts

import spikelet as sl

KERNELS = (sl.LIF, sl.LIFAlpha, sl.LIFDelta, sl.LIFCond, sl.IF)
MODELS = (*KERNELS, *(text.equations.model for text in texts.TEXTS.values()))
STRONG = conftest.STRONG | texts.STRONG
"""A weight that takes a resting neuron over its threshold within a few events, by model."""
PAIRINGS = ("all_to_all", "nearest_symmetric", "nearest_pre_centered", "nearest_restricted")
MOST_SYNAPSES = {False: 1500, True: 500}  # of a projection, by whether it is plastic


def a_model(rng: np.random.Generator, n: int, kinds: tuple[Any, ...] = MODELS) -> Any:
    """Return a neuron model with random parameters."""
    kind = kinds[rng.integers(0, len(kinds))]

    def value(low: float, high: float) -> Any:
        return rng.uniform(low, high, n) if rng.random() < 0.2 else float(rng.uniform(low, high))

    given: dict[str, Any] = {
        "t_ref": float(rng.choice([0.0, 1.0, 2.04])) if rng.random() < 0.5 else value(0.0, 3.0),
        "I_e": value(
            0.0, {"IF": 1500.0, "LIFCond": 600.0, "Shunted": 600.0}.get(kind.__name__, 700.0)
        ),
        "V_th": value(-57.0, -53.0),
        "V_reset": value(-72.0, -62.0),
        "E_L": value(-72.0, -66.0),
    }
    if rng.random() < 0.4:
        given |= {"theta_plus": value(0.0, 1.0), "tau_theta": float(rng.choice([np.inf, 15.0]))}
    if rng.random() < 0.3:
        given["reset"] = "subtract"
    names = {f.name for f in dataclasses.fields(kind)}
    given = {name: value for name, value in given.items() if name in names}
    if "tau_m" in names:
        given["tau_m"] = value(5.0, 20.0)
    if "tau_syn_ex" in names and rng.random() < 0.7:
        given["tau_syn_ex"] = value(0.3, 6.0)
        given["tau_syn_in"] = given.get("tau_m", 4.0) if rng.random() < 0.2 else value(0.3, 6.0)
    return kind(**given)


def short(receptor: str) -> str:
    """Return the short name of a receptor."""
    return {"excitatory": "ex", "inhibitory": "in"}.get(receptor, receptor)


def a_receptor(rng: np.random.Generator, neurons: Any, *, signed: bool) -> str | None:
    """Return the name of a receptor, or None where the choice may be left to the weights.

    Parameters
    ----------
    rng : Generator
        Draws.
    neurons : simulator.Neurons
        The targets.
    signed : bool
        Whether weights may become negative, which a receptor of magnitudes does not take.
    """
    names = [name for name in neurons.receptors if not (signed and name in neurons.magnitudes)]
    if "ex" in names:
        names += ["excitatory", "inhibitory"]
    may_be_left = neurons.by_sign or len(neurons.receptors) == 1
    if not names or (may_be_left and (signed or rng.random() < 0.7)):
        return None
    return str(rng.choice(names))


def a_source(rng: np.random.Generator, n: int, now: int, dt: float) -> Any:
    """Return a source that starts now."""
    kind = rng.integers(0, 3)
    if kind == 0:
        return sl.PoissonSource(
            rng.uniform(0.0, 400.0, n)
            if rng.random() < 0.5
            else float(rng.choice([0.0, 90.0, 3000.0]))
        )
    if kind == 1:
        raster = (rng.random((int(rng.integers(0, 120)), n)) < 0.05).astype(int)
        raster[rng.random(raster.shape) < 0.01] = 2
        return sl.RasterSource(raster)
    count = int(rng.integers(0, 200)) if n else 0
    first = now + 1 if now else 0
    times = np.sort(first + rng.integers(0, 250, count))
    return sl.SpikeSource(times * dt, rng.integers(0, n, count), snap=bool(rng.random() < 0.5))


def some_steps(rng: np.random.Generator, n: int, now: int, dt: float) -> tuple[Any, Any]:
    """Return times [ms] from now on, and currents that begin then."""
    steps = now + np.sort(rng.choice(120, int(rng.integers(0, 9)), replace=False))
    amplitudes = rng.uniform(-100, 300, (len(steps), n) if rng.random() < 0.5 else len(steps))
    amplitudes[rng.random(len(steps)) < 0.4] = 0.0
    return steps * dt, amplitudes


def a_connection(rng: np.random.Generator, n: int, m: int, plastic: bool) -> tuple[Any, int | None]:
    """Return a connection rule or lists, and the number of synapses where it is known."""
    most = MOST_SYNAPSES[plastic]
    kind = str(rng.choice(["all", "one", "p", "in", "out", "total", "lists", "matrix"]))
    options: dict[str, Any] = {
        "self_connections": bool(rng.random() < 0.5),
        "multapses": bool(rng.random() < 0.7),
    }
    if kind == "all" and n * m <= most:
        return (sl.AllToAll(), n * m) if rng.random() < 0.6 else (sl.AllToAll(**options), None)
    if kind == "one" and n == m:
        return sl.OneToOne(), n
    if kind in ("all", "one", "p"):
        return sl.FixedProbability(
            min(1.0, most / max(2 * n * m, 1)) * rng.random(), **options
        ), None
    if kind in ("in", "out", "total"):
        if n == 0 or m == 0:
            return None, None
        few = 10 if options["multapses"] and options["self_connections"] else min(n, m) // 2
        sides = {"in": m, "out": n, "total": 1}[kind]
        number = int(rng.integers(0, max(1, min(few, most // sides)) + 1)) if few else 0
        if kind == "total":
            number *= int(rng.integers(1, 1 + max(1, min(n, m) // 2)))
        if options["multapses"] and kind == "total":
            number = min(number * 5, most)
        cls = {"in": sl.FixedIndegree, "out": sl.FixedOutdegree, "total": sl.FixedTotalNumber}[kind]
        return cls(number, **options), None
    if kind == "lists" or n * m == 0:
        count = int(rng.integers(0, most)) if n * m else 0
        if rng.random() < 0.5:
            count = min(count, 40)
        few = int(rng.integers(1, n + 1)) if n else 1
        return (
            rng.integers(0, few, count) if n else np.zeros(0, int),
            rng.integers(0, m, count) if m else np.zeros(0, int),
        ), count
    dense = np.where(
        rng.random((n, m)) < min(0.5, most / (2 * n * m)), rng.uniform(0.5, 1.0, (n, m)), 0.0
    )
    matrix = [scipy.sparse.csr_array, scipy.sparse.csc_array, scipy.sparse.coo_array][
        rng.integers(0, 3)
    ](dense)
    return matrix, matrix.nnz


def some_weights(
    rng: np.random.Generator, w: float, plastic: Any, m: int | None, *, magnitudes: bool
) -> Any:
    """Return weights that a rule allows."""
    low, high = -w, w
    if plastic is not None:
        low, high = max(plastic.bounds[0], -w), min(plastic.bounds[1], w)
        if isinstance(plastic, sl.InhibitorySTDP) and rng.random() < 0.7:
            high = 0.0
    elif rng.random() < 0.6:
        low, high = (0.0, w) if rng.random() < 0.7 else (-w, 0.0)
    if magnitudes:
        low, high = max(low, 0.0), w
    kind = rng.integers(0, 3)
    if kind == 0:
        return float(rng.uniform(low, high))
    if kind == 1 and m is not None:
        return rng.uniform(low, high, m)
    return sl.Uniform(low, high)


def a_rule(rng: np.random.Generator, w: float, model: Any) -> Any:
    """Return a plasticity rule."""
    top = 1.5 * w
    tie = str(rng.choice(["potentiate", "ignore"]))
    frame: dict[str, Any] = {
        "coincidence": tie,
        "axonal_fraction": float(rng.choice([0.0, 0.0, 0.4, 1.0])),
    }
    if (isinstance(model, sl.LIFDelta) or hasattr(model, "equations")) and tie == "ignore":
        frame["axonal_fraction"] = 0.0  # the core refuses more
    bounds: dict[str, Any] = {
        "w_min": float(rng.choice([0.0, 0.0, 0.1 * w, -top])),
        "w_max": top,
    }

    def amplitude(share: float) -> float:
        return float(w * share * rng.uniform(0.5, 1.5))

    scale = float(rng.choice([1.0, 1.0, 0.05]))  # short ones make traces old
    tau = {
        "tau_plus": scale * float(rng.uniform(5, 30)),
        "tau_minus": scale * float(rng.uniform(5, 30)),
    }
    kind = rng.integers(0, 10)
    if kind <= 3:
        dependence = str(rng.choice(["additive", "multiplicative", "power", "power_law"]))
        mu = {"power": {"mu_plus": 0.8, "mu_minus": 1.3}, "power_law": {"mu_plus": 0.4}}.get(
            dependence, {}
        )
        if dependence == "power_law":
            bounds["w_min"] = max(bounds["w_min"], 0.0)
        down = 0.1 if dependence == "power_law" else amplitude(0.1)
        pairing = PAIRINGS[rng.integers(0, 4)]
        return sl.STDP(
            A_plus=amplitude(0.1),
            A_minus=down,
            pairing=pairing,
            dependence=dependence,
            **tau,
            **mu,
            **bounds,
            **frame,
        )
    if kind == 4:
        return sl.TripletSTDP(
            A_plus=amplitude(0.05),
            A_minus=amplitude(0.06),
            A_plus_triplet=amplitude(0.03),
            A_minus_triplet=amplitude(0.02),
            tau_plus_triplet=scale * 80.0,
            tau_minus_triplet=scale * 110.0,
            **tau,
            **bounds,
            **frame,
        )
    if kind == 5:
        return sl.InhibitorySTDP(
            tau=scale * 20.0, eta=amplitude(0.1), alpha=1.2, w_max=top, **frame
        )
    if kind == 6:
        return sl.DiehlCookSTDP(eta_pre=amplitude(0.05), eta_post=amplitude(0.1), **bounds, **frame)
    if kind in (7, 8):
        tau_n = None if rng.random() < 0.4 else 20.0
        return sl.RewardSTDP(
            A_plus=amplitude(0.004),
            A_minus=amplitude(0.003),
            tau_c=100.0,
            tau_n=tau_n,
            b=0.1,
            **tau,
            **bounds,
            **frame,
        )
    return sl.TsodyksMarkram(
        U=0.4,
        tau_rec=60.0,
        tau_fac=float(rng.choice([0.0, 30.0])),
        tau_psc=None if rng.random() < 0.5 else 3.0,
    )
