"""Estimate the energy of a layered network: exact counts of operations times the energy of each.

The counts are those of NeuroBench (Yik et al., Nature Communications 2025), per sample and over all steps:

* **Effective ACs** add one weight for one spike. Borders, strides, dilation and groups are exact: a spike costs one
  addition for each output that it reaches. **Effective MACs** multiply one weight by one non-zero analog input. **Dense**
  counts assume that every input is active at every step. Biases, pools, sums of branches, `Affine` and the neurons
  themselves are not counted. Of `Graded` units, each multiplication, division and evaluation of a function is a MAC.
  Unlike in NeuroBench, zero weights count, and a mean pool of spikes whose windows tile its input costs no
  multiplication before a convolution: each spike passes through the pool as one AC for each output. Values of other
  pools, and of pixels that were shuffled or interpolated, are analog inputs.
* An **analog first layer** (``coding="direct"``) counts its MACs at each step, as in NeuroBench. Its current is the same at
  each step, so hardware that stores it computes it once, which is what ``first_layer_once=True`` counts. The same holds
  for layers between a `ReLU` and spiking neurons of a hybrid network. ANN segments of a hybrid network (from a `ReLU` to a
  `ReLU` or the output) run once for any T, and are always counted once.
* **Activation sparsity** is 1 - spikes / (neurons x steps); for a `ReLU`, the fraction of zeros.
* **Footprint** is the number of bytes of parameters (weights, biases, thresholds, ...; zeros included) and of states.
* **Membrane updates** are potentials written. The engine writes each potential at each step; ``count_changes=True`` counts
  only those that change, and records all potentials to do so.

Energy = ACs x add + MACs x MAC of a `Technology`; by default 45 nm, float32: 0.9 and 4.6 pJ (Horowitz, ISSCC 2014). It is an
**estimate** of arithmetic alone, without memory, control, clock, network and leakage. ``memory=True`` adds memory traffic:
an AC reads a weight, and reads and writes a potential; a MAC reads a weight and an activation; a membrane update reads and
writes a potential; an analog activation is written once; a spike is written and read once, as an address of 4 bytes. The
price of a byte is that of the smallest memory that holds all weights and states of the layer. There is no cache and no
reuse in registers: this is a simple upper bound, the same for both networks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from spikelet._util.spelling import missing
from spikelet.energy.measure import measure
from spikelet.energy.report import BreakEven, EnergyReport, LayerEnergy, NetworkEnergy
from spikelet.energy.technology import TECHNOLOGIES, Technology

__all__ = [
    "TECHNOLOGIES",
    "BreakEven",
    "EnergyReport",
    "LayerEnergy",
    "NetworkEnergy",
    "Technology",
    "measure",
]

if not TYPE_CHECKING:  # a type checker knows what there is
    __getattr__ = missing(__name__, __all__)
