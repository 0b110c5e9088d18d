"""EventProp: LIF neurons in continuous time whose spike times have exact gradients (Wunderlich & Pehle 2021).

There are no time steps and no surrogate gradient: spike times solve the equations of the neuron, and the
adjoint equations are integrated backwards from spike to spike. Memory grows with the number of spikes; with
delays, the backward pass needs memory for the arrivals of each spike at all neurons.
"""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import torch
from torch import nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from spikelet import _core
from spikelet._util.checks import fail, integer, named, number
from spikelet.torch.arguments import real, require_kind
from spikelet.torch.delay import Per, expanded, first_delays, kept_within, shape_of
from spikelet.torch.losses import check_labels

# tau_mem, tau_syn, v_threshold, t_max, in_features
_Model: TypeAlias = tuple[float, float, float, float, int]


class EventSpikes:
    """The spikes of a batch, sorted by time within each sample.

    Parameters
    ----------
    times : float tensor ``[S]``
        Spike times of sample 0, then of sample 1, ...; finite, >= 0 and ascending within a sample; stored
        as float64. Gradients flow through them.
    ids : int64 tensor ``[S]``
        The neuron of each spike, in ``0 .. n - 1``.
    offsets : int64 tensor ``[B + 1]``
        The spikes of sample b are ``offsets[b] .. offsets[b + 1] - 1``.
    n : int
        Number of neurons.

    Raises
    ------
    TypeError
        A tensor has the wrong dtype.
    ValueError
        A rule above is broken, or a tensor is not on the CPU.

    Examples
    --------
    >>> import torch
    >>> from spikelet.torch.event_prop import EventSpikes
    >>> spikes = EventSpikes.from_first(torch.tensor([[3.0, 1.0], [float("inf"), 2.0]]))
    >>> spikes.times, spikes.ids, spikes.offsets
    (tensor([1., 3., 2.], dtype=torch.float64), tensor([1, 0, 1]), tensor([0, 2, 3]))
    """

    __slots__ = ("ids", "n", "offsets", "times")

    def __init__(self, times: Any, ids: Any, offsets: Any, n: int) -> None:
        n = integer("EventSpikes", "n", n, 0)
        _tensor("EventSpikes", "times", times, 1, "floating")
        _tensor("EventSpikes", "ids", ids, 1, torch.int64)
        _tensor("EventSpikes", "offsets", offsets, 1, torch.int64)
        times = times.double()
        with named("EventSpikes"):
            _core.event_check(_array(offsets), _array(times), _array(ids), n)
        self.times, self.ids, self.offsets, self.n = times, ids, offsets, n

    @classmethod
    def _made(cls, times: Any, ids: Any, offsets: Any, n: int) -> EventSpikes:
        """Return spikes without checking them."""
        self = cls.__new__(cls)
        self.times, self.ids, self.offsets, self.n = times, ids, offsets, n
        return self

    @classmethod
    def from_first(cls, times: Any) -> EventSpikes:
        """Return at most one spike per neuron, from a float tensor ``[B, N]`` of times >= 0; inf means no spike."""
        _tensor("EventSpikes.from_first", "times", times, 2, "floating")
        bad = ~(times >= 0)
        if bad.any():
            fail("EventSpikes.from_first", "times", times[bad][0].item(), "must be >= 0 or inf")
        ids = times.detach().argsort(dim=1, stable=True)
        ordered = times.double().gather(1, ids)
        spikes = torch.isfinite(ordered)
        offsets = nn.functional.pad(spikes.sum(1).cumsum(0), (1, 0))
        return cls._made(ordered[spikes], ids[spikes], offsets, times.shape[1])

    def __repr__(self) -> str:
        return f"EventSpikes({len(self.times)} spikes, {self.batch} samples, {self.n} neurons)"

    @property
    def batch(self) -> int:
        """Number of samples B."""
        return len(self.offsets) - 1

    def _cells(self) -> Any:
        """Return the index of each spike in a flat ``[B, N]``."""
        samples = torch.arange(self.batch).repeat_interleave(self.offsets.diff())
        return samples * self.n + self.ids

    def counts(self) -> Any:
        """Return the number of spikes of each neuron, int64 ``[B, N]``."""
        cells = self.batch * self.n
        return torch.bincount(self._cells(), minlength=cells).view(self.batch, self.n)

    def first(self, silent: float = math.inf) -> Any:
        """Return the time of the first spike of each neuron, float64 ``[B, N]``; `silent` if there is none.

        Gradients flow to the first spikes; those of `silent` entries are dropped.
        """
        silent = float(number("EventSpikes.first", "silent", silent))
        n_spikes = len(self.times)
        where = torch.full((self.batch * self.n,), n_spikes)
        where.scatter_reduce_(0, self._cells(), torch.arange(n_spikes), "amin")
        padded = nn.functional.pad(self.times, (0, 1), value=silent)
        return padded[where].view(self.batch, self.n)


class EventProp(nn.Module):
    r"""A fully connected layer of LIF neurons, solved and differentiated exactly in continuous time.

    .. math:: \tau_m \dot V = -V + I, \qquad \tau_s \dot I = -I

    `I` jumps by a weight when an input spike arrives. When `V` reaches the threshold from below, the neuron spikes
    and `V` is reset to 0; `I` is not reset. A neuron may spike any number of times. Spikes arrive at once, or after
    delays that are learned like weights; with `recurrent`, spikes of the layer reach its own neurons too.

    Parameters
    ----------
    in_features, out_features : int >= 1
    tau_mem, tau_syn : float > 0
        Time constants [ms]; they may be equal.
    v_threshold : float > 0
        Threshold. A single spike of weight `w` raises `V` to ``w * self.peak``: 0.157 w with 20 and 5 ms.
    t_max : float > 0
        End of the simulation [ms]: later spikes are neither used nor returned. By default neurons are
        simulated until they are quiet.
    drive, spread : float, float >= 0
        Initial weights are normal, with mean ``drive * v_threshold / (peak * in_features)`` and
        standard deviation ``spread * v_threshold / (peak * sqrt(in_features))``. With a drive of 1, one
        simultaneous spike of each input just reaches the threshold on average.
    generator : torch.Generator, optional
        Random generator of the initial weights.
    dtype : torch.dtype, optional
        Type of the parameters. All computations are in float64.
    max_delay : float >= 0
        Longest delay [ms]; 0 for a layer without delays. Delays that the optimizer has moved out of 0 .. `max_delay` act as
        its ends, to which a run in training mode sets them back.
    per : "synapse", "axon" or "neuron"
        Separate delays for all synapses [out, in], for the inputs [in], or for the outputs [out].
    delay : float, array-like or Tensor, optional
        Initial delays [ms]; by default drawn uniformly from 0 .. `max_delay`.
    recurrent : bool
        Connect all neurons of the layer, also to themselves, by weights that are first drawn with mean 0 and standard
        deviation ``spread * v_threshold / (peak * sqrt(out_features))``, and with `max_delay` by delays of all synapses.

    Attributes
    ----------
    weight : Parameter ``[out_features, in_features]``
    delay : Parameter, or None
        [ms]; its shape is that of `per`.
    recurrent : Parameter ``[out_features, out_features]`` (to, from), or None
    recurrent_delay : Parameter ``[out_features, out_features]``, or None

    Notes
    -----
    A neuron that never spikes has no gradient and never learns. Three things help: a
    `drive` well above 1, `revive`, and ``first(silent=t_max)`` for the output.

    The gradient of a spike time is 1/V' at the crossing, which is large if the potential barely reaches the
    threshold; a potential that only touches it does not spike. Gradients may need clipping.

    The gradient of a delay is that of the arrival time: ``weight / tau_syn * dL/dI - weight / tau_mem * dL/dV`` at the
    arrival, summed over spikes. Delays are exact numbers, not steps.

    Results and gradients are bit-identical for any number of threads (``torch.get_num_threads()``). A layer is fastest
    without delays, because spikes then arrive at all neurons at the same times, and without recurrence.

    References
    ----------
    T. C. Wunderlich and C. Pehle, "Event-based backpropagation can compute exact gradients for spiking
    neural networks", Scientific Reports 11, 12829 (2021). B. Mészáros, J. C. Knight and T. Nowotny, "Efficient
    event-based delay learning in spiking neural networks", Nature Communications (2025).

    Examples
    --------
    >>> import torch
    >>> from spikelet.torch.event_prop import EventProp, EventSpikes
    >>> layer = EventProp(2, 3, t_max=30.0, drive=3.0)
    >>> out = layer(EventSpikes.from_first(torch.tensor([[3.0, 1.0]])))
    >>> out.first(silent=30.0).sum().backward()
    >>> layer.weight.grad.shape
    torch.Size([3, 2])
    """

    tau_mem: float
    tau_syn: float
    v_threshold: float
    drive: float
    spread: float
    max_delay: float

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        tau_mem: float = 20.0,
        tau_syn: float = 5.0,
        v_threshold: float = 1.0,
        t_max: float = math.inf,
        drive: float = 2.0,
        spread: float = 0.5,
        generator: Any = None,
        dtype: Any = None,
        max_delay: float = 0.0,
        per: Per = "synapse",
        delay: Any = None,
        recurrent: bool = False,
    ) -> None:
        super().__init__()
        self.in_features = integer("EventProp", "in_features", in_features, 1)
        self.out_features = integer("EventProp", "out_features", out_features, 1)
        for name, value, rule, unit in (
            ("tau_mem", tau_mem, "> 0", "ms"),
            ("tau_syn", tau_syn, "> 0", "ms"),
            ("v_threshold", v_threshold, "> 0", ""),
            ("drive", drive, "finite", ""),
            ("spread", spread, ">= 0", ""),
            ("max_delay", max_delay, ">= 0", "ms"),
        ):
            setattr(self, name, real("EventProp", name, value, rule, unit))
        self.t_max = float(number("EventProp", "t_max", t_max, "ms"))
        if not self.t_max > 0:
            fail("EventProp", "t_max", t_max, "must be > 0")
        if dtype is not None and not (isinstance(dtype, torch.dtype) and dtype.is_floating_point):
            raise TypeError(f"EventProp: dtype must be a floating point type, got {dtype}")
        shape = shape_of("EventProp", per, self.in_features, self.out_features)
        self.per = per
        if delay is not None and self.max_delay == 0:
            fail("EventProp", "delay", "given", "needs max_delay > 0, the longest delay [ms]")
        require_kind("EventProp", "recurrent", recurrent, bool, "True or False")
        require_kind(
            "EventProp", "generator", generator, torch.Generator | None, "a torch.Generator"
        )
        loops = (self.out_features, self.out_features) if recurrent else None
        self.weight = nn.Parameter(torch.empty(out_features, in_features, dtype=dtype))
        self._add("recurrent", None if loops is None else torch.empty(loops, dtype=dtype))
        self._add("delay", None)
        self._add("recurrent_delay", None)
        self.reset_parameters(generator)
        if self.max_delay > 0:
            self._add("delay", self._drawn(delay, shape, generator, dtype))
            if loops is not None:
                self._add("recurrent_delay", self._drawn(None, loops, generator, dtype))

    def _add(self, name: str, value: Any) -> None:
        self.register_parameter(name, None if value is None else nn.Parameter(value))

    def _drawn(self, given: Any, shape: tuple[int, ...], generator: Any, dtype: Any) -> Any:
        return first_delays("EventProp", given, shape, self.max_delay, "ms", generator, dtype)

    @property
    def peak(self) -> float:
        """Peak of the potential after a single input spike of weight 1."""
        ratio = self.tau_syn / self.tau_mem
        near_equal = abs(ratio - 1) < 1e-6
        return math.exp(-1) if near_equal else ratio ** (1 / (1 - ratio))

    def reset_parameters(self, generator: Any = None) -> None:
        """Draw new weights; delays stay.

        Parameters
        ----------
        generator : torch.Generator, optional

        Raises
        ------
        TypeError
            If `generator` is of another type; nothing has changed then.
        """
        where = "EventProp.reset_parameters"
        require_kind(where, "generator", generator, torch.Generator | None, "a torch.Generator")
        unit = self.v_threshold / self.peak
        mean = self.drive * unit / self.in_features
        std = self.spread * unit / math.sqrt(self.in_features)
        nn.init.normal_(self.weight, mean, std, generator)
        if self.recurrent is not None:
            std = self.spread * unit / math.sqrt(self.out_features)
            nn.init.normal_(self.recurrent, 0.0, std, generator)

    def extra_repr(self) -> str:
        """Return the parameters that `repr` shows."""
        names = ["in_features", "out_features", "tau_mem", "tau_syn", "v_threshold", "t_max"]
        parts = [f"{name}={getattr(self, name)}" for name in names]
        if self.max_delay > 0:
            parts += [f"max_delay={self.max_delay}", f"per={self.per!r}"]
        return ", ".join(parts + ["recurrent=True"] * (self.recurrent is not None))

    def forward(self, spikes: EventSpikes) -> EventSpikes:
        """Return the spikes of the neurons of this layer.

        Raises
        ------
        TypeError
            `spikes` is not an `EventSpikes`.
        ValueError
            The number of neurons differs; or weights or delays are not finite, or weights so large that a neuron
            spikes more than 65536 times in a sample.
        """
        if not isinstance(spikes, EventSpikes):
            rule = "must be EventSpikes, e.g. EventSpikes.from_first(times)"
            raise TypeError(f"EventProp: spikes {rule}, got {type(spikes).__name__}")
        if spikes.n != self.in_features:
            rule = f"must come from {self.in_features} neurons"
            fail("EventProp", "spikes", spikes.n, rule, got="n =")
        model = (self.tau_mem, self.tau_syn, self.v_threshold, self.t_max, self.in_features)
        times, ids, offsets = _Solved.apply(
            model,
            spikes.offsets,
            spikes.ids,
            spikes.times,
            self._synapses("weight", "recurrent"),
            self._synapses("delay", "recurrent_delay"),
        )
        return EventSpikes._made(times, ids, offsets, self.out_features)

    def _synapses(self, of_inputs: str, of_neurons: str) -> Any:
        """Return the weights or delays of all synapses: those of the inputs, then the recurrent ones."""
        found = []
        for name, sources in ((of_inputs, self.in_features), (of_neurons, self.out_features)):
            values, shape = getattr(self, name), (self.out_features, sources)
            if values is None:
                continue
            _tensor("EventProp", name, values, values.ndim, "floating")
            if "delay" in name:
                bound = self.max_delay
                values = kept_within("EventProp", name, values, bound, training=self.training)
                values = expanded(values, "synapse" if name == of_neurons else self.per, shape)
            if values.shape != shape:
                got = tuple(values.shape)
                fail("EventProp", name, got, f"must have the shape {shape}", got="shape")
            found.append(values)
        return None if not found else found[0] if len(found) == 1 else torch.cat(found, 1)

    def revive(self, spikes: EventSpikes, amount: float, *, least: float = 0.0) -> int:
        """Add `amount` to all weights of the neurons that are silent too often.

        Call it after the step of the optimizer, since the backward pass needs the old weights.

        Parameters
        ----------
        spikes : EventSpikes
            Output of this layer for a batch.
        amount : float
        least : float in [0, 1]
            Revive the neurons that spike in at most this fraction of the samples: by default those that never
            spike. Use a value such as 0.9 for an output layer whose neurons should all spike in each sample.

        Returns
        -------
        int
            Number of neurons that were revived.

        Raises
        ------
        TypeError, ValueError
            If `spikes` are not `EventSpikes` of as many neurons, a number is out of range, or the weight is parametrized or
            normalized; nothing has changed then.
        """
        where = "EventProp.revive"
        real(where, "amount", amount, "finite")
        real(where, "least", least, "in [0, 1]")
        require_kind(where, "spikes", spikes, EventSpikes, "the EventSpikes of this layer")
        if spikes.n != self.out_features:
            rule = f"must come from {self.out_features} neurons"
            fail(where, "spikes", spikes.n, rule, got="n =")
        pruned = hasattr(self, "weight_mask")
        weight = self.weight_orig if pruned else self.weight
        if not isinstance(weight, nn.Parameter):
            rule = "must be a parameter, or pruned: what is added to a computed weight is lost"
            fail(where, "weight", "parametrized or normalized", rule)
        silent = (spikes.counts() > 0).sum(0) <= least * spikes.batch
        with torch.no_grad():
            weight[silent] += amount
        return int(silent.sum())


class _Solved(torch.autograd.Function):
    """Spikes of the layer, by the weights and delays of all synapses; without delays these are None."""

    @staticmethod
    def forward(
        ctx: Any, model: _Model, offsets: Any, ids: Any, times: Any, weights: Any, delays: Any
    ) -> Any:
        given: Any = map(_array, (offsets, times, ids, weights, delays))
        with named("EventProp"):
            out_offsets, out_times, out_ids, ctx.currents = _core.event_forward(
                *model, *given, *[torch.get_num_threads()]
            )
        out = tuple(map(torch.from_numpy, (out_times, out_ids, out_offsets)))
        ctx.mark_non_differentiable(*out[1:])
        ctx.save_for_backward(offsets, times, ids, weights, delays, *out)
        ctx.model = model
        return out

    @staticmethod
    @once_differentiable  # type: ignore[untyped-decorator]  # torch is not type-checked
    def backward(ctx: Any, grad_times: Any, *_: Any) -> Any:
        saved = ctx.saved_tensors
        inputs = (saved[1], *saved[3:5])  # times, weights, delays
        *given, times, ids, offsets = map(_array, saved)
        arrays: Any = [*given, offsets, times, ids, ctx.currents, _array(grad_times)]
        with named("EventProp"):
            found = _core.event_backward(*ctx.model, *arrays, *[torch.get_num_threads()])
        gradients = [
            None if gradient is None else torch.from_numpy(gradient).to(values.dtype)
            for values, gradient in zip(inputs, found, strict=True)
        ]
        return None, None, None, *gradients


def _array(tensor: Any) -> Any:
    """Return a tensor as an array for the core, float64 or int64, and None as None."""
    if tensor is None:
        return None
    tensor = tensor.detach()
    return (tensor.double() if tensor.is_floating_point() else tensor).numpy()


def _tensor(where: str, argument: str, value: Any, dimensions: int, dtype: Any) -> None:
    if not isinstance(value, torch.Tensor):
        raise TypeError(f"{where}: {argument} must be a tensor, got {type(value).__name__}")
    if not (value.is_floating_point() if dtype == "floating" else value.dtype == dtype):
        raise TypeError(f"{where}: {argument} must be of dtype {dtype}, got {value.dtype}")
    if value.ndim != dimensions:
        fail(where, argument, tuple(value.shape), f"must have {dimensions} dimensions", got="shape")
    if value.device.type != "cpu":
        fail(where, argument, str(value.device), "must be on the CPU", got="device")


def first_spike_cross_entropy(
    times: Any, labels: Any, tau0: float = 0.5, tau1: float = 6.4, alpha: float = 3e-3
) -> Any:
    r"""Return the loss of Wunderlich & Pehle (2021), averaged over the batch.

    .. math:: -\log \frac{e^{-t_l/\tau_0}}{\sum_k e^{-t_k/\tau_0}} + \alpha \left(e^{t_l/\tau_1} - 1\right)

    The first term separates the first spike of the correct class from those of the others; the second
    makes it early.

    Parameters
    ----------
    times : float tensor ``[B, C]``
        Finite time of the first spike of each class: ``spikes.first(silent=t_max)`` for EventProp.
    labels : int64 tensor ``[B]``
        Class numbers, 0 .. C - 1.
    tau0, tau1 : float > 0
        Time constants, in the unit of `times` [ms].
    alpha : float >= 0

    Returns
    -------
    scalar tensor

    Raises
    ------
    ValueError
        A time is not finite, a label is not a class, or a parameter breaks its rule.
    """
    where = "first_spike_cross_entropy"
    for name, value, rule in (
        ("tau0", tau0, "> 0"),
        ("tau1", tau1, "> 0"),
        ("alpha", alpha, ">= 0"),
    ):
        real(where, name, value, rule)
    for name, tensor, dimensions in (("times", times, 2), ("labels", labels, 1)):
        if not isinstance(tensor, torch.Tensor) or tensor.layout != torch.strided:
            fail(where, name, type(tensor).__name__, "must be a dense tensor", error=TypeError)
        if tensor.ndim != dimensions or tensor.device.type != "cpu":
            shape = "[B, C]" if dimensions == 2 else "[B]"
            got = f"on {tensor.device} the shape"
            fail(where, name, tuple(tensor.shape), f"must be {shape}, on the CPU", got=got)
    if labels.dtype != torch.int64 or not times.is_floating_point():
        what = (times.dtype, labels.dtype)
        fail(where, "times and labels", what, "must be floating and int64", error=TypeError)
    if len(labels) != len(times):
        fail(where, "labels", len(labels), f"must have one entry for each of {len(times)} samples")
    check_labels(where, labels, times.shape[1])
    bad = ~torch.isfinite(times)
    if bad.any():
        rule = "must be finite; use spikes.first(silent=t_max) for silent neurons"
        fail(where, "times", times[bad][0].item(), rule)
    label_times = times.gather(1, labels[:, None])
    return F.cross_entropy(-times / tau0, labels) + alpha * torch.expm1(label_times / tau1).mean()
