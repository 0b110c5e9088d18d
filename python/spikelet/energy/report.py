"""Reports of `spikelet.energy`: counts of operations, and their energy."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, NamedTuple

from spikelet._util.results import Table
from spikelet.energy.technology import Technology

__all__ = ["BreakEven", "EnergyReport", "LayerEnergy", "NetworkEnergy"]


class BreakEven(NamedTuple):
    """A comparison of the arithmetic of spikes with the products of the ANN.

    A spike costs one addition where an active neuron of the ANN costs one MAC. The SNN is cheaper if its spikes per
    neuron, over the whole run, are fewer than MAC / addition (5.1 in 45 nm) times the fraction of the ANN's neurons that
    are active.
    """

    spikes_per_neuron: float
    limit: float

    @property
    def holds(self) -> bool:
        """Whether the SNN is cheaper."""
        return self.spikes_per_neuron < self.limit


@dataclass(frozen=True)
class LayerEnergy:
    """Operations and energy of one layer, per sample.

    Parameters
    ----------
    name, kind : str
    effective_acs, effective_macs, dense_macs : float
        Operations over all steps, for layers with weights.
    neurons : int
        Number of neurons or ReLUs, where a pair of an ON and an OFF neuron counts once; 0 for other layers.
    spikes : float
        Spikes sent.
    active : float
        Non-zero activations: spikes, or values of a ReLU.
    slots : float
        Largest possible number of activations: neurons x steps, or the neurons of a ReLU.
    membrane_updates : float
    parameter_bytes, state_bytes : int
    compute_pj, memory_pj, dense_pj : float
        Energy of arithmetic, of memory traffic, and of arithmetic with all inputs active and analog [pJ].
    """

    name: str
    kind: str
    effective_acs: float = 0.0
    effective_macs: float = 0.0
    dense_macs: float = 0.0
    neurons: int = 0
    spikes: float = 0.0
    active: float = 0.0
    slots: float = 0.0
    membrane_updates: float = 0.0
    parameter_bytes: int = 0
    state_bytes: int = 0
    compute_pj: float = 0.0
    memory_pj: float = 0.0
    dense_pj: float = 0.0

    @property
    def activation_sparsity(self) -> float:
        """1 - active / slots; NaN for layers without neurons."""
        return 1 - self.active / self.slots if self.slots else float("nan")

    @property
    def footprint(self) -> int:
        """Bytes of parameters and states."""
        return self.parameter_bytes + self.state_bytes

    @property
    def energy_pj(self) -> float:
        """Total energy [pJ]."""
        return self.compute_pj + self.memory_pj


@dataclass(frozen=True)
class NetworkEnergy:
    """Operations and energy of a network, per sample.

    Parameters
    ----------
    layers : tuple of LayerEnergy
        Layers with weights or neurons, in the order of the graph.
    steps : int or float
        Number of steps T; 1 for an ANN; with ``until=``, the mean over the samples.
    input_spikes : float
        Spikes of the input, if it is coded as spikes.
    """

    layers: tuple[LayerEnergy, ...]
    steps: float
    input_spikes: float = 0.0

    @property
    def total(self) -> LayerEnergy:
        """The sum over all layers."""
        names = [f.name for f in fields(LayerEnergy)][2:]
        sums = {n: sum(getattr(layer, n) for layer in self.layers) for n in names}
        return LayerEnergy("total", "", **sums)

    def __getitem__(self, name: str) -> LayerEnergy:
        """Return a layer by name."""
        for layer in self.layers:
            if layer.name == name:
                return layer
        msg = f"NetworkEnergy: '{name}' is not one of {', '.join(x.name for x in self.layers)}"
        raise KeyError(msg)


@dataclass(frozen=True)
class EnergyReport:
    """An estimate of the energy of one inference; `spikelet.energy` explains the counts.

    Parameters
    ----------
    snn : NetworkEnergy
        Energy of the measured model.
    ann : NetworkEnergy or None
        Energy of the ANN that it is compared with.
    technology : Technology
    samples : int
        Number of samples that are averaged.
    memory : bool
        Whether memory traffic is included.
    first_layer_once : bool
        Whether constant currents are counted once.
    """

    snn: NetworkEnergy
    ann: NetworkEnergy | None
    technology: Technology
    samples: int
    memory: bool
    first_layer_once: bool

    @property
    def energy_pj(self) -> float:
        """Energy of the model per sample [pJ]."""
        return self.snn.total.energy_pj

    @property
    def energy_nj(self) -> float:
        """Energy of the model per sample [nJ]."""
        return self.energy_pj / 1e3

    @property
    def ratio(self) -> float:
        """Energy relative to an ANN that skips zero activations, as the SNN does; NaN without an ANN."""
        return float("nan") if self.ann is None else self.energy_pj / self.ann.total.energy_pj

    @property
    def dense_ratio(self) -> float:
        """Arithmetic relative to an ANN that skips nothing, as most papers report it; NaN without an ANN."""
        if self.ann is None:
            return float("nan")
        return self.snn.total.compute_pj / self.ann.total.dense_pj

    @property
    def break_even(self) -> BreakEven | None:
        """The rule of thumb for all neurons; None without an ANN or without neurons."""
        pairs = self._pairs()
        return self._rule(pairs) if pairs else None

    @property
    def break_even_by_layer(self) -> dict[str, BreakEven]:
        """The rule of thumb for each layer of spiking neurons; empty without an ANN."""
        return {spiking.name: self._rule([(spiking, relu)]) for spiking, relu in self._pairs()}

    def _rule(self, pairs: list[tuple[LayerEnergy, LayerEnergy]]) -> BreakEven:
        spikes = sum(s.spikes for s, _ in pairs) / sum(s.neurons for s, _ in pairs)
        density = sum(a.active for _, a in pairs) / sum(a.slots for _, a in pairs)
        return BreakEven(spikes, self.technology.mac_pj / self.technology.add_pj * density)

    def _pairs(self) -> list[tuple[LayerEnergy, LayerEnergy]]:
        layers = () if self.ann is None else self.ann.layers
        relus = {layer.name: layer for layer in layers if layer.kind == "ReLU"}
        spiking = [s for s in self.snn.layers if s.neurons and s.kind != "ReLU"]
        return [(s, relus[s.name]) for s in spiking if s.name in relus]

    def table(self) -> Table:
        """Return a table with a row for each layer and the total, next to those of the ANN."""
        others = () if self.ann is None else (*self.ann.layers, self.ann.total)
        by_name = {layer.name: layer for layer in others}
        rows = []
        for layer in (*self.snn.layers, self.snn.total):
            row = _row(layer)
            if layer.name in by_name:
                ann = _row(by_name[layer.name])
                row.update({f"ann_{n}": ann[n] for n in ("macs", "dense", "nj")})
            rows.append(row)
        t, rule = self.technology, self.break_even
        facts = {
            "estimate": "with memory traffic" if self.memory else "arithmetic alone",
            "technology": f"{t.name} ({t.add_pj:g} pJ an AC, {t.mac_pj:g} pJ a MAC)",
            "steps": self.snn.steps,
            "samples": self.samples,
            "first_layer": "once" if self.first_layer_once else "at each step",
            "input_spikes": self.snn.input_spikes or None,
            "ratio": self.ratio,
            "dense_ratio": self.dense_ratio,
            "spikes_per_neuron": rule and rule.spikes_per_neuron,
            "break_even": rule and rule.limit,
        }
        return Table(rows, facts, ("layer", "nj", "ann_nj"))

    def to_dict(self) -> dict[str, Any]:
        """Return the table as plain Python objects, fit for JSON; unknown values are None."""
        return self.table().to_dict()

    def to_json(self, path: str | Path | None = None) -> str:
        """Return the same as JSON, and write it to a file if a path is given."""
        return self.table().to_json(path)

    def __str__(self) -> str:
        return str(self.table())


def _row(layer: LayerEnergy) -> dict[str, Any]:
    weights = layer.kind != "ReLU" and (not layer.neurons or not layer.kind)
    return {
        "layer": layer.name,
        "acs": layer.effective_acs if weights else None,
        "macs": layer.effective_macs if weights else None,
        "dense": layer.dense_macs if weights else None,
        "spikes": layer.spikes if layer.neurons else None,
        "sparsity": layer.activation_sparsity,
        "bytes": layer.footprint,
        "nj": layer.energy_pj / 1e3,
    }
