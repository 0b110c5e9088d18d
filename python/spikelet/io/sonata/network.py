"""Build the network of a SONATA configuration, run it, and write the files that it asks for."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from spikelet._util.advice import warn_caller
from spikelet._util.checks import fail
from spikelet._util.progress import bar, wanted
from spikelet._util.sealed import Sealed
from spikelet._util.spelling import spelled
from spikelet.io.sonata import inputs, outputs
from spikelet.io.sonata.config import WHERE, Config, naming, read_config, read_json, require_number
from spikelet.io.sonata.edges import connect_edges
from spikelet.io.sonata.node_sets import NodeSets
from spikelet.io.sonata.nodes import Nodes, read_nodes
from spikelet.network.network import Network
from spikelet.network.population import Population
from spikelet.network.projection import Projection
from spikelet.network.recorders import StateRecorder
from spikelet.neurons import NeuronModel
from spikelet.sources import SpikeSource, StepCurrent

_PIECE = 1 << 26  # bytes of samples that are held between two writes

Ints = npt.NDArray[np.int64]


class SonataNetwork(Sealed):
    """A network that was built from a SONATA configuration. Made by `read_sonata`.

    Attributes
    ----------
    network : Network
        The network.
    config : dict
        The configuration: the sections of all its files, with variables replaced and paths absolute.
    populations : dict of str to Population
        The populations of nodes. Nodes of one model are a population; a population of nodes that has several models is
        their union.
    node_ids : dict of str to array of int
        The SONATA id of each element of these populations. Neurons come before sources, so these are also the ids of
        the elements of `spikes`.
    projections : dict of str to tuple of Projection
        The populations of edges: a projection for each kind of synapse and pair of populations.
    spikes : dict of str to (recorder)
        Recorders of the spikes of all neurons, by population of nodes.
    reports : dict of str to Path
        The files of the reports that `run` writes.
    spikes_file : Path or None
        The file of the spikes that `run` writes; None if the configuration has no ``output``.
    """

    network: Network
    config: Mapping[str, Any]
    populations: Mapping[str, Population]
    node_ids: Mapping[str, Ints]
    projections: Mapping[str, tuple[Projection, ...]]
    spikes: Mapping[str, Any]
    reports: Mapping[str, Path]
    spikes_file: Path | None

    def __init__(
        self,
        config: Config,
        network: Network,
        nodes: Mapping[str, Nodes],
        parts: Mapping[str, list[Population]],
        projections: Mapping[str, list[Projection]],
        reports: list[outputs.Report],
    ) -> None:
        self.network = network
        self.config = MappingProxyType(dict(config.values))
        self._config, self._nodes = config, nodes
        populations, node_ids, spikes = {}, {}, {}
        for name, own in parts.items():
            populations[name] = network.join(*own)
            rows = np.concatenate([part.rows for part in nodes[name].parts])
            node_ids[name] = nodes[name].node_ids[rows]
            neurons = [p for p in own if isinstance(p.model, NeuronModel)]
            if neurons:
                spikes[name] = network.record(network.join(*neurons), "spikes")
        self.populations = MappingProxyType(populations)
        self.node_ids = MappingProxyType(node_ids)
        self.spikes = MappingProxyType(spikes)
        self.projections = MappingProxyType({k: tuple(p) for k, p in projections.items()})
        self.reports = MappingProxyType({report.name: report.path for report in reports})
        self.spikes_file, self._sorting = outputs.spikes_file(config) or (None, "none")
        self._recorded = [_RecordedReport(network, report, nodes, parts) for report in reports]

    def __repr__(self) -> str:
        names = ", ".join(f"{name}: {len(p)}" for name, p in self.populations.items())
        return f"SonataNetwork({self._config.path.name}; {names})"

    @property
    def tstop(self) -> float:
        """Time at which `run` stops [ms].

        Raises
        ------
        ValueError
            If the configuration does not say.
        """
        run, where = self._config.section("run"), f"{self._config.where}: run"
        key = "duration" if "tstop" not in run and "duration" in run else "tstop"
        return require_number(where, run, key, positive=True)

    def run(self, *, progress: bool | Callable[[float], Any] = False) -> Mapping[str, Any]:
        """Simulate from time 0 to ``run.tstop``, and write the files of spikes and reports.

        If the network has run before, it is reset first, so each call gives the same files. Reports are written while
        the network runs, each ``run.nsteps_block`` steps, and need little memory.

        Parameters
        ----------
        progress : bool or callable
            As in `Network.run`.

        Returns
        -------
        dict of str to recorder
            `spikes`.

        Raises
        ------
        FileExistsError
            If a file exists and the configuration sets ``overwrite_output_dir`` to false.
        OSError
            If a file cannot be written.
        """
        progress = wanted("run", progress)
        net, stop = self.network, self.tstop
        files = [*self.reports.values(), *([self.spikes_file] if self.spikes_file else [])]
        self._require_writable(files)
        if net.t != 0:
            net.reset()
        with contextlib.ExitStack() as stack:
            opened: list[Any] = [None] * len(self._recorded)  # only one process writes
            with net.ranks.all_or_none("opening reports"):
                if net.ranks.rank == 0:
                    opened = [stack.enter_context(r.file()) for r in self._recorded]
            report = stack.enter_context(bar(stop)) if progress is True else progress
            for recorded, file in zip(self._recorded, opened, strict=True):
                recorded.write_start(file)
            for _ in self._pieces(stop, report if callable(report) else False):
                for recorded, file in zip(self._recorded, opened, strict=True):
                    recorded.write(file)
        if self.spikes_file is not None:
            trains = {
                name: (recorder.times, self.node_ids[name][recorder.ids])
                for name, recorder in self.spikes.items()
            }
            with net.ranks.all_or_none("writing spikes"):
                if net.ranks.rank == 0:
                    outputs.write_spikes(self.spikes_file, trains, self._sorting)
        return self.spikes

    def _require_writable(self, files: list[Path]) -> None:
        overwrite = self._config.section("output").get("overwrite_output_dir", True)
        for file in files:
            if not overwrite and file.exists():
                msg = f"run: {file} exists, and output.overwrite_output_dir is false"
                raise FileExistsError(msg)
            file.parent.mkdir(parents=True, exist_ok=True)

    def _pieces(self, stop: float, report: Any) -> Iterator[None]:
        """Run piece by piece."""
        net = self.network
        steps, done = round(stop / net.dt), 0
        block = self._config.section("run").get("nsteps_block")
        if isinstance(block, bool) or not isinstance(block, int) or block < 1:
            per_step = sum(recorded.bytes_per_step for recorded in self._recorded)
            block = max(1, int(_PIECE / per_step)) if per_step else steps
        if not self._recorded:
            block = steps
        while done < steps:
            length = min(block, steps - done)

            def tell(t: float, first: int = done) -> None:
                report((first + round(t / net.dt)) * net.dt)

            net.run(length * net.dt, progress=tell if callable(report) else False)
            done += length
            yield


class _RecordedReport:
    """A report with its recorders."""

    def __init__(
        self,
        net: Network,
        report: outputs.Report,
        nodes: Mapping[str, Nodes],
        parts: Mapping[str, list[Population]],
    ) -> None:
        self._net, self._report = net, report
        self._recorders: dict[str, list[tuple[StateRecorder, Ints]]] = {}
        self._ids: dict[str, Ints] = {}
        self._units: dict[str, str] = {}
        begin = max(report.start - report.every, 0.0)
        for name, rows in report.rows.items():
            self._ids[name] = nodes[name].node_ids[rows]
            for k, part, mine in nodes[name].parts_of(rows):
                population = parts[name][k]
                target = population if mine.all() else population[np.flatnonzero(mine)]
                recorder = net.record(target, report.variable, every=report.every, start=begin)
                at = np.searchsorted(rows, part.rows[mine])
                self._recorders.setdefault(name, []).append((recorder, at))
                assert isinstance(population.model, NeuronModel)
                self._units[name] = population.model.state(report.variable).unit

    @property
    def bytes_per_step(self) -> float:
        """Memory that recording needs per step."""
        columns = sum(len(ids) for ids in self._ids.values())
        return columns * self._net.dtype.itemsize * self._net.dt / self._report.every

    def file(self) -> contextlib.AbstractContextManager[outputs.Append]:
        """Open the file, which appears in its place when it is complete."""
        return outputs.report_file(self._report, self._units, self._ids)

    def write_start(self, append: outputs.Append | None) -> None:
        """Write the states at time 0, which recorders do not sample."""
        if self._report.start == 0:
            self._append(append, lambda r: np.asarray(getattr(r.target, r.name))[None, :])

    def write(self, append: outputs.Append | None) -> None:
        """Write what was recorded, and forget it."""
        begin, end = (t - self._report.every / 2 for t in (self._report.start, self._report.stop))

        def take(recorder: StateRecorder) -> npt.NDArray[Any]:
            _, values = recorder.between(max(begin, 0.0), end)
            recorder.clear()
            return values

        self._append(append, take)

    def _append(
        self,
        append: outputs.Append | None,
        take: Callable[[StateRecorder], npt.NDArray[Any]],
    ) -> None:
        """Write the frames that a function returns for each recorder."""
        for name, recorders in self._recorders.items():
            parts = [(take(recorder), at) for recorder, at in recorders]
            frames = np.empty((len(parts[0][0]), len(self._ids[name])), np.float32)
            for values, at in parts:
                frames[:, at] = values
            if append is not None:
                append(name, frames)


@spelled
def read_sonata(
    config: str | os.PathLike[str],
    *,
    circuit: str | os.PathLike[str] | None = None,
    dt: float | None = None,
    dtype: Literal["float32", "float64"] = "float64",
    threads: int | None = None,
    seed: int | None = None,
    v_init: bool = False,
    comm: Any = "world",
) -> SonataNetwork:
    """Build the network of a SONATA configuration of point neurons.

    Edges are read in blocks: the files may be larger than memory, which holds the network and one block.

    Parameters
    ----------
    config : path-like
        The configuration (JSON): of a simulation, of a circuit, of both, or a file that names the two.
    circuit : path-like, optional
        The circuit's configuration, if `config` does not name it in ``network``.
    dt : float, optional
        Time step [ms]; by default ``run.dt``.
    dtype : "float64" or "float32"
        Precision, as of `Network`.
    threads, comm
        As of `Network`.
    seed : int, optional
        Random seed; by default ``run.random_seed``, or 0.
    v_init : bool
        Whether neurons start at ``conditions.v_init`` [mV]. By default they start as in NEST: at V_m of
        ``dynamics_params``, or at the default of NEST's model. NEST's SonataNetwork ignores the conditions.

    Returns
    -------
    SonataNetwork

    Raises
    ------
    ValueError
        If a file is damaged, or something in it is missing, wrong or not supported. The message names the file, the
        group and the rule.
    OSError
        If a file cannot be opened.

    Notes
    -----
    Models are those of NEST ("nest:iaf_psc_alpha"), with NEST's names, units and default values, and so are synapses:
    static_synapse, stdp_synapse and others. Nodes that are "virtual" replay the spikes of the inputs; off the grid,
    their times are rounded up, as by NEST's spike_train_injector. The weight of an edge is ``syn_weight`` times
    ``nsyns``; NEST ignores the latter. Current clamps (pA, ms) act from ``delay`` on.

    Dai et al., PLoS Comput. Biol. 16 (2020) e1007696; https://github.com/AllenInstitute/sonata.
    """
    found = read_config(config, circuit)
    run, where = found.section("run"), f"{found.where}: run"
    step = dt if dt is not None else require_number(where, run, "dt", positive=True)
    if seed is None:
        seed = run.get("random_seed", 0)
        if isinstance(seed, bool) or not isinstance(seed, int):
            fail(where, "random_seed", seed, "must be an integer")
    if require_number(where, run, "tstart", 0.0) != 0:
        fail(where, "tstart", run["tstart"], "must be 0")
    net = Network(dt=step, seed=seed, threads=threads, dtype=dtype, comm=comm)
    nodes = read_nodes(found)
    sets = _node_sets(found, nodes)
    trains = inputs.read_spikes(found, nodes, sets)
    clamps = inputs.read_clamps(found, nodes, sets)
    stop = require_number(where, run, "tstop", run.get("duration", np.finfo(float).max))
    if stop < np.finfo(float).max and abs(round(stop / step) * step - stop) > 1e-6 * step:
        fail(where, "tstop", stop, f"must be a multiple of dt = {step:g} ms")
    reports = outputs.read_reports(_without_unknown(found, sets), nodes, sets, step, stop)
    parts = {}
    for name, of in nodes.items():
        with naming(of.where):
            parts[name] = _populations(net, of, trains.get(name))
    start = None
    if v_init:
        conditions = found.section("conditions")
        start = require_number(f"{found.where}: conditions", conditions, "v_init", None)
    for name, of in nodes.items():
        for part, population in zip(of.parts, parts[name], strict=True):
            with naming(of.where):
                _start(population, part.states, start)
    projections = connect_edges(found, net, nodes, parts)
    for clamp in clamps:
        with naming(f"{found.where}: inputs"):
            _inject(net, clamp, nodes[clamp.population], parts[clamp.population])
    return SonataNetwork(found, net, nodes, parts, projections, reports)


def _node_sets(config: Config, nodes: Mapping[str, Nodes]) -> NodeSets:
    file = config.values.get("node_sets_file")
    if file is None:
        return NodeSets({}, nodes, str(config.path))
    if not isinstance(file, str):
        fail(config.where, "node_sets_file", file, "must be the path of a file")
    if not Path(file).exists():
        warn_caller(f"{WHERE}: there is no node_sets_file {file}; each population is a node set")
        return NodeSets({}, nodes, str(config.path))
    return NodeSets(read_json(Path(file)), nodes, file)


def _without_unknown(config: Config, sets: NodeSets) -> Config:
    """Return a configuration without the reports that need a file of node sets that is not there."""
    file = config.values.get("node_sets_file")
    if file is None or Path(file).exists():
        return config
    kept = {}
    for name, item in config.items("reports"):
        cells = item.get("cells", "all")
        if isinstance(cells, str) and cells not in sets:
            why = f"its node set {cells!r} is not defined"
            warn_caller(f"{WHERE}: the report {name!r} is left out: {why}")
        else:
            kept[name] = item
    return Config(config.path, {**config.values, "reports": kept})


def _populations(net: Network, nodes: Nodes, trains: inputs.Trains | None) -> list[Population]:
    """Add the populations of a population of nodes, one for each of its parts."""
    found = []
    for part in nodes.parts:
        name = nodes.name if len(nodes.parts) == 1 else f"{nodes.name}:{part.template}"
        model = part.model
        if model is None:
            if trains is None:
                why = f"no input drives the virtual nodes of {nodes.name!r}; they are silent"
                warn_caller(f"{WHERE}: {why}")
                trains = inputs.Trains(np.empty(0), np.empty(0, np.int64))
            mine = np.isin(trains.rows, part.rows)
            model = SpikeSource(
                trains.times[mine],
                np.searchsorted(part.rows, trains.rows[mine]),
                snap="up" if _in_tics(net.dt) else True,
            )
        found.append(net.population(len(part.rows), model, name=name))
    return found


def _in_tics(dt: float) -> bool:
    return 1 <= round(1000 * dt) < 2**53 and abs(round(1000 * dt) / 1000 - dt) <= 1e-9 * dt


def _start(population: Population, states: Mapping[str, Any], v_init: float | None) -> None:
    """Set the states with which neurons start."""
    if not isinstance(population.model, NeuronModel):
        return
    values = dict(states)
    if v_init is not None and "V_m" in population.model.states:
        values["V_m"] = v_init
    for name, value in values.items():
        getattr(population, name)[:] = value


def _inject(net: Network, clamp: inputs.Clamp, nodes: Nodes, parts: list[Population]) -> None:
    for k, _, mine in nodes.parts_of(clamp.rows):
        if clamp.stop > clamp.start:
            target = parts[k] if mine.all() else parts[k][np.flatnonzero(mine)]
            times, amplitudes = [clamp.start, clamp.stop], [clamp.amplitude, 0.0]
            net.inject(target, StepCurrent(times, amplitudes, snap=True))
