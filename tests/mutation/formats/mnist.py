"""Files of MNIST: `datasets.mnist`. Those that are not compressed have no checksum; crafted mutants are of both."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
from tests.mutation.format import Format
from tests.mutation.mutate import Random, mutant
from tests.mutation.values import pick

from spikelet import datasets


class Mnist(Format):
    def write(self, folder: Path, seed: int) -> None:
        rng = np.random.default_rng(seed)
        n = int(rng.integers(1, 30))
        for kind, shape in (("images-idx3", (n, 28, 28)), ("labels-idx1", (n,))):
            array = rng.integers(0, 10, shape).astype(np.uint8)
            header = bytes([0, 0, 8, len(shape)]) + np.array(shape, ">u4").tobytes()
            data = gzip.compress(header + array.tobytes())
            (folder / f"train-{kind}-ubyte.gz").write_bytes(data)

    def read(self, folder: Path) -> Any:
        return datasets.mnist(folder), datasets.mnist(folder, n=1)

    def craft(self, folder: Path, rng: Random) -> str:
        path = pick(rng, sorted(folder.iterdir()))
        data = bytearray(gzip.decompress(path.read_bytes()))
        if rng.random() < 0.6:
            at, value = 4 * int(rng.integers(1, 1 + data[3])), int(rng.integers(2**32))
            value = pick(rng, (0, 1, value, 2**31 - 1, 2**31, 2**32 - 1, 2**24))
            data[at : at + 4] = value.to_bytes(4, "big")
            what = f"length at {at} to {value}"
        elif rng.random() < 0.2:
            data += bytes(2**28)
            what = "a bomb"
        else:
            changed, what = mutant(bytes(data), rng)
            data = bytearray(changed)
        if rng.random() < 0.5:
            path.write_bytes(gzip.compress(data))
        else:
            path.with_suffix("").write_bytes(data)
        return f"{path.name}: {what}"

    def use(self, folder: Path) -> None:
        datasets.mnist(folder)


FORMAT = Mnist()
