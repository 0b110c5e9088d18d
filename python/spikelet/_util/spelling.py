"""The name that was probably meant, where an argument, an attribute or a module's name does not exist."""

from __future__ import annotations

import difflib
import functools
import inspect
import sys
from collections.abc import Callable, Iterable
from typing import Any, NoReturn, TypeVar, cast

_LISTED = 40  # names in a message, at most

Function = TypeVar("Function", bound=Callable[..., Any])

# What other simulators call it, in lower case and without underscores.
_ELSEWHERE = {
    "v": "V_m", "vrest": "E_L", "vl": "E_L", "el": "E_L", "vthresh": "V_th", "vthreshold": "V_th", "threshold": "V_th",
    "vt": "V_th", "vr": "V_reset", "cm": "C_m", "capacitance": "C_m", "tau": "tau_m", "taumem": "tau_m", "tref": "t_ref",
    "taurefrac": "t_ref", "tauref": "t_ref", "trefrac": "t_ref", "refractory": "t_ref", "ioffset": "I_e", "iext": "I_e",
    "tausyne": "tau_syn_ex", "tausyni": "tau_syn_in", "tausyn": "tau_syn_ex", "ereve": "E_ex", "erevi": "E_in",
    "gleak": "g_L", "resolution": "dt", "timestep": "dt", "rngseed": "seed", "localnumthreads": "threads",
    "nthreads": "threads", "simulate": "run", "create": "population", "label": "name", "interval": "every",
    "probability": "p", "indegree": "number", "outdegree": "number", "n": "number", "frequency": "rate", "sigma": "std",
    "numsteps": "steps", "timesteps": "steps", "t": "steps", "beta": "decay", "resetmechanism": "reset", "wmax": "w_max", "learningrule": "plasticity", "synapse": "plasticity",
}  # fmt: skip


def suggestion(name: str, known: Iterable[str]) -> str:
    """Return "; did you mean 'tau_m'?" if a name resembles a known one, or is another simulator's, else nothing."""
    names = list(known)
    elsewhere = _ELSEWHERE.get(name.lower().replace("_", ""))
    if elsewhere in names and elsewhere != name:
        return f"; did you mean {elsewhere!r}?"
    if len(name) == 1:  # it resembles all that contain it
        return ""
    lower = [other.lower() for other in names]
    near = difflib.get_close_matches(name.lower(), lower, 1, cutoff=0.55)
    if not near:
        return ""
    alike = [other for other in names if other.lower() == near[0]]  # but for the case of letters
    best = difflib.get_close_matches(name, alike, 1, cutoff=0.0)[0]
    return f"; did you mean {best!r}?"


def no_attribute(item: str, name: str, known: Iterable[str], obj: object = None) -> NoReturn:
    """Raise AttributeError for a name that an object or a module does not have, with the nearest one.

    Parameters
    ----------
    item : str
        What lacks it, for the message: ``"Projection"``.
    name : str
    known : iterable of str
        The names that there are.
    obj : object, optional
        The object itself.
    """
    public = [other for other in known if not other.startswith("_")]
    listed = (
        f"there are: {', '.join(public)}" if len(public) <= _LISTED else "dir() lists what there is"
    )
    msg = f"{item} has no {name!r}{suggestion(name, public)} ({listed})"
    raise AttributeError(msg, name=name, obj=obj)


def missing(module: str, names: Iterable[str]) -> Callable[[str], NoReturn]:
    """Return the ``__getattr__`` of a module that names the nearest of its names.

    Parameters
    ----------
    module : str
        Its full name.
    names : iterable of str
        Its public names.
    """

    def look_up(name: str) -> NoReturn:
        if name.startswith("_"):
            raise AttributeError(f"module {module!r} has no attribute {name!r}", name=name)
        no_attribute(module, name, names)

    return look_up


def offer(module: str, names: list[str]) -> None:
    """Make a module list its public names only, and name the nearest of them where it lacks one.

    A type checker does not see this, and knows which names there are.

    Parameters
    ----------
    module : str
        Its full name.
    names : list of str
        Its ``__all__``.
    """
    vars(sys.modules[module]).update(__getattr__=missing(module, names), __dir__=names.copy)


def spelled(function: Function) -> Function:
    """Make a function name the nearest argument if a call does not fit its parameters.

    The call costs nothing more as long as it fits. A method's errors name its class; those of ``__init__`` name the class
    that is made.
    """

    @functools.wraps(function)
    def checked(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except TypeError as error:
            explain(function, error, args, kwargs)
            raise

    return cast("Function", checked)


def explain(function: Any, error: TypeError, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Raise a TypeError that names the nearest argument, if an error is of a call that does not fit a function.

    Parameters
    ----------
    function : callable
    error : TypeError
        What the call raised.
    args, kwargs
        The arguments of the call.
    """
    code, trace = function.__code__, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code is code:  # a call that does not fit makes no frame
            return
        trace = trace.tb_next
    problem = _misfit(function, args, kwargs)
    if problem is not None:
        raise TypeError(problem) from None


def _misfit(function: Any, args: tuple[Any, ...], given: dict[str, Any]) -> str | None:
    """Return what is wrong with the arguments of a call, or None if they fit."""
    where = function.__qualname__
    parameters = list(inspect.signature(function).parameters.values())
    if parameters and parameters[0].name == "self" and args:
        made = function.__name__ == "__init__"
        where = type(args[0]).__name__ if made else ".".join(where.split(".")[-2:])
        parameters, args = parameters[1:], args[1:]
    kinds = inspect.Parameter
    names = [p.name for p in parameters if p.kind not in (kinds.VAR_POSITIONAL, kinds.VAR_KEYWORD)]
    open_ended = any(p.kind is kinds.VAR_KEYWORD for p in parameters)
    for name in given:
        if name not in names and not open_ended:
            return f"{where} has no argument {name!r}{suggestion(name, names)} (there are: {', '.join(names)})"
    by_position = [p.name for p in parameters if p.kind is kinds.POSITIONAL_OR_KEYWORD]
    variadic = any(p.kind is kinds.VAR_POSITIONAL for p in parameters)
    if len(args) > len(by_position) and not variadic:
        others = [f"{name}=" for name in names if name not in by_position]
        way_out = f"; name the others: {', '.join(others)}" if others else ""
        taken = (
            f"{len(by_position)} by position ({', '.join(by_position)})"
            if by_position
            else "no arguments by position"
        )
        return f"{where} takes {taken}, got {len(args)}{way_out}"
    missing = [
        p.name
        for p in parameters
        if p.default is kinds.empty
        and p.kind in (kinds.POSITIONAL_OR_KEYWORD, kinds.KEYWORD_ONLY)
        and p.name not in given
        and p.name not in by_position[: len(args)]
    ]
    if missing:
        return (
            f"{where} needs {' and '.join(map(repr, missing))} (arguments are: {', '.join(names)})"
        )
    return None
