"""Draw the diagrams of the documentation, as SVG: ``python docs/drawings.py``. Needs matplotlib.

The text stays text, and the files are the same for the same version of matplotlib.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib import pyplot as plt

IMAGES = Path(__file__).resolve().parent / "images"
BLUE, RED, GREEN, GRAY, PALE = "#2f5d8a", "#c8553d", "#4f8a5b", "#777777", "#eef2f6"


def canvas(width: float, height: float) -> tuple[Any, Any]:
    """Return a figure whose coordinates are in units of 0.1 inches."""
    figure = plt.figure(figsize=(width / 10, height / 10))
    axis = figure.add_axes((0, 0, 1, 1))
    axis.set(xlim=(0, width), ylim=(0, height))
    axis.axis("off")
    return figure, axis


def box(axis: Any, x: float, y: float, w: float, h: float, text: str, color: str = BLUE) -> None:
    """Draw a box with text in its middle."""
    style = {"boxstyle": "round,pad=0,rounding_size=0.8"}
    axis.add_patch(mpl.patches.FancyBboxPatch((x, y), w, h, fc=PALE, ec=color, lw=1.2, **style))
    axis.text(x + w / 2, y + h / 2, text, ha="center", va="center", fontsize=9)


def arrow(
    axis: Any,
    start: tuple[float, float],
    end: tuple[float, float],
    text: str = "",
    color: str = GRAY,
) -> None:
    """Draw an arrow; its text stands above its middle."""
    axis.annotate("", end, start, arrowprops={"arrowstyle": "-|>", "color": color, "lw": 1.4})
    if text:
        x, y = (start[0] + end[0]) / 2, (start[1] + end[1]) / 2
        axis.text(x, y + 0.7, text, ha="center", va="bottom", fontsize=8, color=color)


def spike(axis: Any, x: float, y: float, color: str, text: str = "") -> None:
    """Draw a spike on a time line."""
    axis.plot([x, x], [y, y + 3], color=color, lw=2.5, solid_capstyle="butt")
    axis.text(x, y + 3.4, text, ha="center", va="bottom", fontsize=8, color=color)


def step() -> Any:
    """Draw what happens in a step, in order, and when an event acts."""
    figure, axis = canvas(96, 46)
    axis.annotate("", (94, 14), (4, 14), arrowprops={"arrowstyle": "-|>", "color": "black"})
    axis.text(94, 11.5, "time", ha="right", va="top", fontsize=9)
    for x, label in ((12, "$n\\,dt$"), (72, "$(n+1)\\,dt$")):
        axis.plot([x, x], [13, 40], color=GRAY, lw=1, ls=":")
        axis.text(x, 12, label, ha="center", va="top", fontsize=10)
    axis.text(42, 42.5, "step n", ha="center", fontsize=11, weight="bold")
    parts = (
        ("1  delta events\nthat arrive", RED),
        ("2  currents\nof the step", BLUE),
        ("3  V_m moves", BLUE),
        ("4  synaptic\nstates decay", BLUE),
        ("5  theta\ndecays", BLUE),
    )
    for k, (text, color) in enumerate(parts):
        box(axis, 13 + 11.6 * k, 30, 10.6, 7.5, text, color)
    late = (
        ("6  threshold: spike,\nstamp $(n+1)\\,dt$, reset", RED),
        ("7  events that arrive\nadd to synaptic states", RED),
    )
    for k, (text, color) in enumerate(late):
        box(axis, 36 + 17.5 * k, 18.5, 16.5, 8, text, color)
    box(axis, 75, 18.5, 18, 8, "8  recorders read:\nV_m after the reset", GREEN)
    axis.text(84, 33.7, "what arrives at $(n+1)\\,dt$\nmoves V_m from step n+1 on", ha="center", va="center",
              fontsize=9, color=RED)  # fmt: skip
    axis.text(48, 4.5, "a spike stamped s with the delay d acts at s + d", ha="center", fontsize=10)
    return figure


def delays() -> Any:
    """Draw where the delay d of a synapse lies, and what that means for the order of spikes; r is the rise to threshold."""
    figure, axis = canvas(96, 46)
    d, r = 11.0, 4.0
    for column, title in enumerate(("dendritic: the default", "axonal: axonal_fraction=1")):
        left, axonal = 2 + 48 * column, column == 1
        axis.text(left + 24, 43, title, ha="center", fontsize=10, weight="bold")
        source, synapse, target = 33, 20, 7
        for name, y in (("source", source), ("synapse", synapse), ("target", target)):
            axis.plot([left + 9, left + 45], [y, y], color="black", lw=1)
            axis.text(left + 8, y, name, ha="right", va="center", fontsize=9)
        s = left + 12
        t_pre = s + d * axonal
        fires = s + d + r
        t_post = fires if axonal else fires + d
        spike(axis, s, source, BLUE, "s")
        spike(axis, t_pre, synapse, BLUE)
        spike(axis, fires, target, RED)
        spike(axis, t_post, synapse, RED)
        axis.text(
            t_pre - 0.7, synapse + 1.5, "$t_{pre}$", ha="right", va="center", fontsize=9, color=BLUE
        )
        axis.text(
            t_post + 0.7, synapse + 1.5, "$t_{post}$", ha="left", va="center", fontsize=9, color=RED
        )
        axis.text(
            fires + 0.8, target + 1.5, "s + d + r", ha="left", va="center", fontsize=8, color=RED
        )
        dashed = {"arrowstyle": "-|>", "ls": "--"}
        axis.annotate("", (t_pre, synapse + 3), (s, source), arrowprops={**dashed, "color": BLUE})
        axis.annotate("", (s + d, target), (t_pre, synapse), arrowprops={**dashed, "color": BLUE})
        axis.annotate(
            "", (t_post, synapse), (fires, target + 3), arrowprops={**dashed, "color": RED}
        )
        text = "$t_{post} - t_{pre} = r$" if axonal else "$t_{post} - t_{pre} = 2d + r$"
        axis.text(left + 26, 1.5, text, ha="center", fontsize=10)
    return figure


def contract() -> Any:
    """Draw what a result depends on, and what it does not."""
    figure, axis = canvas(96, 44)
    box(
        axis,
        2,
        10,
        24,
        28,
        "the network:\nmodels, synapses,\ninputs, dt, dtype\n\nand the random seed",
        BLUE,
    )
    box(axis, 70, 10, 24, 28, "spikes, states,\nweights:\n\nthe same bits,\nevery time", GREEN)
    axis.text(
        48,
        40,
        "change only the time it takes:",
        ha="center",
        fontsize=10,
        weight="bold",
        color=GRAY,
    )
    words = (
        "threads",
        "SIMD level",
        "MPI ranks",
        "partitions",
        "run(10), 10 x run(1)",
        "save and load",
    )
    for k, word in enumerate(words):
        box(axis, 28.5 + 20 * (k % 2), 32 - 7 * (k // 2), 19, 6, word, GRAY)
    arrow(axis, (27, 14), (69, 14), "", "black")
    axis.text(48, 4, "random numbers are functions of seed, object, element and step: no draw depends on another",
              ha="center", fontsize=9)  # fmt: skip
    return figure


def architecture() -> Any:
    """Draw the wings of the package and of the core."""
    figure, axis = canvas(104, 66)

    def row(y: float, items: list[str], color: str, x: float = 20, width: float = 82) -> None:
        each = width / len(items)
        for k, item in enumerate(items):
            box(axis, x + k * each, y, each - 1.2, 6, item, color)

    axis.text(2, 63, "Python checks and describes", fontsize=11, weight="bold", color=BLUE)
    rows = (
        ("use", ["cli", "experiments", "pynn", "io: NEST, NIR, SONATA, C"]),
        ("ready-made", ["models", "torch", "conversion", "datasets"]),
        ("run, measure", ["network", "layers", "energy", "plot", "statistics"]),
        ("results", ["recording", "spikes", "decode", "spatial"]),
        ("vocabulary", ["neurons", "plasticity", "rules", "sources", "encode", "events"]),
    )
    for k, (name, items) in enumerate(rows):
        y = 55 - 7 * k
        axis.text(18, y + 3, name, ha="right", va="center", fontsize=9, color=GRAY)
        row(y, items, BLUE)
    axis.text(2, 22.5, "C++ computes: one call, all steps", fontsize=11, weight="bold", color=RED)
    axis.text(
        61, 22.5, "bindings: the private module spikelet._core", ha="left", fontsize=9, color=GRAY
    )
    arrow(axis, (58, 26.5), (58, 20.5), "", GRAY)
    axis.text(18, 17, "engines", ha="right", va="center", fontsize=9, color=GRAY)
    row(14, ["network/", "layers/", "train/", "coding/", "events/"], RED)
    axis.text(18, 8, "bodies", ha="right", va="center", fontsize=9, color=GRAY)
    row(5, ["core/: neuron models, plasticity rules, random numbers, SIMD levels, threads"], RED)
    axis.text(61, 1.5, "each row uses the rows below it, never one above", ha="center", fontsize=9)
    return figure


def main() -> None:
    """Write all drawings."""
    mpl.use("Agg")
    with mpl.rc_context(
        {"svg.fonttype": "none", "svg.hashsalt": "spikelet", "font.family": "sans-serif"}
    ):
        for draw in (step, delays, contract, architecture):
            figure = draw()
            metadata = {"Date": None, "Creator": None}
            path = IMAGES / f"{draw.__name__}.svg"
            figure.savefig(path, metadata=metadata)
            lines = path.read_text("utf-8").splitlines()
            path.write_text("".join(f"{line.rstrip()}\n" for line in lines), encoding="utf-8")
            plt.close(figure)


if __name__ == "__main__":
    main()
