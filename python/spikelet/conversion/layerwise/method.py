"""The base class of conversion methods: what chooses the neurons of one layer after another."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from spikelet.layers import Layer, ReLU

if TYPE_CHECKING:
    from spikelet.conversion.layerwise.site import Site

__all__ = ["Method"]


class Method(ABC):
    """Chooses the neurons of a spiking network, layer by layer; one object for each conversion."""

    spiking: ClassVar[bool] = True
    """Whether `fit` looks at the spiking network; if not, only the ANN runs."""

    sizes: ClassVar[NDArray[np.float64] | None] = None
    """Sizes of spikes at each step, [T], if the neurons have any; see `spikelet.layers.PredictiveIF`."""

    def accepts(self, layer: Layer) -> bool:
        """Return whether an analog neuron of this kind can become spiking."""
        return isinstance(layer, ReLU)

    @abstractmethod
    def fit(self, site: Site) -> Mapping[str, Layer]:
        """Return the layers to change here, by name.

        Parameters
        ----------
        site : Site
            At a neuron, the result holds the spiking neuron under `site.name`, and it may hold changed layers of
            `site.linear`. At an output and at a graded layer it holds only such layers, or nothing.
        """

    def in_ann(self, site: Site) -> Layer | None:  # noqa: ARG002
        """Return a neuron with which the ANN goes on after `fit`; None leaves the ANN as it is."""
        return None
