"""Predict what networks of 1e5 to 1e9 neurons cost per rank, from the points of dry_run.py.

    python bench/python/scaling_model.py dry_run.json --out scaling_ranks.png

Memory and computing time follow from fitted constants, and are validated with points that were not
used for the fit. Latency and bandwidth between machines are assumptions, set by options.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from math import ceil, exp, log2
from pathlib import Path

import numpy as np
from scipy.optimize import nnls

from spikelet.cli import bench_harness as harness
from spikelet.cli.bench_harness import Record

DT = 0.1  # ms
ROW, QUEUED_ROW, WORD, EACH = 12, 8, 0.25, 8
"""Bytes of a row of lines, of a queued row, and of a source's bit with its count; bits are used if
fewer than one source in EACH has a row."""
DUE = 8
"""Bytes of the pending deliveries: for each row of lines, or each queued synapse, that a travelling
spike reaches."""
LINE, LINES = 32, 5
"""Bytes of a line, and the number of synapses that fit into it."""
PARTITION, WIDE, SHORT = 65_408, 524_160, 24
"""Largest numbers of neurons in a partition and in a wide one, which is for rows with fewer than
SHORT synapses."""


@dataclass(frozen=True, kw_only=True)
class Load:
    """The work of one rank."""

    ranks: int
    neurons: float
    """Neurons of each rank."""
    indegree: float
    rate: float = 8.0
    delay: int = 15

    @property
    def sources(self) -> float:
        """Neurons of the network."""
        return self.ranks * self.neurons

    @property
    def synapses(self) -> float:
        """Synapses of a rank."""
        return self.neurons * self.indegree

    @property
    def spikes(self) -> float:
        """Spikes of the network per step."""
        return self.sources * self.rate * DT * 1e-3

    @property
    def events(self) -> float:
        """Synapses of a rank that a step's spikes reach."""
        return self.spikes * self.indegree / self.ranks

    @property
    def parts(self) -> int:
        """Partitions of a rank, without those that only keep buffers small."""
        narrow = ceil(self.neurons / PARTITION)
        short = self.indegree / self.ranks < SHORT * narrow
        return ceil(self.neurons / WIDE) if short else narrow

    @property
    def lines(self) -> float:
        """Bytes of its synapses in lines."""
        mean = self.indegree / self.ranks / self.parts
        return LINE * self.parts * self.sources * (mean / LINES + 0.4)

    @property
    def queued(self) -> bool:
        """Whether synapses are queued one by one: where padding would add more than 30 % to lines."""
        mean = self.indegree / self.ranks / self.parts
        return mean <= 1 or self.lines > 1.3 * LINE / LINES * self.synapses

    @property
    def pending(self) -> float:
        """Deliveries that a step's spikes add."""
        return self.events if self.queued else self.hits

    @property
    def filled(self) -> float:
        """Rows of a rank that have synapses, in all partitions."""
        return self.parts * self.sources * -np.expm1(-self.indegree / self.ranks / self.parts)

    @property
    def hits(self) -> float:
        """Rows with synapses that a step's spikes reach."""
        return self.filled * self.rate * DT * 1e-3


def table_bytes(load: Load) -> float:
    """Return the bytes of the rows and of the index of sources, which follow from their layout."""
    everyone = load.parts * load.sources
    row = QUEUED_ROW if load.queued else ROW
    if load.filled * EACH >= everyone:
        return row * everyone
    return row * load.filled + WORD * everyone


def synapse_bytes(load: Load) -> float:
    """Return the bytes of synapses: in lines, or 7 for each, with rows aligned to 8 bytes."""
    if not load.queued:
        return load.lines
    # Of a row with n synapses, n % 8 bytes are padding: 3.5 on average if n is large.
    few = exp(-load.synapses / load.filled)
    return 7 * load.synapses + load.filled * (3.5 - 2.5 * few)


def load_of(record: Record) -> Load:
    """Return the work of a measured rank."""
    return Load(**{key: record[key] for key in ("ranks", "neurons", "indegree", "rate", "delay")})


def fit(rows: list[list[float]], values: list[float]) -> list[float]:
    """Return the constants >= 0 with the smallest relative errors; tiny values count as noise."""
    known = np.maximum(values, 1e-9 + 1e-3 * np.max(values))
    found, _ = nnls(np.asarray(rows) / known[:, None], np.ones(len(values)))
    return [float(x) for x in found]


@dataclass(frozen=True)
class Model:
    """The fitted constants, in bytes and seconds."""

    empty: float
    """Bytes of a process without a network."""
    neuron: float
    """Bytes of a neuron."""
    slack: float
    """Ratio of the memory in the run to the bytes of synapses and tables."""
    flight: float
    """Bytes for each spike of the network in an interval."""
    built_synapse: float
    """Temporary bytes of building for each synapse."""
    built_source: float
    """Temporary bytes of building for each neuron of the network."""
    t_neuron: float
    t_spike: float
    """Time to look up a spike, whether it has synapses here or not."""
    t_row: float
    """Time for each row that a spike reaches."""
    t_event: float
    t_message: float
    """Time of an exchange for each rank."""
    t_merge: float
    """Time of an exchange for each spike and doubling of the ranks."""
    t_synapse_built: float
    t_source_built: float

    def memory(self, load: Load) -> float:
        """Return the bytes of a rank during a run."""
        held = synapse_bytes(load) + table_bytes(load)
        due = DUE * load.pending * load.delay + self.flight * load.spikes * load.delay
        return self.empty + self.neuron * load.neurons + self.slack * held + due

    def build_memory(self, load: Load) -> float:
        """Return the peak bytes of a rank while it is built."""
        return (
            self.empty
            + self.neuron * load.neurons
            + synapse_bytes(load)
            + table_bytes(load)
            + self.built_synapse * load.synapses
            + self.built_source * load.sources
        )

    def build_seconds(self, load: Load) -> float:
        """Return the seconds that building takes."""
        return self.t_synapse_built * load.synapses + self.t_source_built * load.sources

    def split(self, load: Load) -> dict[str, float]:
        """Return the seconds per step of neurons, look-up, delivery, and merging of messages."""
        return {
            "neurons": self.t_neuron * load.neurons,
            "look-up": self.t_spike * load.spikes * load.parts,
            "delivery": self.t_row * load.hits + self.t_event * load.events,
            "merge": self.t_message * load.ranks / load.delay
            + self.t_merge * load.spikes * log2(max(load.ranks, 1)),
        }

    def step(self, load: Load) -> float:
        """Return the seconds per step, without communication between machines."""
        return sum(self.split(load).values())


def model_of(records: list[Record]) -> Model:
    """Fit all constants to the measured points."""
    loads = [load_of(r) for r in records]
    many = [(r, load) for r, load in zip(records, loads, strict=True) if load.ranks > 1]
    # With few ranks all tables fit into the caches; with many ranks they do not.
    far = [(r, load) for r, load in many if load.ranks >= 16] or many
    neuron = fit([[1.0, load.neurons] for load in loads], [r["neurons_mb"] * 1e6 for r in records])
    [slack] = fit([[r["synapse_bytes"]] for r, _ in far], [r["built_mb"] * 1e6 for r, _ in far])
    built = fit(
        [[load.synapses, load.sources] for _, load in far],
        [
            (r["build_peak_mb"] - r["empty_mb"] - r["neurons_mb"]) * 1e6 - r["synapse_bytes"]
            for r, _ in far
        ],
    )
    # Only points with enough spikes for their memory to stand out from the preallocated buffers.
    most = max(load.spikes * load.delay for _, load in far)
    ran = [(r, load) for r, load in far if load.spikes * load.delay > most / 2]
    [flight] = fit(
        [[load.spikes * load.delay] for _, load in ran],
        [r["ran_mb"] * 1e6 - DUE * load.pending * load.delay for r, load in ran],
    )
    work = fit(
        [[load.spikes, load.hits, load.events] for _, load in far],
        [r["us_spikes"] * 1e-6 for r, _ in far],
    )
    merge = fit(
        [[load.ranks / load.delay, load.spikes * log2(load.ranks)] for _, load in many],
        [r["us_exchange"] * 1e-6 for r, _ in many],
    )
    # Absolute errors, because slow builds matter, and small ones fit into a cache.
    build, _ = nnls(
        np.asarray([[load.synapses, load.sources] for load in loads], dtype=float),
        np.asarray([r["build_s"] for r in records]),
    )
    return Model(
        empty=float(np.median([r["empty_mb"] for r in records])) * 1e6 + neuron[0],
        neuron=neuron[1],
        slack=slack,
        flight=flight,
        built_synapse=built[0],
        built_source=built[1],
        t_neuron=float(np.median([r["us_neurons"] * 1e-6 / r["neurons"] for r in records])),
        t_spike=work[0],
        t_row=work[1],
        t_event=work[2],
        t_message=merge[0],
        t_merge=merge[1],
        t_synapse_built=float(build[0]),
        t_source_built=float(build[1]),
    )


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """Assumptions about the machines and the network between them, none of them measured here."""

    latency: float
    """Seconds per message; a collective takes log2(ranks) messages in sequence."""
    bandwidth: float
    """Bytes per second into a machine, shared by its ranks."""
    ranks: int
    """Ranks of a machine."""
    once: bool
    """Whether a machine receives a message only once for all its ranks."""

    def exchange(self, load: Load) -> float:
        """Return the seconds per exchange."""
        if load.ranks == 1:
            return 0.0
        # A message has a header and room for a quarter more spikes than there were.
        received = (
            4 * load.ranks * (2 + load.delay + 16 + 1.25 * load.spikes * load.delay / load.ranks)
        )
        here = 1 if self.once else min(self.ranks, load.ranks)
        outside = received * here if load.ranks > self.ranks else 0.0
        return self.latency * ceil(log2(load.ranks)) + outside / self.bandwidth


def ranks_for(
    model: Model, neurons: float, indegree: float, limit: float, *, build: bool
) -> Load | None:
    """Return the load with the fewest ranks whose run (and build) fit into memory, if there is one."""
    ranks = 1
    while ranks <= 2**22:
        load = Load(ranks=ranks, neurons=neurons / ranks, indegree=indegree)
        if max(model.memory(load), model.build_memory(load) if build else 0.0) <= limit:
            return load
        ranks = ranks + 1 if ranks < 16 else ceil(ranks * 1.05)
    return None


PREDICTED = (
    "neurons", "in-degree", "GB per rank", "ranks", "neurons per rank", "GB in the run", "GB while built",
    "of it tables", "build s", "s per simulated s", "neurons", "look-up", "delivery", "merge",
    "between machines",
)  # fmt: skip


def predicted(
    model: Model, cluster: Cluster, neurons: float, indegree: float, limit: float
) -> list[str]:
    """Return one row of the table."""
    load = ranks_for(model, neurons, indegree, limit, build=True)
    fits = load is not None
    load = load or ranks_for(model, neurons, indegree, limit, build=False)
    start = [f"{neurons:.0e}", f"{indegree:.0e}", f"{limit / 1e9:g}"]
    if load is None:
        return [*start, "does not fit"]
    steps = 1e3 / DT
    split = {name: seconds * steps for name, seconds in model.split(load).items()}
    between = cluster.exchange(load) * steps / load.delay
    return [
        *start,
        f"{load.ranks}",
        f"{load.neurons:.0f}",
        f"{model.memory(load) / 1e9:.2f}",
        f"{model.build_memory(load) / 1e9:.2f}{'' if fits else ' (does not fit)'}",
        f"{table_bytes(load) / 1e9:.3f}",
        f"{model.build_seconds(load):.0f}",
        f"{sum(split.values()) + between:.3g}",
        *(f"{seconds:.3g}" for seconds in split.values()),
        f"{between:.3g}",
    ]


CHECKED = (
    "ranks", "neurons per rank", "in-degree", "delay ms", "synapses and tables MB", "model",
    "RSS MB in the run", "model", "build peak MB", "model", "build s", "model", "step us", "model",
)  # fmt: skip


def compared(model: Model, record: Record) -> list[str]:
    """Return measured and modelled values of one point, as a row."""
    load = load_of(record)
    cells = [f"{load.ranks}", f"{load.neurons}", f"{load.indegree}", f"{load.delay * DT:g}"]
    for measured, modeled in (
        (record["synapse_mb"], (synapse_bytes(load) + table_bytes(load)) / 1e6),
        (record["rss_mb"], model.memory(load) / 1e6),
        (record["build_peak_mb"], model.build_memory(load) / 1e6),
        (record["build_s"], model.build_seconds(load)),
        (record["us_step"], model.step(load) * 1e6),
    ):
        cells += [f"{measured:.4g}", f"{modeled:.4g} ({modeled / measured - 1:+.0%})"]
    return cells


def draw(model: Model, cluster: Cluster, records: list[Record], path: Path) -> None:
    """Plot the memory and time of a rank over the number of neurons in the network."""
    from matplotlib.figure import Figure  # noqa: PLC0415  # only the figure needs it

    fig = Figure(figsize=(10, 4), layout="constrained")
    left, right = fig.subplots(1, 2)
    base = [r for r in records if (r["neurons"], r["delay"], r["indegree"]) == (10_240, 15, 1000)]
    ranks = np.unique(np.rint(np.geomspace(1, 1e5, 60)).astype(int))
    loads = [Load(ranks=int(m), neurons=10_240, indegree=1000) for m in ranks]
    sources, at = [load.sources for load in loads], [r["network"] for r in base]
    for panel, style, label, values in (
        (left, "C0", "in the run", [model.memory(load) / 1e6 for load in loads]),
        (left, "C1", "while built", [model.build_memory(load) / 1e6 for load in loads]),
        (left, "C2--", "rows, index", [table_bytes(load) / 1e6 for load in loads]),
        *(
            (right, f"C{k}", name, [model.split(load)[name] * 1e6 for load in loads])
            for k, name in enumerate(("neurons", "look-up", "delivery", "merge"))
        ),
        (right, "C4:", "between machines (assumed)",
         [max(cluster.exchange(load) / load.delay * 1e6, 1e-3) for load in loads]),
        (right, "k", "everything else", [model.step(load) * 1e6 for load in loads]),
    ):  # fmt: skip
        panel.plot(sources, values, style, label=label)
    for panel, style, key in (
        (left, "C0o", "rss_mb"), (left, "C1o", "build_peak_mb"), (right, "ko", "us_step")
    ):  # fmt: skip
        panel.plot(at, [r[key] for r in base], style, label="measured" if panel is right else None)
    left.set(ylabel="MB per rank")
    right.set(ylabel="us per step of 0.1 ms", ylim=(0.1, None))
    for panel in (left, right):
        panel.set(xscale="log", yscale="log", xlabel="neurons of the network, 10 240 per rank")
        panel.grid(which="major", alpha=0.3)
        panel.legend(fontsize=8)
    fig.savefig(path, dpi=90)


def main() -> None:
    parser = harness.parser(__doc__)
    add = parser.add_argument
    add("measured", type=Path, help="file written by dry_run.py --json")
    add("--memory", type=float, nargs="+", default=[2, 4], metavar="GB", help="memory of a rank")
    add("--latency", type=float, default=1.5e-6, metavar="S", help="latency of a message (assumed)")
    add("--bandwidth", type=float, default=12.5e9, metavar="B/S",
        help="bandwidth into a machine (assumed: 100 Gbit/s)")  # fmt: skip
    add("--ranks", type=int, default=64, help="ranks of a machine (assumed)")
    add("--once", action="store_true", help="machines receive a message once for all ranks")
    add("--out", type=Path, metavar="PATH", help="draw the figure into this file (matplotlib)")
    args = parser.parse_args()
    written = json.loads(args.measured.read_text())
    measured, kept = ([r for r in written[k] if "build_s" in r] for k in ("fit", "check"))
    model = model_of(measured)
    names = ("latency", "bandwidth", "ranks", "once")
    cluster = Cluster(**{name: getattr(args, name) for name in names})
    constants = [
        [name, f"{value:.3g}" if name == "slack" else f"{value * 1e9:.3g} ns" if name.startswith("t_") else f"{value:.3g} bytes"]
        for name, value in vars(model).items()
    ]  # fmt: skip
    texts = [f"### constants\n\n{harness.markdown(('', ''), constants)}"]
    for title, group in (("fitted to", measured), ("validated with", kept)):
        rows = [compared(model, record) for record in group]
        texts.append(f"### {title}\n\n{harness.markdown(CHECKED, rows)}")
    assumed = (
        f"### predicted: 8 Hz, delay 1.5 ms; assumed {cluster.latency * 1e6:g} us per message, "
        f"{cluster.bandwidth / 1e9:g} GB/s into a machine of {cluster.ranks} ranks, "
        f"{'once for all' if cluster.once else 'for each'} of them"
    )
    rows = [
        predicted(model, cluster, neurons, indegree, limit * 1e9)
        for limit in args.memory
        for indegree in (1e3, 1e4)
        for neurons in (1e5, 1e6, 1e7, 1e8, 1e9)
    ]
    texts.append(f"{assumed}\n\n{harness.markdown(PREDICTED, rows)}")
    if args.out:
        draw(model, cluster, measured, args.out)
    harness.show(args, written, measured, texts, constants=vars(model))


if __name__ == "__main__":
    main()
