"""The public interface is the one in public_api.txt: names, parameters, defaults and members.

An entry is an object with its members; an object that several modules offer is one entry, in the first of them.
After an intended change, ``python tests/test_public_api.py --write`` stores it, and the changelog should mention it.
"""

from __future__ import annotations

import importlib
import inspect
import re
import sys
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, get_origin

import pytest

STORED = Path(__file__).parent / "public_api.txt"

# The modules that docs/api.md names. All names in their ``__all__`` are public.
MODULES = (
    "spikelet",
    "spikelet.conversion",
    "spikelet.conversion.folding",
    "spikelet.conversion.hybrid",
    "spikelet.conversion.load",
    "spikelet.conversion.qcfs",
    "spikelet.datasets",
    "spikelet.decode",
    "spikelet.encode",
    "spikelet.energy",
    "spikelet.estimators",
    "spikelet.events",
    "spikelet.experiments",
    "spikelet.fitting",
    "spikelet.gym",
    "spikelet.io",
    "spikelet.io.nest",
    "spikelet.layers",
    "spikelet.layers.graph",
    "spikelet.layers.spiking_model",
    "spikelet.layers.spiking_result",
    "spikelet.models",
    "spikelet.models.conv_stdp",
    "spikelet.models.microcircuit",
    "spikelet.models.ridge_readout",
    "spikelet.models.voting",
    "spikelet.network.population",
    "spikelet.network.recorders",
    "spikelet.neurons",
    "spikelet.plasticity",
    "spikelet.plot",
    "spikelet.ranks",
    "spikelet.recording.reading",
    "spikelet.regulation",
    "spikelet.rules",
    "spikelet.sources",
    "spikelet.spikes",
    "spikelet.statistics",
    "spikelet.torch",
    "spikelet.torch.losses",
)
OPERATORS = (
    "__array__", "__call__", "__contains__", "__getitem__", "__iter__", "__len__", "__setitem__",
)  # fmt: skip
# What classes offer to the rest of the package only; docs/api.md leaves it out, too.
INTERNAL = (
    "add_to",
    "set_in",
    "to_core",
    "kind",
    "positive",
    "stamps",
    "inputs",
    "coefficients",
    "windows",
    "divisors",
)


def signature(item: Any) -> str:
    """Return parameters and defaults; annotations are left out because they do not change what a caller may write."""
    if get_origin(item) is not None:  # a type alias: what it shows depends on the version of Python
        return "(...)"
    try:
        found = inspect.signature(item)
    except ValueError:  # a built-in function without one
        return "(...)"
    plain = [p.replace(annotation=inspect.Parameter.empty) for p in found.parameters.values()]
    text = str(found.replace(parameters=plain, return_annotation=inspect.Signature.empty))
    return re.sub(r" at 0x[0-9a-f]+", "", text)


def members(cls: type) -> Iterator[str]:
    """Yield public members that the package itself defines, and fields of dataclasses."""
    own = {}
    for base in reversed(cls.__mro__):
        if base.__module__.partition(".")[0] == "spikelet":
            own |= vars(base) | getattr(base, "__dataclass_fields__", {})
    for name in sorted(own):
        if name in INTERNAL or (name.startswith("_") and name not in OPERATORS):
            continue
        member = getattr(cls, name, None)
        if inspect.isroutine(member) and not isinstance(member, cached_property):
            yield f"    {name}{signature(member)}"
        elif inspect.isclass(member):
            yield f"    {name}: class"
        else:
            yield f"    {name}"


def public(module: str) -> dict[str, Any]:
    """Return what a module offers, by name."""
    found = importlib.import_module(module)
    return {name: getattr(found, name) for name in sorted(found.__all__)}


def describe(module: str) -> list[str]:
    """Return the lines of a module, without what an earlier module offers."""
    earlier = MODULES[: MODULES.index(module)]
    listed = {id(item) for other in earlier for item in public(other).values()}
    lines = []
    for name, item in public(module).items():
        if id(item) in listed:
            continue
        if inspect.isclass(item):
            lines += [f"class {name}{signature(item)}", *members(item)]
        elif inspect.ismodule(item):
            lines.append(f"module {name}")
        elif callable(item):
            lines.append(f"{name}{signature(item)}")
        else:
            lines.append(f"{name}: {type(item).__name__}")
    return lines


def stored() -> dict[str, list[str]]:
    sections: dict[str, list[str]] = {}
    for line in STORED.read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            sections[line.strip("[]")] = section = []
        elif line:
            section.append(line)
    return sections


@pytest.mark.parametrize("module", MODULES)
def test_the_interface_is_the_stored_one(module: str) -> None:
    if module.startswith("spikelet.torch"):
        pytest.importorskip("torch")
    assert describe(module) == stored()[module]


def test_all_that_is_stored_is_compared() -> None:
    assert tuple(stored()) == MODULES


def test_parameters_defaults_and_members_are_described() -> None:
    lines = stored()["spikelet"]
    at = lines.index("class Network(dt=0.1, seed=0, threads=None, dtype='float32', comm='world')")
    assert "    load(path, *, threads=None, comm='world')" in lines[at:]
    assert "    t" in lines[at:]


def main() -> None:
    """Store the present interface."""
    if sys.argv[1:] != ["--write"]:
        sys.exit("usage: python tests/test_public_api.py --write")
    sections = ["\n".join((f"[{module}]", *describe(module))) for module in MODULES]
    STORED.write_text("\n\n".join(sections) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
