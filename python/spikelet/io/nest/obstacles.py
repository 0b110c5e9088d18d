"""Find what NEST cannot represent of a network. Does not import NEST."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from spikelet.io.nest.neuron_models import EXCITATORY, find_cell, weight_factor
from spikelet.io.nest.synapse_models import synapse_of
from spikelet.network.contents import NetworkContents
from spikelet.network.gathered_state import whole_state
from spikelet.network.population import Population
from spikelet.network.projection import Projection
from spikelet.network.receptors import BY_SIGN, receptor_number
from spikelet.neurons import LIFOneCurrent, NeuronModel
from spikelet.neurons.equations.equations_model import EquationsModel
from spikelet.plasticity import STDP, InhibitorySTDP, Plasticity, TripletSTDP, TsodyksMarkram
from spikelet.sources import NoiseInput, PoissonInput, PoissonSource
from spikelet.sources.rates import ChangingRate


@dataclass
class Findings:
    """Obstacles to a translation, and notes about it."""

    refused: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)  # with approximate=True
    notes: list[str] = field(default_factory=list)


def target_parameters(
    net: NetworkContents, population: Population
) -> tuple[dict[str, npt.NDArray[np.float64]], list[str]]:
    """Return the parameters that NEST keeps in the targets of plastic synapses, and conflicts.

    A neuron whose synapses do not use a parameter can have any value of it.
    """
    values: dict[str, npt.NDArray[np.float64]] = {}
    conflicts = []
    for projection in net.projections:
        mine = projection.post.index == population.index and len(projection) > 0
        if not mine or _why_no_rule(projection):
            continue
        for name, value in synapse_of(projection, net.dt).in_target.items():
            array = values.setdefault(name, np.full(population.size, np.nan))
            ids = np.unique(projection.post_ids)
            other = array[ids][~np.isnan(array[ids]) & (array[ids] != value)]
            if other.size:
                conflicts.append(
                    f"{population.name}: NEST keeps {name} in the target neuron, so all rules onto a neuron must have "
                    f"the same; here they have {value:g} and {other[0]:g} ms"
                )
            array[ids] = value
    return {k: np.where(np.isnan(v), np.nanmax(v), v) for k, v in values.items()}, conflicts


def inspect(net: NetworkContents) -> Findings:
    """Find everything that NEST cannot represent."""
    found = Findings()
    if net.ranks.size > 1:
        found.refused.append("it is shared by several ranks: make it with comm=None")
        return found
    if abs(net.dt * 1e3 - round(net.dt * 1e3)) > 1e-6:
        found.refused.append(f"dt = {net.dt:g} ms: must be a multiple of NEST's 0.001 ms")
    for population in net.populations:
        if isinstance(population.model, NeuronModel):
            _inspect_neurons(net, population, population.model, found)
    for projection in net.projections:
        inspect_projection(projection, found)
    found.refused += unregulated(net, "NEST")
    found.refused += [
        f"PoissonInput to {drive.target.name} with receptor={drive.input.receptor!r}: the sign of a weight picks it in NEST"
        for drive in net.inputs
        if isinstance(drive.input, PoissonInput) and _is_wrong_side(drive.target, drive.input)
    ]
    if _in_flight(net):
        found.left_out.append(f"spikes in flight at t = {net.t:g} ms")
    random_inputs = any(isinstance(d.input, (PoissonInput, NoiseInput)) for d in net.inputs)
    if random_inputs or any(_draws(p.model) for p in net.populations):
        note = "NEST draws random numbers of its own: the same statistics, other values"
        found.notes.append(note)
    if net.dtype == np.float32:
        found.notes.append("NEST computes in double precision, this network in float32")
    return found


def unregulated(net: NetworkContents, format_name: str) -> list[str]:
    """Describe the regulations of weights, which a format does not have."""
    return [
        f"{type(how).__name__} of {projection!r}: {format_name} does not regulate weights"
        for projection, how in net.regulations
    ]


def _draws(model: object) -> bool:
    """Return whether NEST draws random numbers for a population."""
    cell = find_cell(model)
    is_random = cell is not None and cell.stochastic
    return is_random or isinstance(model, (PoissonSource, ChangingRate))


def _wrong_signs(model: object, receptor: int, weights: Any) -> npt.NDArray[np.bool_]:
    """Return which weights would go to the other receptor in NEST, where their sign picks the receptor of a current."""
    weights = np.asarray(weights)
    by_sign = isinstance(model, NeuronModel) and model.by_sign and not model.conductance
    if not by_sign or receptor == BY_SIGN or isinstance(model, LIFOneCurrent):  # both act alike
        return np.zeros(weights.shape, bool)
    return np.asarray(weights < 0 if receptor == EXCITATORY else weights > 0)


def _is_wrong_side(target: Population, drive: PoissonInput) -> bool:
    model = target.model
    if drive.receptor is None or not isinstance(model, NeuronModel):
        return False
    receptor = receptor_number("to_nest", model, drive.receptor)
    return bool(_wrong_signs(model, receptor, drive.weight).any())


def _in_flight(net: NetworkContents) -> bool:
    """Return whether a spike is in flight."""
    stamps, elements = net.engine.sim.in_flight()  # elements are numbered across all populations
    for projection in net.projections:
        if len(projection) and len(stamps):
            begin = net.engine.sim.first_gid(projection.pre.index)
            mine = (elements >= begin) & (elements < begin + projection.pre.size)
            longest = int(projection.synapses.structure()[2].max())
            if (stamps[mine] + longest > net.engine.step).any():
                return True
    return False


def _inspect_neurons(
    net: NetworkContents, population: Population, model: NeuronModel, found: Findings
) -> None:
    name, cell = population.name, find_cell(model)
    if cell is None:
        found.refused.append(f"{name}: {_why_no_neuron(model)}")
        return
    found.refused += [f"{name}: {why}" for why in cell.obstacles(population)]
    if net.engine.sim.held(population.index).any():
        found.left_out.append(f"refractory neurons of {name}: NEST starts them ready to spike")
    found.left_out += [f"{name}: {what}" for what in cell.lost(population)]
    if cell.note is not None:
        found.notes.append(f"{name}: {cell.note}")
    found.refused += target_parameters(net, population)[1]


def _why_no_neuron(model: NeuronModel) -> str:
    """Return why NEST has no such model."""
    kind = type(model).__name__
    if kind == "LIFNMDA":
        return "LIFNMDA is not translated: NEST's iaf_bw_2001 takes spikes at NMDA from its own kind only"
    if isinstance(model, EquationsModel):
        return f"{kind} is a model from text that NEST does not have: use NEST's model of this kind, or NESTML"
    return f"NEST has no model like {kind}"


def _why_no_rule(projection: Projection) -> list[str]:
    """Return the reasons why NEST has no such rule."""
    rule, reasons = projection.plasticity, []
    if rule is None:
        return []
    if not isinstance(rule, (STDP, TripletSTDP, InhibitorySTDP, TsodyksMarkram)):
        return [f"{type(rule).__name__} has no counterpart in NEST"]
    if isinstance(rule, (STDP, TripletSTDP)):
        signed = rule.signed if isinstance(rule, STDP) else rule.core_name != "TripletSTDP"
        if signed:
            reasons.append("amplitudes must be >= 0: NEST applies only one bound to each side")
        if rule.w_min != 0:
            reasons.append(f"w_min must be 0, which is NEST's bound, not {rule.w_min:g}")
        if rule.bounds[1] <= 0:
            reasons.append(f"w_max must be > 0, not {rule.w_max:g}")
    if isinstance(rule, STDP) and rule.dependence == "power_law":
        law = 'dependence="power_law"'
        if rule.pairing != "all_to_all":
            reasons.append(f'NEST has {law} for all pairs only, not for "{rule.pairing}"')
        if weight_factor(projection.post.model, projection.receptor) < 0:
            reasons.append(f"{law} is for excitatory synapses in NEST")
    if isinstance(rule, InhibitorySTDP):
        negative = np.signbit(projection.weights)  # zeros have a sign, too
        if negative.any() and not negative.all():
            reasons.append("NEST requires weights of one sign")
        if rule.w_max == 0:
            reasons.append("w_max must be > 0")
    if getattr(rule, "axonal_fraction", 0.0):
        reasons.append("axonal_fraction must be 0: NEST's delays are dendritic")
    return reasons


def _remembers(state: dict[str, Any], rule: Plasticity) -> bool:
    """Return whether the state has traces of earlier spikes, as opposed to the core's own bookkeeping."""
    names = ["row.", "target.0", "post_stamp"]
    names += ["row_double.2"]  # stamps of short-term plasticity; by synapse: y and u
    names += ["synapse.2", "synapse.3"] if isinstance(rule, TsodyksMarkram) else []
    names += ["target.1"] if isinstance(rule, TripletSTDP) else []
    return any(np.any(state[k]) for k in state if k.startswith(tuple(names)))


def inspect_projection(projection: Projection, found: Findings) -> None:
    """Find what NEST cannot represent of a projection."""
    where, rule = repr(projection), projection.plasticity
    reasons = _why_no_rule(projection)
    found.refused += [f"{where}: {reason}" for reason in reasons]
    wrong = _wrong_signs(projection.post.model, projection.receptor, projection.weights)
    if wrong.any():
        found.refused.append(
            f"{where}: the sign of a weight picks the receptor in NEST, "
            f"so a weight of {projection.weights[wrong][0]:g} pA cannot go to the other one"
        )
    if rule is None or reasons:
        return
    if getattr(rule, "coincidence", "ignore") != "ignore":
        why = 'coincidence="potentiate"; pairs of t_pre = t_post do nothing in NEST'
        found.left_out.append(f"{where}: {why}")
    if _remembers(whole_state(projection), rule):
        found.left_out.append(f"{where}: the traces of earlier spikes")
    if isinstance(rule, STDP) and rule.pairing == "nearest_restricted":
        found.notes.append(
            f"{where}: stdp_nn_restr_synapse also depresses if the only post spike between two pre spikes coincides with the second"
        )
