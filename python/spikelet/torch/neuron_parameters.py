"""Parameters of a neuron module: numbers in a cell, tensors, a learned leak; and assignments after construction."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from spikelet._util.checks import fail
from spikelet.torch.conventions import NAMES, Setting, require_in_range, setting
from spikelet.torch.surrogate import Table

__all__ = ["HasParameters", "checked_tensor", "register"]

_OF_ALL = ("v_threshold", "surrogate", "alpha")
_EITHER = {"tau_m": "decay", "decay": "tau_m"}  # of which only one is given
_FIXED = ("convention", "learn_tau", "learn_threshold")
# What decides the leak, which `learn_tau` makes a parameter.
_OF_LEAK = ("tau_m", "dt", "decay", "beta", "tau", "tau_mem_inv")


def register(module: nn.Module, name: str, value: Tensor) -> None:
    """Make a tensor a parameter of the module, if it is one, or a buffer."""
    if isinstance(value, nn.Parameter):
        module.register_parameter(name, value)
    else:
        module.register_buffer(name, value)


def checked_tensor(where: str, name: str, value: Tensor) -> Tensor:
    """Check the values of a parameter that is a tensor; integers become floating-point numbers."""
    if (
        value.dtype in (torch.bool, torch.complex64, torch.complex128)
        or value.layout != torch.strided
    ):
        what = f"{value.dtype} {value.layout}"
        raise TypeError(f"{where}: {name} must be a dense tensor of real numbers, got {what}")
    if value.device.type != "meta" and value.numel():
        require_in_range(where, name, value)
    return value if value.is_floating_point() else value.to(torch.get_default_dtype())


class HasParameters(nn.Module):
    """Base class of `Neuron`. A parameter that is assigned takes effect from the next call on.

    Without it, PyTorch would keep an attribute that nothing reads.
    """

    convention: str
    surrogate: str | Table | None
    alpha: float | None
    given: dict[str, Any]  # numbers of the convention
    tensors: nn.Module  # its parameters that are tensors, and buffers
    _setting: Setting  # without tensors, which replace its numbers at each run
    _fixed_threshold: float
    _has_tensors: bool
    _rules: ClassVar[dict[str, str]] = {}  # why a class does not take a parameter

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

    def _hold(self, given: dict[str, Any]) -> None:
        """Keep given numbers, which are attributes too unless the class has a property of that name."""
        held = self.__dict__
        for name in held.get("given", ()):
            held.pop(name, None)
        held["given"] = given
        held.update({n: value for n, value in given.items() if not hasattr(type(self), n)})

    def _assign(self, name: str, value: Any) -> None:
        """Set a parameter as the constructor would; an error changes nothing."""
        where, of_all = type(self).__name__, self._of_all()
        tensors, given = self._tensors(), dict(self.given)
        learned = "threshold" if name == "v_threshold" else "leak" if name in _OF_LEAK else ""
        replaced = _EITHER.get(name, "")
        found = next((n for n in (name, replaced) if n in tensors), None)
        held = learned if found is None else f"tensors.{found}"
        if found is not None or (learned and hasattr(self, learned)):
            rule = f"is held by the tensor '{held}' here: change its values, under torch.no_grad()"
            fail(where, name, value, rule)
        if name in of_all:
            of_all[name] = value
        else:
            given[name] = value
            given.pop(replaced, None)
        parameters = given | tensors
        made = self._made(parameters, **of_all)
        if isinstance(value, Tensor):
            value = checked_tensor(where, name, value)
        if hasattr(self, "leak"):
            made = self._with_learned_leak(parameters, of_all)
        if not isinstance(value, Tensor):
            pass
        elif name == "v_threshold":
            of_all[name] = 1.0
            register(self, "threshold", value)
        elif name in of_all:
            of_all[name] = value.item()
        elif name in made.names.values():
            del given[name]
            register(self.tensors, name, value)
            self._has_tensors = True
        else:
            given[name] = value.item()
        self._hold(given)
        self._fixed_threshold = of_all["v_threshold"]
        self.__dict__.update({n: of_all[n] for n in ("surrogate", "alpha")})
        self._setting = replace(made, tensors={})

    def _of_all(self) -> dict[str, Any]:
        """Return the parameters that all conventions have."""
        return {
            "v_threshold": self._fixed_threshold,
            "surrogate": self.surrogate,
            "alpha": self.alpha,
        }

    def _made(self, parameters: dict[str, Any], **of_all: Any) -> Setting:
        """Return the setting of parameters of the convention, checked."""
        every = self._of_all() | of_all
        threshold, surrogate, alpha = (every[name] for name in _OF_ALL)
        where = type(self).__name__
        return setting(where, self.convention, threshold, surrogate, alpha, parameters)

    def _learn_tau(self, shape: tuple[int, ...]) -> None:
        """Make the leak a parameter, the logit of the decay of a step."""
        decay = self.decay
        if not isinstance(decay, float) or not 0 < decay < 1:
            fail(type(self).__name__, "decay", decay, "must be a number in (0, 1) with learn_tau")
        made = self._with_learned_leak(self.given | self._tensors(), {})
        self._setting = replace(made, tensors={})
        self.leak = nn.Parameter(torch.full(shape, math.log(decay / (1 - decay))))

    def _with_learned_leak(self, parameters: dict[str, Any], of_all: dict[str, Any]) -> Setting:
        """Return the setting whose leak is a tensor; its cell may differ from that of a number."""
        name = {"snntorch": "beta", "spikelet": "tau_m"}.get(self.convention)
        if name is not None:
            parameters = parameters | {name: torch.tensor(0.5)}
            parameters.pop("decay", None)
        return self._made(parameters, **of_all)

    def _tensors(self) -> dict[str, Tensor]:
        """Return the parameters of the convention that are tensors; they may be parametrised."""
        names = self._setting.names.values()
        return {name: getattr(self.tensors, name) for name in names if hasattr(self.tensors, name)}
