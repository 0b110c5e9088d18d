"""Reports of `spikelet.energy`: what was counted, and what it would cost."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from spikelet._util import tables as _tables
from spikelet.energy.technology import Technology

__all__ = ["BreakEven", "EnergyReport", "LayerEnergy", "NetworkEnergy"]


class BreakEven(NamedTuple):
    """Whether spikes are rare enough to cost less than the ANN's products, in arithmetic.

    A spike is one addition where an active neuron of the ANN is one MAC, so the SNN wins if its spikes per neuron, over
    the whole run, are fewer than MAC / addition (5.1 in 45 nm) times the share of the ANN's neurons that are active.
    """

    spikes_per_neuron: float
    limit: float

    @property
    def holds(self) -> bool:
        """Whether the SNN wins."""
        return self.spikes_per_neuron < self.limit


@dataclass(frozen=True)
class LayerEnergy:
    """What one layer costs, per sample.

    Parameters
    ----------
    name, kind : str
    effective_acs, effective_macs, dense_macs : float
        Over all steps; of layers with weights.
    neurons : int
        Of neurons and ReLUs; 0 of other layers.
    spikes : float
        Sent.
    active : float
        Activations that are not 0: spikes, or values of a ReLU.
    slots : float
        Activations there could be: neurons x steps, or neurons of a ReLU.
    membrane_updates : float
    parameter_bytes, state_bytes : int
    compute_pj, memory_pj, dense_pj : float
        Energy of arithmetic, of memory traffic, and of arithmetic if all inputs were active and analog [pJ].
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
        """1 - active / slots; NaN of layers without neurons."""
        return 1 - self.active / self.slots if self.slots else float("nan")

    @property
    def footprint(self) -> int:
        """Bytes of parameters and states."""
        return self.parameter_bytes + self.state_bytes

    @property
    def energy_pj(self) -> float:
        """All that is counted [pJ]."""
        return self.compute_pj + self.memory_pj


@dataclass(frozen=True)
class NetworkEnergy:
    """What a network costs, per sample: sums over its layers under the same names.

    Parameters
    ----------
    layers : tuple of LayerEnergy
        In the order of the graph; those that neither have weights nor neurons are left out.
    steps : int
        T; 1 of an ANN.
    input_spikes : float
        Of the input, where it is coded in spikes; no layer of its own.
    """

    layers: tuple[LayerEnergy, ...]
    steps: int
    input_spikes: float = 0.0

    def __getitem__(self, name: str) -> LayerEnergy:
        """Return a layer by name."""
        for layer in self.layers:
            if layer.name == name:
                return layer
        msg = f"NetworkEnergy: '{name}' is none of {', '.join(x.name for x in self.layers)}"
        raise KeyError(msg)

    @property
    def total(self) -> LayerEnergy:
        """The sum over all layers."""
        names = list(LayerEnergy.__dataclass_fields__)[2:]
        sums = {n: sum(getattr(layer, n) for layer in self.layers) for n in names}
        return LayerEnergy("total", "", **sums)

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as plain Python."""
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
    """An estimate of the energy of one inference; see the module for what is counted.

    Parameters
    ----------
    snn : NetworkEnergy
        Of the model that was measured.
    ann : NetworkEnergy or None
        Of the ANN beside it.
    technology : Technology
    samples : int
        Of which this is the mean.
    memory : bool
        Whether traffic is included.
    first_layer_once : bool
        Whether constant currents are computed once.
    """

    snn: NetworkEnergy
    ann: NetworkEnergy | None
    technology: Technology
    samples: int
    memory: bool
    first_layer_once: bool

    @property
    def energy_pj(self) -> float:
        """Of the model, per sample [pJ]."""
        return self.snn.total.energy_pj

    @property
    def energy_nj(self) -> float:
        """Of the model, per sample [nJ]."""
        return self.energy_pj / 1e3

    @property
    def ratio(self) -> float:
        """Energy of the SNN by that of an ANN that skips zero activations, as the SNN does; NaN without an ANN."""
        return float("nan") if self.ann is None else self.energy_pj / self.ann.total.energy_pj

    @property
    def dense_ratio(self) -> float:
        """Arithmetic of the SNN by that of an ANN that skips nothing (what most papers print); NaN without an ANN."""
        if self.ann is None:
            return float("nan")
        return self.snn.total.compute_pj / self.ann.total.dense_pj

    @property
    def break_even(self) -> BreakEven | None:
        """The rule of thumb over all neurons; None without an ANN or without neurons."""
        rules = self._pairs()
        if not rules:
            return None
        neurons = sum(s.neurons for s, _ in rules)
        spikes = sum(s.spikes for s, _ in rules) / neurons
        density = sum(a.active for _, a in rules) / sum(a.slots for _, a in rules)
        return BreakEven(spikes, self.technology.mac_pj / self.technology.add_pj * density)

    @property
    def break_even_by_layer(self) -> dict[str, BreakEven]:
        """The rule of thumb by layer of spiking neurons; empty without an ANN."""
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
        """Return all of it as plain Python, fit for JSON: what is not known is None."""
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
        plain: dict[str, Any] = _tables.plain(report)
        return plain

    def to_json(self, path: str | Path | None = None) -> str:
        """Return the same as JSON, and write it if there is a path."""
        return _tables.to_json(self.to_dict(), path)

    def __str__(self) -> str:
        """Return a table: a line for each layer, the total, and the ANN beside it."""
        columns = ["layer", "ACs", "MACs", "dense", "spikes", "sparsity", "bytes", "nJ"]
        if self.ann is not None:
            columns += ["ANN MACs", "ANN dense", "ANN nJ"]
        known = {} if self.ann is None else {layer.name: layer for layer in self.ann.layers}
        pairs = [(layer, known.get(layer.name)) for layer in self.snn.layers]
        pairs.append((self.snn.total, None if self.ann is None else self.ann.total))
        rows = [_line(s, a, len(columns)) for s, a in pairs]
        what = "arithmetic and memory traffic" if self.memory else "arithmetic alone, no memory"
        head = (
            f"Estimate per sample, T = {self.snn.steps}, mean of {self.samples}: {what}; "
            f"{self.technology.name} ({self.technology.add_pj:g} pJ an AC, {self.technology.mac_pj:g} pJ a MAC)"
        )
        lines = [head, _tables.table(columns, rows)]
        if self.ann is not None:
            lines.append(
                f"SNN / ANN: {self.ratio:.3g} of an ANN that skips zeros; arithmetic {self.dense_ratio:.3g} of one that does not"
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
    v = _tables.value
    line = [
        s.name,
        v(s.effective_acs) if weights else "",
        v(s.effective_macs) if weights else "",
        v(s.dense_macs) if weights else "",
        v(s.spikes) if s.neurons else "",
        _tables.share(s.activation_sparsity),
        v(s.footprint),
        v(s.energy_pj / 1e3),
    ]
    if columns > len(line):
        shown = weights and a is not None
        line += [v(a.effective_macs), v(a.dense_macs)] if shown and a is not None else ["", ""]
        line += [v(a.energy_pj / 1e3) if a is not None else ""]
    return line
