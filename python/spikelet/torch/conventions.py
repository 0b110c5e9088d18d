"""The parameter names of each library, and its neurons as a `Cell`."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from spikelet._util.checks import choice, fail, number
from spikelet._util.spelling import suggestion
from spikelet.torch.cell import (
    ALPHAS,
    Cell,
    Charge,
    Reset,
    Surrogate,
    Table,
    When,
    packed,
    require_surrogate,
)
from spikelet.torch.watched import is_watched

# Types that autocast and `module.half()` produce; the core computes in float32 instead.
HALVES = (torch.bfloat16, torch.float16)
# Spikes and counts as encoders return them; a byte each is kept of them for the backward pass.
RASTERS = (torch.uint8, torch.bool)


@dataclass(frozen=True)
class Setting:
    """A cell, the same as numbers for operators, its parameters that are tensors, and its initial potential.

    `names` has the convention's name of each parameter that may be a tensor.
    """

    cell: Cell
    numbers: tuple[float, ...]
    tensors: dict[str, Tensor]
    v_first: float = 0.0
    names: dict[str, str] = field(default_factory=dict)


def setting(
    where: str,
    convention: str,
    v_threshold: float | Tensor,
    surrogate: str | Table | None,
    alpha: float | None,
    parameters: dict[str, Any],
) -> Setting:
    """Return the setting for the parameters of a convention; an error names the wrong parameter."""
    given = (convention, v_threshold, surrogate, alpha, *parameters.values())
    kinds = tuple(map(type, given))
    if _FIXED.issuperset(kinds) and not torch.compiler.is_compiling():
        return _remembered(where, given, kinds, tuple(parameters))
    return _setting(where, convention, v_threshold, surrogate, alpha, parameters)


_FIXED = {float, int, bool, str, type(None)}


# A function such as `lif` gets the same numbers at each call, and a setting takes 25 us.
@lru_cache(maxsize=256)
def _remembered(
    where: str, given: tuple[Any, ...], kinds: tuple[type, ...], names: tuple[str, ...]
) -> Setting:
    del kinds  # which distinguish 1 from True
    convention, v_threshold, surrogate, alpha, *values = given
    parameters = dict(zip(names, values, strict=True))
    return _setting(where, convention, v_threshold, surrogate, alpha, parameters)


def _setting(
    where: str,
    convention: str,
    v_threshold: float | Tensor,
    surrogate: str | Table | None,
    alpha: float | None,
    parameters: dict[str, Any],
) -> Setting:
    choice(where, "convention", convention, *CONVENTIONS)
    for name in parameters:
        if name not in NAMES[convention]:
            near = suggestion(name, (*NAMES[convention], *_OF_ALL))
            others = (f"; {other!r} has {name}" for other in CONVENTIONS if name in NAMES[other])
            there = ", ".join(NAMES[convention]) + "".join(others)
            msg = (
                f"{where}: has no parameter {name!r}{near} (convention {convention!r} has {there})"
            )
            raise ValueError(msg)
    if convention == "snntorch" and "beta" not in parameters:
        raise TypeError(f"{where}: convention {convention!r} needs beta")
    build = _Build(where)
    build.parameter("threshold", "v_threshold", v_threshold)
    cell, v_first = CONVENTIONS[convention](build, **parameters)
    cell = replace(cell, **build.constants, **_slope(where, surrogate, alpha))
    return Setting(cell, packed(cell), build.tensors, v_first, build.names)


def _slope(where: str, surrogate: str | Table | None, alpha: float | None) -> dict[str, Any]:
    require_surrogate(where, surrogate)
    if surrogate is None:
        return {}
    if isinstance(surrogate, Table):
        if alpha is not None:
            rule = "must not be given with a Table as surrogate, which has none"
            fail(where, "alpha", alpha, rule)
        table = tuple(np.asarray(surrogate.values, dtype=float).tolist())
        low, step = surrogate.low, surrogate.step
        return {"surrogate": Surrogate.table, "table": table, "table_low": low, "table_step": step}
    kind = Surrogate["fast_sigmoid" if surrogate == "superspike" else surrogate]
    return {
        "surrogate": kind,
        "alpha": _number(where, "alpha", ALPHAS[surrogate] if alpha is None else alpha),
    }


_RANGES = {"decay": (0.0, 1.0, "must lie in [0, 1]"), "tau": (1.0, math.inf, "must be at least 1")}


def _broken(name: str, value: float) -> str:
    """Return the rule that a value of a parameter breaks, or an empty string."""
    positive = name in ("alpha", "dt") or name.startswith("tau")
    if not math.isfinite(value) or (positive and value <= 0):
        return "must be finite and > 0" if positive else "must be finite"
    low, high, rule = _RANGES.get(name, (-math.inf, math.inf, ""))
    return "" if low <= value <= high else rule


def _number(where: str, name: str, value: Any) -> float:
    if isinstance(value, Tensor):
        learned = value.requires_grad
        if learned or value.numel() != 1 or value.device.type != "cpu":
            rule = "must be a number, as it cannot be learned" if learned else "must be one number"
            got, error = (
                f"a tensor on {value.device} of shape",
                TypeError if learned else ValueError,
            )
            fail(where, name, tuple(value.shape), rule, got=got, error=error)
        value = value.item()
    if value is None:
        fail(where, name, value, "must be a number", error=TypeError)
    if not isinstance(value, (int, float)):  # torch.compile cannot trace numpy's checks
        value = number(where, name, value)
    if rule := _broken(name, float(value)):
        fail(where, name, float(value), rule)
    return float(value)


def single(tensor: Tensor) -> Tensor:
    """Return tensors of half precision as float32, in which the core computes."""
    return tensor.float() if tensor.dtype in HALVES else tensor


class _Build:
    """Collects the parameters of a cell: numbers are checked and become constants, tensors are passed on."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.constants: dict[str, Any] = {}
        self.tensors: dict[str, Tensor] = {}
        self.names: dict[str, str] = {}

    def number(self, name: str, value: Any) -> float:
        return _number(self.where, name, value)

    def flag(self, name: str, value: Any) -> bool:
        return flag(self.where, name, value)

    def parameter(
        self, target: str, name: str, value: Any, change: Callable[[Any], Any] | None = None
    ) -> None:
        """Set a parameter of the cell from a parameter of the convention, converted by `change`."""
        self.names[target] = name
        if isinstance(value, np.ndarray) and value.ndim:
            rule, got = "must be a number or a torch.Tensor", "an array of shape"
            fail(self.where, name, value.shape, rule, got=got, error=TypeError)
        if not isinstance(value, Tensor):
            number = self.number(name, value)
            self.constants[target] = number if change is None else float(change(number))
            return
        if value.layout != torch.strided:
            rule = "must be a dense tensor; move it with .to_dense()"
            fail(self.where, name, str(value.layout), rule, got="layout", error=TypeError)
        value = single(value)
        # Only where it neither waits for a device nor breaks a graph.
        if value.device.type == "cpu" and value.is_floating_point() and not is_watched(value):
            require_in_range(self.where, name, value)
        self.tensors[target] = value if change is None else change(value)

    def reset(self, value: Any, choices: dict[str, Reset]) -> Reset:
        if not isinstance(value, str) or value not in choices:
            fail(self.where, "reset", value, "must be " + " or ".join(map(repr, choices)))
        return choices[value]


def flag(where: str, name: str, value: Any) -> bool:
    """Return an option that is True or False."""
    if not isinstance(value, (bool, np.bool_)):
        fail(where, name, value, "must be True or False", error=TypeError)
    return bool(value)


def require_in_range(where: str, name: str, value: Tensor) -> None:
    """Check the values of a parameter that is a tensor of real numbers."""
    if not value.numel():
        return
    ends = (float(end) for end in torch.aminmax(value.detach()))  # a NaN makes both NaN
    if not any(_broken(name, end) for end in ends):
        return
    first = next(v for v in value.detach().flatten().tolist() if _broken(name, v))
    rule = _broken(name, first)
    if not value.requires_grad:
        fail(where, name, first, rule)
    learned = "; learn_tau=True keeps it in range" if name in _LEAKS else ""
    raise ValueError(
        f"{where}: {name} {rule}, got {first!r}; where an optimizer moves it there, clamp it after each step or reduce "
        f"the learning rate{learned}"
    )


def exponential(step: float, tau: float | Tensor) -> Any:
    """Return exp(-step / tau)."""
    return torch.exp(-step / tau) if isinstance(tau, Tensor) else math.exp(-step / tau)


_RESETS = {
    "subtract": Reset.subtract, "zero": Reset.value, "value": Reset.value, "none": Reset.none,
}  # fmt: skip


def _spikelet(
    build: _Build,
    tau_m: Any = None,
    dt: float = 1.0,
    decay: Any = None,
    gain: float | str = 1.0,
    reset: str = "subtract",
    v_reset: float = 0.0,
    detach_reset: bool = True,
    tau_syn: Any = None,
    tau_adapt: Any = None,
    boost: Any = None,
) -> tuple[Cell, float]:
    if tau_m is not None and decay is not None:
        given = tuple(tau_m.shape) if isinstance(tau_m, Tensor) else tau_m
        rule = "must not be given with decay, which replaces it: give one"
        fail(build.where, "tau_m", given, rule)
    dt = build.number("dt", dt)
    to = build.number("v_reset", v_reset)
    kind = build.reset(reset, _RESETS)
    if to != 0 and reset != "value":
        rule = f'needs reset="value": reset={reset!r} has no use for it'
        fail(build.where, "v_reset", to, rule)
    cell = Cell(
        reset=kind,
        detached=build.flag("detach_reset", detach_reset),
        v_reset=to,
        synapse=tau_syn is not None,
        adaptive=tau_adapt is not None or boost is not None,
    )
    cell = _leak(build, cell, tau_m, dt, decay, gain)
    if cell.synapse:
        build.parameter("syn_decay", "tau_syn", tau_syn, lambda tau: exponential(dt, tau))
    if cell.adaptive:
        tau_adapt = 200.0 if tau_adapt is None else tau_adapt
        build.parameter("adapt_decay", "tau_adapt", tau_adapt, lambda tau: exponential(dt, tau))
        build.parameter("boost", "boost", 0.1 if boost is None else boost)
    return cell, 0.0


def _leak(build: _Build, cell: Cell, tau_m: Any, dt: float, decay: Any, gain: Any) -> Cell:
    """Return a cell with its charge and gain; set its leak."""
    normalized = isinstance(gain, str)
    if normalized and gain != "normalized":
        fail(build.where, "gain", gain, "must be a number or 'normalized'")
    if not normalized:
        cell = replace(cell, gain=build.number("gain", gain))
    name, leak = (
        ("decay", decay) if decay is not None else ("tau_m", 20.0 if tau_m is None else tau_m)
    )
    by_decay = name == "decay"
    if isinstance(leak, Tensor):
        if by_decay and not normalized:
            build.parameter("leak", name, leak)
            return cell
        # decay v is v - (1 - decay) v: 1 - decay keeps its digits if the time constant is long, and a normalized gain
        # follows it.
        change = (lambda p: 1 / (1 - p)) if by_decay else (lambda p: -1 / torch.expm1(-dt / p))
        build.parameter("leak", name, leak, change)
        return replace(cell, charge=Charge.relax_input if normalized else Charge.relax)
    build.parameter("leak", name, leak, None if by_decay else lambda tau: math.exp(-dt / tau))
    if not normalized:
        return cell
    exact = 1 - build.constants["leak"] if by_decay else -math.expm1(-dt / build.number(name, leak))
    if exact == 0:
        fail(build.where, "gain", gain, "must be a number for neurons without a leak")
    return replace(cell, gain=exact)


def _snntorch(
    build: _Build, beta: Any, reset: str = "subtract", reset_delay: bool = True
) -> tuple[Cell, float]:
    clamp = torch.clamp if isinstance(beta, Tensor) else lambda b, low, high: min(max(b, low), high)
    build.parameter("leak", "beta", beta, lambda b: clamp(b, 0.0, 1.0))
    delayed = build.flag("reset_delay", reset_delay)
    kind = build.reset(reset, {name: _RESETS[name] for name in ("subtract", "zero", "none")})
    return Cell(
        reset=kind, when=When.next if delayed else When.both, strict=True, detached=delayed
    ), 0.0


def _spikingjelly(
    build: _Build,
    tau: Any = 2.0,
    decay_input: bool = True,
    detach_reset: bool = False,
    v_reset: float | None = 0.0,
) -> tuple[Cell, float]:
    rest = 0.0 if v_reset is None else build.number("v_reset", v_reset)
    build.parameter("leak", "tau", 1.0 if tau is None else tau)
    charge = Charge.relax_input if build.flag("decay_input", decay_input) else Charge.relax
    return Cell(
        charge=Charge.decay if tau is None else charge,
        reset=Reset.subtract if v_reset is None else Reset.value,
        detached=build.flag("detach_reset", detach_reset),
        rest=rest,
        v_reset=rest,
    ), rest


def _norse(
    build: _Build,
    tau_mem_inv: Any = 100.0,
    tau_syn_inv: Any = 200.0,
    v_leak: float = 0.0,
    v_reset: float = 0.0,
    dt: float = 0.001,
) -> tuple[Cell, float]:
    dt = build.number("dt", dt)
    build.parameter("leak", "tau_mem_inv", tau_mem_inv, lambda k: 1 / (dt * k))
    build.parameter("syn_decay", "tau_syn_inv", tau_syn_inv, lambda k: 1 - dt * k)
    rest = build.number("v_leak", v_leak)
    return Cell(
        charge=Charge.relax_input,
        reset=Reset.value,
        strict=True,
        detached=False,
        synapse=True,
        rest=rest,
        v_reset=build.number("v_reset", v_reset),
    ), rest


CONVENTIONS: dict[str, Callable[..., tuple[Cell, float]]] = {
    "spikelet": _spikelet,
    "snntorch": _snntorch,
    "spikingjelly": _spikingjelly,
    "norse": _norse,
}
NAMES = {name: tuple(inspect.signature(make).parameters)[1:] for name, make in CONVENTIONS.items()}
CONVENTION_PARAMETERS: dict[str, inspect.Parameter] = {}
for _make in CONVENTIONS.values():
    for _p in list(inspect.signature(_make).parameters.values())[1:]:
        default = None if _p.default is _p.empty else _p.default
        CONVENTION_PARAMETERS.setdefault(_p.name, _p.replace(kind=_p.KEYWORD_ONLY, default=default))
# What all conventions take, for the name that was probably meant.
_OF_ALL = (
    "v_threshold", "surrogate", "alpha", "learn_tau", "learn_threshold", "checkpoint", "return_v", "steps", "backend",
    "shape", "convention",
)  # fmt: skip
_LEAKS = ("tau_m", "decay", "beta", "tau", "tau_mem_inv")
