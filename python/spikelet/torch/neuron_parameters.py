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

__all__ = ["HasParameters"]

_OF_ALL = ("v_threshold", "surrogate", "alpha")
_EITHER = {"tau_m": "decay", "decay": "tau_m"}  # of which only one is given
_FIXED = ("convention", "learn_tau", "learn_threshold")
# What decides the leak, which `learn_tau` makes a parameter.
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
        """Return the parameters of the convention that are tensors; they may be parametrised."""
        if not self._has_tensors:
            return {}
        names = self._setting.names.values()
        return {name: getattr(self.tensors, name) for name in names if hasattr(self.tensors, name)}
