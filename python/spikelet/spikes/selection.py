"""Which elements an index names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from spikelet._util.checks import fail, is_masked

Ints = npt.NDArray[np.int64]


def chosen_ids(index: Any, n: int, elements: Ints | None) -> Ints:
    """Return the ids that an index of n elements names, of those that were observed; None: all were.

    A slice or a mask takes what there is; an id that was not observed is an IndexError.
    """
    if is_masked(index):
        fail("Spikes", "index", index, "must have no masked elements", error=TypeError)
    try:
        chosen = None if isinstance(index, tuple) else np.atleast_1d(np.arange(n)[index])
    except TypeError:  # a slice of times
        chosen = None
    except IndexError as error:
        if np.asarray(index).dtype.kind in "biu" or np.size(index) == 0:
            msg = f"Spikes: {error}"
            raise IndexError(msg) from None
        chosen = None
    if chosen is None or chosen.ndim != 1:
        rule = "must be an id, a slice, ids or a mask; take spikes.between(start, stop) for times"
        fail("Spikes", "index", index, rule, error=TypeError)
    if len(np.unique(chosen)) != len(chosen):
        fail("Spikes", "index", index, "must not name an element twice")
    if elements is None:
        return chosen
    observed = np.isin(chosen, elements)
    by_id = not isinstance(index, slice) and np.asarray(index).dtype != np.bool_
    if by_id and not observed.all():
        msg = f"Spikes: element {chosen[~observed][0]} was not observed; see spikes.elements"
        raise IndexError(msg)
    return chosen[observed]


def places_of(ids: Ints, elements: Ints) -> Ints:
    """Return the place of each id among the elements, which have it."""
    most = int(elements.max(initial=-1)) + 1
    if most > 8 * (len(ids) + len(elements)):  # a table would be larger than what it is for
        order = np.argsort(elements)
        return np.asarray(order[np.searchsorted(elements, ids, sorter=order)])
    table = np.zeros(most, np.int64)
    table[elements] = np.arange(len(elements))
    return np.asarray(table[ids])


def united(each: Sequence[Ints]) -> Ints:
    """Return the elements of all, each once, in the order in which they come first."""
    found = np.concatenate(each)
    return np.asarray(found[np.sort(np.unique(found, return_index=True)[1])])
