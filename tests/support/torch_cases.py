"""Small modules of PyTorch, one for each operator and argument that the reader knows: ``name: (function or module, shape)``."""

from __future__ import annotations

import warnings
from typing import Any

import torch
import torch.nn.functional as F
from tests.support.torch_modules import Lambda
from torch import nn

IMAGE, SEQUENCE, VOLUME, VECTOR, TOKENS = (4, 6, 5), (4, 9), (4, 4, 5, 3), (6,), (5, 8)


def _values(*shape: int, seed: int = 5) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def _mask(*shape: int) -> torch.Tensor:
    return _values(*shape) > 0


def convolutions() -> dict[str, tuple[Any, Any]]:
    weight = _values(3, 4, 3)
    return {
        "conv1d": (nn.Conv1d(4, 6, 3, stride=2, padding=2, dilation=2, groups=2), SEQUENCE),
        "conv1d same": (nn.Conv1d(4, 3, 4, padding="same", bias=False), SEQUENCE),
        "conv2d": (nn.Conv2d(4, 6, (3, 2), (1, 2), (2, 0), groups=2), IMAGE),
        "conv2d reflect": (nn.Conv2d(4, 3, 3, padding=1, padding_mode="reflect"), IMAGE),
        "conv2d circular": (nn.Conv2d(4, 3, 3, padding=2, padding_mode="circular"), IMAGE),
        "conv2d replicate": (nn.Conv2d(4, 3, 3, padding=1, padding_mode="replicate"), IMAGE),
        "conv3d": (nn.Conv3d(4, 6, (2, 3, 1), padding=(1, 1, 0), stride=(1, 2, 1)), VOLUME),
        "conv3d depthwise": (nn.Conv3d(4, 4, 3, padding=1, groups=4), VOLUME),
        "F.conv1d": (lambda x: F.conv1d(x, weight, padding="valid"), SEQUENCE),
        "transposed 1d": (nn.ConvTranspose1d(4, 6, 4, 2, 1, groups=2), SEQUENCE),
        "transposed 2d": (nn.ConvTranspose2d(4, 6, 3, 2, 1, output_padding=1, dilation=2), IMAGE),
        "transposed 3d": (nn.ConvTranspose3d(4, 2, (2, 3, 2), (2, 1, 1)), VOLUME),
        "weight norm": (nn.utils.parametrizations.weight_norm(nn.Conv2d(4, 3, 2)), IMAGE),
        "old weight norm": (_old(nn.utils.weight_norm, nn.Conv1d(4, 3, 2)), SEQUENCE),
        "spectral norm": (nn.utils.parametrizations.spectral_norm(nn.Linear(6, 3)), VECTOR),
        "old spectral norm": (_old(nn.utils.spectral_norm, nn.Linear(6, 3)), VECTOR),
        "fold": (lambda x: F.fold(x, (5, 6), (2, 3), padding=(1, 0), stride=2), (12, 6)),
        "linear of tokens": (nn.Linear(8, 3), TOKENS),
        "linear of images": (nn.Linear(5, 3, bias=False), IMAGE),
        "linear of many axes": (lambda x: F.linear(x.reshape(-1, 2, 2, 3, 2, 5), _values(2, 5)), IMAGE),
        "conv of merged": (lambda x: F.conv1d(x.flatten(0, 1).unsqueeze(1), _values(2, 1, 3)), SEQUENCE),
        "bilinear of one": (lambda x: F.linear(x[:, 0], _values(2, 8)) * x.mean((1, 2))[:, None], TOKENS),
    }  # fmt: skip


def _old(function: Any, module: nn.Module) -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        made: nn.Module = function(module)
        made.train()(torch.ones(2, *((4, 9) if isinstance(module, nn.Conv1d) else (6,))))
    return made


def pools() -> dict[str, tuple[Any, Any]]:
    return {
        "max 1d": (nn.MaxPool1d(3, 2, 1, dilation=2, ceil_mode=True), SEQUENCE),
        "max 2d": (nn.MaxPool2d((3, 2), 1, (1, 0), dilation=(2, 1)), IMAGE),
        "max 2d with indices": (lambda x: F.max_pool2d(x, 2, return_indices=True)[0], IMAGE),
        "max 3d": (nn.MaxPool3d(2, padding=1, ceil_mode=True), VOLUME),
        "mean 1d": (nn.AvgPool1d(3, 2, 1, count_include_pad=False), SEQUENCE),
        "mean 2d": (nn.AvgPool2d(3, 2, 1, ceil_mode=True), IMAGE),
        "mean 2d divisor": (nn.AvgPool2d(2, divisor_override=3), IMAGE),
        "mean 3d": (nn.AvgPool3d((2, 1, 2)), VOLUME),
        "adaptive 1d": (nn.AdaptiveAvgPool1d(4), SEQUENCE),
        "adaptive 2d": (nn.AdaptiveAvgPool2d((None, 2)), IMAGE),
        "adaptive 3d": (nn.AdaptiveAvgPool3d((2, 3, 1)), VOLUME),
        "adaptive max 1d": (nn.AdaptiveMaxPool1d(4), SEQUENCE),
        "adaptive max 2d": (nn.AdaptiveMaxPool2d((4, 3)), IMAGE),
        "adaptive max 3d": (nn.AdaptiveMaxPool3d(2), VOLUME),
        "lp 2d": (nn.LPPool2d(2, 2), IMAGE),
        "merged": (lambda x: F.avg_pool1d(x.flatten(0, 1), 2), IMAGE),
    }


def activations() -> dict[str, tuple[Any, Any]]:
    modules = [nn.Sigmoid(), nn.Tanh(), nn.Hardsigmoid(), nn.Hardswish(), nn.SiLU(), nn.GELU(), nn.GELU("tanh"),
               nn.ELU(0.7), nn.SELU(), nn.CELU(1.3), nn.Softplus(2.0, 5.0), nn.Softsign(), nn.Mish(), nn.LeakyReLU(0.2),
               nn.PReLU(4), nn.PReLU(), nn.ReLU6(), nn.Hardtanh(-0.4, 0.7), nn.Hardtanh(0, 0.6), nn.RReLU(), nn.LogSigmoid(),
               nn.Softshrink(0.3), nn.Hardshrink(0.3), nn.Tanhshrink(), nn.Threshold(0.1, 0.1), nn.Threshold(-0.2, 0.5),
               nn.GLU(1), nn.Softmax(1), nn.Softmax(-1), nn.LogSoftmax(2), nn.Softmax2d(), nn.Softmin(1),
               nn.ReLU(inplace=True)]  # fmt: skip
    functions: dict[str, Any] = {
        "clamp": lambda x: x.clamp(-0.3, 0.4),
        "clamp max": lambda x: torch.clamp(x, max=0.2),
        "clamp min": lambda x: x.clamp_min(0.1),
        "clamp of channels": lambda x: x.clamp(_values(4, 1, 1) - 1, _values(4, 1, 1) + 1),
        "exp": torch.exp,
        "log": lambda x: (x.abs() + 1).log(),
        "log1p": lambda x: (x * x).log1p(),
        "sqrt": lambda x: (x**2 + 0.5).sqrt(),
        "rsqrt": lambda x: torch.rsqrt(x.square() + 0.5),
        "power": lambda x: (x.abs() + 0.1) ** 1.5,
        "cube": lambda x: x.pow(3),
        "base": lambda x: 2.0**x,
        "reciprocal": lambda x: 1 / (x.exp() + 1),
        "expm1": lambda x: x.expm1(),
        "erf": torch.erf,
        "sin and cos": lambda x: torch.sin(x) * torch.cos(x),
        "casts": lambda x: x.float().exp().to(torch.float64).type_as(x),
        "log2": lambda x: torch.log2(x.exp() + 1),
        "swish": lambda x: x * torch.sigmoid(x),
        "hard swish": lambda x: x * F.relu6(x + 3) / 6,
    }
    return {
        **{f"{k} {type(m).__name__}": (m, IMAGE) for k, m in enumerate(modules)},
        **{name: (f, IMAGE) for name, f in functions.items()},
        "prelu of vectors": (nn.PReLU(6), VECTOR),
        "softmax of vectors": (nn.Softmax(-1), VECTOR),
    }


def sums() -> dict[str, tuple[Any, Any]]:
    return {
        "shift": (lambda x: x + _values(4, 1, 1), IMAGE),
        "position": (lambda x: x + _values(1, 5, 8), TOKENS),
        "last axis": (lambda x: x * _values(8) - _values(8, seed=6), TOKENS),
        "reversed": (lambda x: 3 - x / 2, VECTOR),
        "alpha": (lambda x: torch.add(x, x.relu(), alpha=0.5), IMAGE),
        "sub alpha": (lambda x: torch.sub(x, x.relu(), alpha=0.5), IMAGE),
        "outer": (lambda x: x[:, :, None] * x[:, None, :], VECTOR),
        "broadcast constant": (lambda x: x.mean(2, keepdim=True) + _values(8), TOKENS),
        "gate": (lambda x: x * x.mean((2, 3), keepdim=True).sigmoid(), IMAGE),
        "divide": (lambda x: x / (x.abs().sum(1, keepdim=True) + 1), IMAGE),
        "maximum": (lambda x: torch.maximum(x, x.flip(1)), IMAGE),
        "minimum of constant": (lambda x: torch.minimum(x, _values(6)), VECTOR),
        "max of two": (lambda x: torch.max(x, x.roll(1, 1)), VECTOR),
        "matmul": (lambda x: x @ x.transpose(1, 2), TOKENS),
        "matmul left": (lambda x: _values(3, 5) @ x, TOKENS),
        "matmul right": (lambda x: torch.matmul(x, _values(8, 3)), TOKENS),
        "matmul stacks": (lambda x: x @ _values(4, 5, 3), IMAGE),
        "vector": (lambda x: x @ _values(8), TOKENS),
        "bmm": (lambda x: torch.bmm(x, x.mT), TOKENS),
        "addmm": (lambda x: torch.addmm(_values(3), x, _values(6, 3), beta=0.5, alpha=2), VECTOR),
        "einsum": (lambda x: torch.einsum("bnd,bmd->bnm", x, x), TOKENS),
        "einsum of weights": (lambda x: torch.einsum("bchw,ck->bhwk", x, _values(4, 3)), IMAGE),
        "einsum sum": (lambda x: torch.einsum("bchw->bc", x), IMAGE),
        "einsum of positions": (
            lambda x: torch.einsum("bchw,hkw->bchk", x, _values(6, 2, 5)),
            IMAGE,
        ),
        "einsum ellipsis": (lambda x: torch.einsum("...d,dk->...k", x, _values(8, 3)), TOKENS),
        "einsum ellipsis alone": (lambda x: torch.einsum("...ij,jk", x, _values(8, 3)), TOKENS),
        "einsum of stacks": (lambda x: torch.einsum("b...d,b...d->b...", x, x.relu()), IMAGE),
        "einsum of three": (
            lambda x: torch.einsum("bnd,de,bme->bnm", x, _values(8, 3), x[..., :3]),
            TOKENS,
        ),
        "einsum of two weights": (
            lambda x: torch.einsum("ij,jd,bnd->bni", _values(3, 4), _values(4, 8), x),
            TOKENS,
        ),
        "where": (lambda x: torch.where(_mask(4, 6, 5), x, x.relu()), IMAGE),
        "masked fill": (lambda x: x.masked_fill(_mask(5), -2.0), IMAGE),
        "mask of softmax": (lambda x: x.masked_fill(_mask(5), float("-inf")).softmax(-1), IMAGE),
        "cumsum": (lambda x: x.cumsum(1), TOKENS),
        "addcmul": (lambda x: torch.addcmul(x, x, _values(8), value=0.3), TOKENS),
        "lerp": (lambda x: torch.lerp(x, x.relu(), 0.25), TOKENS),
        "in place": (lambda x: x.clone().add_(1).mul_(2).sub_(_values(8)).relu_(), TOKENS),
        "accumulated": (lambda x: sum((x[:, k] for k in range(5)), torch.zeros(1, 8)), TOKENS),
    }


def movements() -> dict[str, tuple[Any, Any]]:
    return {
        "flatten": (nn.Flatten(), IMAGE),
        "flatten part": (lambda x: x.flatten(2).relu(), IMAGE),
        "unflatten": (nn.Unflatten(1, (2, 2)), IMAGE),
        "view": (lambda x: x.view(x.shape[0], 8, -1), IMAGE),
        "permute": (lambda x: x.permute(0, 2, 3, 1), IMAGE),
        "permute batch": (lambda x: x.permute(2, 0, 1).relu().transpose(0, 1), TOKENS),
        "transposes": (lambda x: x.transpose(1, 2).swapaxes(1, 2).movedim(1, 2).mT, TOKENS),
        "squeeze": (lambda x: x.unsqueeze(1).unsqueeze(-1).squeeze(), TOKENS),
        "index": (lambda x: x[:, 1], IMAGE),
        "slices": (lambda x: x[:, 1:3, ::2, -2:], IMAGE),
        "ellipsis": (lambda x: x[..., None, 0], IMAGE),
        "gather": (lambda x: x[:, torch.tensor([2, 0, 2])], IMAGE),
        "index select": (lambda x: x.index_select(2, torch.tensor([1, 4])), IMAGE),
        "chunk": (lambda x: x.chunk(3, 1)[0] + x.chunk(2, 1)[1], IMAGE),
        "split": (lambda x: torch.cat(x.split([1, 3], 1)[::-1], 1), IMAGE),
        "unbind": (lambda x: torch.stack(x.unbind(1), -1), TOKENS),
        "stack with constant": (lambda x: torch.stack([x, torch.ones_like(x)], 1), TOKENS),
        "class token": (lambda x: torch.cat([_values(1, 1, 8).expand(len(x), -1, -1), x], 1), TOKENS),
        "concat last": (lambda x: torch.cat([x, x.relu()], -1), IMAGE),
        "roll": (lambda x: x.roll((1, -2), (2, 3)), IMAGE),
        "flip": (lambda x: x.flip(1, 3), IMAGE),
        "pad": (lambda x: F.pad(x, (1, 0, 2, 1, 0, 3)), IMAGE),
        "pad value": (lambda x: F.pad(x, (1, 2), value=0.5), IMAGE),
        "crop": (lambda x: F.pad(x, (-1, 1, 0, -2)), IMAGE),
        "reflection": (nn.ReflectionPad2d((1, 2, 0, 3)), IMAGE),
        "replication": (nn.ReplicationPad1d(2), SEQUENCE),
        "circular": (nn.CircularPad2d(1), IMAGE),
        "zeros 3d": (nn.ZeroPad3d(1), VOLUME),
        "expand": (lambda x: x[:, :, None].expand(-1, -1, 4), VECTOR),
        "broadcast": (lambda x: torch.mul(*torch.broadcast_tensors(x[:, :, None], _values(4))), VECTOR),
        "mean of a distribution": (lambda x: torch.distributions.Normal(x.tanh(), _values(6).exp()).mean, VECTOR),
        "repeat": (lambda x: x.repeat(1, 2, 3), TOKENS),
        "repeat each": (lambda x: x.repeat_interleave(2, 1), TOKENS),
        "channel shuffle": (nn.ChannelShuffle(2), IMAGE),
        "channel shuffle by hand": (
            lambda x: x.view(len(x), 2, 2, 6, 5).transpose(1, 2).contiguous().view(len(x), -1, 6, 5), IMAGE),
        "pixel shuffle": (nn.PixelShuffle(2), IMAGE),
        "pixel unshuffle": (nn.PixelUnshuffle(2), (4, 6, 4)),
        "unfold": (nn.Unfold((2, 3), padding=1), IMAGE),
        "windows": (lambda x: x.unfold(2, 3, 2), IMAGE),
        "merged batch": (lambda x: x.flatten(0, 1).relu().view(len(x), 4, 30), IMAGE),
        "written": (_written, IMAGE),
        "written constant": (_written_constant, IMAGE),
        "diagonal": (lambda x: x.diagonal(dim1=1, dim2=2), TOKENS),
    }  # fmt: skip


def _written(x: torch.Tensor) -> torch.Tensor:
    out = torch.zeros_like(x)
    out[:, :2] = x[:, 2:]
    out[:, 2:, 1:] = x[:, 2:, :-1]
    return out + x


def _written_constant(x: torch.Tensor) -> torch.Tensor:
    out = x.relu()
    out[:, 1] = 0.5
    return out


def resizings() -> dict[str, tuple[Any, Any]]:
    found: dict[str, tuple[Any, Any]] = {
        "nearest": (nn.Upsample(scale_factor=2), IMAGE),
        "nearest size": (nn.Upsample(size=(9, 7)), IMAGE),
        "nearest exact": (lambda x: F.interpolate(x, (9, 7), mode="nearest-exact"), IMAGE),
        "nearest fraction": (lambda x: F.interpolate(x, scale_factor=1.7), IMAGE),
        "nearest 1d": (nn.Upsample(scale_factor=3), SEQUENCE),
        "nearest 3d": (nn.Upsample(scale_factor=(1, 2, 2)), VOLUME),
        "area": (lambda x: F.interpolate(x, (3, 4), mode="area"), IMAGE),
        "linear": (nn.Upsample(scale_factor=2, mode="linear"), SEQUENCE),
        "trilinear": (nn.Upsample(size=(3, 7, 6), mode="trilinear"), VOLUME),
        "bilinear fraction": (lambda x: F.interpolate(x, scale_factor=1.3, mode="bilinear"), IMAGE),
        "bilinear recomputed": (
            lambda x: F.interpolate(x, scale_factor=1.3, mode="bilinear", recompute_scale_factor=True), IMAGE),
        "bilinear smaller": (lambda x: F.interpolate(x, (3, 2), mode="bilinear"), IMAGE),
    }  # fmt: skip
    for mode in ("bilinear", "bicubic"):
        for corners in (False, True):
            found[f"{mode} {corners}"] = (
                nn.Upsample(size=(9, 7), mode=mode, align_corners=corners),
                IMAGE,
            )
    return found


def normalizations() -> dict[str, tuple[Any, Any]]:
    return {
        "batch norm 1d": (nn.Sequential(nn.BatchNorm1d(4)), SEQUENCE),
        "batch norm of vectors": (nn.BatchNorm1d(6), VECTOR),
        "batch norm 3d": (nn.BatchNorm3d(4, affine=False), VOLUME),
        "layer norm": (nn.LayerNorm(8), TOKENS),
        "layer norm of images": (nn.LayerNorm((6, 5), bias=False), IMAGE),
        "layer norm plain": (nn.LayerNorm(8, eps=1e-2, elementwise_affine=False), TOKENS),
        "rms norm": (nn.RMSNorm(8, eps=1e-3), TOKENS),
        "group norm": (nn.GroupNorm(2, 4), IMAGE),
        "instance norm 1d": (nn.InstanceNorm1d(4), SEQUENCE),
        "instance norm 2d": (nn.InstanceNorm2d(4, affine=True), IMAGE),
        "local response": (nn.LocalResponseNorm(3, 0.1, 0.6, 2.0), IMAGE),
        "cross map": (nn.CrossMapLRN2d(3, 0.1, 0.6, 2.0), IMAGE),
        "normalize": (lambda x: F.normalize(x, dim=-1), TOKENS),
        "normalize l1": (lambda x: F.normalize(x, p=1, dim=(2, 3)), IMAGE),
        "standardized": (lambda x: (x - x.mean(-1, keepdim=True)) / (x.std(-1, keepdim=True) + 1e-3), TOKENS),
        "moments": (lambda x: torch.cat(torch.var_mean(x, dim=1, keepdim=True), 1), TOKENS),
    }  # fmt: skip


def reductions() -> dict[str, tuple[Any, Any]]:
    return {
        "global mean": (lambda x: x.mean((2, 3)), IMAGE),
        "global mean kept": (lambda x: x.mean([-2, -1], True), IMAGE),
        "one after another": (lambda x: x.mean(3).mean(2), IMAGE),
        "mean of tokens": (lambda x: x.mean(dim=1), TOKENS),
        "mean of channels": (lambda x: x.mean(1, keepdim=True), IMAGE),
        "everything": (lambda x: x.mean((1, 2, 3)), IMAGE),
        "sum": (lambda x: x.sum(-1), IMAGE),
        "amax": (lambda x: x.amax((2, 3)), IMAGE),
        "amax kept": (lambda x: torch.amax(x, (2, 3), keepdim=True), IMAGE),
        "max values": (lambda x: x.max(dim=1, keepdim=True)[0], IMAGE),
        "max in turn": (lambda x: x.max(-1).values.max(-1).values, IMAGE),
        "min": (lambda x: x.amin(1), TOKENS),
        "std": (lambda x: x.std(dim=1), TOKENS),
        "var": (lambda x: x.var((1, 2), unbiased=False, keepdim=True), IMAGE),
        "norm": (lambda x: x.norm(dim=1), TOKENS),
        "l1": (lambda x: torch.linalg.vector_norm(x, 1, dim=-1, keepdim=True), TOKENS),
        "logsumexp": (lambda x: x.logsumexp(1), TOKENS),
    }


def pairs() -> dict[str, tuple[Any, Any]]:
    kernel = _values(8, 3, 2)
    return {
        "cosine": (lambda x: F.cosine_similarity(x[:, 0], x[:, 1].relu()), TOKENS),
        "cosine of prototypes": (lambda x: F.cosine_similarity(x[:, :, None], _values(3, 8), -1), TOKENS),
        "cosine module": (Lambda(lambda m, x: m.c(_values(5, 8), x), c=nn.CosineSimilarity(2)), TOKENS),
        "distance": (Lambda(lambda m, x: m.d(x, x.relu()), d=nn.PairwiseDistance()), TOKENS),
        "distance l1": (lambda x: F.pairwise_distance(x, _values(8), 1, 0.1, keepdim=True), TOKENS),
        "bilinear": (Lambda(lambda m, x: m.b(x, x[..., :3]), b=nn.Bilinear(8, 3, 4)), TOKENS),
        "bilinear of one": (lambda x: F.bilinear(x[:, 0], x[:, 1], _values(2, 8, 8)), TOKENS),
        "tensordot": (lambda x: torch.tensordot(x, kernel, 1), TOKENS),
        "tensordot of axes": (lambda x: torch.tensordot(x, _values(8, 5, 3), ([2, 1], [0, 1])), TOKENS),
    }  # fmt: skip


def attention() -> dict[str, tuple[Any, Any]]:
    mha = nn.MultiheadAttention(8, 2, batch_first=True)
    first = nn.MultiheadAttention(8, 4, bias=False)
    causal = nn.Transformer.generate_square_subsequent_mask(5)
    layer = nn.TransformerEncoderLayer(8, 2, 12, batch_first=True)
    return {
        "sdpa": (lambda x: F.scaled_dot_product_attention(x, x.relu(), x), TOKENS),
        "sdpa causal": (lambda x: F.scaled_dot_product_attention(x, x, x, is_causal=True), TOKENS),
        "sdpa masked": (lambda x: F.scaled_dot_product_attention(x, x, x, _mask(5, 5) | torch.eye(5, dtype=torch.bool), scale=0.4), TOKENS),
        "mha": (Lambda(lambda m, x: m.a(x, x, x)[0], a=mha), TOKENS),
        "mha weights": (Lambda(lambda m, x: m.a(x, x.relu(), x)[1], a=mha), TOKENS),
        "mha causal": (Lambda(lambda m, x: m.a(x, x, x, attn_mask=causal, need_weights=False)[0], a=mha), TOKENS),
        "mha sequence first": (Lambda(lambda m, x: m.a(*[x.transpose(0, 1)] * 3)[0].transpose(0, 1), a=first), TOKENS),
        "encoder": (nn.TransformerEncoder(layer, 2, enable_nested_tensor=False), TOKENS),
        "encoder norm first": (nn.TransformerEncoderLayer(8, 2, 12, batch_first=True, norm_first=True, activation="gelu"), TOKENS),
        "decoder": (Lambda(lambda m, x: m.d(x, x.relu()), d=nn.TransformerDecoderLayer(8, 2, 12, batch_first=True)), TOKENS),
        "mha of each head": (Lambda(lambda m, x: m.a(x, x, x, average_attn_weights=False)[1], a=mha), TOKENS),
        "mha padded": (Lambda(lambda m, x: m.a(x, x, x, key_padding_mask=_padding(x))[0], a=mha), TOKENS),
        "mha padded and masked": (Lambda(lambda m, x: m.a(x, x, x, attn_mask=causal.isinf().repeat(2 * len(x), 1, 1), key_padding_mask=_padding(x))[0], a=mha), TOKENS),
        "learned queries": (Lambda(lambda m, x: m.a(_learned(3, x), x, x)[0], a=mha), TOKENS),
        "learned keys": (Lambda(lambda m, x: m.a(x, _learned(3, x), _learned(3, x))[0], a=mha), TOKENS),
        "learned weights": (Lambda(lambda m, x: m.a(_learned(3, x), _learned(5, x), x)[0], a=mha), TOKENS),
        "learned scores": (lambda x: F.scaled_dot_product_attention(_values(3, 8), _values(5, 8), x, _mask(3, 5)), TOKENS),
        "object queries": (Lambda(lambda m, x: m.d(_learned(3, x), x), d=nn.TransformerDecoderLayer(8, 2, 12, batch_first=True)), TOKENS),
        "timm attention": (_qkv, TOKENS),
        "windows": (_windows, (8, 8, 4)),
    }  # fmt: skip


def _learned(n: int, x: torch.Tensor) -> torch.Tensor:
    """Return the same tokens for each sample."""
    return _values(n, 8).to(x)[None].repeat(len(x), 1, 1)


def _padding(x: torch.Tensor) -> torch.Tensor:
    return torch.tensor([False, False, False, True, True]).expand(len(x), -1)


def _qkv(x: torch.Tensor) -> torch.Tensor:
    b, n, c = x.shape
    qkv = F.linear(x, _values(24, 8)).reshape(b, n, 3, 2, 4).permute(2, 0, 3, 1, 4)
    q, k, v = qkv.unbind(0)
    weights = ((q * 0.5) @ k.transpose(-2, -1)).softmax(dim=-1)
    return (weights @ v).transpose(1, 2).reshape(b, n, c)


def _windows(x: torch.Tensor) -> torch.Tensor:
    """Shifted windows of Swin, with a mask that is made of shapes alone."""
    b, h, w, c = x.shape
    x = x.roll((-2, -2), (1, 2))
    parts = x.view(b, h // 4, 4, w // 4, 4, c).permute(0, 1, 3, 2, 4, 5).reshape(-1, 16, c)
    groups = torch.zeros(h, w)
    for k, rows in enumerate((slice(0, -4), slice(-4, -2), slice(-2, None))):
        groups[rows] += 3 * k
        groups[:, rows] += k
    groups = groups.view(h // 4, 4, w // 4, 4).permute(0, 2, 1, 3).reshape(-1, 16)
    mask = (groups[:, None] != groups[:, :, None]) * -100.0
    scores = parts @ parts.transpose(1, 2)
    scores = (scores.view(b, -1, 16, 16) + mask).view(-1, 16, 16).softmax(-1)
    y = (scores @ parts).view(b, h // 4, w // 4, 4, 4, c).permute(0, 1, 3, 2, 4, 5)
    return y.reshape(b, h, w, c).roll((2, 2), (1, 2))


def cases() -> dict[str, tuple[Any, Any]]:
    """Return all of them."""
    families = (
        convolutions,
        pools,
        activations,
        sums,
        movements,
        resizings,
        normalizations,
        reductions,
        pairs,
        attention,
    )
    return {f"{f.__name__}: {name}": case for f in families for name, case in f().items()}  # fmt: skip
