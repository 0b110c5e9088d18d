"""The statements of a C program, function by function, and what they need: arrays, constants and templates."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from spikelet.io.c.constants import Constants
from spikelet.io.c.plan import Item, Plan
from spikelet.io.c.templates import Templates
from spikelet.layers.neurons import running_counts

_LIBRARY = re.compile(r"\b(cosf|erff|expf|fabs|floorf|log|powf?|sinf|sqrtf?)\(")
BYTES = {"float": 4, "int32_t": 4, "int16_t": 2, "uint16_t": 2, "uint8_t": 1}
_TOKEN = re.compile(r"@(\d+)@")


@dataclass
class Buffer:
    """An array of a program.

    Parameters
    ----------
    number : int
    ctype : str
    size : int
        Number of elements.
    label : str
        Part of the name.
    kept : bool
        It must outlive a call.
    """

    number: int
    ctype: str
    size: int
    label: str
    kept: bool
    uses: dict[str, tuple[int, int]] = field(default_factory=dict)  # first and last by function

    def __str__(self) -> str:
        """Return its placeholder in the text of a statement, until it has a place."""
        return f"@{self.number}@"


class Memory:
    """All arrays of a program that are not constant."""

    def __init__(self) -> None:
        self._buffers: list[Buffer] = []
        self._places: dict[int, str] = {}
        self._pools: dict[str, int] = {}

    def add(self, ctype: str, size: int, label: str, *, kept: bool) -> Buffer:
        """Return a new array."""
        buffer = Buffer(len(self._buffers), ctype, size, label, kept)
        self._buffers.append(buffer)
        return buffer

    def see(self, function: str, statement: int, text: str) -> None:
        """Note which arrays a statement of a function uses."""
        for token in _TOKEN.findall(text):
            uses = self._buffers[int(token)].uses
            first, _ = uses.get(function, (statement, 0))
            uses[function] = (first, statement)

    def place(self) -> None:
        """Give each array its place: those of one function share a pool, as long as they are not in use together."""
        for buffer in self._buffers:
            if buffer.kept or len(buffer.uses) > 1:
                self._places[buffer.number] = f"{buffer.label}_{buffer.number}"
        loose = [b for b in self._buffers if b.number not in self._places and b.uses]
        placed: list[tuple[Buffer, int]] = []
        for buffer in sorted(loose, key=lambda b: -b.size):
            ((function, (first, last)),) = buffer.uses.items()
            taken = sorted(
                (at, at + other.size) for other, at in placed
                if other.ctype == buffer.ctype and function in other.uses
                and first <= other.uses[function][1] and other.uses[function][0] <= last
            )  # fmt: skip
            at = 0
            for begin, end in taken:
                if at + buffer.size <= begin:
                    break
                at = max(at, end)
            placed.append((buffer, at))
            pool = f"shared_{buffer.ctype.removesuffix('_t')}"
            self._pools[pool] = max(self._pools.get(pool, 0), at + buffer.size)
            self._places[buffer.number] = f"({pool} + {at})" if at else pool

    def placed(self, text: str) -> str:
        """Return a text with the places of the arrays."""
        return _TOKEN.sub(lambda found: self._places[int(found[1])], text)

    def _arrays(self) -> list[tuple[str, str, int]]:
        """Return type, name and size of all arrays."""
        own = [
            (b.ctype, self._places[b.number], b.size)
            for b in self._buffers
            if b.kept or len(b.uses) > 1
        ]
        types = {f"shared_{ctype.removesuffix('_t')}": ctype for ctype in BYTES}
        return own + [(types[pool], pool, size) for pool, size in self._pools.items()]

    @property
    def bytes(self) -> int:
        """The size of all arrays."""
        return sum(BYTES[ctype] * size for ctype, _, size in self._arrays())

    def text(self) -> str:
        """Return the definitions of all arrays."""
        return "".join(f"static {ctype} {name}[{size}];\n" for ctype, name, size in self._arrays())


class Program:
    """Statements by function.

    A run consists of phases: an analog neuron that waits for the mean of its input begins a new one. Functions are
    ``begin`` (what is constant), ``step`` (once for each step) and ``end`` (means), each followed by the number of the phase.

    Parameters
    ----------
    plan : Plan
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.memory = Memory()
        self.constants = Constants()
        self.templates = Templates(volumes=plan.volumes)
        self.functions: dict[str, list[str]] = defaultdict(list)
        self._named: dict[Any, Buffer] = {}
        self.widest = 1  # channels of a pixel whose inputs are summed
        self.copied = _copied(plan)
        self.later: dict[int, list[str]] = defaultdict(list)  # statements behind those of a node
        self.products = {"begin": 0, "step": 0, "end": 0}  # multiplications of each call

    # --- statements --------------------------------------------------------------------------------

    def say(self, function: str, text: str) -> None:
        """Add a statement to a function."""
        self.memory.see(function, len(self.functions[function]), text)
        self.functions[function].append(text)

    def call(self, template: str, *arguments: Any, suffix: str = "", **types: str) -> str:
        """Return a call of a function that a template defines."""
        name = self.templates.use(template, suffix, **types)
        return f"{name}({', '.join(map(str, arguments))});"

    # --- arrays ------------------------------------------------------------------------------------

    def buffer(self, key: Any, ctype: str, size: int, label: str, *, kept: bool) -> Buffer:
        """Return the array of a key; the first call makes it."""
        if key not in self._named:
            self._named[key] = self.memory.add(ctype, size, label, kept=kept)
        return self._named[key]

    def kernel(self, part: dict[str, Any]) -> str:
        """Return the kernel of a convolution as a constant."""
        out, per_group, height, width = part["weight"].shape
        (_, in_height, in_width), (_, out_height, _) = part["in"], part["out"]
        row = [
            in_height, in_width, per_group * part["groups"], height, width, *part["stride"], *part["dilation"],
            *part["padding"], part["groups"], out, part["kernel_depth"], part["stride_z"], part["dilation_z"],
            part["front"], part["in_depth"], out_height // part["out_depth"],
        ]  # fmt: skip
        self.templates.use("input_row")
        return f"{self.constants.structs('kernel', np.array([row], np.int64), 'kernel')}"

    def size_now(self) -> str:
        """Return what a spike of the present step counts."""
        sizes = self.plan.sizes
        return "1.0f" if sizes is None else f"{self.constants.add(sizes, 'sizes')}[t]"

    def counts(self) -> tuple[str, str]:
        """Return how many steps, or which sum of their sizes, means so far divide by, now and one step before."""
        if self.plan.sizes is None:
            return (
                "(float)(t < DELAY ? t + 1 : t - DELAY + 1)",
                "(float)(t < DELAY ? t : t - DELAY)",
            )
        now, before, _ = running_counts(self.plan.sizes, self.plan.delay)
        return f"{self.constants.add(now, 'counts')}[t]", f"{self.constants.add(before, 'less')}[t]"

    def keeps(self) -> str:
        """Return whether graded units keep their value: the sizes so far leave too little to divide by."""
        assert self.plan.sizes is not None
        keeps = running_counts(self.plan.sizes, self.plan.delay)[2]
        return f"{self.constants.add(keeps, 'keeps', 'int')}[t]"

    def count(self, when: str, products: int) -> None:
        """Count multiplications of a function."""
        self.products[when] += products

    def windows(self, axis: dict[str, Any]) -> str:
        """Return the windows of a pool along one axis as a constant."""
        self.templates.use("window")
        rows = np.array([axis["begin"], axis["end"]], np.int64).T
        return self.constants.structs("window", rows, "windows")

    def buffers(self) -> list[tuple[str, str, int]]:
        """Return type, name and size of what the inputs of a pixel are summed in."""
        text = "\n".join(line for lines in self.functions.values() for line in lines)
        known = [
            ("float", "current"),
            ("float", "part"),
            ("int16_t", "whole"),
            ("int16_t", "whole_part"),
        ]
        return [
            (ctype, name, self.widest) for ctype, name in known if re.search(rf"\b{name}\b", text)
        ]

    @property
    def library(self) -> list[str]:
        """The functions of <math.h> that are called."""
        return sorted(set(_LIBRARY.findall(self.templates.text())))

    @property
    def ram(self) -> int:
        """Bytes of all arrays that are not constant."""
        return self.memory.bytes + sum(BYTES[ctype] * size for ctype, _, size in self.buffers())


@dataclass(frozen=True)
class Node:
    """A node of the plan in one phase, and the statements that compute it.

    Parameters
    ----------
    program : Program
    item : Item
    phase : int
    when : "begin", "reset", "step" or "end"
        The function that gets the statements.
    given : list of (str, int)
        The values of each input, and whether they are [channel][pixel] instead of [pixel][channel].
    out : str
        The array of the results.
    """

    program: Program
    item: Item
    phase: int
    when: str = "step"
    given: list[tuple[str, int]] = field(default_factory=list)
    out: str = ""

    def of(self, number: int) -> Node:
        """Return another node in the same phase."""
        return Node(self.program, self.program.plan[number], self.phase)

    @property
    def source(self) -> Node:
        """The first input."""
        return self.of(self.item.inputs[0])

    @property
    def about(self) -> dict[str, Any]:
        """The parameters of the node."""
        about: dict[str, Any] = self.item.about
        return about

    # --- statements --------------------------------------------------------------------------------

    def say(self, text: str, when: str = "") -> None:
        """Add a statement."""
        self.program.say(f"{when or self.when}_{self.phase}", text)

    def call(self, template: str, *arguments: Any, **words: str) -> str:
        """Return a call of a function that a template defines."""
        return self.program.call(template, *arguments, **words)

    def add(self, template: str, *arguments: Any, when: str = "", **words: str) -> None:
        """Add such a call."""
        self.say(self.program.call(template, *arguments, **words), when)

    def each_pixel(self, *body: str, when: str = "") -> None:
        """Add a loop over the pixels `p` at (y, x)."""
        _, height, width = self.item.shape
        inner = "\n".join(f"      {line}" for line in body)
        loops = (
            f"for (y = 0, p = 0; y < {height}; ++y) {{\n    for (x = 0; x < {width}; ++x, ++p) {{"
        )
        self.say(f"{loops}\n{inner}\n    }}\n  }}", when)

    # --- arrays ------------------------------------------------------------------------------------

    def at(self, array: Any) -> str:
        """Return where the channels of the pixel `p` are in an array."""
        return f"{array} + p * {self.item.channels}"

    @property
    def here(self) -> str:
        """The results of the pixel `p`."""
        return self.at(self.out)

    def _of_step(self, what: str, ctype: str, size: int) -> str:
        key = what, self.item.number, self.phase
        return str(self.program.buffer(key, ctype, size, what, kept=False))

    def plane(self, plane: int = 0) -> str:
        """Return the bits of one step, [plane][pixel][channel], from those of one sign and size on."""
        size = self.item.plane_bytes
        bits = self._of_step("spikes", "uint8_t", self.item.planes * size)
        return f"{bits} + {plane * size}" if plane else bits

    @property
    def values(self) -> str:
        """The values of one step."""
        if self.item.form == "constant":
            return self.mean
        return self._of_step("values", "float", self.item.size)

    @property
    def mean(self) -> str:
        """The value of a constant, or the mean of other values."""
        item = self.item
        if item.kind == "constant":
            values = np.reshape(item.about["values"], (item.channels, item.pixels)).T
            return self.constant(values, "constant")
        key = "mean", item.number
        return str(self.program.buffer(key, "float", item.size, "mean", kept=False))

    def state(self, what: str, ctype: str = "float", size: int = 0) -> Buffer:
        """Return an array that is kept from step to step, by default with an element for each value."""
        size, key = size or self.item.size, (what, self.item.number)
        return self.program.buffer(key, ctype, size, what, kept=True)

    def zeroed(
        self, what: str, ctype: str = "float", size: int = 0, *, of: Item | None = None
    ) -> str:
        """Return such an array that is 0 at first; it may have an element for each value of an input."""
        node = self if of is None else self.of(of.number)
        array = node.state(what, ctype, size)
        self.say(f"memset({array}, 0, sizeof {array});", "reset")
        return str(array)

    def constant(self, values: Any, label: str, ctype: str = "float") -> str:
        """Return the name of a constant array; NULL if it is empty."""
        return self.program.constants.add(values, label, ctype) if np.size(values) else "NULL"

    @property
    def gains(self) -> str:
        """The values of the spikes of each plane as a constant."""
        return self.constant(np.asarray(self.item.gains, np.float32), "gains")

    def of_pixel(self, values: Any, label: str) -> str:
        """Return parameters, one a channel or one a value, of the pixel `p` as a constant; NULL if there are none."""
        item = self.item
        if values.size in (0, item.channels):
            return self.constant(values, label)
        stored = np.reshape(values, (item.channels, item.pixels)).T
        return self.at(self.constant(stored, label))

    def by_channel(self, name: str) -> str:
        """Return a parameter, one number or one a channel, as one a channel."""
        values = self.about[name]
        return self.constant(np.resize(values, self.item.channels) if values.size else values, name)

    @property
    def constant_values(self) -> tuple[str, int]:
        """The values of a constant, and whether they are [channel][pixel], as the caller gave them."""
        program, item = self.program, self.item
        if item in program.plan.inputs and item.number not in program.copied:
            return f"input_{program.plan.inputs.index(item)}", 1
        return self.mean, 0

    @property
    def window(self) -> list[Any]:
        """The arguments of a pool for the window at (y, x), and the width of the image."""
        rows, columns = self.about["rows"], self.about["columns"]
        begin = f"{self.program.windows(rows)}[y]", f"{self.program.windows(columns)}[x]"
        return [begin[0], rows["step"], begin[1], columns["step"], self.source.item.shape[2]]

    def convolve(self, part: dict[str, Any], values: str, plain: int, to: str) -> str:
        """Return the statement that convolves values for the output pixel at (y, x)."""
        _, height, width = part["out"]
        self.program.count(self.when, part["weight"].size * height * width)
        kernel = self.program.kernel(part)
        out, per_group, *sides = part["weight"].shape
        weight = part["weight"].reshape(part["groups"], out // part["groups"], per_group, *sides)
        weights = self.constant(weight.transpose(0, 3, 4, 2, 1), "weights")
        return self.call("convolve", kernel, weights, values, plain, "y", "x", to)

    def moves(self) -> list[tuple[Node, list[Any]]]:
        """Return the sources of what a node moves, each with the number of moves and their table."""
        self.program.templates.use("move")
        item = self.item
        index = np.reshape(item.about["index"], (item.channels, item.pixels)).T.ravel()
        index, found, first = index.astype(np.int64), [], 0
        for k in item.inputs:
            source = self.of(k)
            pixels, channels = source.item.pixels, source.item.channels
            to = np.flatnonzero((index >= first) & (index < first + source.item.size))
            channel, pixel = np.divmod(index[to] - first, pixels)
            from_ = pixel * channels + channel
            first += source.item.size
            starts = np.flatnonzero(np.diff(to, prepend=-2) - 1 | np.diff(from_, prepend=-2) - 1)
            lengths = np.diff(starts, append=len(to))
            rows = np.stack([to[starts], from_[starts], lengths], axis=1)
            if len(rows):
                table = self.program.constants.structs("move", rows, "moves")
                found.append((source, [len(rows), table]))
        return found


def _copied(plan: Plan) -> set[int]:
    """Return the constant inputs that are not only convolved in the beginning, while the caller's array is at hand."""
    found = set()
    for item in plan.items:
        convolved = [part["source"] for part in item.folded]
        if item.kind == "conv" and item.form == "constant":
            convolved += item.inputs
        for k in {*item.inputs, *item.constants, *convolved, *plan.outputs}:
            once = k in convolved and k not in item.constants and plan.phases[item.number] == 0
            is_used = item.summed or item.mean or item.steps
            if plan[k].kind == "input" and plan[k].form == "constant" and is_used:
                absorbed = item.summed and k not in item.constants and k not in convolved
                if not once and not absorbed:
                    found.add(k)
    return found
