"""NEST's names for models, rules and states, and checks for what NEST lacks. Does not import NEST."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from spikelet.io.nest import cells
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

_PAIRINGS = {
    "all_to_all": "stdp_synapse",
    "nearest_symmetric": "stdp_nn_symm_synapse",
    "nearest_pre_centered": "stdp_nn_pre_centered_synapse",
    "nearest_restricted": "stdp_nn_restr_synapse",
}


@dataclass(frozen=True)
class Synapse:
    """A synapse model of NEST."""

    model: str
    params: dict[str, Any] = field(default_factory=dict)  # arrays have a value for each synapse
    neuron: dict[str, float] = field(
        default_factory=dict
    )  # parameters that NEST keeps in the target neuron


@dataclass
class Findings:
    """Obstacles to a translation, and notes about it."""

    refused: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)  # with approximate=True
    notes: list[str] = field(default_factory=list)


def sign(projection: Projection) -> float:
    """Return the factor from the weights of a projection to NEST's."""
    model = projection.post.model
    return cells.sign(model, projection.receptor) if isinstance(model, NeuronModel) else 1.0


def synapse(projection: Projection, dt: float) -> Synapse:
    """Return the synapse model of a projection that `inspect` did not refuse."""
    rule, factor = projection.plasticity, sign(projection)
    if rule is None:
        return Synapse("static_synapse")
    if isinstance(rule, STDP):
        # NEST scales depression by potentiation. A rule without potentiation gets a time constant so short that the
        # potentiation vanishes.
        a, tau = (rule.A_plus, rule.tau_plus) if rule.A_plus > 0 else (rule.A_minus, 1e-3 * dt)
        params = {"tau_plus": tau, "alpha": rule.A_minus / a if a > 0 else 0.0, "lambda": a}
        neuron = {"tau_minus": rule.tau_minus}
        if rule.dependence == "power_law":
            assert rule.mu_plus is not None
            return Synapse("stdp_pl_synapse_hom", {**params, "mu": rule.mu_plus}, neuron)
        exponents = {"additive": (0.0, 0.0), "multiplicative": (1.0, 1.0)}
        up, down = exponents.get(rule.dependence, (rule.mu_plus, rule.mu_minus))
        assert up is not None
        assert down is not None
        params |= {"lambda": a / rule.w_max, "mu_plus": up, "mu_minus": down}
        params |= _bound(factor * rule.w_max)
        return Synapse(_PAIRINGS[rule.pairing], params, neuron)
    if isinstance(rule, TripletSTDP):
        params = {"Aplus": rule.A_plus, "Aminus": rule.A_minus, "tau_plus": rule.tau_plus}
        params |= {"Aplus_triplet": rule.A_plus_triplet, "Aminus_triplet": rule.A_minus_triplet}
        params |= {"tau_plus_triplet": rule.tau_plus_triplet, **_bound(factor * rule.w_max)}
        neuron = {"tau_minus": rule.tau_minus, "tau_minus_triplet": rule.tau_minus_triplet}
        return Synapse("stdp_triplet_synapse", params, neuron)
    if isinstance(rule, InhibitorySTDP):
        side = factor * (-1.0 if np.signbit(projection.weights).any() else 1.0)
        params = {"tau": rule.tau, "eta": rule.eta, "alpha": rule.alpha}
        params |= _bound(side * rule.w_max)
        return Synapse("vogels_sprekeler_synapse", params, {"tau_minus": rule.tau})
    assert isinstance(rule, TsodyksMarkram)
    params = {"U": rule.U, "tau_rec": rule.tau_rec, "tau_fac": rule.tau_fac}
    if rule.tau_psc is None:  # u must equal U, the share that the first spike releases
        return Synapse("tsodyks2_synapse", {**params, "u": rule.U})
    return Synapse("tsodyks_synapse", {**params, "tau_psc": rule.tau_psc})


def _bound(w_max: float) -> dict[str, float]:
    """Return the bound and a default weight of the same sign, which NEST requires."""
    return {"Wmax": w_max, "weight": w_max}


def neuron_parameters(
    net: NetworkContents, population: Population
) -> tuple[dict[str, npt.NDArray[np.float64]], list[str]]:
    """Return the parameters that NEST keeps in the targets of plastic synapses (NaN where unused), and conflicts."""
    values: dict[str, npt.NDArray[np.float64]] = {}
    conflicts = []
    for projection in net.projections:
        mine = projection.post.index == population.index and len(projection) > 0
        if not mine or _refuse_rule(projection):
            continue
        for name, value in synapse(projection, net.dt).neuron.items():
            array = values.setdefault(name, np.full(population.size, np.nan))
            ids = np.unique(projection.post_ids)
            other = array[ids][~np.isnan(array[ids]) & (array[ids] != value)]
            if other.size:
                conflicts.append(
                    f"{population.name}: NEST keeps {name} in the target neuron, so all rules onto a neuron must have "
                    f"the same; here they have {value:g} and {other[0]:g} ms"
                )
            array[ids] = value
    return values, conflicts


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
            _inspect_neurons(net, population, found)
    for projection in net.projections:
        inspect_projection(projection, found)
    found.refused += [
        f"{type(how).__name__} of {projection!r}: NEST does not regulate weights"
        for projection, how in net.regulations
    ]
    found.refused += [
        f"PoissonInput to {drive.target.name} with receptor={drive.input.receptor!r}: the sign of a weight picks it in NEST"
        for drive in net.inputs
        if isinstance(drive.input, PoissonInput) and _wrong_side(drive.target, drive.input)
    ]
    if _in_flight(net):
        found.left_out.append(f"spikes in flight at t = {net.t:g} ms")
    if any(isinstance(drive.input, (PoissonInput, NoiseInput)) for drive in net.inputs) or any(
        _draws(p.model) for p in net.populations
    ):
        found.notes.append(
            "NEST draws random numbers of its own: the same statistics, other values"
        )
    if net.dtype == np.float32:
        found.notes.append("NEST computes in double precision, this network in float32")
    return found


def _draws(model: object) -> bool:
    """Return whether NEST draws random numbers for a population."""
    if isinstance(model, NeuronModel):
        cell = cells.cell_of(model)
        return cell is not None and cell.stochastic
    return isinstance(model, (PoissonSource, ChangingRate))


def _picks_by_sign(model: object) -> bool:
    """Return whether the weights of currents must have the sign of their receptor in NEST."""
    if isinstance(model, LIFOneCurrent):  # both receptors act alike
        return False
    return isinstance(model, NeuronModel) and model.by_sign and not model.conductance


def _wrong_side(target: Population, drive: PoissonInput) -> bool:
    model = target.model
    if drive.receptor is None or not _picks_by_sign(model):
        return False
    assert isinstance(model, NeuronModel)
    excites = receptor_number("to_nest", model, drive.receptor) == cells.EXCITATORY
    weights = np.asarray(drive.weight)
    return bool(np.any(weights < 0 if excites else weights > 0))


def _in_flight(net: NetworkContents) -> bool:
    """Return whether a spike is in flight."""
    stamps, elements = net.engine.sim.in_flight()  # elements are numbered across all populations
    first = np.cumsum([0, *(p.size for p in net.populations)])
    for projection in net.projections:
        if len(projection) and len(stamps):
            begin = first[projection.pre.index]
            mine = (elements >= begin) & (elements < begin + projection.pre.size)
            longest = int(projection.synapses.structure()[2].max())
            if (stamps[mine] + longest > net.engine.step).any():
                return True
    return False


def _inspect_neurons(net: NetworkContents, population: Population, found: Findings) -> None:
    name, model = population.name, population.model
    assert isinstance(model, NeuronModel)
    cell = cells.cell_of(model)
    if cell is None:
        found.refused.append(f"{name}: {_why_not(model)}")
        return
    found.refused += [f"{name}: {why}" for why in cells.obstacles(population, cell)]
    if net.engine.sim.held(population.index).any():
        found.left_out.append(f"refractory neurons of {name}: NEST starts them ready to spike")
    found.left_out += [f"{name}: {what}" for what in cells.lost(population, cell)]
    note = cell.note(model)
    if note is not None:
        found.notes.append(f"{name}: {note}")
    found.refused += neuron_parameters(net, population)[1]


def _why_not(model: NeuronModel) -> str:
    """Return why NEST has no such model."""
    kind = type(model).__name__
    if kind == "LIFNMDA":
        return "LIFNMDA is not translated: NEST's iaf_bw_2001 takes spikes at NMDA from its own kind only"
    if isinstance(model, EquationsModel):
        return f"{kind} is a model from text that NEST does not have: use NEST's model of this kind, or NESTML"
    return f"NEST has no model like {kind}"


def _refuse_rule(projection: Projection) -> list[str]:
    """Return the reasons why NEST has no such rule."""
    rule = projection.plasticity
    if rule is None:
        return []
    if not isinstance(rule, (STDP, TripletSTDP, InhibitorySTDP, TsodyksMarkram)):
        return [f"{type(rule).__name__} has no counterpart in NEST"]
    reasons = []
    if isinstance(rule, STDP) and rule.signed:
        reasons.append("amplitudes must be >= 0: NEST applies only one bound to each side")
    if isinstance(rule, TripletSTDP) and rule.core_name != "TripletSTDP":
        reasons.append("amplitudes must be >= 0: NEST applies only one bound to each side")
    if isinstance(rule, (STDP, TripletSTDP)):
        if rule.w_min != 0:
            reasons.append(f"w_min must be 0, which is NEST's bound, not {rule.w_min:g}")
        if rule.bounds[1] <= 0:
            reasons.append(f"w_max must be > 0, not {rule.w_max:g}")
    if isinstance(rule, STDP) and rule.dependence == "power_law":
        if rule.pairing != "all_to_all":
            reasons.append(
                f'NEST has dependence="power_law" for all pairs only, not for "{rule.pairing}"'
            )
        if sign(projection) < 0:
            reasons.append('dependence="power_law" is for excitatory synapses in NEST')
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
    where = repr(projection)
    rule: Plasticity | None = projection.plasticity
    reasons = _refuse_rule(projection)
    found.refused += [f"{where}: {reason}" for reason in reasons]
    model = projection.post.model
    if _picks_by_sign(model) and projection.receptor != BY_SIGN:
        wrong = (
            projection.weights < 0
            if projection.receptor == cells.EXCITATORY
            else projection.weights > 0
        )
        if wrong.any():
            found.refused.append(
                f"{where}: the sign of a weight picks the receptor in NEST, "
                f"so a weight of {projection.weights[wrong][0]:g} pA cannot go to the other one"
            )
    if rule is None or reasons:
        return
    if getattr(rule, "coincidence", "ignore") != "ignore":
        found.left_out.append(
            f'{where}: coincidence="potentiate"; pairs of t_pre = t_post do nothing in NEST'
        )
    if _remembers(whole_state(projection), rule):
        found.left_out.append(f"{where}: the traces of earlier spikes")
    if isinstance(rule, STDP) and rule.pairing == "nearest_restricted":
        found.notes.append(
            f"{where}: stdp_nn_restr_synapse also depresses if the only post spike between two pre spikes coincides with the second"
        )
