"""Layers over sparse inputs: equal to PyTorch's dense ones, whatever the threads and the SIMD level."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from tests.support.torch_sparse import random, sparse
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

import spikelet as sl
from spikelet.torch.sparse import (
    Geometry,
    SpikeConv2d,
    SpikeLinear,
    conv2d,
    linear,
    spike_conv2d,
    spike_linear,
)

LAST = torch.channels_last


@pytest.fixture(autouse=True)
def _threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def compare(ours: Callable[..., Tensor], theirs: Callable[..., Tensor], *inputs: Tensor) -> None:
    """Compare outputs and the gradients of all inputs."""
    results = []
    for function in (ours, theirs):
        leaves = [t.detach().clone(memory_format=torch.preserve_format) for t in inputs]
        for leaf in leaves:
            leaf.requires_grad_()
        y = function(*leaves)
        y.backward(random(*y.shape, seed=9, dtype=y.dtype))
        results.append([y, *(leaf.grad for leaf in leaves)])
    for mine, reference in zip(*results, strict=True):
        assert mine.shape == reference.shape
        scale = max(1.0, float(reference.detach().abs().max())) if reference.numel() else 1.0
        tolerance = 1e-12 if reference.dtype == torch.float64 else 2e-5
        torch.testing.assert_close(mine, reference, rtol=0, atol=tolerance * scale)


LINEAR = [
    # leading axes of x, inputs, outputs
    ((7,), 5, 3),
    ((), 9, 20),
    ((3, 4), 130, 16),
    ((2, 2, 3), 64, 145),
    ((1,), 1, 1),
    ((1500,), 300, 150),
    ((40,), 33, 300),
]


@pytest.mark.parametrize(("lead", "inputs", "outputs"), LINEAR)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_linear_is_the_dense_one(
    lead: tuple[int, ...], inputs: int, outputs: int, dtype: torch.dtype
) -> None:
    x = sparse(*lead, inputs, density=0.2, dtype=dtype)
    weight, bias = (random(*s, seed=2, dtype=dtype) for s in ((outputs, inputs), (outputs,)))
    compare(lambda *t: spike_linear(*t, density_limit=1), F.linear, x, weight, bias)
    compare(lambda *t: spike_linear(*t, density_limit=1), F.linear, x, weight)
    compare(lambda *t: spike_linear(*t, density_limit=0), F.linear, x, weight, bias)


CONV: list[dict[str, Any]] = [
    {"channels": 3, "outputs": 5, "size": (9, 8), "kernel": (3, 3), "padding": 1},
    {"channels": 16, "outputs": 16, "size": (20, 33), "kernel": (3, 3), "padding": (1, 1)},
    {"channels": 1, "outputs": 20, "size": (28, 28), "kernel": (5, 5)},
    {
        "channels": 4,
        "outputs": 6,
        "size": (11, 13),
        "kernel": (3, 2),
        "stride": 2,
        "padding": (2, 1),
    },
    {"channels": 6, "outputs": 9, "size": (12, 10), "kernel": (3, 3), "groups": 3, "padding": 1},
    {"channels": 4, "outputs": 8, "size": (9, 9), "kernel": (3, 3), "groups": 4, "stride": (1, 3)},
    {"channels": 5, "outputs": 4, "size": (15, 14), "kernel": (3, 4), "dilation": (2, 3)},
    {"channels": 2, "outputs": 3, "size": (16, 17), "kernel": (4, 3), "dilation": 2, "stride": 3},
    {"channels": 3, "outputs": 40, "size": (7, 7), "kernel": (1, 1), "stride": (4, 2)},
    {"channels": 3, "outputs": 4, "size": (5, 5), "kernel": (2, 2), "padding": 7, "stride": 2},
    {"channels": 3, "outputs": 4, "size": (8, 7), "kernel": (4, 2), "padding": "same"},
    {"channels": 3, "outputs": 4, "size": (8, 7), "kernel": (4, 2), "padding": "valid"},
    {"channels": 2, "outputs": 3, "size": (6, 5), "kernel": (2, 2), "padding": "same"},
    {"channels": 32, "outputs": 64, "size": (4, 4), "kernel": (3, 3), "padding": 1},
    {"channels": 2, "outputs": 17, "size": (1, 1), "kernel": (1, 1)},
]


def conv_case(case: dict[str, Any], **kinds: Any) -> tuple[list[Tensor], dict[str, Any]]:
    options = {k: case[k] for k in ("stride", "padding", "dilation", "groups") if k in case}
    channels, outputs = case["channels"], case["outputs"]
    x = sparse(9, channels, *case["size"], density=0.15, **kinds)
    weight = random(outputs, channels // case.get("groups", 1), *case["kernel"], seed=2, **kinds)
    return [x, weight, random(outputs, seed=3, **kinds)], options


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
@pytest.mark.parametrize("case", CONV, ids=str)
@pytest.mark.parametrize("memory", ["contiguous", "last", "strided"])
def test_convolution_is_the_dense_one(case: dict[str, Any], memory: str) -> None:
    (x, weight, bias), options = conv_case(case)
    if memory == "last":
        x = x.contiguous(memory_format=LAST)
    elif memory == "strided":
        x = torch.stack([x, -x], dim=-1)[..., 0]
        assert not x.is_contiguous() or x.numel() == x.shape[0]

    def ours(*tensors: Tensor, limit: float = 1) -> Tensor:
        y = spike_conv2d(*tensors, **options, density_limit=limit)
        assert y.is_contiguous(memory_format=LAST)
        return y

    def theirs(*tensors: Tensor) -> Tensor:
        return F.conv2d(*tensors, **options)

    compare(ours, theirs, x, weight, bias)
    compare(ours, theirs, x, weight)
    compare(lambda *t: ours(*t, limit=0), theirs, x, weight, bias)


def test_convolution_of_float32() -> None:
    for case in CONV[:4]:
        tensors, options = conv_case(case, dtype=torch.float32)
        compare(
            lambda *t, o=options: spike_conv2d(*t, **o, density_limit=1),
            lambda *t, o=options: F.conv2d(*t, **o),
            *tensors,
        )


def test_random_convolutions_are_the_dense_ones() -> None:
    rng = np.random.default_rng(5)

    def pick(*choices: int) -> int:
        return int(rng.choice(choices))

    for seed in range(60):
        groups = pick(1, 1, 2, 3)
        kernel = (pick(1, 2, 3, 5), pick(1, 3, 4))
        options: dict[str, Any] = {
            "stride": (pick(1, 1, 2, 3), pick(1, 1, 2, 5)),
            "padding": (pick(0, 1, 2, 7), pick(0, 1, 3)),
            "dilation": (pick(1, 1, 2), pick(1, 3)),
            "groups": groups,
        }
        height, width = (
            pick(1, 6, 21) + (k - 1) * d for k, d in zip(kernel, options["dilation"], strict=True)
        )
        x = sparse(pick(1, 2, 7), groups * pick(1, 3, 16), height, width, seed=seed)
        if pick(0, 1):
            x = x.contiguous(memory_format=LAST)
        weight = random(groups * pick(1, 4, 17), x.shape[1] // groups, *kernel, seed=seed + 1)
        compare(
            lambda *t, o=options: spike_conv2d(*t, **o, density_limit=1),
            lambda *t, o=options: F.conv2d(*t, **o),
            x,
            weight,
            random(weight.shape[0], seed=seed + 2),
        )


def test_margins_wider_than_the_image() -> None:
    compare(
        lambda *t: spike_conv2d(*t, padding=60, dilation=50, density_limit=1),
        lambda *t: F.conv2d(*t, padding=60, dilation=50),
        sparse(5, 2, 1, 2, density=0.5),
        random(3, 2, 3, 3, seed=2),
    )


def test_inference_mode_and_views() -> None:
    x, weight = sparse(4, 6), random(3, 6, seed=2)
    expected = F.linear(x, weight)
    with torch.inference_mode():
        torch.testing.assert_close(spike_linear(x, weight, density_limit=1), expected)
    negated = torch.complex(x, -x).conj().imag  # x, by a bit of the view
    torch.testing.assert_close(spike_linear(negated, weight, density_limit=1), expected)
    expanded = x[:1].expand(5, 6)
    torch.testing.assert_close(
        spike_linear(expanded, weight, density_limit=1), F.linear(expanded, weight)
    )


def test_leading_dimensions_are_folded() -> None:
    x, weight = sparse(3, 2, 4, 6, 5), random(7, 4, 3, 3, seed=2)
    expected = F.conv2d(x.flatten(0, 1), weight).unflatten(0, (3, 2))
    torch.testing.assert_close(spike_conv2d(x, weight, density_limit=1), expected)
    torch.testing.assert_close(spike_conv2d(x[0, 0], weight, density_limit=1), expected[0, 0])


def test_gradcheck() -> None:
    leaves = [
        sparse(4, 6, density=0.5).requires_grad_(),
        random(3, 6, seed=2).requires_grad_(),
        random(3, seed=3).requires_grad_(),
    ]
    torch.autograd.gradcheck(lambda *t: spike_linear(*t, density_limit=0), leaves)
    # At an input of 0 the numerical derivative makes it active, which is the same function.
    torch.autograd.gradcheck(lambda *t: spike_linear(*t, density_limit=1), leaves)
    leaves = [
        sparse(2, 2, 5, 4, density=0.5).requires_grad_(),
        random(4, 1, 3, 2, seed=2).requires_grad_(),
        random(4, seed=3).requires_grad_(),
    ]
    torch.autograd.gradcheck(
        lambda *t: spike_conv2d(*t, stride=2, padding=1, groups=2, density_limit=1), leaves
    )


def test_the_input_gradient_by_tiles() -> None:
    """The core computes it with fewer products for these shapes; it is PyTorch's within rounding, and so are second derivatives."""
    for kernel, stride, padding in ((3, 1, 1), (5, 2, 2), (5, 1, 2), (4, 2, 1)):
        x, weight = sparse(20, 16, 12, 12), random(24, 16, kernel, kernel, seed=2)
        found = []
        for convolve, dtype in (
            (spike_conv2d, torch.float32),
            (F.conv2d, torch.float32),
            (F.conv2d, torch.float64),
        ):
            leaves = [t.to(dtype).requires_grad_() for t in (x, weight)]
            y = convolve(*leaves, stride=stride, padding=padding)
            first = torch.autograd.grad(y.sin().sum(), leaves, create_graph=True)
            second = torch.autograd.grad(first[0].square().sum(), leaves)
            found.append([t.detach().double() for t in (*first, *second)])
        for mine, theirs, exact in zip(*found, strict=True):
            scale = exact.square().mean().sqrt()
            assert (mine - exact).abs().max() < 3e-5 * scale
            assert (theirs - exact).abs().max() < 3e-5 * scale
        assert not torch.equal(found[0][0], found[1][0])  # it is the core's


def digest(threads: int = 2) -> str:
    """Return a hash of outputs and gradients of several layers."""
    torch.set_num_threads(threads)
    sha = hashlib.sha256()

    def add(function: Callable[..., Tensor], *tensors: Tensor) -> None:
        leaves = [
            t.clone(memory_format=torch.preserve_format).requires_grad_() for t in tensors[1:]
        ]
        y = function(tensors[0], *leaves)
        y.backward(random(*y.shape, seed=9, dtype=y.dtype))
        for t in (y.detach(), *(leaf.grad for leaf in leaves)):
            assert t is not None
            sha.update(t.contiguous().numpy().tobytes())

    for dtype in (torch.float32, torch.float64):
        x = sparse(1200, 300, dtype=dtype)
        add(
            lambda *t: spike_linear(*t, density_limit=1),
            x,
            random(170, 300, dtype=dtype),
            random(170, dtype=dtype),
        )
        for case, last in itertools.product((CONV[0], CONV[1], CONV[3], CONV[12]), (False, True)):
            (image, *rest), options = conv_case(case, dtype=dtype)
            image = torch.cat([image] * 4)
            image = image.contiguous(memory_format=LAST) if last else image
            add(lambda *t, o=options: spike_conv2d(*t, **o, density_limit=1), image, *rest)
    # The input has a gradient, by tiles.
    weight, x = random(24, 16, 3, 3, seed=2).float(), sparse(20, 16, 12, 12).float()
    add(lambda w, x: spike_conv2d(x, w, padding=1, density_limit=1), weight, x)
    return sha.hexdigest()


def test_threads_do_not_matter() -> None:
    assert digest(1) == digest(2) == digest(3)


def test_simd_levels_do_not_matter(digests_at_levels: dict[str, dict[str, str]]) -> None:
    expected = digest(1)
    assert {*digests_at_levels, sl.simd_level()} == set(sl.available_simd_levels())
    for level, digests in digests_at_levels.items():
        assert (digests["level"], digests["sparse"]) == (level, expected)


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_what_is_not_finite_propagates(value: float) -> None:
    x = sparse(2, 3, 6, 6)
    x[1, 2, 0, 5] = value
    compare_equal = {"rtol": 0.0, "atol": 1e-12, "equal_nan": True}
    image = random(4, 3, 3, 3, seed=2).requires_grad_()
    flat = random(4, 6, seed=2).requires_grad_()
    for ours, theirs, weight in (
        (spike_conv2d(x, image, padding=1), F.conv2d(x, image, padding=1), image),
        (spike_linear(x, flat), F.linear(x, flat), flat),
    ):
        torch.testing.assert_close(ours, theirs, **compare_equal)
        assert not ours.isfinite().all()
        (mine,) = torch.autograd.grad(ours.sum(), weight)
        (reference,) = torch.autograd.grad(theirs.sum(), weight)
        torch.testing.assert_close(mine, reference, **compare_equal)


@pytest.mark.parametrize(("rows", "inputs", "outputs"), [(0, 3, 4), (5, 0, 4), (5, 3, 0)])
def test_empty_linear(rows: int, inputs: int, outputs: int) -> None:
    compare(spike_linear, F.linear, sparse(rows, inputs), random(outputs, inputs), random(outputs))


def test_empty_batches() -> None:
    compare(spike_conv2d, F.conv2d, sparse(0, 3, 8, 8), random(4, 3, 3, 3), random(4))
    assert spike_conv2d(sparse(5, 0, 3, 8, 8), random(4, 3, 3, 3)).shape == (5, 0, 4, 6, 6)
    layer = SpikeLinear(3, 4)
    assert layer(torch.zeros(2, 0, 3)).shape == (2, 0, 4)


def test_modules_exchange_states() -> None:
    for ours, theirs in (
        (SpikeLinear(7, 5), nn.Linear(7, 5)),
        (SpikeConv2d(3, 5, 3, stride=2, padding=1), nn.Conv2d(3, 5, 3, stride=2, padding=1)),
        (SpikeConv2d(4, 6, 2, groups=2, bias=False), nn.Conv2d(4, 6, 2, groups=2, bias=False)),
    ):
        ours.load_state_dict(theirs.state_dict())
        theirs.load_state_dict(ours.state_dict())
        assert isinstance(ours, type(theirs))
        assert repr(ours) == "Spike" + repr(theirs)
        x = (random(2, 4, 7, 7, dtype=torch.float32) > 1).float()
        if isinstance(theirs, nn.Conv2d):
            x = x[:, : theirs.in_channels]
        torch.testing.assert_close(ours(x), theirs(x))


def test_modules_start_alike() -> None:
    torch.manual_seed(1)
    linear, conv = SpikeLinear(7, 5), SpikeConv2d(3, 5, 3)
    torch.manual_seed(1)
    for ours, theirs in ((linear, nn.Linear(7, 5)), (conv, nn.Conv2d(3, 5, 3))):
        assert torch.equal(ours.weight, theirs.weight)
        assert torch.equal(ours.bias, theirs.bias)


@pytest.mark.parametrize("mode", ["reflect", "circular", "replicate"])
def test_other_paddings(mode: str) -> None:
    ours = SpikeConv2d(3, 4, 3, padding=1, padding_mode=mode, density_limit=1)
    theirs = nn.Conv2d(3, 4, 3, padding=1, padding_mode=mode)
    theirs.load_state_dict(ours.state_dict())
    x = sparse(2, 2, 3, 6, 5, dtype=torch.float32)
    expected = theirs(x.flatten(0, 1)).unflatten(0, (2, 2))
    torch.testing.assert_close(ours(x), expected)


F32 = torch.zeros(2, 3)
W = torch.zeros(4, 3)
IMAGE = torch.zeros(1, 3, 5, 5)
KERNEL = torch.zeros(4, 3, 3, 3)


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (
            lambda: spike_linear([1.0], W),
            TypeError,
            "spike_linear: x must be a torch.Tensor, got list",
        ),
        (
            lambda: spike_linear(F32.int(), W),
            TypeError,
            "x must be float32, float64, bfloat16 or float16, uint8 or bool, got torch.int32",
        ),
        (lambda: spike_linear(F32.cfloat(), W), TypeError, "got torch.complex64"),
        (lambda: spike_linear(F32, W.double()), TypeError, "weight must have the type of x"),
        (lambda: spike_linear(F32.to("meta"), W), ValueError, "x must be on the CPU.*meta"),
        (lambda: spike_linear(F32.to_sparse(), W), ValueError, "x must be a strided"),
        (lambda: spike_linear(F32, W[0]), ValueError, "weight must have 2 dimensions.*(3,)"),
        (lambda: spike_linear(F32, W, F32[0]), ValueError, r"bias must have shape \(4,\).*\(3,\)"),
        (lambda: spike_linear(F32.t(), W), ValueError, r"x must have shape \(..., 3\).*\(3, 2\)"),
        (lambda: spike_linear(F32.sum(), W), ValueError, r"x must have shape \(..., 3\)"),
        (
            lambda: spike_linear(F32, W, density_limit=1.5),
            ValueError,
            "density_limit must lie in 0 .. 1",
        ),
        (lambda: SpikeLinear(3, 4, density_limit=-1), ValueError, "SpikeLinear: density_limit"),
        (
            lambda: SpikeLinear(3, 4)(F32.double()),
            TypeError,
            "SpikeLinear: weight must have the type",
        ),
        (lambda: SpikeConv2d(3, 4, 3, density_limit="x"), TypeError, "SpikeConv2d: density_limit"),
        (
            lambda: SpikeConv2d(3, 4, 3)(F32),
            ValueError,
            r"SpikeConv2d: x must have shape \(..., 3, h",
        ),
        (
            lambda: spike_conv2d(IMAGE[:, :2], KERNEL),
            ValueError,
            r"x must have shape \(..., 3, height",
        ),
        (lambda: spike_conv2d(IMAGE[..., :2], KERNEL), ValueError, "padded width of at least"),
        (lambda: spike_conv2d(IMAGE, KERNEL, dilation=3), ValueError, "padded height of at least"),
        (lambda: spike_conv2d(IMAGE, KERNEL, stride=0), ValueError, r"stride must be >= 1 .*got 0"),
        (lambda: spike_conv2d(IMAGE, KERNEL, stride=1.5), TypeError, "stride must be an integer"),
        (lambda: spike_conv2d(IMAGE, KERNEL, padding=-1), ValueError, "padding must be >= 0"),
        (
            lambda: spike_conv2d(IMAGE, KERNEL, padding=(1, 2, 3)),
            ValueError,
            "padding must be a number",
        ),
        (
            lambda: spike_conv2d(IMAGE, KERNEL, padding="full"),
            ValueError,
            "padding must be 'valid'",
        ),
        (lambda: spike_conv2d(IMAGE, KERNEL, padding="same", stride=2), ValueError, "stride of 1"),
        (lambda: spike_conv2d(IMAGE, KERNEL, groups=0), ValueError, "groups must be >= 1"),
        (lambda: spike_conv2d(IMAGE, KERNEL, groups=3), ValueError, "groups must divide the 4"),
        (lambda: spike_conv2d(IMAGE, KERNEL[..., :0]), ValueError, "kernel of at least 1 x 1"),
    ],
)
def test_bad_input(call: Callable[[], Any], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        call()


def _sizes_kept(run: Callable[[], Tensor]) -> dict[torch.dtype, int]:
    """Return the bytes that a forward pass keeps for the backward pass, by type."""
    kept: dict[torch.dtype, int] = {}

    def note(tensor: Tensor) -> Tensor:
        kept[tensor.dtype] = kept.get(tensor.dtype, 0) + tensor.nbytes
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        run()
    return kept


@pytest.mark.parametrize("raster", [torch.uint8, torch.bool])
@pytest.mark.parametrize("limit", [0, 1, None])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_rasters_are_read_as_they_are(raster: torch.dtype, limit: Any, dtype: torch.dtype) -> None:
    """The bits are those of the same values as floats, and a raster is kept in a byte for each place."""
    generator = torch.Generator().manual_seed(0)
    high = 2 if raster == torch.bool else 255
    cases: list[tuple[nn.Module, tuple[int, ...]]] = [
        (SpikeLinear(203, 150, dtype=dtype, density_limit=limit), (9, 16, 203)),
        (SpikeConv2d(5, 17, 3, padding=1, dtype=dtype, density_limit=limit), (4, 6, 5, 13, 11)),
        (
            SpikeConv2d(4, 6, 3, stride=2, groups=2, bias=False, dtype=dtype, density_limit=limit),
            (4, 6, 4, 13, 11),
        ),
        (
            SpikeConv2d(
                4, 6, 3, padding=1, padding_mode="circular", dtype=dtype, density_limit=limit
            ),
            (4, 4, 13, 11),
        ),
    ]
    for module, shape in cases:
        active = torch.rand(shape, generator=generator) < 0.1
        x = (torch.randint(1, high, shape, generator=generator) * active).to(raster)
        results = []
        for given in (x, x.to(dtype), x.transpose(0, 1), x.to(dtype).transpose(0, 1)):
            y = module(given)
            assert y.dtype == dtype
            by = torch.autograd.grad(y.square().sum(), module.parameters())
            results.append([y, *by])
        for k in (0, 2):
            assert all(map(torch.equal, results[k], results[k + 1]))
        if limit is not None and getattr(module, "padding_mode", "zeros") == "zeros":
            kept = _sizes_kept(lambda m=module, x=x: m(x))
            weight = module.get_parameter("weight")
            assert kept == {torch.uint8: x.numel(), dtype: weight.nbytes}


def test_rasters_under_autocast_and_in_halves() -> None:
    x = (torch.rand(3, 4, 20) < 0.3).to(torch.uint8)
    module = SpikeLinear(20, 6)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert module(x).dtype == torch.bfloat16
    assert torch.equal(module.half()(x), module(x.half()))
    with pytest.raises(TypeError, match=r"x must be float32, .*uint8 or bool, got torch\.int64"):
        module(x.long())
    compiled = torch.compile(SpikeLinear(20, 6), backend="eager", fullgraph=True)
    assert compiled(x).shape == (3, 4, 6)


@pytest.mark.filterwarnings("ignore:Using padding")  # of torch itself
@pytest.mark.parametrize("density_limit", [0, 1])  # the dense path, and the sparse one
def test_second_derivatives(density_limit: float) -> None:
    """Equal to PyTorch's on either path, so that what may be differentiated does not depend on sizes."""

    def linear(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return spike_linear(x, weight, bias, density_limit=density_limit)

    def conv(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return spike_conv2d(x, weight, bias, (2, 1), (1, 2), (1, 2), 2, density_limit=density_limit)

    def same(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return spike_conv2d(x, weight, bias, padding="same", density_limit=density_limit)

    cases = (
        (linear, F.linear, (4, 6), (3, 6)),
        (conv, lambda *a: F.conv2d(*a, (2, 1), (1, 2), (1, 2), 2), (2, 4, 7, 8), (6, 2, 3, 3)),
        (same, lambda *a: F.conv2d(*a, padding="same"), (2, 4, 7, 8), (3, 4, 2, 3)),
    )
    for ours, theirs, shape, size in cases:
        given = sparse(*shape), random(*size, seed=2), random(size[0], seed=3)
        found = []
        for function in (ours, theirs):
            leaves = [t.clone().requires_grad_() for t in given]
            first = torch.autograd.grad(function(*leaves).pow(3).sum(), leaves, create_graph=True)
            total = sum((g.square().sum() for g in first), torch.zeros(()))
            found.append(torch.autograd.grad(total, leaves))
        for mine, reference in zip(*found, strict=True):
            torch.testing.assert_close(mine, reference, rtol=1e-10, atol=1e-10)


def test_the_density_chooses_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    for name in ("linear", "conv2d"):
        dense = getattr(F, name)
        monkeypatch.setattr(
            F, name, lambda *a, name=name, dense=dense: calls.append(name) or dense(*a)
        )
    x = torch.zeros(10, 10)
    x[:3] = 1.0  # 0.3 of the inputs
    weight = random(16, 10, dtype=torch.float32)
    spike_linear(x, weight, density_limit=0.3)
    assert calls == []
    spike_linear(x, weight, density_limit=0.29)
    assert calls == ["linear"]
    x[0, 0] = torch.nan  # what is not finite is left to PyTorch
    spike_linear(x, weight, density_limit=1)
    assert calls == ["linear"] * 2
    image = torch.zeros(1, 2, 8, 8)
    spike_conv2d(image, random(16, 2, 3, 3, dtype=torch.float32))
    assert calls == ["linear"] * 2
    spike_conv2d(image + 1, random(16, 2, 3, 3, dtype=torch.float32))
    assert calls == ["linear"] * 2 + ["conv2d"]


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = SpikeConv2d(2, 4, 3, padding=1, density_limit=1)
        self.linear = SpikeLinear(4 * 36, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(self.conv(x).flatten(2))


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_compiles_and_exports_whole() -> None:
    net = Net()
    x = sparse(3, 2, 2, 6, 6, dtype=torch.float32)
    expected = net(x)
    expected.sum().backward()
    gradients = [p.grad.clone() for p in net.parameters()]
    for backend in ("eager", "aot_eager"):
        net.zero_grad()
        y = torch.compile(net, backend=backend, fullgraph=True)(x)
        torch.testing.assert_close(y, expected)
        y.sum().backward()
        for p, gradient in zip(net.parameters(), gradients, strict=True):
            torch.testing.assert_close(p.grad, gradient)
    exported = torch.export.export(net, (x,))
    torch.testing.assert_close(exported.module()(x), expected)


def test_what_does_not_fit_is_refused():
    """Functions that are called without checks, and input that is replaced behind autograd's back."""
    x, w = torch.ones(4, 8, 20, 20), torch.rand(16, 8, 3, 3)
    one, rows = (1, 1), torch.ones(64, 10)

    def conv(
        x: Tensor, bias: Tensor | None, dilation: tuple[int, int], groups: int
    ) -> Callable[[], Tensor]:
        geometry = Geometry(one, one, dilation, groups)
        return lambda: conv2d(x, w, bias, geometry, 1.0)

    calls = [
        lambda: linear(torch.ones(64, 1000), torch.rand(64, 10), None, 1.0),
        lambda: linear(rows, torch.rand(64, 10), torch.rand(3), 1.0),
        conv(x, None, one, 100),
        conv(x, None, one, 3),
        conv(x[:, :5], None, one, 1),
        conv(x, torch.rand(3), one, 1),
        conv(x, None, (0, 0), 1),
    ]
    for call in calls:
        with pytest.raises((RuntimeError, ValueError)):
            call()
    weight, q = torch.rand(64, 100, requires_grad=True), torch.rand(64, 100)
    y = spike_linear(q, weight, density_limit=1.0)
    q.data = torch.ones(200_000, 100)
    with pytest.raises((RuntimeError, ValueError), match="must match"):
        y.sum().backward()


@pytest.mark.parametrize(("kernel", "stride"), [(8, 8), (16, 16), (5, 8), (1, 4), (8, 3)])
def test_lists_of_large_strides(kernel, stride):
    torch.manual_seed(0)
    x = (torch.rand(3, 2, 70, 90, dtype=torch.float64) < 0.4).double().requires_grad_()
    w = torch.rand(5, 2, kernel, kernel, dtype=torch.float64, requires_grad=True)
    ours = spike_conv2d(x, w, stride=stride, density_limit=1.0)
    theirs = F.conv2d(x, w, stride=stride)
    torch.testing.assert_close(ours, theirs)
    g = torch.rand_like(theirs)
    for a, b in zip(
        *(torch.autograd.grad((y * g).sum(), (x, w)) for y in (ours, theirs)), strict=True
    ):
        torch.testing.assert_close(a, b)


def test_the_input_gradient_of_an_image_of_many_places() -> None:
    """The dense path takes what has too many places for lists; so does its backward pass."""
    conv = torch.nn.Conv2d(1, 2000, 3, stride=1099, bias=False)
    x = torch.ones(1, 1, 1103, 1103)
    found = []
    for convolve in (spike_conv2d, F.conv2d):
        leaf = x.clone().requires_grad_()
        convolve(leaf, conv.weight, stride=1099).sum().backward()
        found.append(leaf.grad)
    torch.testing.assert_close(*found)


def test_modes_see_operations_of_pytorch() -> None:
    class Seen(TorchFunctionMode):
        def __torch_function__(self, func, types, args=(), kwargs=None):
            names.append(func)
            return func(*args, **kwargs or {})

    names: list[object] = []
    with Seen():
        SpikeLinear(6, 4, density_limit=1.0)(sparse(5, 6, dtype=torch.float32))
        SpikeConv2d(3, 4, 3)(sparse(2, 3, 7, 6, dtype=torch.float32))
    assert names.count(F.linear) == 1
    assert names.count(F.conv2d) == 1


@pytest.mark.parametrize("density_limit", [0, 1])
def test_gradient_of_images_has_their_format(density_limit: float) -> None:
    """A pool before the layer would copy its whole input twice otherwise."""
    torch.manual_seed(0)
    weight, by = torch.randn(4, 3, 3, 3), torch.randn(2, 4, 8, 8)
    found = []
    for kept in (torch.contiguous_format, torch.channels_last):
        x = (torch.rand(2, 3, 8, 8) < 0.2).float().contiguous(memory_format=kept).requires_grad_()
        y = spike_conv2d(x, weight, padding=1, density_limit=density_limit)
        found.append(torch.autograd.grad(y, x, by)[0])
        assert found[-1].is_contiguous(memory_format=kept)
    assert torch.equal(*found)
