"""Reports of `spikelet.energy`: counts of operations, and their energy."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from spikelet._util import tables
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

    def __getitem__(self, name: str) -> LayerEnergy:
        """Return a layer by name."""
        for layer in self.layers:
            if layer.name == name:
                return layer
        msg = f"NetworkEnergy: '{name}' is not one of {', '.join(x.name for x in self.layers)}"
        raise KeyError(msg)

    @property
    def total(self) -> LayerEnergy:
        """The sum over all layers."""
        names = list(LayerEnergy.__dataclass_fields__)[2:]
        sums = {n: sum(getattr(layer, n) for layer in self.layers) for n in names}
        return LayerEnergy("total", "", **sums)

    def to_dict(self) -> dict[str, Any]:
        """Return the counts as plain Python objects."""
        rows = {layer.name: _row(layer) for layer in self.layers}
        return {
            "steps": self.steps,
            "input_spikes": self.input_spikes,
            "total": _row(self.total),
            "layers": rows,
        }


def _row(layer: LayerEnergy) -> dict[str, Any]:
    row = {name: getattr(layer, name) for name in list(LayerEnergy.__dataclass_fields__)[1:]}
    row.update(
        activation_sparsity=layer.activation_sparsity,
        footprint=layer.footprint,
        energy_pj=layer.energy_pj,
    )
    return row


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
        rules = self._pairs()
        if not rules:
            return None
        neurons = sum(s.neurons for s, _ in rules)
        spikes = sum(s.spikes for s, _ in rules) / neurons
        density = sum(a.active for _, a in rules) / sum(a.slots for _, a in rules)
        return BreakEven(spikes, self.technology.mac_pj / self.technology.add_pj * density)

    @property
    def break_even_by_layer(self) -> dict[str, BreakEven]:
        """The rule of thumb for each layer of spiking neurons; empty without an ANN."""
        price = self.technology.mac_pj / self.technology.add_pj
        return {
            s.name: BreakEven(s.spikes / s.neurons, price * a.active / a.slots)
            for s, a in self._pairs()
        }

    def _pairs(self) -> list[tuple[LayerEnergy, LayerEnergy]]:
        if self.ann is None:
            return []
        analog = {layer.name: layer for layer in self.ann.layers if layer.kind == "ReLU"}
        return [
            (layer, analog[layer.name])
            for layer in self.snn.layers
            if layer.neurons and layer.kind != "ReLU" and layer.name in analog
        ]

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain Python objects, fit for JSON; unknown values are None."""
        rule = self.break_even
        report = {
            "estimate": True,
            "technology": {
                "name": self.technology.name,
                "add_pj": self.technology.add_pj,
                "mac_pj": self.technology.mac_pj,
                "source": self.technology.source,
            },
            "memory": self.memory,
            "first_layer_once": self.first_layer_once,
            "samples": self.samples,
            "snn": self.snn.to_dict(),
            "ann": None if self.ann is None else self.ann.to_dict(),
            "ratio": self.ratio,
            "dense_ratio": self.dense_ratio,
            "break_even": None if rule is None else {**rule._asdict(), "holds": rule.holds},
        }
        plain: dict[str, Any] = tables.plain(report)
        return plain

    def to_json(self, path: str | Path | None = None) -> str:
        """Return the same as JSON, and write it to a file if a path is given."""
        return tables.to_json(self.to_dict(), path)

    def __str__(self) -> str:
        """Return a table with a row for each layer and the total, next to those of the ANN."""
        columns = ["layer", "ACs", "MACs", "dense", "spikes", "sparsity", "bytes", "nJ"]
        if self.ann is not None:
            columns += ["ANN MACs", "ANN dense", "ANN nJ"]
        known = {} if self.ann is None else {layer.name: layer for layer in self.ann.layers}
        pairs = [(layer, known.get(layer.name)) for layer in self.snn.layers]
        pairs.append((self.snn.total, None if self.ann is None else self.ann.total))
        rows = [_line(s, a, len(columns)) for s, a in pairs]
        what = "arithmetic and memory traffic" if self.memory else "arithmetic alone, no memory"
        head = (
            f"Estimate per sample, T = {self.snn.steps:g}, mean of {self.samples}: {what}; "
            f"{self.technology.name} ({self.technology.add_pj:g} pJ an AC, {self.technology.mac_pj:g} pJ a MAC)"
        )
        lines = [head, tables.table(columns, rows)]
        if self.ann is not None:
            lines.append(
                f"SNN / ANN: {self.ratio:.3g} for an ANN that skips zeros; arithmetic {self.dense_ratio:.3g} for one that does not"
            )
        rule = self.break_even
        if rule is not None:
            lines.append(
                f"Break-even: {rule.spikes_per_neuron:.3g} spikes per neuron, "
                f"{'below' if rule.holds else 'not below'} the limit of {rule.limit:.3g}"
            )
        return "\n".join(lines)


def _line(s: LayerEnergy, a: LayerEnergy | None, columns: int) -> list[str]:
    weights = s.kind not in ("ReLU",) and (not s.neurons or not s.kind)
    v = tables.value
    line = [
        s.name,
        v(s.effective_acs) if weights else "",
        v(s.effective_macs) if weights else "",
        v(s.dense_macs) if weights else "",
        v(s.spikes) if s.neurons else "",
        tables.share(s.activation_sparsity),
        v(s.footprint),
        v(s.energy_pj / 1e3),
    ]
    if columns > len(line):
        shown = weights and a is not None
        line += [v(a.effective_macs), v(a.dense_macs)] if shown and a is not None else ["", ""]
        line += [v(a.energy_pj / 1e3) if a is not None else ""]
    return line
