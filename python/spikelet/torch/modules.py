"""Neurons as PyTorch modules."""

from __future__ import annotations

import inspect
import math
from dataclasses import replace
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from spikelet._util.checks import choice, fail, integer
from spikelet.torch.cell import Cell, Charge, Reset, Table
from spikelet.torch.computed import recompute
from spikelet.torch.conventions import (
    CONVENTION_PARAMETERS,
    NAMES,
    Setting,
    flag,
    require_in_range,
    setting,
    single,
)
from spikelet.torch.functional import BACKENDS, Backend, Run, run

_OF_ALL = ("v_threshold", "surrogate", "alpha")
_EITHER = {"tau_m": "decay", "decay": "tau_m"}  # of which only one is given
_FIXED = ("convention", "learn_tau", "learn_threshold")
# The arguments that set the leak, which `learn_tau` makes a parameter.
_OF_LEAK = ("tau_m", "dt", "decay", "beta", "tau", "tau_mem_inv")


def checked_tensor(where: str, name: str, value: Tensor) -> Tensor:
    """Check the values of a parameter that is a tensor; integers become floating-point numbers."""
    complex_or_bool = value.is_complex() or value.dtype == torch.bool
    if complex_or_bool or value.layout != torch.strided:
        what = f"{value.dtype} {value.layout}"
        raise TypeError(f"{where}: {name} must be a dense tensor of real numbers, got {what}")
    if value.device.type != "meta":
        require_in_range(where, name, value)
    return value if value.is_floating_point() else value.to(torch.get_default_dtype())


def _register(module: nn.Module, name: str, value: Tensor) -> None:
    """Make a tensor a parameter of the module, if it is one, or a buffer."""
    add = module.register_parameter if isinstance(value, nn.Parameter) else module.register_buffer
    add(name, value)


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


class Neuron(nn.Module):
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

    convention: str
    surrogate: str | Table | None
    alpha: float | None
    given: dict[str, Any]  # numbers of the convention
    tensors: nn.Module  # its parameters that are tensors, and buffers
    _setting: Setting  # without tensors, which replace its numbers at each run
    _fixed_threshold: float
    _has_tensors: bool
    __signature__: ClassVar[inspect.Signature]
    _rules: ClassVar[dict[str, str]] = {}  # why a class does not take a parameter
    _passed: ClassVar[tuple[str, ...]] = ()  # what its constructor gives itself

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

    def __setattr__(self, name: str, value: Any) -> None:
        held = vars(self)
        if "_has_tensors" not in held:  # under construction
            super().__setattr__(name, value)
        elif name in _FIXED:
            rule = "is fixed when the module is made: make another one, and load its state_dict"
            fail(type(self).__name__, name, value, rule)
        elif name in _OF_ALL or name in NAMES[held["convention"]]:
            self._refuse({name: value})
            self._assign(name, value)
        else:
            super().__setattr__(name, value)

    def _refuse(self, parameters: dict[str, Any]) -> None:
        """Refuse parameters that this class does not take."""
        for name, rule in self._rules.items():
            if name in parameters:
                fail(type(self).__name__, name, parameters[name], rule)

    def _assign(self, name: str, value: Any) -> None:
        """Set a parameter as the constructor would; an error changes nothing."""
        of_all, tensors = self._of_all(), self._tensors()
        parameters, replaced = self.given | tensors, _EITHER.get(name, "")
        learned = "threshold" if name == "v_threshold" else "leak" if name in _OF_LEAK else ""
        held = learned if learned and hasattr(self, learned) else ""
        held = next((f"tensors.{n}" for n in (name, replaced) if n in tensors), held)
        if held:
            rule = f"is held by the tensor '{held}' here: change its values, under torch.no_grad()"
            fail(type(self).__name__, name, value, rule)
        if name in of_all:
            of_all[name] = value
        else:
            parameters[name] = value
            parameters.pop(replaced, None)
        self._take(parameters, of_all)

    def _take(self, parameters: dict[str, Any], of_all: dict[str, Any]) -> None:
        """Hold parameters, which are checked before anything changes.

        Numbers become attributes, unless the class has a property of that name, and tensors parameters or buffers.
        """
        where, held = type(self).__name__, self.__dict__
        made = self._made(parameters, of_all)
        names, threshold = made.names.values(), of_all["v_threshold"]
        tensors = {
            name: checked_tensor(where, name, p)
            for name, p in parameters.items()
            if isinstance(p, Tensor) and name in names
        }
        if isinstance(threshold, Tensor):
            threshold = checked_tensor(where, "v_threshold", threshold)
        numbers = {
            name: p.item() if isinstance(p, Tensor) else p
            for name, p in (parameters | of_all).items()
            if name not in tensors and name != "v_threshold"
        }
        for name, p in tensors.items():
            if not hasattr(self.tensors, name):
                _register(self.tensors, name, p)
        if isinstance(threshold, Tensor):
            _register(self, "threshold", threshold)
            threshold = 1.0
        for name in held.get("given", ()):
            held.pop(name, None)
        held |= {"surrogate": numbers.pop("surrogate"), "alpha": numbers.pop("alpha")}
        held |= {n: value for n, value in numbers.items() if not hasattr(type(self), n)}
        held |= {"given": numbers, "_fixed_threshold": threshold, "_has_tensors": bool(tensors)}
        held["_setting"] = replace(made, tensors={})

    def _of_all(self) -> dict[str, Any]:
        """Return the parameters that all conventions have."""
        return {
            "v_threshold": self._fixed_threshold,
            "surrogate": self.surrogate,
            "alpha": self.alpha,
        }

    def _made(self, parameters: dict[str, Any], of_all: dict[str, Any]) -> Setting:
        """Return the setting of parameters, checked; with a learned leak, whose cell may differ from that of a number."""
        name = {"snntorch": "beta", "spikelet": "tau_m"}.get(self.convention)
        if hasattr(self, "leak") and name is not None:
            parameters = parameters | {name: torch.tensor(0.5)}
            parameters.pop("decay", None)
        where = type(self).__name__
        return setting(where, self.convention, parameters=parameters, **of_all)

    def _learn_tau(self, shape: tuple[int, ...]) -> None:
        """Make the leak a parameter, the logit of the decay of a step."""
        decay = self.decay
        if not isinstance(decay, float) or not 0 < decay < 1:
            fail(type(self).__name__, "decay", decay, "must be a number in (0, 1) with learn_tau")
        self.leak = nn.Parameter(torch.full(shape, math.log(decay / (1 - decay))))
        self._take(self.given | self._tensors(), self._of_all())

    def _tensors(self) -> dict[str, Tensor]:
        """Return the parameters of the convention that are tensors; they may be parametrized."""
        if not self._has_tensors:
            return {}
        names = self._setting.names.values()
        return {name: getattr(self.tensors, name) for name in names if hasattr(self.tensors, name)}

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

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls.__signature__ = _signature(cls)

    def _learned(self, name: str) -> Tensor | None:
        """Return a tensor of the module, or None: PyTorch takes microseconds to find that there is none."""
        held = vars(self)
        own = name in held or name in held["_parameters"] or name in held["_buffers"]
        return getattr(self, name) if own or hasattr(type(self), name) else None

    def setting(self) -> Setting:
        """Return the cell, and its parameters that are tensors."""
        tensors: dict[str, Tensor] = {}
        if self._has_tensors:
            tensors |= self._made(self.given | self._tensors(), self._of_all()).tensors
        threshold, leak = self._learned("threshold"), self._learned("leak")
        if threshold is not None:
            tensors["threshold"] = threshold
        if leak is not None:
            # The time constant 1 / (1 - decay) of decay = sigmoid(w) is 1 + exp(w), without cancellation.
            decays, leak = self._setting.cell.charge == Charge.decay, single(leak)
            tensors["leak"] = torch.sigmoid(leak) if decays else 1 + torch.exp(leak)
        return replace(self._setting, tensors=tensors) if tensors else self._setting

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
        return run(
            where,
            x,
            self.setting(),
            recurrent=self._learned("recurrent"),
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


def _signature(cls: type[Neuron]) -> inspect.Signature:
    """Return the parameters of a class of neurons by name, with those that it passes on to its bases."""
    found: dict[str, inspect.Parameter] = {}
    for base in cls.__mro__[: cls.__mro__.index(Neuron) + 1]:
        if "__init__" in vars(base):
            _, *own = inspect.signature(vars(base)["__init__"]).parameters.values()
            passed = CONVENTION_PARAMETERS if base is Neuron else {}
            found |= {
                n: p for n, p in (passed | {p.name: p for p in own}).items() if n not in found
            }
            if all(p.kind != p.VAR_KEYWORD for p in own):
                break
    given = [p for p in found.values() if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    given = [p for p in given if p.name not in (*cls._rules, *cls._passed)]
    return inspect.Signature(sorted(given, key=lambda p: p.kind))


Neuron.__signature__ = _signature(Neuron)


class LIF(Neuron):
    """Leaky integrate-and-fire neurons.

    Parameters are those of `Neuron` and `spikelet.torch.lif`. The input is added to the potential (``gain=1``), so that the
    initial weights of torch's layers make neurons spike. ``gain="normalized"`` multiplies it by ``1 - decay``, so that a
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

    Parameters are `tau_m`, `dt`, `decay`, `gain` and `learn_tau` of `LIF`; with ``gain="normalized"`` the potential is a mean
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
    _passed: ClassVar = ("recurrent",)

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
