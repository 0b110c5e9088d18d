"""`read_events`: one function for all formats of event files."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any, Literal

from numpy.typing import NDArray

from spikelet._util.checks import choice, fail, integer
from spikelet.datasets.event_files.assembling import Demands
from spikelet.datasets.event_files.file import EventFile
from spikelet.datasets.event_files.formats import choose

if TYPE_CHECKING:
    from os import PathLike

_WHERE = "datasets.read_events"


def read_events(
    path: str | PathLike[str],
    format: str | None = None,  # noqa: A002  # the name that pandas, scipy and PIL use, too
    *,
    sensor_size: tuple[int, ...] | None = None,
    unsorted: Literal["error", "sort", "keep"] = "error",
    **options: Any,
) -> NDArray[Any]:
    """Read the events of a file of any known format into one structured array.

    Parameters
    ----------
    path : path
        The file.
    format : str, optional
        Name of the format; by default the first bytes of the file decide, or else its extension.

        ============== ===================================== ================= ======================
        name           what it is                            extension         options
        ============== ===================================== ================= ======================
        "aedat2"       AEDAT 2.0 (jAER)                      .aedat            camera
        "aedat3"       AEDAT 3.1 (cAER, DVS128-Gesture)      .aedat
        "aedat4"       AEDAT 4.0 (DV); extra `aedat`         .aedat4           stream
        "nmnist"       N-MNIST, N-Caltech101                 .bin
        "dat"          Prophesee DAT (N-Cars, GEN1)          .dat
        "evt2", "evt3" Prophesee RAW, EVT 2.0 and 3.0        .raw
        "stmnist"      ST-MNIST (MATLAB)                     .mat
        "columns"      numpy arrays                          .npy .npz         columns, unit
        "text"         a table of numbers                    .csv .txt         columns, unit
        "hdf5"         columns t, x, y, p; extra `hdf5`      .h5 .hdf5         columns, unit
        ============== ===================================== ================= ======================
    sensor_size : (width, height) or (width, height, polarities), optional
        Addresses outside this size are an error, as are addresses outside the size that the file states.
    unsorted : "error", "sort" or "keep"
        What to do if time goes backwards; "sort" keeps the order of events of equal times.
    **options
        camera : "dvs128", "davis240" or "davis346"
            The address map of AEDAT 2.0; by default the header's ``AEChip``.
        stream : int
            The stream of AEDAT 4.0; by default the first that holds events.
        columns : str
            Order of the columns of an array or table without names: "txyp" by default.
        unit : "us", "ms" or "s"
            The unit of t: "us" by default.

    Returns
    -------
    structured array with the fields t int64 [us], x int16, y int16, p int8 (1: brighter, 0: darker)
        Row 0 is the top of the image in all camera formats.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    ValueError
        The format is unknown; or the file is truncated, of another version, or invalid: the error names the file, the
        byte and the rule. Sizes are checked before memory is allocated for them.
    ImportError
        An extra is missing; the error names it.
    """
    wanted = demands(_WHERE, sensor_size, unsorted)
    with EventFile(path, _WHERE) as file:
        chosen = choose(file, format)
        if unknown := sorted(set(options).difference(chosen.options)):
            known = " and ".join(chosen.options) or "none"
            fail(
                _WHERE,
                "options",
                unknown[0],
                f'of the format "{chosen.name}" are {known}',
                error=TypeError,
            )
        return chosen.read(file, wanted, **options)


def demands(where: str, sensor_size: Any, unsorted: Any) -> Demands:
    """Return what the user demands of all formats, checked."""
    choice(where, "unsorted", unsorted, "error", "sort", "keep")
    if sensor_size is None:
        return Demands(None, unsorted)
    try:
        size = tuple(operator.index(n) for n in sensor_size)
    except TypeError:
        rule = "must be (width, height) or (width, height, polarities)"
        fail(where, "sensor_size", sensor_size, rule, error=TypeError)
    if len(size) not in (2, 3):
        fail(
            where,
            "sensor_size",
            sensor_size,
            "must be (width, height) or (width, height, polarities)",
        )
    width, height = (integer(where, "sensor_size", n, 1, 2**15) for n in size[:2])
    return Demands((width, height), unsorted)
