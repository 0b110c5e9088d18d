"""Memory of results is kept and used again."""

from __future__ import annotations

import copy
import gc
import io
import pickle
import platform

import pytest
import torch
import torch.utils.checkpoint
from tests.conftest import spawn

import spikelet.torch as st
from spikelet import _core


def test_pool():
    limit = st.pool_limit()
    try:
        st.set_pool_limit(0)
        st.set_pool_limit(64 << 20)
        x = torch.rand(8, 64, 1024)  # 2 MB
        a = st.lif(x)
        where = a.data_ptr()
        values = a.clone()
        del a
        gc.collect()
        assert _core.pool_idle() >= x.nbytes
        b = st.lif(x)
        assert b.data_ptr() == where
        assert torch.equal(b, values)
        del b
        gc.collect()
        st.set_pool_limit(0)
        assert _core.pool_idle() == 0
        c = st.lif(x)
        del c
        gc.collect()
        assert _core.pool_idle() == 0
    finally:
        st.set_pool_limit(limit)
    assert st.pool_limit() == limit


def test_results_outlive_the_pool_and_may_be_changed():
    x = torch.rand(8, 64, 1024)
    s = st.lif(x)
    view = s[3]
    before = view.clone()
    del s
    gc.collect()
    others = [st.lif(x * k) for k in range(4)]
    assert torch.equal(view, before)
    view.add_(1)
    assert torch.equal(view, before + 1)
    assert len(others) == 4


FAULTS = """
import os, resource, torch, warnings
import spikelet.torch as st
torch.set_num_threads(1)
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    x = torch.ones(1 << 24)  # 64 MB, 16384 pages
    del x
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
warnings.filterwarnings("ignore", "This process .* is multi-threaded")  # those of OpenBLAS sleep
for setting in SETTINGS:
    if child := os.fork():
        assert os.waitpid(child, 0)[1] == 0
        continue
    exec(setting)
    first, again = faults(), [faults() for _ in range(3)]
    print(first, max(again), flush=True)
    os._exit(0)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="it configures glibc")
@pytest.mark.parametrize(
    ("environment", "kept"),
    [
        (
            {},
            {
                "": True,
                "st.set_pool_limit(0)": False,
                "st.set_pool_limit(32 << 20)": False,
                "st.set_pool_limit(0); assert st.keep_freed_memory()": True,
            },
        ),
        ({"MALLOC_TRIM_THRESHOLD_": "131072"}, {"": False, "st.set_pool_limit(1 << 30)": False}),
    ],
)
def test_memory_that_the_c_library_keeps(environment, kept):
    """A setting of the whole process, so each case has one of its own, forked before anything is allocated."""
    printed = spawn(FAULTS.replace("SETTINGS", repr(list(kept))), **environment).splitlines()
    assert len(printed) == len(kept)
    for line, keeps in zip(printed, kept.values(), strict=True):
        first, again = map(int, line.split())
        if keeps:
            assert again < 0.05 * first
        else:
            assert again > 0.5 * first


def _ordinary(y, x):
    """What may be done with a result; each entry gives what can be compared between sizes."""

    def attempt(call):
        try:
            found = call()
        except RuntimeError as error:
            return str(error).split(":")[0]
        return found if isinstance(found, (bool, int)) else type(found).__name__

    def saved():
        torch.save(y.detach(), file := io.BytesIO())
        return len(file.getvalue()) < y.nbytes + 3000

    def used_twice():
        loss = (y * y).sum()
        y.mul_(2)
        loss.backward()

    return {
        "is a view": y._is_view(),
        "contiguous": y.is_contiguous(),
        "storage": y.untyped_storage().nbytes() == y.nbytes,
        "aligned": y.data_ptr() % 64 == 0,
        "resizable": y.untyped_storage().resizable(),
        "saved": saved(),
        "pickled": torch.equal(pickle.loads(pickle.dumps(y.detach())), y),
        "copied": torch.equal(copy.deepcopy(y.detach()), y),
        "dlpack": torch.equal(torch.from_dlpack(y.detach()), y),
        "shared": y.detach().clone().share_memory_().is_shared(),
        "grow": attempt(lambda: y.detach().resize_(y.numel() + 1)),
        "shrink": attempt(lambda: y.detach().resize_(3)),
        "changed after it was saved": attempt(used_twice) if y.requires_grad else None,
        "detached in place": attempt(lambda: y.detach_().requires_grad),
    }


SIZES = [(4, 1, 10), (4, 250, 10), (4, 8000, 10)]  # the last one comes from the pool


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("made", [{}, {"surrogate": None}, {"tau_syn": 3.0}, {"last": True}])
def test_what_may_be_done_with_a_result_does_not_depend_on_its_size(dtype, made):
    found = []
    made = dict(made)
    last = made.pop("last", False)
    for size in SIZES:
        x = torch.rand(size, dtype=dtype).mul_(3).requires_grad_()
        y = st.lif(x, **made, return_v=last)
        found.append(_ordinary(y[1] if last else y, x))
    assert found[0] == found[1] == found[2]
    assert not found[0]["is a view"]
    assert found[0]["shared"]


CHANGES = [
    lambda y, m: y.mul_(m),
    lambda y, m: torch.nn.functional.relu(y.mul_(m), inplace=True),
    lambda y, m: y.view(-1).mul_(m.reshape(-1)),
    lambda y, m: (y.transpose_(0, 1), y.mul_(m.transpose(0, 1)), y.transpose_(0, 1))[-1],
    lambda y, m: y.copy_(y.clone() * m),
]


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("channels_last", [False, True])
def test_results_may_be_changed_in_place_at_every_size(change, last, channels_last):
    torch.manual_seed(0)
    for size in ((3, 2, 4, 5, 6), (3, 40, 8, 30, 31)):
        x = torch.rand(size) * 3
        if channels_last:
            x = x.permute(0, 1, 3, 4, 2).contiguous().permute(0, 1, 4, 2, 3)
        x.requires_grad_()
        results = []
        for in_place in (False, True):
            y, v = st.lif(x, return_v=True)
            y = v if last else y
            mask = (torch.rand(y.shape, generator=torch.Generator().manual_seed(1)) < 0.5).float()
            flat = change is CHANGES[2]
            if in_place and flat and not y.is_contiguous():
                y.mul_(mask)  # it has no flat view
            elif in_place:
                y = change(y, mask)
            else:
                y = y * mask
            z = y if y.shape == mask.shape else y.view(mask.shape)
            (by_x,) = torch.autograd.grad(z.square().sum(), x)
            results.append((z.detach(), by_x))
        for plain, changed in zip(*results, strict=True):
            assert torch.equal(plain, changed)


def test_modules_in_place_and_results_sent_to_a_worker():
    torch.manual_seed(0)
    for size in (40, 8000):
        net = torch.nn.Sequential(
            torch.nn.Linear(10, 10),
            st.LIF(),
            torch.nn.Dropout(0.5, inplace=True),
            torch.nn.ReLU(inplace=True),
            st.IF(),
        )
        y = torch.utils.checkpoint.checkpoint(net, torch.rand(4, size, 10), use_reentrant=False)
        y.sum().backward()
        assert net[0].weight.grad.abs().sum() > 0
    data = torch.utils.data.TensorDataset(y.detach())  # the large one, in another process
    loader = torch.utils.data.DataLoader(data, 4, num_workers=1)
    assert torch.equal(next(iter(loader))[0], y.detach())
