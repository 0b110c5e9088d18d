"""The choice of the best conversion: the candidates, a model of each, and how close each comes to the ANN."""

from __future__ import annotations

import contextlib
import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, TypeAlias, TypeVar

import numpy as np

from spikelet._util import progress as _progress
from spikelet._util.checks import choice, fail
from spikelet._util.described import Described
from spikelet.conversion.converted import ConvertedModel
from spikelet.conversion.layerwise.activity import Calibration, Floats
from spikelet.conversion.layerwise.site import Method
from spikelet.conversion.layerwise.streaming import fit_layers, spiking_names
from spikelet.conversion.methods import METHODS
from spikelet.conversion.neurons import Neurons, can_spike, need_all_steps
from spikelet.layers import Activation, Foreign, Graded, ReLU
from spikelet.layers.samples import Samples
from spikelet.layers.spiking_model import SpikingModel

_FEW_STEPS = 8
_SMALL = 1 << 30  # values of all neurons, samples and steps
_SCORED = 256  # samples at most on which a model is scored
_HELD_OUT = 5  # one sample of so many is held out to choose between methods
_FEWEST = 10  # with fewer samples, none is held out
_TINY = 1e-30
_NEAR = 1.25  # errors within this factor of the least let the decisions count

Key = TypeVar("Key")
Watch: TypeAlias = Callable[[str], None]
Progress: TypeAlias = bool | Callable[[int, int, str], Any]


# The candidates


@dataclass(frozen=True, repr=False, eq=False)
class Auto(Described):
    """Several methods, of which `spikelet.convert` returns the one that comes closest to the ANN.

    Parameters
    ----------
    methods : sequence of method or str
        By default "fitted" and "percentile"; for small networks also "maxnorm", "least_error" and "calibrated", and for
        those trained with QCFS activations "qcfs".
    """

    methods: Sequence[Method | str] = ()

    def __post_init__(self) -> None:
        given = (self.methods,) if isinstance(self.methods, Method | str) else self.methods
        found = tuple(_method("Auto", m, *METHODS) for m in given)
        object.__setattr__(self, "methods", found)

    def to_try(self, cal: Calibration) -> tuple[Method, ...]:
        """Return the methods to try for a network, the likely best one first."""
        if self.methods:
            return self.methods  # type: ignore[return-value]  # names have become methods
        names = ["fitted", "percentile"]
        if is_small(cal):
            names += ["maxnorm", "least_error", "calibrated"]
        relus = [n.layer for n in cal.graph if isinstance(n.layer, ReLU) and n.name not in cal.kept]
        if all(relu.levels > 0 for relu in relus):
            names.append("qcfs")
        return tuple(METHODS[name]() for name in names)


def method_of(where: str, given: Any) -> Method | Auto:
    """Return a method that a user gives as an object or by its name."""
    if isinstance(given, Auto):
        return given
    return Auto() if given == "auto" else _method(where, given, "auto", *METHODS)


def _method(where: str, given: Any, *names: str) -> Method:
    if isinstance(given, Method):
        return given
    if not isinstance(given, str):
        rule = 'must be a name such as "fitted", or a method such as conversion.Percentile(99.9)'
        fail(where, "method", given, rule, error=TypeError)
    choice(where, "method", given, *names)
    return METHODS[given]()


class Candidate(NamedTuple):
    """A method and a kind of neurons."""

    method: Method
    neuron: str

    def __str__(self) -> str:
        """Return both names, and the options of the method."""
        options = repr(self.method) if isinstance(self.method, Described) else "()"
        name = self.method.name if options.endswith("()") else options
        return f"{name}/{self.neuron}"


def is_small(cal: Calibration) -> bool:
    """Return whether many methods can be tried within seconds."""
    names = [n.name for n in cal.graph if can_spike(n.layer)]
    neurons = sum(math.prod(cal.shapes[n]) for n in names)
    return neurons * cal.count * cal.steps <= _SMALL


def candidates(
    where: str, method: Method | Auto, neurons: Neurons, cal: Calibration
) -> tuple[Candidate, ...]:
    """Return the candidates for the arguments of `convert`, the likely best one first.

    Raises
    ------
    ValueError
        If method and neurons do not go together, or the neurons need the steps that a `delay` leaves out.
    """
    auto = isinstance(method, Auto)
    methods = method.to_try(cal) if isinstance(method, Auto) else (method,)
    kind, late = neurons.kind, neurons.delay not in ("auto", 0)
    follow = [Candidate(m, "predictive") for m in methods if "predictive" in m.kinds]
    if kind is None and follow and _follows(cal, follow[0]):
        found = follow  # others would leave activations graded
    elif kind is None:
        # Very few steps leave no time to wait for an estimate, and shallow networks need none.
        few = late or cal.steps <= _FEW_STEPS or (auto and is_small(cal))
        found = [Candidate(m, k) for m in methods for k in m.usual(few_steps=few)]
    else:
        found = [Candidate(m, kind) for m in methods if kind in m.kinds]
        if not found:
            fail(where, "method", methods[0].name, f'must be "fitted" with neuron="{kind}"')
    lasting = tuple(c for c in found if not (late and c.method.needs_all_steps(c.neuron)))
    if not lasting:
        rule = f'must be 0 or "auto" with {found[0].neuron} neurons: the spikes of all steps make up one number; '
        rule += 'neuron="soft" can leave steps out, but activations other than ReLU stay graded'
        fail(where, "delay", neurons.delay, rule)
    return lasting


def _follows(cal: Calibration, candidate: Candidate) -> bool:
    """Return whether neurons follow another activation than a ReLU."""
    names = spiking_names(replace(cal, neuron=candidate.neuron), candidate.method)
    return any(isinstance(cal.graph[n].layer, Activation) for n in names)


# A model of each


def best_model(
    found: Sequence[Candidate],
    cal: Calibration,
    ann: SpikingModel,
    options: Mapping[str, Any],
    *,
    delay: int | None,
    seed: int,
    progress: Progress,
) -> ConvertedModel:
    """Return the model of the best candidate.

    Parameters
    ----------
    found : sequence of Candidate
    cal : Calibration
    ann : SpikingModel
    options : mapping
        Options of the result.
    delay : int or None
        Readout delay; None chooses the best.
    seed : int
        Seed of coded inputs.
    progress
        As for `convert`.
    """
    several, small = len(found) > 1, is_small(cal)

    def made(candidate: Candidate, cal: Calibration) -> ConvertedModel:
        given = replace(cal, neuron=candidate.neuron)
        changes = fit_layers("convert", given, candidate.method, watch)
        return ConvertedModel(
            cal.graph.replaced(changes),
            ann,
            method=candidate.method.name,
            neuron=candidate.neuron,
            steps=cal.steps,
            **options,
        )

    def scored(model: ConvertedModel, cal: Calibration) -> Score:
        few = [x[:_SCORED] for x in cal.inputs.values()]
        return score(model, ann, few, cal.steps, delay=delay, seed=seed)

    sites = spiking_names(replace(cal, neuron=found[0].neuron), found[0].method)
    with _watching(progress, len(sites) * (len(found) + (several and small))) as watch:
        ranked, chosen = {}, 0
        if several:
            fitting, held_out = _split(cal)
            models = [made(c, fitting) for c in found]
            scores = {k: scored(model, held_out) for k, model in enumerate(models)}
            chosen = best(scores)
            order = sorted(scores, key=lambda k: k != chosen)
            ranked = {str(found[k]): scores[k].values for k in order}
            model, known = models[chosen], scores[chosen]
        if small or not several:  # fit to all inputs, with the delay that suits these
            model = made(found[chosen], cal)
            known = scored(model, cal)
        model.delay = known.delay
        model.scores.update(ranked)
        return model


def _split(cal: Calibration) -> tuple[Calibration, Calibration]:
    """Return inputs to fit to, and others that are held out."""
    if cal.count < _FEWEST:
        return cal, cal
    out = np.arange(cal.count) % _HELD_OUT == _HELD_OUT - 1
    return cal.part(~out), cal.part(out)


@contextlib.contextmanager
def _watching(progress: Progress, total: int) -> Iterator[Watch]:
    """Yield a function that takes the name of each layer before it is fitted."""
    if not progress:
        yield lambda _name: None
        return
    numbers = itertools.count()
    bar: Any = contextlib.nullcontext(progress)
    with bar if callable(progress) else _progress.layers("converting") as report:
        yield lambda name: report(next(numbers), total, name)
        report(total, total, "")


# How close each comes


class Score(NamedTuple):
    """How closely a converted model approximates its ANN.

    Parameters
    ----------
    error : float
        Root mean square difference of an output from the ANN's, relative to that of the difference and the spread of
        this output. Each output then has the same weight, and one that hardly varies counts at most 1.
    agreement : float
        Share of samples (of pixels, for outputs that are images) with the ANN's decision, the largest output; NaN for a
        single output.
    delay : int
        The readout delay with the least error.
    samples : int
        Number of decisions that were compared.
    """

    error: float
    agreement: float
    delay: int
    samples: int

    @property
    def values(self) -> dict[str, float]:
        """Error and agreement by name."""
        return {"error": self.error, "agreement": self.agreement}


def best(scores: Mapping[Key, Score]) -> Key:
    """Return the key of the best score: that of the least error.

    Among errors that hardly differ, one that agrees with the ANN's decisions significantly more often goes first.
    """
    least = min(scores, key=lambda name: scores[name].error)
    first = scores[least]
    near = {n: s for n, s in scores.items() if s.error <= _NEAR * first.error}
    most = max(near, key=lambda name: np.nan_to_num(near[name].agreement, nan=-1.0))
    gain = near[most].agreement - first.agreement
    doubt = sum(s.agreement * (1 - s.agreement) / s.samples for s in (near[most], first))
    return most if gain > 2 * math.sqrt(doubt) else least


def score(
    model: SpikingModel,
    ann: SpikingModel,
    inputs: Sequence[Floats],
    steps: int,
    *,
    delay: int | None,
    **run_args: Any,
) -> Score:
    """Compare the outputs of a model with those of its ANN.

    Parameters
    ----------
    model, ann : SpikingModel
    inputs : sequence of array, [N, ...]
        One for each input.
    steps : int
    delay : int or None
        Readout delay; None chooses the one, at most half of the steps, whose mean outputs come closest. Predictive
        neurons have none.
    **run_args
        ``coding`` and ``seed`` of `SpikingModel.run`.
    """
    given = dict(zip(ann.graph.inputs, inputs, strict=True))
    wanted = [y.astype(np.float64) for y in ann.run(given, steps=1).outputs.values()]
    # The means from any delay on are those of one run, but layers that take means start anew at the delay.
    once = not any(isinstance(node.layer, Graded | Foreign | ReLU) for node in model.graph)
    tried = range(steps // 2 + 1) if once else sorted({steps * k // 16 for k in (0, 1, 2, 4, 8)})
    if need_all_steps(model.graph):
        tried = range(1)
    delays = list(tried) if delay is None else [delay]
    samples = Samples("convert", given, steps, None)
    shapes = model.graph.shapes(samples.shapes)
    size = 4 * sum(math.prod(shapes[name]) for name in model.graph.outputs)
    # Squared differences of each output channel, and the number of equal decisions, at each delay.
    wrong = [np.zeros((len(delays), y.shape[1])) for y in wanted]
    same = np.zeros(len(delays))

    def add(at: int, part: slice, means: Iterable[Floats]) -> None:
        for k, (mean, every) in enumerate(zip(means, wanted, strict=True)):
            y = every[part]
            wrong[k][at] += np.square(mean - y).sum((0, *range(2, y.ndim)))
            if k == 0:
                same[at] += (mean.argmax(1) == y.argmax(1)).sum()

    if once:
        records = [f"{name}.value" for name in model.graph.outputs]
        run_args.update(delay=0, record=records)
        for part, result in samples.run(model, steps * size, **run_args):
            for at, means in _means(model, [result[name] for name in records], delays):
                add(at, part, means)
    else:
        for at, d in enumerate(delays):
            for part, result in samples.run(model, size, delay=d, **run_args):
                add(at, part, [y.astype(np.float64) for y in result.outputs.values()])
    spreads = [np.square(y - y.mean(0)).sum((0, *range(2, y.ndim))) for y in wanted]
    by_delay = sum(w.sum(1) / max(s.sum(), _TINY) for w, s in zip(wrong, spreads, strict=True))
    best_at = int(np.argmin(by_delay))
    shares = [w[best_at] / (w[best_at] + s + _TINY) for w, s in zip(wrong, spreads, strict=True)]
    decisions = wanted[0].size // wanted[0].shape[1]
    alone = wanted[0].shape[1] == 1
    return Score(
        math.sqrt(float(np.mean([share.mean() for share in shares]))),
        math.nan if alone else float(same[best_at]) / decisions,
        delays[best_at],
        decisions,
    )


def _means(
    model: SpikingModel, every: Sequence[Floats], delays: Sequence[int]
) -> Iterator[tuple[int, list[Floats]]]:
    """Yield the index of each delay, from the last one to the first, and the means of the outputs from then on."""
    weights = np.ones(len(every[0])) if model.sizes is None else model.sizes
    last = delays[-1]
    sums = [np.tensordot(weights[last:], v[last:].astype(np.float64), 1) for v in every]
    for at, d in reversed(list(enumerate(delays))):
        if d < last:
            sums = [s + weights[d] * v[d] for s, v in zip(sums, every, strict=True)]
        yield at, [s / weights[d:].sum() for s in sums]
