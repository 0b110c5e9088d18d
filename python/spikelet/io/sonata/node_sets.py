"""SONATA's node sets: which nodes an input drives, or a report shows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from spikelet._util.advice import warn_caller
from spikelet._util.checks import fail, shown
from spikelet._util.spelling import suggestion
from spikelet.io.sonata.config import WHERE
from spikelet.io.sonata.nodes import Nodes

Rows = dict[str, npt.NDArray[np.int64]]
Masks = dict[str, npt.NDArray[np.bool_]]


class NodeSets:
    """The node sets of a simulation; the name of a population also names its nodes.

    Parameters
    ----------
    sets : dict
        What the file says; empty without a file.
    nodes : dict of str to Nodes
        The populations.
    file : str
        The file, for messages.
    """

    def __init__(self, sets: Mapping[str, Any], nodes: Mapping[str, Nodes], file: str) -> None:
        self._sets, self._nodes, self._file = sets, nodes, file

    def __contains__(self, name: Any) -> bool:
        """Return whether there is a set of a name."""
        return isinstance(name, str) and name in {*self._sets, *self._nodes, "all"}

    def rows(self, where: str, name: Any) -> Rows:
        """Return the rows of a set's nodes, by population.

        Parameters
        ----------
        where : str
            What names the set, for messages.
        name : str, list or dict
            Its name; or names or rules in place of one.

        Raises
        ------
        ValueError
            If there is no such set, or its definition is wrong or leads to itself.
        """
        masks = {n: np.zeros(len(nodes), bool) for n, nodes in self._nodes.items()}
        self._add(where, name, masks, (), set())
        return {n: np.flatnonzero(mask) for n, mask in masks.items() if mask.any()}

    def neurons(self, where: str, name: Any) -> Rows:
        """Return the rows of a set's neurons, as `rows` does; of its other nodes only if it has no neurons.

        Reports and current clamps mean neurons, even if the set also matches sources.

        Warns
        -----
        UserWarning
            If the set holds no nodes.
        """
        found = self.rows(where, name)
        if not found:
            warn_caller(f"{where}: node set {shown(name)} holds no nodes")
        kept = {n: np.intersect1d(rows, self._nodes[n].neurons) for n, rows in found.items()}
        return {n: rows for n, rows in kept.items() if len(rows)} or found

    def _add(
        self, where: str, name: Any, masks: Masks, within: tuple[str, ...], done: set[str]
    ) -> None:
        if isinstance(name, (dict, list)):
            definition = name
        elif name not in self:
            known = [*self._sets, *self._nodes]
            near = suggestion(str(name), known)
            fail(where, "node set", name, f"must be one of {', '.join(known)}{near}")
        elif name in within:
            rule = f"must not contain itself ({self._file})"
            fail(where, "node set", " -> ".join((*within, name)), rule)
        elif name in done:
            return
        else:
            within = (*within, name)
            done.add(name)
            definition = self._sets.get(name, {} if name == "all" else {"population": name})
        if isinstance(definition, list):
            for other in definition:
                self._add(where, other, masks, within, done)
        elif isinstance(definition, dict):
            self._add_rules(where, definition, masks)
        else:
            fail(where, "node set", definition, "must be rules or a list of names")

    def _add_rules(self, where: str, rules: Mapping[str, Any], masks: Masks) -> None:
        for n, nodes in self._nodes.items():
            mask = np.ones(len(nodes), bool)
            for key, value in rules.items():
                allowed = value if isinstance(value, list) else [value]
                if any(isinstance(v, (dict, list, type(None))) for v in allowed):
                    rule = "must be a number, a string or a list of these"
                    fail(where, f"node set, {key}", value, rule)
                if mask.any():
                    mask &= nodes.matches(f"{WHERE}: {self._file}", key, allowed)
            masks[n] |= mask
