"""Run a benchmark model on NEST."""

from __future__ import annotations

from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING

import nest
import numpy as np
from measure import Run, record
from models import DT, SAMPLED
from nest_kernel import set_up, timed

if TYPE_CHECKING:
    from measure import DType
    from models import Model, Plasticity
    from numpy.typing import NDArray

NEURONS = {"current": "iaf_psc_exp", "conductance": "iaf_cond_exp", "delta": "iaf_psc_delta"}


def simulate(model: Model, *, duration: float, seed: int, threads: int, dtype: DType) -> Run:
    """Build `model`, run it for `duration` ms and return the measurements."""
    if dtype != "float64":
        raise ValueError("NEST computes in float64")
    set_up(DT, seed, threads)

    start = perf_counter()
    parameters, name = model.neuron, NEURONS[model.synapse]
    if model.cell == "hodgkin_huxley":
        parameters, name = {k: v for k, v in parameters.items() if k != "V_th"}, "hh_cond_exp_traub"
    cells = nest.Create(name, model.size, params=parameters)
    if model.cell == "hodgkin_huxley":
        cells.set(Act_m=0.0, Act_n=0.0, Inact_h=0.0)
    rule = model.plasticity
    if rule is not None:
        cells.tau_minus = rule.tau_minus
        nest.CopyModel("stdp_synapse_hom", "plastic", _stdp(rule))
    start_state = model.initial_state(seed)
    cells.V_m = start_state["V_m"]
    for path in model.pathways():
        nest.Connect(
            cells[path.first : path.first + path.size],
            cells[path.first_target : path.first_target + path.targets],
            {"rule": "pairwise_bernoulli", "p": path.probability}
            if model.rule == "pairwise"
            else {"rule": "fixed_indegree", "indegree": path.indegree},
            {
                "synapse_model": "plastic" if path.plasticity else "static_synapse",
                "weight": path.weight,
                "delay": model.delay,
            },
        )
    synapses = nest.num_connections
    for name, sign in (("g_ex", 1.0), ("g_in", -1.0)):  # NEST sets them by events only
        if name in start_state:
            first = nest.Create("spike_generator", params={"spike_times": [DT]})
            each = {"weight": sign * start_state[name][:, None], "delay": model.delay}
            nest.Connect(first, cells, syn_spec=each)
    # A shorter delay to or from a device would shorten the interval between communications. In
    # return, the drive starts one delay later than in the other simulators.
    if model.drive_rate:
        drive = nest.Create("poisson_generator", params={"rate": model.drive_rate})
        nest.Connect(drive, cells, syn_spec={"weight": model.drive_weight, "delay": model.delay})
    recorder = nest.Create("spike_recorder")
    nest.Connect(cells, recorder, syn_spec={"delay": model.delay})
    nest.Prepare()
    build = perf_counter() - start

    wall, peak = timed(duration)
    events = recorder.events
    times = np.asarray(events["times"], np.float64)
    ids = np.asarray(events["senders"], np.int64) - cells[0].global_id
    weights = None
    if rule is not None:
        sampled = nest.GetConnections(
            target=cells[: model.n_exc : SAMPLED], synapse_model="plastic"
        ).get(["source", "target", "weight"])
        pre, post = (
            np.asarray(sampled[key], np.int64) - cells[0].global_id for key in ("source", "target")
        )
        now = np.asarray(sampled["weight"], np.float64)
        now += _pending(rule, model.delay, duration, times, ids, pre, post)
        weights = np.minimum(now, rule.w_max)
    return Run(
        build_s=build,
        compile_s=0.0,
        wall_s=wall,
        peak_rss_mb=peak,
        synapses=synapses,
        times=times,
        ids=ids,
        versions={"nest": nest.__version__},
        weights=weights,
    )


def _stdp(rule: Plasticity) -> dict[str, float]:
    """Return the parameters of an additive ``stdp_synapse_hom``; tau_minus belongs to the neuron."""
    return {
        "tau_plus": rule.tau_plus,
        "lambda": rule.A_plus / rule.w_max,
        "alpha": rule.A_minus / rule.A_plus,
        "mu_plus": 0.0,
        "mu_minus": 0.0,
        "Wmax": rule.w_max,
    }


def _pending(
    rule: Plasticity,
    delay: float,
    now: float,
    times: NDArray[np.float64],
    ids: NDArray[np.int64],
    pre: NDArray[np.int64],
    post: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Return the potentiation that each synapse would get at its source's next spike.

    NEST changes a weight when the source fires; the other simulators report current weights.
    """
    last = np.full(ids.max(initial=0) + 1 + pre.max(initial=0), -np.inf)
    np.maximum.at(last, ids, times)
    trace = np.bincount(ids, np.exp((times - last[ids]) / rule.tau_plus), len(last))
    pending = np.zeros(len(pre))
    for target in np.unique(post):
        mine = np.flatnonzero(post == target)
        seen = times[ids == target] + delay
        lag = seen[seen <= now + DT / 2] - last[pre[mine], np.newaxis]
        decayed = np.where(lag > DT / 2, np.exp(-np.maximum(lag, 0.0) / rule.tau_plus), 0.0)
        pending[mine] = rule.A_plus * trace[pre[mine]] * decayed.sum(1)
    return pending


run = partial(record, simulate)
