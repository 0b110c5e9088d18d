"""Read the architectures of torchvision and timm, with random weights, and compare each layer with PyTorch.

It takes hours for all of them. The packages are needed here only::

    python -m tests.conversion.zoo [--timm] [name ...]
"""

# ruff: noqa: PLC0415  # packages that only this command needs

from __future__ import annotations

import argparse
import time
from collections import Counter
from typing import Any

import torch
from torch import nn

from spikelet.conversion.load import read_torch

# Where 64 x 64 pixels are too few, or another size is built in.
_SIZES = {"inception_v3": 96, "alexnet": 80, "maxvit_t": 224}
_TRANSFORMS = ("googlenet", "inception_v3")


def trained(module: nn.Module) -> nn.Module:
    """Give BatchNorm statistics that training could have given."""
    generator = torch.Generator().manual_seed(1)
    for m in module.modules():
        if isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d):
            m.running_mean.normal_(generator=generator).mul_(0.1)
            m.running_var.uniform_(0.5, 2, generator=generator)
            m.num_batches_tracked += 1
    return module.eval()


def of_torchvision(name: str) -> tuple[nn.Module, tuple[int, ...]]:
    from torchvision import models

    size = _SIZES.get(name, 64)
    options: dict[str, Any] = {"image_size": size} if name.startswith("vit_") else {}
    if name in _TRANSFORMS:
        options = {"transform_input": True, "init_weights": False}
    return models.get_model(name, weights=None, **options), (3, size, size)


def of_timm(name: str) -> tuple[nn.Module, tuple[int, ...]]:
    import timm

    module = timm.create_model(name, pretrained=False, num_classes=10)
    return module, tuple(module.default_cfg["input_size"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="architectures; by default all of torchvision")
    parser.add_argument("--timm", action="store_true", help="names are those of timm")
    arguments = parser.parse_args()
    names = arguments.names
    if not names:
        from torchvision import models

        names = models.list_models(module=models)
    refused = 0
    for name in names:
        begin = time.perf_counter()
        module, shape = of_timm(name) if arguments.timm else of_torchvision(name)
        try:
            graph = read_torch(trained(module), shape)
        except ValueError as error:
            refused += 1
            print(f"{name}: refused: {error}", flush=True)
            continue
        kinds = Counter(type(node.layer).__name__ for node in graph)
        common = ", ".join(f"{n} {kind}" for kind, n in kinds.most_common(5))
        seconds = time.perf_counter() - begin
        print(f"{name}: {len(graph)} layers ({common}), {seconds:.1f} s", flush=True)
    print(f"{len(names) - refused} of {len(names)} read")


if __name__ == "__main__":
    main()
