"""Neurons as PyTorch modules."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from spikelet._util.checks import choice, fail, integer
from spikelet.torch.cell import Cell, Charge, Reset
from spikelet.torch.computed import recompute
from spikelet.torch.conventions import Setting, flag, single
from spikelet.torch.functional import BACKENDS, Backend, Run, run
from spikelet.torch.neuron_parameters import HasParameters
from spikelet.torch.surrogate import Table

__all__ = [
    "ALIF",
    "IF",
    "LI",
    "LIF",
    "CubaLIF",
    "Neuron",
    "RecurrentALIF",
    "RecurrentCubaLIF",
    "RecurrentLIF",
]


def _shape(where: str, shape: Any) -> tuple[int, ...]:
    try:
        sizes = tuple(shape)
    except TypeError:
        sizes = (shape,)
    return tuple(integer(where, "shape", n, 1) for n in sizes)


class Carried:
    """The states of neurons between the pieces of a sequence, which a call takes in place of a potential, and replaces."""

    def __init__(self) -> None:
        self.states: dict[str, Tensor] = {}


_TENSORS = ("threshold", "leak", "recurrent")  # learned ones


class Neuron(HasParameters):
    """Base class of all neurons: takes [T, B, ...] and returns spikes [T, B, ...].

    Parameters
    ----------
    convention : "spikelet", "snntorch", "spikingjelly" or "norse"
        Library whose step, reset and gradient are used; see `spikelet.torch.lif`.
    v_threshold : float or Tensor
        Threshold. An `nn.Parameter` is learned, any other Tensor becomes a buffer; this holds for all parameters of the
        convention that may be tensors.
    surrogate : str, Table or None
    alpha : float, optional
    learn_tau : bool
        Learn the leak as decay = sigmoid(w), which stays between 0 and 1 (parametric LIF; Fang et al., ICCV 2021).
    learn_threshold : bool
        Learn the threshold.
    shape : tuple of int
        Shape of learned parameters, which broadcasts to the neurons: ``()`` for a single value, ``(channels, 1, 1)``.
    return_v : bool
        Also return the potential after the last step.
    checkpoint : bool, optional
    steps : int, optional
        Number of steps; the input is then [B, ...], the same at each step, and earlier layers compute it once.
    recurrent : int, optional
        Number of recurrently connected neurons; the weights `recurrent` [to, from] apply to the spikes of the previous
        step.
    backend : "core" or "torch"
        What computes: the compiled core, on the CPU, or PyTorch's own operations, on any device; see `spikelet.torch.lif`.
    **parameters
        Parameters of the convention.

    Notes
    -----
    Given numbers are attributes. They, `v_threshold`, `surrogate` and `alpha` may be assigned, as if the constructor had been
    given them: ``lif.alpha = 10.0``. Of a tensor, change the values instead.
    """

    def __init__(
        self,
        *positional: Any,
        convention: str = "spikelet",
        v_threshold: float | Tensor = 1.0,
        surrogate: str | Table | None = "atan",
        alpha: float | None = None,
        learn_tau: bool = False,
        learn_threshold: bool = False,
        shape: tuple[int, ...] = (),
        return_v: bool = False,
        checkpoint: bool | None = None,
        steps: int | None = None,
        recurrent: int | None = None,
        backend: Backend = "core",
        **parameters: Any,
    ) -> None:
        super().__init__()
        where = type(self).__name__
        if positional:
            rule = f"takes parameters by name, such as {where}(tau_m={positional[0]!r})"
            raise TypeError(f"{where}: {rule}, got {positional[0]!r} without one")
        choice(where, "backend", backend, *BACKENDS)
        return_v = flag(where, "return_v", return_v)
        learn_tau = flag(where, "learn_tau", learn_tau)
        learn_threshold = flag(where, "learn_threshold", learn_threshold)
        checkpoint = None if checkpoint is None else flag(where, "checkpoint", checkpoint)
        shape = _shape(where, shape)
        if shape and not (learn_tau or learn_threshold):
            rule = "is that of learned parameters: it needs learn_tau=True or learn_threshold=True"
            fail(where, "shape", shape, rule)
        if learn_threshold and isinstance(v_threshold, Tensor):
            rule = "must be a number with learn_threshold, or an nn.Parameter without it"
            fail(where, "v_threshold", v_threshold, rule)
        if steps is not None:
            steps = integer(where, "steps", steps, 1, 2**31 - 1)
        self.convention, self.backend, self.steps = convention, backend, steps
        self.return_v, self.checkpoint = return_v, checkpoint
        self.tensors = nn.Module()  # the given nn.Parameters, and buffers
        of_all = {"v_threshold": v_threshold, "surrogate": surrogate, "alpha": alpha}
        # Numbers are checked once, here; tensors and learned parameters replace them at each run.
        self._take(parameters, of_all)
        if learn_tau:
            self._learn_tau(shape)
        if learn_threshold:
            self.threshold = nn.Parameter(torch.full(shape, self._setting.cell.threshold))
        if recurrent is not None:
            n = integer(type(self).__name__, "recurrent", recurrent, 1)
            self.recurrent = nn.Parameter(torch.empty(n, n).uniform_(-1, 1) / math.sqrt(n))

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *args: Any) -> None:
        """Load a checkpoint; errors name the parameters of the constructor, not those that stand for them."""
        super()._load_from_state_dict(state_dict, prefix, *args)
        error_msgs = args[-1]
        leak = {"snntorch": "beta", "spikingjelly": "tau", "norse": "tau_mem_inv"}
        own = "decay" if "decay" in self.given else "tau_m"
        terms = {"leak": leak.get(self.convention, own), "threshold": "v_threshold"}
        for name, term in (terms | {"recurrent": "recurrent"}).items():
            saved, here = state_dict.get(prefix + name), getattr(self, name, None)
            if not isinstance(saved, Tensor) or not isinstance(here, Tensor):
                continue
            if saved.shape == here.shape:
                continue
            torchs = f"size mismatch for {prefix}{name}:"
            error_msgs[:] = [message for message in error_msgs if torchs not in message]
            shape = tuple(saved.shape)
            way_out = "for as many neurons" if name == "recurrent" else f"with shape={shape}"
            error_msgs.append(
                f"{type(self).__name__}: {term} (key '{prefix}{name}') has the shape {shape}, here "
                f"{tuple(here.shape)}; make the module {way_out}."
            )

    def _is_bare(self) -> bool:
        """Return whether the module has no tensors; to look for each of them takes several microseconds."""
        attributes = vars(self)
        return not (
            self._may_override
            or self._has_tensors
            or attributes["_parameters"]
            or attributes["_buffers"]
            or len(attributes["_modules"]) > 1  # `tensors`; a parametrisation is another one
            or not attributes.keys().isdisjoint(_TENSORS)
        )

    _may_override = False  # whether a subclass says what tensors there are, as by a property

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        own = any(hasattr(cls, name) for name in _TENSORS)
        cls._may_override = own or cls.setting is not Neuron.setting

    def setting(self) -> Setting:
        """Return the cell, and its parameters that are tensors."""
        if self._is_bare():
            return self._setting
        tensors: dict[str, Tensor] = {}
        if self._has_tensors:
            tensors |= self._made(self.given | self._tensors(), self._of_all()).tensors
        if hasattr(self, "threshold"):
            tensors["threshold"] = self.threshold
        if hasattr(self, "leak"):
            # The time constant 1 / (1 - decay) of decay = sigmoid(w) is 1 + exp(w), without cancellation.
            decays = self._setting.cell.charge == Charge.decay
            leak = single(self.leak)
            tensors["leak"] = torch.sigmoid(leak) if decays else 1 + torch.exp(leak)
        return replace(self._setting, tensors=tensors)

    def run(self, x: Tensor, *, v_seq: bool = True, **states: Tensor | None) -> Run:
        """Run over [T, B, ...] from given states (`v`, `i`, `a`, `first_spikes`; [B, ...]) and return all results.

        The potentials after each step, `v_seq`, are also differentiable; without `v_seq` they are empty, unless the
        module returns them.
        """
        recompute(self)
        return self._run(x, v_seq=v_seq, **states)

    def _run(self, x: Tensor, *, v_seq: bool, **states: Tensor | None) -> Run:
        where = type(self).__name__
        if (
            self.steps is None and isinstance(x, Tensor) and x.ndim == 2
        ):  # after a layer it is [B, N]
            rule = (
                "must be [T, B, ...]: pass x[None] for one step of a batch, x[:, None] for the steps of one sample, or "
                "make the module with steps=T to hold x [B, ...] for T steps"
            )
            fail(where, "x", tuple(x.shape), rule, got="shape")
        bare = self._is_bare()
        return run(
            where,
            x,
            self._setting if bare else self.setting(),
            recurrent=None if bare else getattr(self, "recurrent", None),
            give_spikes=self._gives_spikes,
            give_v_seq=v_seq or self._gives_v_seq,
            inference=self.surrogate is None,
            checkpoint=self.checkpoint,
            steps=self.steps,
            backend=self.backend,
            **states,
        )

    _gives_spikes = True
    _gives_v_seq = False

    def forward(
        self, x: Tensor, v: Tensor | Carried | None = None
    ) -> Tensor | tuple[Tensor, Tensor]:
        """Return spikes [T, B, ...]; with `return_v` also the potential after the last step, [B, ...]."""
        result = self._from(x, v)
        return (result.spikes, result.v) if self.return_v else result.spikes

    def _from(self, x: Tensor, v: Tensor | Carried | None) -> Run:
        """Run from a potential or, in pieces, from all states, which are replaced by the last ones."""
        if not isinstance(v, Carried):
            return self._run(x, v_seq=False, v=v)
        result = self._run(x, v_seq=False, **v.states)
        cell = self.setting().cell
        left = {"v": result.v}
        left |= {"i": result.i} if cell.synapse else {}
        left |= {"a": result.a} if cell.adaptive else {}
        left |= {"first_spikes": result.spikes[-1]} if hasattr(self, "recurrent") else {}
        v.states = {name: state.detach() for name, state in left.items()}
        return result

    @property
    def v_threshold(self) -> float | Tensor:
        """The threshold, detached if it is learned."""
        return self.threshold.detach() if hasattr(self, "threshold") else self._fixed_threshold

    @property
    def reset(self) -> str:
        """The reset: "subtract", "zero", "value" (to `v_reset`) or "none"."""
        cell = self.setting().cell
        hard = "zero" if cell.v_reset == 0 else "value"
        return str(self.given.get("reset", hard if cell.reset == Reset.value else cell.reset.name))

    @property
    def v_reset(self) -> float:
        """The potential after a reset with ``reset="value"``."""
        return self.setting().cell.v_reset

    @property
    def decay(self) -> float | Tensor:
        """Decay of the potential in a step, ``v = decay v + gain x``."""
        cell, leak = self._leak()
        return leak if cell.charge == Charge.decay else 1 - 1 / leak

    @property
    def gain(self) -> float | Tensor:
        """Gain of the input in a step, ``v = decay v + gain x``."""
        cell, leak = self._leak()
        return cell.gain / leak if cell.charge == Charge.relax_input else cell.gain

    def _leak(self) -> tuple[Cell, float | Tensor]:
        """Return the cell and its leak, detached if it is learned."""
        made = self.setting()
        leak = made.tensors.get("leak")
        return made.cell, made.cell.leak if leak is None else leak.detach()

    def extra_repr(self) -> str:
        """Return the parameters: numbers by value, tensors by shape."""
        parts = [] if self.convention == "spikelet" else [f"convention={self.convention!r}"]
        parts += [] if self.backend == "core" else [f"backend={self.backend!r}"]
        parts += [f"{name}={value!r}" for name, value in self.given.items()]
        if not hasattr(self, "threshold"):
            parts.append(f"v_threshold={self._fixed_threshold}")
        parts.append(str(self.surrogate))
        for kind, tensors in (
            ("learned", self.named_parameters()),
            ("fixed", self.named_buffers()),
        ):
            for name, tensor in tensors:
                parts.append(f"{name.removeprefix('tensors.')} {kind} {tuple(tensor.shape)}")
        return ", ".join(parts)


class LIF(Neuron):
    """Leaky integrate-and-fire neurons.

    Parameters are those of `Neuron` and `spikelet.torch.lif`. The input is added to the potential (``gain=1``), so that the
    initial weights of torch's layers make neurons spike. ``gain="normalised"`` multiplies it by ``1 - decay``, so that a
    constant input x drives the potential to x; a layer of `tau_m` 10 ms then needs weights ten times as large.

    Examples
    --------
    >>> import torch, spikelet.torch as st
    >>> net = torch.nn.Sequential(torch.nn.Linear(784, 100), st.LIF(tau_m=10.0), torch.nn.Linear(100, 10), st.LI(tau_m=10.0))
    >>> net(torch.rand(25, 32, 784)).shape
    torch.Size([25, 32, 10])
    """


class IF(Neuron):
    """Integrate-and-fire neurons, without a leak.

    Parameters are those of `Neuron`; with ``convention="spikelet"`` also `reset`, `v_reset`, `detach_reset` and `gain` (1).
    """

    _rules: ClassVar = {"tau_m": "must not be given: decay is 1, without a leak; LIF has one"}

    def __init__(self, *, convention: str = "spikelet", **parameters: Any) -> None:
        if convention == "spikelet":
            self._refuse({n: p for n, p in parameters.items() if p is not None})
            parameters = {"decay": 1.0, "gain": 1.0, **parameters}
        elif convention == "snntorch":
            parameters = {"beta": 1.0, **parameters}
        elif convention == "spikingjelly":
            parameters = {"tau": None, **parameters}
        elif convention == "norse":
            fail("IF", "convention", convention, "must not be that of Norse, whose neurons leak")
        super().__init__(convention=convention, **parameters)


class CubaLIF(LIF):
    """Leaky integrate-and-fire neurons with an exponential synaptic current: ``i[t] = exp(-dt/tau_syn) i[t-1] + x[t]``.

    Parameters
    ----------
    tau_syn : float
        Time constant of the current [ms].

    All other parameters are those of `LIF`.
    """

    def __init__(self, *, tau_syn: float = 5.0, **parameters: Any) -> None:
        super().__init__(tau_syn=tau_syn, **parameters)


class ALIF(LIF):
    """Leaky integrate-and-fire neurons with a threshold that rises with each spike (Bellec et al., NeurIPS 2018).

    The threshold is ``v_threshold + boost a``, with ``a[t] = exp(-dt/tau_adapt) a[t-1] + spikes[t]``. A spike subtracts
    `v_threshold`, without the adaptation (as Bellec et al. 2020; in 2018 they subtracted all of it).

    Parameters
    ----------
    tau_adapt : float
        Time constant of the adaptation [ms].
    boost : float
        Increment of the threshold by a spike.

    All other parameters are those of `LIF`.
    """

    def __init__(self, *, tau_adapt: float = 200.0, boost: float = 0.1, **parameters: Any) -> None:
        super().__init__(tau_adapt=tau_adapt, boost=boost, **parameters)


class LI(LIF):
    """Leaky integrators that never spike, as a readout: the potential after each step, [T, B, ...].

    Parameters are `tau_m`, `dt`, `decay`, `gain` and `learn_tau` of `LIF`; with ``gain="normalised"`` the potential is a mean
    of the input over `tau_m`.
    """

    _rules: ClassVar = dict.fromkeys(
        ("v_threshold", "learn_threshold", "reset", "v_reset", "tau_adapt", "boost"),
        "must not be given: these neurons never spike, and are not reset",
    )

    def __init__(self, **parameters: Any) -> None:
        self._refuse(parameters)
        convention = parameters.get("convention", "spikelet")
        if convention != "spikelet":
            rule = 'must be "spikelet", whose reset="none" these neurons have'
            fail(type(self).__name__, "convention", convention, rule)
        super().__init__(reset="none", **parameters)

    _gives_spikes = False
    _gives_v_seq = True

    def forward(
        self, x: Tensor, v: Tensor | Carried | None = None
    ) -> Tensor | tuple[Tensor, Tensor]:
        """Return the potential after each step, [T, B, ...]; with `return_v` also that after the last, [B, ...]."""
        result = self._from(x, v)
        return (result.v_seq, result.v) if self.return_v else result.v_seq


class _Recurrent(Neuron):
    def __init__(self, n: int | None = None, **parameters: Any) -> None:
        if n is None:
            name = type(self).__name__
            raise TypeError(f"{name}: needs n, the number of neurons, as in {name}(100)")
        super().__init__(recurrent=n, **parameters)


class RecurrentLIF(_Recurrent, LIF):
    """Recurrent `LIF` neurons [T, B, n]: spikes of the previous step are fed back by learned weights `recurrent` [n, n].

    Parameters
    ----------
    n : int
        Number of neurons.

    All other parameters are those of `LIF`.
    """


class RecurrentCubaLIF(_Recurrent, CubaLIF):
    """Recurrent `CubaLIF` neurons, connected like those of `RecurrentLIF`."""


class RecurrentALIF(_Recurrent, ALIF):
    """Recurrent `ALIF` neurons (LSNN), connected like those of `RecurrentLIF`."""
