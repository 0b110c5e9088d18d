"""Reports of `spikelet.energy`: counts of operations, and their energy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, NamedTuple

from spikelet._util.results import Table
from spikelet.energy.technology import Technology


class BreakEven(NamedTuple):
    """The rate at which the SNN takes as much energy as the ANN in 8-bit integers, as Yan et al. (arXiv 2409.08290) ask.

    Spikes cost additions, their traffic, and nothing else; updates, comparisons and products of analog inputs are paid at
    any rate. `limit` is the number of spikes per neuron and step that is left for them by the energy of the ANN, for the
    counted network, T and table of prices; 0 if nothing is left.
    """

    rate: float
    limit: float

    @property
    def holds(self) -> bool:
        """Whether the SNN is cheaper."""
        return self.rate < self.limit


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
    membrane_updates, comparisons : float
        Additions to potentials at each step, and comparisons of potentials with thresholds or 0.
    scalings : float
        Products as wide as a potential: of leaks, of sizes of steps, of rounding to 8 bits.
    other_additions : float
        Of branches to a sum, and shifts by the size of a spike.
    parameter_bytes, state_bytes : int
    compute_pj, dense_pj : float
        Energy of arithmetic, and of products with all inputs active and analog [pJ].
    spiking_pj : float
        The part of the energy of arithmetic that spikes cause [pJ].
    weight_pj, potential_pj, activation_pj : float
        Energy of reading weights, of reading and writing potentials, and of both for activations and spikes [pJ].
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
    comparisons: float = 0.0
    scalings: float = 0.0
    other_additions: float = 0.0
    parameter_bytes: int = 0
    state_bytes: int = 0
    compute_pj: float = 0.0
    dense_pj: float = 0.0
    spiking_pj: float = 0.0
    weight_pj: float = 0.0
    potential_pj: float = 0.0
    activation_pj: float = 0.0

    @property
    def activation_sparsity(self) -> float:
        """1 - active / slots; NaN for layers without neurons."""
        return 1 - self.active / self.slots if self.slots else float("nan")

    @property
    def footprint(self) -> int:
        """Bytes of parameters and states."""
        return self.parameter_bytes + self.state_bytes

    @property
    def memory_pj(self) -> float:
        """Energy of memory accesses [pJ]."""
        return self.weight_pj + self.potential_pj + self.activation_pj

    @property
    def energy_pj(self) -> float:
        """Energy of arithmetic and memory accesses [pJ]."""
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
    ann, int8 : NetworkEnergy or None
        Energy of the ANN that it is compared with, in floating point and in 8-bit integers.
    technologies : mapping of str to Technology
        The prices of the three, "snn", "ann" and "int8".
    samples : int
        Number of samples that are averaged.
    memory : bool
        Whether `energy_pj` and `ratio` include memory accesses.
    first_layer_once : bool
        Whether constant currents are counted once.
    decisions : mapping of str to float
        Fractions of equal decisions with the ANN, "snn_agreement" and "int8_agreement", and with labels the accuracies.
    """

    snn: NetworkEnergy
    ann: NetworkEnergy | None
    int8: NetworkEnergy | None
    technologies: Mapping[str, Technology]
    samples: int
    memory: bool
    first_layer_once: bool
    decisions: Mapping[str, float]

    @property
    def energy_pj(self) -> float:
        """Energy of the model per sample [pJ]."""
        return _priced(self.snn, self.memory)

    @property
    def energy_nj(self) -> float:
        """Energy of the model per sample [nJ]."""
        return self.energy_pj / 1e3

    @property
    def ratio(self) -> float:
        """Energy relative to an ANN that skips zero activations, as the SNN does; NaN without an ANN."""
        if self.ann is None:
            return float("nan")
        return self.energy_pj / _priced(self.ann, self.memory)

    @property
    def dense_ratio(self) -> float:
        """Arithmetic relative to products of an ANN that skips nothing, as most papers report it; NaN without an ANN."""
        if self.ann is None:
            return float("nan")
        return self.snn.total.compute_pj / self.ann.total.dense_pj

    @property
    def ratios(self) -> dict[str, float]:
        """Energy relative to the ANN in floating point and in 8 bits: arithmetic (of an ANN that skips zeros, or none), and memory.

        With all memory accesses, each spike reads and writes potentials; without those of potentials, both networks keep
        what they add to in registers, as most hardware for ANNs does.
        """
        found: dict[str, float] = {}
        own = self.snn.total
        for name, network in (("float", self.ann), ("int8", self.int8)):
            if network is not None:
                other = network.total
                found |= {
                    f"arithmetic / ann {name}": own.compute_pj / other.compute_pj,
                    f"arithmetic / dense ann {name}": own.compute_pj / other.dense_pj,
                    f"with memory / ann {name}": own.energy_pj / other.energy_pj,
                    f"with memory but potentials / ann {name}": (own.energy_pj - own.potential_pj)
                    / (other.energy_pj - other.potential_pj),
                }
        return found

    @property
    def break_even(self) -> BreakEven | None:
        """The rate at which the arithmetic of the SNN equals that of the ANN in 8 bits; None without an ANN or spikes."""
        spent = self.snn.total
        spiking = [row for row in self.snn.layers if row.kind != "ReLU"]
        slots = sum(row.slots for row in spiking)
        if self.int8 is None or not slots or not spent.spiking_pj:
            return None
        rate = spent.spikes / slots
        left = self.int8.total.compute_pj - (spent.compute_pj - spent.spiking_pj)
        return BreakEven(rate, max(0.0, rate * left / spent.spiking_pj))

    def table(self) -> Table:
        """Return a table with a row for each layer and the total, next to those of the ANN."""
        rows = []
        for layer in (*self.snn.layers, self.snn.total):
            row = _row(layer)
            for name, network in (("ann", self.ann), ("int8", self.int8)):
                for other in () if network is None else (*network.layers, network.total):
                    if other.name == layer.name:
                        row |= {f"{name}_{key}": _row(other)[key] for key in ("nj", "memory_nj")}
            rows.append(row)
        rule = self.break_even
        facts = {
            "estimate": "arithmetic and, apart, memory accesses",
            **{f"technology_{k}": _described(t) for k, t in self.technologies.items()},
            "steps": self.snn.steps,
            "samples": self.samples,
            "first_layer": "once" if self.first_layer_once else "at each step",
            "input_spikes": self.snn.input_spikes or None,
            **self.decisions,
            **{name: float(value) for name, value in self.ratios.items()},
            "spikes_per_neuron_and_step": rule and rule.rate,
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


def _priced(network: NetworkEnergy, memory: bool) -> float:
    return network.total.energy_pj if memory else network.total.compute_pj


def _described(t: Technology) -> str:
    widths = f"{t.weight_bits}/{t.activation_bits}/{t.potential_bits}"
    return f"{t.name} ({t.add_pj:g} + {t.multiply_pj:g} pJ; weights/activations/potentials {widths} bits)"


def _row(layer: LayerEnergy) -> dict[str, Any]:
    weights = layer.effective_acs or layer.effective_macs or not layer.neurons or not layer.kind
    neurons = layer.neurons or layer.membrane_updates
    return {
        "layer": layer.name,
        "acs": layer.effective_acs if weights else None,
        "macs": layer.effective_macs if weights else None,
        "updates": layer.membrane_updates if neurons else None,
        "comparisons": layer.comparisons if neurons else None,
        "spikes": layer.spikes if layer.neurons else None,
        "sparsity": layer.activation_sparsity,
        "bytes": layer.footprint,
        "nj": layer.compute_pj / 1e3,
        "memory_nj": layer.memory_pj / 1e3,
    }
