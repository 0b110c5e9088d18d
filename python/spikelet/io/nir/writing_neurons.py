"""Neurons in discrete time as NIR's equations in continuous time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from spikelet._util.checks import fail, representable
from spikelet._util.extras import extra
from spikelet.conversion.building import refuse
from spikelet.io.nir.equations import Floats, Mode, crossing, simple, step_of
from spikelet.io.nir.writing_readers import READERS, Reader, Request
from spikelet.layers import ALIF, Neuron, PredictiveNeuron

_LONG = 1e17  # steps of a time constant without leak: the decay is exactly 1 in float64
_NUDGES = 4
_SHORT = 1e-3  # steps of a time constant whose decay is exactly 0: exp(-1000)


@dataclass(frozen=True)
class Cell:
    """Neurons with the step ``v = decay v + gain x + drive``; arrays have the shape of the population.

    With a synapse, the current ``i = syn_decay i + syn_gain x`` replaces the input x. With `pull` the step is ``v = decay v +
    pull i + gain x + drive`` instead, with the current of the step before: the exact solution of both equations.

    Parameters
    ----------
    decay, gain, drive : array
    threshold : array, optional
        None: the neurons never spike, and their output is their potential.
    reset : "value", "subtract" or "none"
    v_reset, v_init : array
    strict : bool
        A spike needs a potential above the threshold, not at it.
    syn_decay, syn_gain, pull : array, optional
    """

    decay: Floats
    gain: Floats
    drive: Floats | float = 0.0
    threshold: Floats | None = None
    reset: Literal["value", "subtract", "none"] = "value"
    v_reset: Floats | float = 0.0
    v_init: Floats | float = 0.0
    strict: bool = False
    syn_decay: Floats | None = None
    syn_gain: Floats | float = 1.0
    pull: Floats | None = None

    @property
    def rest(self) -> Floats:
        """The potential to which the neurons leak; 0 without a leak."""
        leak = 1 - self.decay
        return np.divide(self.drive, leak, out=np.zeros_like(self.decay), where=leak > 0)

    def scaled(self, factor: Floats) -> Cell:
        """Return the same neurons with potentials in another unit."""
        return replace(
            self,
            gain=self.gain * factor,
            drive=self.drive * factor,
            threshold=None if self.threshold is None else self.threshold * factor,
            v_reset=self.v_reset * factor,
            v_init=self.v_init * factor,
            pull=None if self.pull is None else self.pull * factor,
        )


def cell_of(layer: Any, shape: tuple[int, ...], where: str) -> Cell:
    """Return the neurons of a layer.

    Raises
    ------
    ValueError
        If NIR has no such neurons.
    """
    where = f"{where} ({type(layer).__name__})"
    if isinstance(layer, PredictiveNeuron):
        what = "spikes by a schedule that was fitted for a number of steps, which NIR does not have"
        refuse(where, what, 'convert with neuron="soft"')
    if isinstance(layer, ALIF):
        refuse(where, "has an adaptive threshold, which NIR does not have", "train with LIF")
    given: dict[str, Any] = dict(zip(("decay", "gain"), layer.coefficients(), strict=True))
    given |= {"drive": getattr(layer, "drive", 0.0), "v_init": layer.v_init}
    if getattr(layer, "has_synapse", False):
        given |= zip(("syn_decay", "syn_gain", "pull"), layer.synapse(), strict=True)
    how: dict[str, Any] = {"reset": "none"}
    if isinstance(layer, Neuron):
        if layer.code != "binary":
            what = f"sends {layer.code} spikes, and those of NIR are 0 or 1"
            refuse(where, what, 'convert with neuron="soft"')
        if layer.reset_delay:
            what = "is reset in the step after its spike, and NIR's neurons at once"
            refuse(where, what, 'train with reset="zero" or convention="spikelet"')
        given |= {"threshold": layer.threshold, "v_reset": layer.v_reset}
        how = {"reset": "value" if layer.reset == "zero" else layer.reset, "strict": layer.strict}
    arrays = {name: None if v is None else full(v, shape) for name, v in given.items()}
    return Cell(**how, **arrays)  # type: ignore[arg-type]  # an optional array only where the class has one


def full(value: Any, shape: tuple[int, ...]) -> Floats:
    """Return a parameter of one value, of one for each channel or of one for each neuron, for all neurons."""
    array = np.asarray(value, np.float64)
    if array.ndim == 1 and len(shape) > 1:
        array = array.reshape(-1, *[1] * (len(shape) - 1))
    return np.array(np.broadcast_to(array, shape))


class Neurons:
    """Makes nodes of cells, for a reader.

    Parameters
    ----------
    convention : str
        A name in `READERS`.
    dt : float
        Step, in the unit of time of the graph.
    mode : "exact" or "euler"
        How the reader makes steps of the equations.
    real : dtype
        Precision in which potentials are compared with thresholds.
    """

    def __init__(self, convention: str, dt: float, mode: Mode, real: type[Any]) -> None:
        self.convention, self.dt, self.mode, self.real = convention, dt, mode, real
        self.reader: Reader = READERS[convention]
        self.nir = extra("nir", "write_nir", "nir")

    @classmethod
    def of(
        cls, request: Request, own_step: float | None, own_type: str, *, synapses: bool = False
    ) -> Neurons:
        """Return the neurons for a request and a model with a time step [s] and a precision."""
        mode = request.steps(synapses=synapses)
        return cls(request.convention, request.step(own_step), mode, request.compared(own_type))

    def nodes(self, cell: Cell, shape: tuple[int, ...], where: str) -> list[Any]:
        """Return the node of a population, or two that follow each other.

        Parameters
        ----------
        cell : Cell
        shape : tuple of int
            Shape of the population.
        where : str
            Its name, for error messages.

        Raises
        ------
        ValueError
            If the reader cannot give the same spikes.
        """
        self._require_steps(cell, where)
        return self._made(self._fitted(cell, where), shape, where)

    def _require_steps(self, cell: Cell, where: str) -> None:
        """Check that the decays are those of a time constant, and that thresholds are numbers of the reader."""
        low = -1.0 if self.mode == "euler" else 0.0
        for name, decay in (("decay", cell.decay), ("syn_decay", cell.syn_decay)):
            if decay is not None:
                bad = decay[~((decay > low) | (decay == 0)) | (decay > 1)]
                if bad.size:
                    what = f"has a {name} of {bad.flat[0]:g} in a step"
                    refuse(where, what, f"a time constant of NIR makes decays from {low:g} to 1")
        if cell.threshold is not None:
            representable(where, "threshold", cell.threshold, np.dtype(self.real))
            if ((cell.threshold > 0) & (cell.threshold.astype(self.real) <= 0)).any():
                rule = f"must be above 0 in {np.dtype(self.real)}"
                fail(where, "threshold", float(cell.threshold[cell.threshold > 0].min()), rule)

    def input_factor(self, cell: Cell) -> tuple[Cell, Floats | None]:
        """Return neurons with the threshold 1, and the factor of their inputs, if the reader has one threshold for all."""
        if cell.threshold is None or "threshold" not in self.reader.uniform:
            return cell, None
        relative = np.asarray(cell.threshold / cell.gain)
        if np.unique(relative).size == 1:
            return cell, None
        cell = cell.scaled(1 / cell.threshold)
        factor = cell.gain / cell.gain.max()
        one = np.ones_like(cell.threshold)  # of which x * (1 / x) may be off by a rounding
        return replace(cell, threshold=one, gain=np.full_like(cell.gain, cell.gain.max())), factor

    def _made(self, cell: Cell, shape: tuple[int, ...], where: str) -> list[Any]:
        def of(value: Any) -> Floats:
            return full(value, shape)

        synapse = cell.syn_decay is not None
        leaks = bool((cell.decay < 1).any())
        if self.convention == "snntorch" or (self.convention == "sinabs" and len(shape) == 1):
            leaks = True  # a time constant so long that nothing leaks
        elif self.convention == "sinabs" and leaks:
            what = f"is a leaky population of shape {shape}"
            refuse(
                where, what, "sinabs's reader takes leaky neurons in vectors only: flatten before"
            )
        if not leaks and np.any(np.asarray(cell.drive) != 0):
            what = "is driven at each step and has no leak"
            refuse(where, what, "NIR's integrators have no such drive: give it a bias before it")
        if synapse:
            kind, given = "CubaLI", self._synapse(cell, where)
        elif leaks:
            kind, given = (
                "LI",
                {"tau": self._tau(cell.decay), "r": self._gain(cell.gain, cell.decay)},
            )
        else:
            kind, given = "I", {"r": cell.gain / self.dt}
        if synapse or leaks:
            given["v_leak"] = self._gain(full(cell.drive, shape), cell.decay)
        values: dict[str, Any] = {name: of(value) for name, value in given.items()}
        if cell.threshold is None or cell.reset == "none":
            first = getattr(self.nir, kind)(**values)
            self._note(first, cell, shape)
            if cell.threshold is None:
                return [first]
            second = self.nir.Threshold(threshold=of(self._threshold(cell)))
            self._note(second, replace(cell, reset="value", v_init=0.0), shape)
            return [first, second]
        values["v_threshold"] = of(self._threshold(cell))
        values["v_reset"] = of(0.0 if cell.reset == "subtract" else cell.v_reset)
        node = getattr(self.nir, f"{kind}F")(**values)
        self._note(node, cell, shape)
        return [node]

    def _synapse(self, cell: Cell, where: str) -> dict[str, Floats]:
        """Return the parameters of both equations of current-based neurons."""
        assert cell.syn_decay is not None
        gain = np.broadcast_to(cell.syn_gain, cell.decay.shape)
        tau_mem, tau_syn = self._tau(cell.decay), self._tau(cell.syn_decay)
        w_in = self._gain(gain, cell.syn_decay)
        if self.mode == "euler":
            if cell.pull is not None:
                what = "steps its potential with the current of the step before"
                refuse(where, what, 'this is how mode="exact" makes steps: write it with that')
            r = self._gain(cell.gain, cell.decay)
        elif cell.pull is None:
            what = "has a synapse, whose current acts on the potential within the same step"
            refuse(where, what, 'this is how mode="euler" makes steps: write it with that')
        else:
            across = crossing(self.dt, tau_mem, tau_syn)
            r = _nudged(cell.pull / across, lambda r: r * across, cell.pull)
            direct = r * w_in * (step_of(self.dt, tau_mem, self.mode)[1] - across)
            if not np.allclose(direct, cell.gain, rtol=1e-9, atol=0):
                what = "has a gain and a pull that are not those of an exact step"
                refuse(where, what, "leave out pull, and write it with mode='euler'")
        return {"tau_mem": tau_mem, "tau_syn": tau_syn, "r": r, "w_in": w_in}

    def _tau(self, decay: Floats) -> Floats:
        """Return the time constants of these decays."""
        shortest = 1 if self.mode == "euler" else _SHORT
        with np.errstate(divide="ignore"):
            steps = 1 / (1 - decay) if self.mode == "euler" else -1 / np.log(decay)
        tau = self.dt * np.where(decay == 1, _LONG, np.where(decay == 0, shortest, steps))
        return _nudged(tau, lambda t: step_of(self.dt, t, self.mode)[0], decay)

    def _gain(self, gain: Floats, decay: Floats) -> Floats:
        """Return the resistance r of this gain: in both modes a step adds r (1 - decay) x."""
        _, reached = step_of(self.dt, self._tau(decay), self.mode)
        return _nudged(gain / reached, lambda r: r * reached, gain)

    def _threshold(self, cell: Cell) -> Floats:
        """Return the threshold for the reader's comparison, which is exact between neighbouring numbers."""
        assert cell.threshold is not None
        value = np.asarray(cell.threshold).astype(self.real)
        if self.reader.strict and not cell.strict:
            value = np.nextafter(value, self.real(-np.inf))
        elif cell.strict and not self.reader.strict:
            value = np.nextafter(value, self.real(np.inf))
        return value.astype(np.float64)

    def _note(self, node: Any, cell: Cell, shape: tuple[int, ...]) -> None:
        """Keep in the metadata what a node cannot hold."""
        kept: dict[str, Any] = {}
        if cell.reset == "subtract":
            kept["reset"] = "subtract"
            if not cell.strict:
                kept["subtract"] = simple(full(cell.threshold, shape))
        if cell.threshold is not None and not self.reader.strict:
            kept["spikes"] = "at"
        if np.any(np.asarray(cell.v_init) != 0):
            kept["v_init"] = simple(full(cell.v_init, shape))
        if kept:
            node.metadata = {"spikelet": kept}

    def _fitted(self, cell: Cell, where: str) -> Cell:
        """Return equivalent neurons that the reader's steps can make."""
        if self.convention == "nir":
            return cell
        if cell.threshold is None:  # no reader of these has a node for it
            return cell
        title = self.reader.title
        if cell.syn_decay is not None:  # in the unit of the input
            cell = replace(cell, gain=cell.gain * cell.syn_gain, syn_gain=1.0)
        if (cell.gain <= 0).any():
            refuse(where, "has a gain that is not positive", f"{title}'s reader has a fixed one")
        if np.any(np.asarray(cell.decay) == 0) and self.convention == "spikingjelly":
            refuse(where, "keeps nothing from step to step", f"{title} needs tau > dt")
        if cell.syn_decay is None and self._normalized(cell):
            unit = (1 - cell.decay) / cell.gain
        else:
            unit = 1 / cell.gain
        if cell.syn_decay is None or self.convention in ("snntorch", "spikingjelly"):
            cell = cell.scaled(unit)
        jelly, norse, sinabs = (
            self.convention == name for name in ("spikingjelly", "norse", "sinabs")
        )
        wanted = "subtract" if sinabs else "value"
        if cell.reset != wanted:
            how = {"subtract": "by subtraction", "value": "to a value", "none": "not at all"}
            what = f"is reset {how[cell.reset]}, and {title}'s reader resets {how[wanted]}"
            refuse(where, what, 'write it with convention="nir", and set its reset after reading')
        needed = {"v_init": cell.v_reset if jelly else cell.rest if norse else 0.0}
        if not norse or cell.syn_decay is not None:
            needed["rest"] = cell.v_reset if jelly else 0.0
        if not jelly and not sinabs:
            needed["v_reset"] = 0.0
        for name, value in needed.items():
            if not np.allclose(getattr(cell, name), value, rtol=1e-14, atol=0):
                hint = f'{title}\'s reader gives other spikes: write it with convention="nir", or set its {name} to '
                refuse(where, f"has a {name} that {title} cannot take", hint + _named(value))
        for name in self.reader.uniform:
            value = getattr(cell, name)
            if value is not None and np.unique(value).size > 1:
                refuse(where, f"has a {name} for each neuron", f"{title} reads one for all")
        return cell

    def _normalized(self, cell: Cell) -> bool:
        """Return whether the reader multiplies the input by 1 - decay."""
        if (cell.decay == 1).any():
            return False
        if self.convention == "spikingjelly":
            return bool(np.allclose(cell.gain, 1 - cell.decay, rtol=1e-7, atol=0))
        return self.convention == "norse"


def _named(value: Floats | float) -> str:
    """Return a number for an error message."""
    only = np.unique(value)
    return f"{only[0]:g}" if only.size == 1 else "the v_reset of each neuron"


def _nudged(value: Floats, function: Callable[[Floats], Floats], wanted: Floats) -> Floats:
    """Return values, moved by a few units in the last place, at which a function gives exactly what is wanted."""
    best = value
    for direction in (np.inf, -np.inf):
        moved = value
        for _ in range(_NUDGES):
            best = np.where((function(best) != wanted) & (function(moved) == wanted), moved, best)
            moved = np.nextafter(moved, direction)
    return best
