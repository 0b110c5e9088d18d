"""Calls that a network must refuse with a ValueError or a TypeError, and all that they must leave as it is."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse

import spikelet as sl
from spikelet.neurons import NeuronModel

Call = Callable[[], Any]


def digest(net: sl.Network) -> list[tuple[str, Any]]:
    """Return all that can be read of a network, but its threads, by name."""
    found: list[tuple[str, Any]] = [("t", net.t), ("dt", net.dt), ("seed", net.seed)]
    for k, p in enumerate(net.populations):
        found.append((f"population {k}", (p.name, type(p.model), p.size, _fields(p.model))))
        for state in getattr(p.model, "states", ()):
            found.append((f"{state} of {k}", np.asarray(getattr(p, state)).tobytes()))
    for k, q in enumerate(net.projections):
        arrays = q.pre_ids, q.post_ids, q.delays, q.weights
        found.append((f"projection {k}", tuple(x.tobytes() for x in arrays)))
        reward = q.reward if isinstance(q.plasticity, sl.RewardSTDP) else None
        found.append((f"rule of {k}", (repr(q.plasticity), reward)))
    for k, r in enumerate(net.recorders):
        data = r.ids if isinstance(r, sl.SpikeRecorder) else r.values
        found.append((f"recorder {k}", (r.times.tobytes(), data.tobytes())))
    for k, x in enumerate(net.inputs):
        what = x[1] if isinstance(x, tuple) else x.input
        found.append((f"input {k}", (type(what), _fields(what))))
    found.append(("regulations", len(net.regulations)))
    return found


def _fields(what: Any) -> list[bytes]:
    """Return the bits of all fields of a description."""
    return [np.asarray(getattr(what, f.name)).tobytes() for f in dataclasses.fields(what)]


def _neurons(net: sl.Network, rng: Any) -> Any:
    every = [p for p in net.populations if isinstance(p.model, NeuronModel)]
    return every[rng.integers(0, len(every))]


def _of(net: sl.Network, rng: Any, kind: type) -> Any:
    every = [p for p in net.populations if isinstance(p.model, kind)]
    return every[rng.integers(0, len(every))] if every else None


def _projection(net: sl.Network, rng: Any, *, plastic: bool | None = None) -> Any:
    every = [q for q in net.projections if plastic is None or (q.plasticity is not None) == plastic]
    return every[rng.integers(0, len(every))] if every else None


def _one(rng: Any, *values: Any) -> Any:
    return values[rng.integers(0, len(values))]


def _run(net: sl.Network, rng: Any) -> Call:
    duration = _one(rng, -1.0, np.nan, np.inf, "ten", None, 0.5 * net.dt, [1.0], 1e300)
    return lambda: net.run(duration)


def _save_every(net: sl.Network, rng: Any) -> Call:
    return lambda: net.run(net.dt, save_every=10 * net.dt)


def _population(net: sl.Network, rng: Any) -> Call:
    n, model = _one(
        rng, (-1, sl.LIF()), (2.5, sl.LIF()), ("3", sl.LIF()), (3, "LIF"), (3, sl.LIF), (2, sl.LIF(I_e=[1.0, 2.0, 3.0])),
        (2**33, sl.LIF()), (3, sl.PoissonSource([1.0, 2.0])), (2, sl.SpikeSource([1e6 * net.dt], [2])),
        (2, sl.RasterSource(np.zeros((4, 3), int))), (2, sl.SpikeSource([1e6 * net.dt + 0.3 * net.dt], [0])), (2, None),
    )  # fmt: skip
    return lambda: net.population(n, model)


def _past(net: sl.Network, rng: Any) -> Call | None:
    if net.t == 0:
        return None
    return lambda: net.population(2, sl.SpikeSource([net.t], [0], snap=True))


def _connect_source(net: sl.Network, rng: Any) -> Call | None:
    source = next((p for p in net.populations if not isinstance(p.model, NeuronModel)), None)
    return (
        None if source is None else lambda: net.connect(_neurons(net, rng), source, sl.AllToAll())
    )


def _connect(net: sl.Network, rng: Any) -> Call | None:
    pre, post = _neurons(net, rng), _neurons(net, rng)
    if len(pre) * len(post) == 0 or len(pre) * len(post) > 5000:
        return None
    n, m, dt = len(pre), len(post), net.dt
    other = sl.Network(dt=dt).population(3, sl.LIF())
    rule: Any = sl.AllToAll()
    options = [
        (pre, other, rule, {}), (other, post, rule, {}), (pre, "post", rule, {}), (pre, post, "all", {}), (pre, post, sl.AllToAll, {}),
        (pre, post, rule, {"delay": 0.0}), (pre, post, rule, {"delay": -1.0}), (pre, post, rule, {"delay": np.nan}),
        (pre, post, rule, {"delay": 65536 * dt}), (pre, post, rule, {"delay": np.inf}), (pre, post, rule, {"delay": "fast"}),
        (pre, post, rule, {"delay": sl.Uniform(-3.0, -2.0)}), (pre, post, rule, {"delay": np.full(n * m + 1, dt)}),
        (pre, post, rule, {"weight": np.nan}), (pre, post, rule, {"weight": np.inf}), (pre, post, rule, {"weight": np.ones(n * m + 1)}),
        (pre, post, rule, {"weight": "w"}), (pre, post, rule, {"receptor": "x"}), (pre, post, rule, {"receptor": 1}),
        (pre, post, rule, {"plasticity": "stdp"}), (pre, post, rule, {"plasticity": sl.STDP}),
        (pre, post, rule, {"weight": 2.0, "plasticity": sl.STDP()}), (pre, post, rule, {"weight": sl.Uniform(1.5, 2.0), "plasticity": sl.STDP()}),
        (pre, post, ([0], [m]), {}), (pre, post, ([n], [0]), {}), (pre, post, ([-1], [0]), {}), (pre, post, ([0, 0], [0]), {}),
        (pre, post, ([0.5], [0]), {}), (pre, post, ([0], [0], [1.0]), {}), (pre, post, ([0], [0]), {"weight": [1.0, 2.0]}),
        (pre, post, ([0], [0]), {"delay": [0.0]}), (pre, post, ([0], [0]), {"weight": [np.nan]}),
        (pre, post, scipy.sparse.csr_array(np.ones((n + 1, m))), {}), (pre, post, scipy.sparse.csr_array(np.ones((n, m))), {"weight": 1.0}),
        (pre, post, scipy.sparse.csr_array(np.full((n, m), np.nan)), {}),
        (pre, post, sl.FixedIndegree(n + 1, multapses=False), {}), (pre, post, sl.FixedOutdegree(m + 1, multapses=False), {}),
        (pre, post, sl.FixedTotalNumber(n * m + 1, multapses=False), {}), (pre[:0], post, sl.FixedIndegree(1), {}),
        (pre, post[:0], sl.FixedOutdegree(1), {}), (pre[:0], post, sl.FixedTotalNumber(1), {}),
    ]  # fmt: skip
    if n != m:
        options.append((pre, post, sl.OneToOne(), {}))
    if not post.model.by_sign and len(post.model.receptors) > 1:
        options += [
            (pre, post, rule, {}),
            (pre, post, rule, {"receptor": "ex"}),
            (pre, post, rule, {"weight": -1.0, "receptor": "size"}),
        ]
    if post.model.conductance:
        options.append((pre, post, rule, {"weight": -1.0, "receptor": "in"}))
    a, b, how, given = options[rng.integers(0, len(options))]
    return lambda: net.connect(a, b, how, **given)


def _inject(net: sl.Network, rng: Any) -> Call:
    p = _neurons(net, rng)
    n = len(p)
    source = next((x for x in net.populations if not isinstance(x.model, NeuronModel)), None)
    options = [
        (p, "noise"), (p, sl.NoiseInput), (p, sl.PoissonInput(np.ones(n + 2), 1.0)), (p, sl.PoissonInput(1.0, np.ones(n + 2))),
        (p, sl.CurrentInput(np.ones((5, n + 1)))), (p, sl.NoiseInput(np.zeros(n + 2))), (p, sl.NoiseInput(0.0, np.ones(n + 2))),
        (p, sl.NoiseInput(every=0.4 * net.dt)), (p, sl.NoiseInput(every=-1.0)), (p, sl.NoiseInput(every=0.0)),
        (sl.Network().population(2, sl.LIF()), sl.NoiseInput()), ("p", sl.NoiseInput()),
    ]  # fmt: skip
    if source is not None:
        options += [(source, sl.NoiseInput()), (source, sl.CurrentInput([1.0]))]
    target, what = options[rng.integers(0, len(options))]
    return lambda: net.inject(target, what)


def _drive(net: sl.Network, rng: Any) -> Call | None:
    if not net.inputs or isinstance(net.inputs[0], tuple):
        return None
    drive = net.inputs[rng.integers(0, len(net.inputs))]
    n = len(drive.target)
    options = {
        sl.PoissonInput: [("rate", -1.0), ("rate", np.nan), ("rate", np.inf), ("rate", np.ones(n + 2)), ("weight", np.nan), ("weight", "x"),
                          ("weight", np.ones(n + 2))],
        sl.CurrentInput: [("values", np.ones((3, n + 1))), ("values", [np.nan]), ("values", 1.0), ("values", "x"), ("values", np.ones((2, 2, 2)))],
        sl.StepCurrent: [("amplitudes", np.ones((200, n))), ("times", [-1.0]),
                         ("amplitudes", np.ones((2, n + 1, 2))), ("snap", "x")],
        sl.SineCurrent: [("amplitude", np.nan), ("offset", np.ones(n + 2)), ("frequency", -1.0), ("phase", np.inf)],
        sl.NoiseInput: [("mean", np.nan), ("std", -1.0), ("every", 0.4 * net.dt), ("every", 0.0), ("mean", np.ones(n + 2))],
    }[type(drive.input)]  # fmt: skip
    name, value = options[rng.integers(0, len(options))]
    return lambda: setattr(drive, name, value)


def _record(net: sl.Network, rng: Any) -> Call:
    p = _neurons(net, rng)
    options: list[tuple[Any, Any, Any]] = [
        (p, "bogus", None), (p, "V_m", -1.0), (p, "V_m", 0.0), (p, "V_m", 0.4 * net.dt), (p, "spikes", net.dt), (p, None, None),
        (p, "weights", None), (p, "V_m", np.nan), ("p", "V_m", None), (sl.Network().population(2, sl.LIF()), "V_m", None),
    ]  # fmt: skip
    if net.projections:
        options += [
            (net.projections[0], "spikes", None),
            (net.projections[0], "weights", 0.3 * net.dt),
        ]
    target, what, every = options[rng.integers(0, len(options))]
    return lambda: net.record(target, what, every=every)


def _state(net: sl.Network, rng: Any) -> Call | None:
    p = _neurons(net, rng)
    if len(p) < 2:
        return None
    name = str(rng.choice(list(p.model.states)))
    value = _one(rng, np.nan, np.inf, -np.inf, "x", np.zeros(len(p) + 1), [0.0, np.nan], None)
    if isinstance(value, list):
        return lambda: getattr(p, name).__setitem__(slice(0, 2), value)
    return lambda: setattr(p, name, value)


def _negative_conductance(net: sl.Network, rng: Any) -> Call | None:
    p = _of(net, rng, sl.LIFCond)
    return None if p is None or not len(p) else lambda: setattr(p, "g_ex", -1.0)


def _parameter(net: sl.Network, rng: Any) -> Call:
    p = _neurons(net, rng)
    name, value = _one(
        rng, ("C_m", -1.0), ("C_m", 0.0), ("V_th", np.nan), ("t_ref", -1.0), ("V_reset", 1000.0), ("theta_plus", -1.0), ("tau_theta", 0.0),
        ("reset", "half"), ("I_e", np.zeros(len(p) + 2)), ("I_e", "x"), ("I_e", np.inf), ("E_L", None),
    )  # fmt: skip
    if hasattr(p.model, "equations"):  # which has other rules
        name, value = _one(
            rng, ("C_m", -1.0), ("C_m", 0.0), ("V_th", np.nan), ("t_ref", -1.0), ("tau_m", 0.0), ("I_e", np.zeros(len(p) + 2)),
            ("I_e", "x"), ("I_e", np.inf), ("E_L", None),
        )  # fmt: skip
    if name == "V_reset" and (not len(p) or np.any(np.asarray(p.model.theta_plus) > 0)):
        return None
    part = rng.random() < 0.3 and len(p) > 2
    if part and np.ndim(value) == 0 and name != "reset":
        return lambda: p[:2].set(**{name: value})
    return lambda: setattr(p, name, value)


def _weights(net: sl.Network, rng: Any) -> Call | None:
    q = _projection(net, rng)
    if q is None or len(q) < 2:
        return None
    bad: list[Any] = [
        np.nan,
        np.inf,
        np.ones(len(q) + 1),
        "w",
        np.where(np.arange(len(q)) == len(q) - 1, np.nan, 0.5),
        None,
    ]
    if q.plasticity is not None and np.isfinite(q.plasticity.bounds[1]):
        bad.append(q.plasticity.bounds[1] * 1.01 + 1.0)
    if q.post.model.conductance and int(q.receptor) >= 0 and repr(q.receptor).find("by_sign") < 0:
        bad.append(-1.0)
    value = bad[rng.integers(0, len(bad))]
    return lambda: setattr(q, "weights", value)


def _normalize(net: sl.Network, rng: Any) -> Call | None:
    q = _projection(net, rng, plastic=True)
    total = _one(rng, 0.0, -1.0, np.nan, np.inf, "one", [1.0, 2.0])
    return None if q is None else lambda: q.normalize(total)


def _normalize_static(net: sl.Network, rng: Any) -> Call | None:
    q = _projection(net, rng, plastic=False)
    return None if q is None else lambda: q.normalize(1.0)


def _regulate(net: sl.Network, rng: Any) -> Call | None:
    q, static = _projection(net, rng, plastic=True), _projection(net, rng, plastic=False)
    good = sl.WeightNormalization(total=1.0, every=net.dt)
    options: list[tuple[Any, Any]] = [("q", good)]
    if static is not None:
        options.append((static, good))
    if q is not None:
        options += [
            (q, "x"),
            (q, sl.WeightNormalization),
            (q, sl.WeightNormalization(total=1.0, every=0.4 * net.dt)),
        ]
        options += [(q, sl.SynapticScaling(rate=1.0, every=1.3 * net.dt))]
    target, how = options[rng.integers(0, len(options))]
    return lambda: net.regulate(target, how)


def _reward(net: sl.Network, rng: Any) -> Call | None:
    q = next((x for x in net.projections if isinstance(x.plasticity, sl.RewardSTDP)), None)
    other = next((x for x in net.projections if not isinstance(x.plasticity, sl.RewardSTDP)), None)
    options: list[Call] = []
    if q is not None:
        dt, t = net.dt, net.t
        for value in (np.nan, np.inf, "x", [1.0, 2.0]):
            options.append(lambda value=value: setattr(q, "reward", value))  # type: ignore[misc]
        for times, values in (([t], [1.0]), ([t + 2 * dt, t + dt], [1.0, 1.0]), ([t + 1.4 * dt], 1.0), ([t + dt], [1.0, 2.0]),
                              ([t + dt, t + 2 * dt], [1.0, np.nan]), ([np.nan], [1.0]), ([t + dt, np.inf], 1.0)):  # fmt: skip
            options.append(lambda times=times, values=values: q.schedule_reward(times, values))  # type: ignore[misc]
    if other is not None:
        options += [
            lambda: setattr(other, "reward", 1.0),
            lambda: other.schedule_reward([net.t + net.dt], 1.0),
        ]
    return options[rng.integers(0, len(options))] if options else None


def _plasticity(net: sl.Network, rng: Any) -> Call | None:
    q = _projection(net, rng)
    if q is None:
        return None
    options: list[Any] = [None, "x"] if q.plasticity is not None else [sl.STDP(), "x"]
    if isinstance(q.plasticity, sl.STDP):
        options += [dataclasses.replace(q.plasticity, tau_plus=77.0), sl.TripletSTDP()]
    value = options[rng.integers(0, len(options))]
    return lambda: setattr(q, "plasticity", value)


def _reset(net: sl.Network, rng: Any) -> Call:
    at = _one(rng, -1.0, np.nan, np.inf, 0.4 * net.dt, "now", None)
    return lambda: net.reset(at=at)


def _rate(net: sl.Network, rng: Any) -> Call | None:
    p = _of(net, rng, sl.PoissonSource)
    value = None if p is None else _one(rng, -1.0, np.nan, np.inf, "x", np.ones(len(p) + 2))
    return None if p is None else lambda: setattr(p, "rate", value)


def _raster(net: sl.Network, rng: Any) -> Call | None:
    p = _of(net, rng, sl.RasterSource)
    value = (
        None
        if p is None
        else _one(
            rng,
            np.zeros((3, len(p) + 1), int),
            np.zeros(3, int),
            np.full((2, len(p)), -1),
            [[0.5]],
            "x",
        )
    )
    if (
        isinstance(value, np.ndarray)
        and value.size == 0
        and value.ndim == 2
        and value.shape[1] == len(p or ())
    ):
        return None
    return None if p is None else lambda: setattr(p, "raster", value)


def _train(net: sl.Network, rng: Any) -> Call | None:
    p = _of(net, rng, sl.SpikeSource)
    if p is None:
        return None
    t, dt = net.t, net.dt
    times, ids = _one(
        rng,
        ([t + dt], [len(p)]),
        ([t + dt], [-1]),
        ([t + dt, t], [0, 0]),
        ([t + 1.4 * dt], [0]),
        ([np.nan], [0]),
        ([t + dt], [0.0]),
        ([t + dt], [0, 0]),
    )
    if len(p) == 0 and ids == [0]:
        return None
    return lambda: p.set(times=times, ids=ids, snap=False)


def _set_size(net: sl.Network, rng: Any) -> Call:
    p = _neurons(net, rng)
    name = _one(rng, "sizes", "V", "I_e ")
    value = 1.0

    def call() -> None:
        try:
            setattr(p, name, value)
        except AttributeError as error:  # Python's own for such a name
            raise TypeError from error

    return call


def _settings(net: sl.Network, rng: Any) -> Call:
    name, value = _one(
        rng, ("dt", 0.25), ("seed", 99), ("populations", []), ("projections", []), ("recorders", []), ("t", 5.0), ("dtype", "float32")
    )  # fmt: skip

    def call() -> None:
        try:
            setattr(net, name, value)
        except AttributeError as error:
            raise TypeError from error

    return call


def _lists(net: sl.Network, rng: Any) -> Call | None:
    """Lists of a network's parts cannot lose or gain any."""
    name = _one(rng, "populations", "projections", "recorders", "regulations")
    if not getattr(net, name):
        return None

    def call() -> None:
        try:
            del getattr(net, name)[0]
        except AttributeError as error:
            raise TypeError from error

    return call


CALLS: dict[str, Callable[[Any, Any], Call | None]] = {
    "run": _run,
    "save_every": _save_every,
    "population": _population,
    "spikes in the past": _past,
    "connect to a source": _connect_source,
    "connect": _connect,
    "inject": _inject,
    "drive": _drive,
    "record": _record,
    "state": _state,
    "negative conductance": _negative_conductance,
    "parameter": _parameter,
    "weights": _weights,
    "normalize": _normalize,
    "normalize static": _normalize_static,
    "regulate": _regulate,
    "reward": _reward,
    "plasticity": _plasticity,
    "reset": _reset,
    "rate": _rate,
    "raster": _raster,
    "train": _train,
    "unknown attribute": _set_size,
    "settings": _settings,
    "lists": _lists,
}
