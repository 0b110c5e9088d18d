"""Random networks, drawn with numpy from the number of a case.

The features cycle with periods that are coprime in pairs where it matters, so that two dozen cases
have every feature, and most pairs of them.
"""

from __future__ import annotations

import numpy as np
from tests.nest.reference import Description, Floats, Ints, Stdp, Synapses

DTS = (0.1, 0.25, 0.1, 0.05, 1.0)
REFRACTORY = (2.04, 0.0, 2.0)  # ms; 2.04 is no multiple of any of the steps
RELATIONS = ("different", "equal", "near", "one equal", "same")  # of tau_syn and tau_m
DELAYS = ("mixed", "mixed", "one step", "off grid")
THETA = 15.0  # mV between E_L and V_th


def draw(model: str, case: int, plastic: str = "") -> Description:
    """Draw a recurrent network.

    Parameters
    ----------
    model
        "exp", "alpha" or "delta".
    case
        Number of the case; the same number gives the same network.
    plastic
        Which excitatory synapses have STDP: "", "source", "recurrent" or "both".
    """
    rng = np.random.default_rng([case, ["exp", "alpha", "delta"].index(model), len(plastic)])
    dt = DTS[case % 5]
    n = int(rng.integers(20, 61) if case % 2 else rng.integers(60, 101))  # around a SIMD block
    n_sources = int(rng.integers(20, 41))
    steps = round(float(rng.integers(3, 8 if dt < 0.1 else 11)) * 100.0 / dt)
    scalar = _scalars(model, case, rng)
    params = _heterogeneous(scalar, n, rng) if case % 3 == 0 else dict(scalar)

    rate = 20.0  # Hz, of a source
    first = 2 if plastic else 1  # a parrot needs one step more, see reference.py
    source_steps, source_ids = _trains(n_sources, rate * steps * dt * 1e-3, first, steps, rng)
    indegree = 12
    fraction = 0.8 if "I_e" in params else 1.2
    # The mean of the drive, in mV, is amplitude * tau_m * rate * indegree.
    amplitude = fraction * THETA / (scalar["tau_m"] * rate * 1e-3 * indegree)

    def synapses(count: int, mean: float, sources: bool, rule: Stdp | None) -> Synapses:
        pre = rng.integers(0, n_sources if sources else n, count)  # with multapses
        post = rng.integers(0, n, count)
        if not sources:
            pre[:3] = post[:3]  # self connections
            pre[3:6], post[3:6] = pre[6:9], post[6:9]  # multapses, in any case
        weight = mean * rng.uniform(0.5, 1.5, count)
        return Synapses(pre, post, weight, _delays(case, dt, count, rng), sources, rule)

    unit = _unit(model, scalar)
    drive, excitation = amplitude * unit, 0.5 * unit
    rules = _rules(rng, drive, excitation)
    return Description(
        model=model,
        dt=dt,
        steps=steps,
        n=n,
        params=params,
        v_init=scalar["E_L"] + rng.uniform(-5.0, 0.8 * THETA, n),
        n_sources=n_sources,
        source_steps=source_steps,
        source_ids=source_ids,
        synapses=[
            synapses(
                indegree * n, drive, True, rules[0] if plastic in ("source", "both") else None
            ),
            synapses(
                6 * n, excitation, False, rules[1] if plastic in ("recurrent", "both") else None
            ),
            synapses(3 * n, -2.0 * excitation, False, None),
        ],
    )


def _scalars(model: str, case: int, rng: np.random.Generator) -> dict[str, float]:
    e_l = float(rng.uniform(-75.0, -60.0))
    tau = float(rng.uniform(8.0, 20.0))
    params = {
        "E_L": e_l,
        "C_m": float(rng.uniform(100.0, 300.0)),
        "tau_m": tau,
        "V_th": e_l + THETA,
        "V_reset": e_l + float(rng.uniform(-5.0, 5.0)),
        "t_ref": REFRACTORY[case % 3 if case % 4 else 0],
    }
    if case % 2:
        params["I_e"] = 0.4 * THETA * params["C_m"] / tau
    if model != "delta":
        short, long = float(rng.uniform(0.5, 3.0)), float(rng.uniform(3.0, 12.0))
        params["tau_syn_ex"], params["tau_syn_in"] = {
            "different": (short, long),
            "equal": (tau, tau),
            "near": (tau * (1.0 + 1e-9), tau * (1.0 - 1e-5)),
            "one equal": (short, tau),
            "same": (short, short),
        }[RELATIONS[(case + case // 5) % 5]]
    return params


def _heterogeneous(
    scalar: dict[str, float], n: int, rng: np.random.Generator
) -> dict[str, float | Floats]:
    """Make every parameter but E_L an array."""
    params: dict[str, float | Floats] = {"E_L": scalar["E_L"]}
    for key, value in scalar.items():
        if key in ("V_th", "V_reset"):
            params[key] = value + rng.uniform(-2.0, 2.0, n)
        elif key == "t_ref":
            params[key] = rng.choice([0.0, 1.0, 1.96, 2.04, 5.0], n)
        elif key != "E_L":
            params[key] = value * rng.uniform(0.8, 1.2, n)
    if "tau_syn_ex" in params:  # exactly tau_m in some neurons
        params["tau_syn_ex"] = np.where(rng.random(n) < 0.2, params["tau_m"], params["tau_syn_ex"])
    return params


def _trains(
    n: int, mean_count: float, first: int, last: int, rng: np.random.Generator
) -> tuple[Ints, Ints]:
    """Random trains, with a few spikes doubled, sorted by time."""
    ids = np.repeat(np.arange(n), rng.poisson(mean_count, n))
    steps = rng.integers(first, last + 1, len(ids))
    doubled = rng.integers(0, len(ids), 5)
    steps, ids = np.append(steps, steps[doubled]), np.append(ids, ids[doubled])
    order = np.lexsort((ids, steps))
    return steps[order], ids[order]


def _delays(case: int, dt: float, count: int, rng: np.random.Generator) -> Floats:
    kind = DELAYS[case % 4]
    if kind == "one step":
        return np.full(count, dt)
    steps = rng.integers(1, 40, count).astype(np.float64)
    if kind == "off grid":  # both round to the nearest step
        steps += rng.uniform(-0.4, 0.4, count) * (steps > 1)
    return steps * dt


def _unit(model: str, scalar: dict[str, float]) -> float:
    """Weight whose potential has the area of a jump by 1 mV that decays with tau_m."""
    if model == "delta":
        return 1.0
    return scalar["C_m"] / scalar["tau_syn_ex"] / (np.e if model == "alpha" else 1.0)


def _rules(rng: np.random.Generator, *means: float) -> list[Stdp]:
    tau_minus = float(rng.uniform(10.0, 40.0))
    return [
        Stdp(
            tau_plus=float(rng.uniform(10.0, 30.0)),
            tau_minus=tau_minus,
            lambda_=float(rng.uniform(0.005, 0.03)),
            alpha=float(rng.uniform(0.5, 1.2)),
            w_max=1.6 * mean,  # the weights start at 0.5 to 1.5 times the mean
        )
        for mean in means
    ]
