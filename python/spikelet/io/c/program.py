"""The statements of a C program, function by function, and what they need: arrays, constants and templates."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import Any

import numpy as np

from spikelet.io.c.constants import Constants
from spikelet.io.c.memory import BYTES, Buffer, Memory
from spikelet.io.c.plan import Item, Plan
from spikelet.io.c.templates import Templates
from spikelet.layers.neurons import running_counts

__all__ = ["Program"]

_LIBRARY = re.compile(r"\b(cosf|erff|expf|fabs|floorf|log|powf?|sinf|sqrtf?)\(")


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

    def _buffer(self, key: Any, ctype: str, size: int, label: str, *, kept: bool) -> Buffer:
        if key not in self._named:
            self._named[key] = self.memory.add(ctype, size, label, kept=kept)
        return self._named[key]

    def spikes(self, item: Item, phase: int) -> Buffer:
        """Return the bits of one step, [plane][pixel][channel]."""
        return self._buffer(
            ("spikes", item.number, phase), "uint8_t", item.planes * item.plane_bytes, "spikes", kept=False
        )  # fmt: skip

    def values(self, item: Item, phase: int) -> str:
        """Return the value of one step."""
        if item.form == "constant":
            return self.mean(item)
        return str(
            self._buffer(("values", item.number, phase), "float", item.size, "values", kept=False)
        )

    def mean(self, item: Item) -> str:
        """Return the value of a constant, or the mean of other values."""
        if item.kind == "constant":
            values = np.reshape(item.about["values"], (item.channels, item.pixels)).T
            return self.constants.add(values, "constant")
        return str(self._buffer(("mean", item.number), "float", item.size, "mean", kept=False))

    def state(self, item: Item, what: str, ctype: str, size: int) -> Buffer:
        """Return an array that is kept from step to step."""
        return self._buffer((what, item.number), ctype, size, what, kept=True)

    def zeroed(self, item: Item, what: str, phase: int, ctype: str = "float") -> str:
        """Return such an array, with an element for each value, that is 0 at first."""
        array = self.state(item, what, ctype, item.size)
        self.say(f"reset_{phase}", f"memset({array}, 0, sizeof {array});")
        return str(array)

    def plane(self, item: Item, phase: int, plane: int = 0) -> str:
        """Return the bits of one sign and size of one step."""
        bits = self.spikes(item, phase)
        return f"{bits} + {plane * item.plane_bytes}" if plane else str(bits)

    def gains(self, item: Item) -> str:
        """Return the values of the spikes of each plane as a constant."""
        return self.constants.add(np.asarray(item.gains, np.float32), "gains")

    def of_pixel(self, item: Item, values: Any, label: str) -> str:
        """Return parameters, one a channel or one a value, of the pixel `p` as a constant; NULL if there are none."""
        if not values.size:
            return "NULL"
        if values.size == item.channels:
            return self.constants.add(values, label)
        stored = np.reshape(values, (item.channels, item.pixels)).T
        return f"{self.constants.add(stored, label)} + p * {item.channels}"

    def base(self, item: Item) -> Buffer:
        """Return what is added to the input of each step."""
        return self._buffer(("base", item.number), "float", item.size, "base", kept=True)

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

    def count(self, function: str, products: int) -> None:
        """Count multiplications of a function."""
        self.products[function.partition("_")[0]] += products

    def window(self, item: Item) -> list[Any]:
        """Return the arguments of a pool for the window at (y, x), and the width of the image."""
        rows, columns = item.about["rows"], item.about["columns"]
        width = self.plan[item.inputs[0]].shape[2]
        begin = f"{self.windows(rows)}[y]", f"{self.windows(columns)}[x]"
        return [begin[0], rows["step"], begin[1], columns["step"], width]

    def convolve(
        self, function: str, part: dict[str, Any], values: str, plain: int, to: str
    ) -> str:
        """Return the statement that convolves values for the output pixel at (y, x)."""
        _, height, width = part["out"]
        self.count(function, part["weight"].size * height * width)
        kernel, weights = self.kernel(part), self.values_weights(part)
        return self.call("convolve", kernel, weights, values, plain, "y", "x", to)

    def values_weights(self, part: dict[str, Any]) -> str:
        """Return the weights of a convolution of values as a constant."""
        out, per_group, height, width = part["weight"].shape
        groups = part["groups"]
        weight = part["weight"].reshape(groups, out // groups, per_group, height, width)
        return self.constants.add(weight.transpose(0, 3, 4, 2, 1), "weights")

    def windows(self, axis: dict[str, Any]) -> str:
        """Return the windows of a pool along one axis as a constant."""
        self.templates.use("window")
        rows = np.array([axis["begin"], axis["end"]], np.int64).T
        return self.constants.structs("window", rows, "windows")

    def constant_values(self, item: Item) -> tuple[str, int]:
        """Return the values of a constant, and whether they are [channel][pixel], as the caller gave them."""
        if item in self.plan.inputs and item.number not in self.copied:
            return f"input_{self.plan.inputs.index(item)}", 1
        return self.mean(item), 0

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

    @staticmethod
    def each_pixel(item: Item, body: list[str]) -> str:
        """Return a loop over the pixels `p` at (y, x) of a node."""
        _, height, width = item.shape
        inner = "\n".join(f"      {line}" for line in body)
        return f"for (y = 0, p = 0; y < {height}; ++y) {{\n    for (x = 0; x < {width}; ++x, ++p) {{\n{inner}\n    }}\n  }}"

    def moves(self, item: Item) -> list[tuple[Item, list[Any]]]:
        """Return the sources of what a node moves, each with the number of moves and their table."""
        self.templates.use("move")
        index = (
            np.reshape(item.about["index"], (item.channels, item.pixels)).T.ravel().astype(np.int64)
        )
        found, first = [], 0
        for k in item.inputs:
            source = self.plan[k]
            to = np.flatnonzero((index >= first) & (index < first + source.size))
            channel, pixel = np.divmod(index[to] - first, source.pixels)
            from_ = pixel * source.channels + channel
            first += source.size
            starts = np.flatnonzero(np.diff(to, prepend=-2) - 1 | np.diff(from_, prepend=-2) - 1)
            lengths = np.diff(starts, append=len(to))
            rows = np.stack([to[starts], from_[starts], lengths], axis=1)
            if len(rows):
                found.append((source, [len(rows), self.constants.structs("move", rows, "moves")]))
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
