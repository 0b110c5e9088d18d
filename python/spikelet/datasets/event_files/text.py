"""Tables of text: a row for each event, numbers that are separated by commas, semicolons or blanks, and perhaps a row of names."""

from __future__ import annotations

import codecs
import io
import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikelet.datasets.event_files.assembling import Demands
from spikelet.datasets.event_files.file import EventFile
from spikelet.datasets.event_files.formats import Format
from spikelet.datasets.event_files.values import check_options, from_columns, from_table


def read(
    file: EventFile, demands: Demands, columns: str = "txyp", unit: str = "us"
) -> NDArray[Any]:
    """Read all rows; lines that begin with # are comments."""
    check_options(file, columns, unit)
    if b"\0" in file.head():
        file.refuse(0, "the data", "must be text", "binary data")
    data = io.BytesIO(file.read(0, file.size))
    names: list[str] = []
    begin, between = 0, None
    if file.head(3) == codecs.BOM_UTF8:  # of a spreadsheet
        data.seek(begin := 3)
    for line in iter(data.readline, b""):
        if line.strip() and not line.startswith(b"#"):
            if names or not re.search(rb"[A-Za-df-z_]", line):  # e occurs in numbers
                between = ";" if b";" in line else "," if b"," in line else None
                break
            names = [
                name.strip("\"' ") for name in re.split(r"[,;\s]+", line.decode("latin1").strip())
            ]
            begin = data.tell()
    else:  # no numbers
        if names:
            return from_columns(file, {name: np.zeros(0) for name in names}, unit, demands)
        return from_table(file, np.zeros((0, len(columns))), columns, unit, demands)
    data.seek(begin)
    try:
        table = np.loadtxt(data, np.float64, delimiter=between, ndmin=2, encoding="latin1")
    except ValueError as error:
        what = " ".join(
            str(error).partition(";")[0].split()
        )  # without advice on arguments of numpy
        file.refuse(begin, "the table", "must be rows of numbers", what)
    if names:
        if len(set(names)) != table.shape[1]:
            file.refuse(
                0, "the table", f"must have a name for each of its {table.shape[1]} columns", names
            )
        return from_columns(file, dict(zip(names, table.T, strict=True)), unit, demands)
    return from_table(file, table, columns, unit, demands)


FORMAT = Format(
    "text", "tables of text", (".csv", ".txt"), lambda _: False, read, ("columns", "unit")
)
