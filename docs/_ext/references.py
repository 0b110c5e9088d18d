"""Names in docstrings: `name` is a parameter of what the docstring documents, or an object of the package.

numpydoc writes both in single backticks. A name from the signature, the fields or the sections of the docstring becomes
code. Everything else is a reference, which may be short (``Spikes.bin``, ``sl.encode``): it leads to the public object
whose name ends like that, and if the name has no page it must at least exist in the package. What is left is a
mistake, which ``sphinx-build -n`` reports. A class also describes the parameters that it inherits.
"""

# ruff: noqa: ARG001  # Sphinx passes these arguments
from __future__ import annotations

import contextlib
import dataclasses
import functools
import importlib
import inspect
import re
import sys
from typing import Any

from docutils import nodes
from numpydoc.docscrape import NumpyDocString
from sphinx.addnodes import pending_xref
from sphinx.addnodes import toctree as toctree_node
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.nodes import make_refnode

NAME = re.compile(r"(?<![`:\w])`([^`\n]+)`(?![`_\w])")
DEFINED = re.compile(r"^\s*(\*{0,2}\w+(?:, \*{0,2}\w+)*)(?: : .*)?$")
HIDDEN = {
    # Public in name, for other modules of the package only.
    "spikelet.network.drive": {"start_step"},
    "spikelet.spatial": {"placed", "of", "within", "chances"},
    "spikelet.neurons": {
        "add_to", "arrays", "assembled", "channels", "conductance", "description", "length", "program", "set_in",
    },
    "spikelet.sources": {"stamps", "spikes", "most", "rows", "to_core"},
    "spikelet.rules": {"to_core", "kind", "positive"},
    "spikelet.plasticity": {"to_core"},
    "spikelet.layers": {
        "inputs", "fewest", "axes", "coefficients", "windows", "divisors", "sides", "kernel", "moved", "over", "parameters",
        "maps",
    },
}  # fmt: skip


def local_names(what: str, name: str, obj: Any, lines: list[str]) -> set[str]:
    """Return the names that a docstring may use for its own parameters, fields and results."""
    owners = [obj]
    if what in ("method", "property", "attribute"):
        owners.append(found(name.rpartition(".")[0]))
    found_names = set()
    for owner in filter(None, owners):
        with contextlib.suppress(TypeError, ValueError):
            found_names |= set(inspect.signature(owner).parameters)
        if dataclasses.is_dataclass(owner):
            found_names |= {field.name for field in dataclasses.fields(owner)}
        if inspect.isclass(owner):
            found_names |= {n for n in dir(owner) if not n.startswith("_")}
            lines = [*lines, *(inspect.getdoc(owner) or "").splitlines()]
    for line in lines:
        if match := DEFINED.match(line):
            found_names |= {word.strip(" *") for word in match[1].split(",")}
    return found_names


def found(path: str) -> Any:
    """Return the object of the package with a dotted name, or None."""
    parts = path.split(".")
    if parts[0] != "spikelet":
        return None
    for k in range(len(parts), 0, -1):
        try:
            item = importlib.import_module(".".join(parts[:k]))
        except ImportError:
            continue
        for part in parts[k:]:
            item = getattr(item, part, None)
        return item
    return None


def inherited_parameters(
    app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]
) -> None:
    """Describe the parameters that a class takes from its base classes, in the words of these."""
    if what != "class" or not obj.__module__.startswith("spikelet"):
        return
    own = {n for p in NumpyDocString("\n".join(lines))["Parameters"] for n in names_of(p.name)}
    try:
        missing = set(inspect.signature(obj).parameters) - own
    except (TypeError, ValueError):
        return
    added = []
    for base in obj.__mro__[1:]:
        if not (base.__module__.startswith("spikelet") and base.__doc__):
            continue
        for parameter in NumpyDocString(inspect.getdoc(base) or "")["Parameters"]:
            if missing & set(names_of(parameter.name)):
                missing -= set(names_of(parameter.name))
                added += [f"{parameter.name} : {parameter.type}"]
                added += [f"    {line}" for line in parameter.desc]
    if added:
        lines[:] = with_parameters(lines, added)


def shown_signature(
    app: Sphinx,
    what: str,
    name: str,
    obj: Any,
    options: Any,
    signature: str | None,
    returned: str | None,
) -> tuple[str, None] | None:
    """Show the parameters of a class, not those of a function that wraps its constructor."""
    if what != "class" or not getattr(obj, "__module__", "").startswith("spikelet"):
        return None
    try:
        found = inspect.signature(obj)
    except (TypeError, ValueError):
        return None
    plain = [p.replace(annotation=inspect.Parameter.empty) for p in found.parameters.values()]
    return re.sub(
        r" at 0x[0-9a-f]+",
        "",
        str(found.replace(parameters=plain, return_annotation=inspect.Signature.empty)),
    ), None


def names_of(parameter: str) -> list[str]:
    """Return the names of an entry such as ``tau_syn_ex, tau_syn_in``."""
    return [name.strip(" *") for name in parameter.split(",")]


def with_parameters(lines: list[str], added: list[str]) -> list[str]:
    """Return a docstring with more entries at the end of its section Parameters, which is made if there is none."""
    heads = [k for k in range(len(lines) - 1) if re.fullmatch(r"-{3,}", lines[k + 1].strip())]
    for k, head in enumerate(heads):
        if lines[head].strip() == "Parameters":
            end = heads[k + 1] if k + 1 < len(heads) else len(lines)
            while end > head and not lines[end - 1].strip():
                end -= 1
            return [*lines[:end], *added, *lines[end:]]
    end = heads[0] if heads else len(lines)
    return [*lines[:end], "", "Parameters", "----------", *added, "", *lines[end:]]


def code_for_parameters(
    app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]
) -> None:
    """Turn `parameter` into code."""
    names = local_names(what, name, obj, lines)

    def literal(match: re.Match[str]) -> str:
        text = match[1]
        is_code = text in names or not re.fullmatch(r"[A-Za-z_][\w.]*", text)
        return f"``{text}``" if is_code else match[0]

    lines[:] = [NAME.sub(literal, line) for line in lines]


@functools.cache
def known_names() -> frozenset[str]:
    """Return the names that the package has: modules, what these hold, members of classes, and all parameters.

    A docstring may refer to one that has no page, such as a parameter that goes through ``**kwargs``.
    """
    modules = {n: m for n, m in list(sys.modules.items()) if n.partition(".")[0] == "spikelet"}
    names = set(modules)
    for module in modules.values():
        for name, item in list(vars(module).items()):
            names.add(name)
            if not (getattr(item, "__module__", None) or "").startswith("spikelet"):
                continue
            callables = [item]
            if inspect.isclass(item):
                callables += [member for member in vars(item).values() if callable(member)]
                names |= {f"{name}.{member}" for member in dir(item)} | set(dir(item))
                names |= {f"{name}.{field}" for field in getattr(item, "__annotations__", ())}
            for function in callables:
                with contextlib.suppress(TypeError, ValueError):
                    names |= set(inspect.signature(function).parameters)
    return frozenset(names)


def short_reference(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, content: nodes.Node
) -> nodes.Node | None:
    """Resolve a reference by the end of a name."""
    if node.get("refdomain") != "py":
        return None
    target = re.sub(r"^sl\.", "spikelet.", node["reftarget"])
    objects = env.get_domain("py").objects
    ends = [
        n for n in objects if (n == target or n.endswith(f".{target}")) and n.startswith("spikelet")
    ]
    if (
        not ends
    ):  # the name of the module that defines it, while its page has the shorter public name
        item = found(target)
        last = target.rpartition(".")[2]
        ends = [
            n for n in objects if item is not None and n.endswith(f".{last}") and found(n) is item
        ]
    if not ends:
        return content if item is not None or target in known_names() else None
    here = node.get("py:module") or ""
    same = [n for n in ends if here and n.startswith(f"{here}.")]
    best = min(same or ends, key=lambda n: (n.count("."), n))
    entry = objects[best]
    return make_refnode(app.builder, node["refdoc"], entry.docname, entry.node_id, content, best)


def hide(app: Sphinx, what: str, name: str, obj: Any, skip: bool, options: Any) -> bool | None:
    """Skip members of other packages' base classes, and those for the package only."""
    function = getattr(obj, "fget", None) or getattr(obj, "func", None) or obj
    module = getattr(function, "__module__", None) or ""
    if what == "class" and module and not module.startswith("spikelet"):
        return True
    for prefix, names in HIDDEN.items():
        if module.startswith(prefix) and name in names:
            return True
    return None


def without_sidebar(app: Sphinx, tree: nodes.document) -> None:
    """Leave the pages of single objects out of the navigation: hundreds of entries on every page, and minutes to build."""
    if app.env.docname == "api":
        for toctree in list(tree.findall(toctree_node)):
            toctree.parent.remove(toctree)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("autodoc-process-signature", shown_signature)
    app.connect("autodoc-process-docstring", inherited_parameters, priority=300)
    app.connect("autodoc-process-docstring", code_for_parameters, priority=400)  # before numpydoc
    app.connect("missing-reference", short_reference)
    app.connect("autodoc-skip-member", hide)
    app.connect("doctree-read", without_sidebar, priority=100)  # before the toctrees are collected
    return {"parallel_read_safe": True, "parallel_write_safe": True}
