"""Convolutional layers that learned: `ConvSTDP.save` and `ConvSTDP.load`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from tests.mutation.format import Format
from tests.mutation.mutate import Random
from tests.mutation.values import change_npz

from spikelet.models.conv_stdp import Conv, ConvSTDP


def images(n: int) -> Any:
    return np.random.RandomState(n).uniform(size=(n, 9, 9))


class ConvStdpFile(Format):
    def write(self, folder: Path, seed: int) -> None:
        maps = 3 + seed % 6
        first = Conv(
            maps=maps, kernel=3, threshold=2.0, window=2, stride=1 + seed % 2, levels=(1.0, 1.5)
        )
        second = Conv(maps=4, kernel=2, threshold=1.0, window=2, stride=2, double_every=3)
        layers = [first, second][: 1 + seed % 3 // 2]
        ConvSTDP(layers, shape=(9, 9), seed=seed % 2**32).fit(images(4)).save(folder / "model.npz")

    def read(self, folder: Path) -> Any:
        model = ConvSTDP.load(folder / "model.npz")
        about = [model.layers, model.shape, model.bins, model.seed, model.seen, repr(model)]
        return about, model.weights, model.thresholds, model.wins, model.transform(images(2))

    def craft(self, folder: Path, rng: Random) -> str:
        return change_npz(folder / "model.npz", rng)

    def use(self, folder: Path) -> None:
        model = ConvSTDP.load(folder / "model.npz")
        if model.shape == (9, 9) and model.n_features < 1e6:
            model.transform(images(2))
            model.waves(images(1))
            model.fit(images(5))
        model.save(folder.parent / "again.npz")
        ConvSTDP.load(folder.parent / "again.npz")


FORMAT = ConvStdpFile()
