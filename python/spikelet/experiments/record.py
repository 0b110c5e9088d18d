"""What a run leaves behind, in memory and as a file.

A finished run is an ordinary .npz: its arrays under their names, and ``run.json`` with all the rest. A failed one is
a JSON file.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Collection
from dataclasses import dataclass, field, fields
from typing import IO, Any, Literal

import numpy as np

from spikelet.experiments.grid import Run

__all__ = ["DESCRIPTION", "Arrays", "Record", "unpacked"]

Arrays = dict[str, np.ndarray[Any, Any]]

DESCRIPTION = "run.json"


@dataclass
class Record:
    """What is known of a run.

    Parameters
    ----------
    status : str
        "done", "failed", or "missing".
    scalars : dict
        Numbers, strings, bools and None that the function returned, by name.
    arrays : dict
        Arrays that it returned, by name.
    error, traceback : str, optional
        Of a failed run: the exception, and where it came from.
    seconds : float
        Within the function.
    host, version, simd : str
        Machine, version of spikelet and SIMD level.
    """

    status: Literal["done", "failed", "missing"]
    scalars: dict[str, Any] = field(default_factory=dict)
    arrays: Arrays = field(default_factory=dict, repr=False)
    error: str | None = None
    traceback: str | None = None
    seconds: float = float("nan")
    host: str = ""
    version: str = ""
    simd: str = ""

    def describe(self, run: Run) -> str:
        """Return all but the arrays as JSON."""
        own = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "arrays"}
        return json.dumps({"run": run.to_json(), **own})

    def write(self, file: IO[bytes], run: Run) -> None:
        """Write the file of a run."""
        if self.status == "failed":
            file.write(self.describe(run).encode())
            return
        whole = io.BytesIO()  # one write, where an archive makes many small ones
        with zipfile.ZipFile(whole, "w") as archive:
            archive.writestr(DESCRIPTION, self.describe(run))
            for name, array in self.arrays.items():
                with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                    _write_array(member, array)
        file.write(whole.getbuffer())

    @classmethod
    def read(cls, file: IO[bytes], arrays: Collection[str] | None = None) -> Record:
        """Read the file of a finished run, with all arrays or some of them."""
        if not zipfile.is_zipfile(file):  # numpy would advise to load it in an unsafe way
            msg = "no archive"
            raise ValueError(msg)
        file.seek(0)
        with np.load(file, allow_pickle=False) as archive:
            record = unpacked(archive[DESCRIPTION])
            wanted = set(archive.files) - {DESCRIPTION}
            if arrays is not None:
                wanted &= set(arrays)
            record.arrays = {name: archive[name] for name in archive.files if name in wanted}
        return record


def unpacked(text: bytes) -> Record:
    """Return what `Record.describe` made, without arrays."""
    own = json.loads(text)
    del own["run"]
    return Record(**own)


def _write_array(file: IO[bytes], array: np.ndarray[Any, Any]) -> None:
    if array.dtype.names is not None:
        np.lib.format.write_array(file, array, allow_pickle=False)
        return
    # As write_array does for a file of the disk; here it would make several copies.
    array = np.asarray(array, order="C")
    header = np.lib.format.header_data_from_array_1_0(array)
    np.lib.format.write_array_header_1_0(file, header)
    if array.nbytes:
        file.write(array.reshape(-1).view(np.uint8).data)
