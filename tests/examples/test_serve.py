"""The HTTP service: under load, and given bad requests."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import io
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import spikelet as sl

httpx = pytest.importorskip("httpx")
uvicorn = pytest.importorskip("uvicorn")
pytest.importorskip("starlette")


@pytest.fixture(scope="module")
def serve() -> ModuleType:
    path = Path(__file__).parents[2] / "examples" / "serve.py"
    spec = importlib.util.spec_from_file_location("serve", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["serve"] = module  # its dataclasses look it up
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def model(serve: ModuleType) -> sl.SpikingModel:
    found: sl.SpikingModel = serve.sample_model()
    return found


@contextlib.contextmanager
def running(app: Any) -> Iterator[str]:
    """Run a server in a thread, and yield its address."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()  # clients may connect before the server accepts
        # On a busy machine the server would close idle connections just as a client uses them again.
        config = uvicorn.Config(app, log_level="error", lifespan="on", timeout_keep_alive=300)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(30)
    assert not thread.is_alive()


def npy(x: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, x)
    return file.getvalue()


def answers(address: str, *posts: dict[str, Any]) -> list[Any]:
    """Post all at once, and return the responses in order."""

    async def all_at_once() -> list[Any]:
        limits = httpx.Limits(max_connections=200)
        async with httpx.AsyncClient(base_url=address, timeout=60, limits=limits) as client:
            return list(await asyncio.gather(*(client.post("/predict", **p) for p in posts)))

    return asyncio.run(all_at_once())


def test_load(serve: ModuleType, model: sl.SpikingModel) -> None:
    x = np.random.default_rng(1).random((300, 2, 4)).astype(np.float32)
    posts = [{"json": {"x": a.tolist()}} if k % 2 else {"content": npy(a)} for k, a in enumerate(x)]
    with running(serve.service(model, limits=serve.Limits(waiting=1000))) as address:
        found = answers(address, *posts)
        about = httpx.get(address).json()
    assert {r.status_code for r in found} == {200}
    for a, r in zip(x, found, strict=True):
        alone = model.run(a)
        (output,) = r.json()["outputs"].values()
        assert np.array_equal(np.float32(output), alone.output)
        assert r.json()["decision"] == alone.output.argmax(1).tolist()
    assert about["samples"] == 600
    assert about["batches"] < 300  # requests were joined
    assert about["waiting"] == 0


def test_full_queue(
    serve: ModuleType, model: sl.SpikingModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = threading.Event()
    run: Callable[..., Any] = sl.SpikingModel.run

    def slow(self: Any, *args: Any, **options: Any) -> Any:
        assert free.wait(60)
        return run(self, *args, **options)

    app = serve.service(model, limits=serve.Limits(batch=2, waiting=4))
    x = {"x": [[0.1, 0.2, 0.3, 0.4]]}
    monkeypatch.setattr(sl.SpikingModel, "run", slow)
    with running(app) as address:
        threading.Timer(1.0, free.set).start()
        found = answers(address, *[{"json": x}] * 40)
        again = answers(address, {"json": x})
    codes = [r.status_code for r in found]
    assert set(codes) == {200, 503}
    assert codes.count(200) <= 4 + 2 * 2  # in the queue, collected, and running
    assert all(r.headers["retry-after"] for r in found if r.status_code == 503)
    assert again[0].status_code == 200


def test_timeout(
    serve: ModuleType, model: sl.SpikingModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = threading.Event()
    monkeypatch.setattr(sl.SpikingModel, "run", lambda *_, **__: free.wait(60))
    with running(serve.service(model, limits=serve.Limits(timeout=0.2))) as address:
        (found,) = answers(address, {"json": {"x": [[0.0, 0.1, 0.2, 0.3]]}})
        free.set()
    assert found.status_code == 504


@pytest.mark.parametrize(
    ("post", "code", "what"),
    [
        ({"json": {"x": [[1.0, 2.0]]}}, 422, "4"),
        ({"json": {"x": [[1.0, 2.0], [1.0]]}}, 422, ""),
        ({"json": {"x": []}}, 422, "empty"),
        ({"json": {"x": "text"}}, 422, "numbers"),
        ({"json": {"y": 1}}, 422, '"x"'),
        ({"content": b"{"}, 422, ""),
        ({"content": b"[" * 100_000}, 422, ""),
        ({"content": b"\x93NUMPY\x01\x00"}, 422, ""),
        ({"content": npy(np.array([None]))[:-1]}, 422, ""),
        ({"content": npy(np.zeros((2, 4))).replace(b"}", b"{")}, 422, "damaged"),
        ({"content": npy(np.zeros((2, 4))).replace(b"(2, 4), }", b"(4, 99**9)")}, 422, ""),
        (
            {"content": npy(np.zeros((2, 4))).replace(b"(2, 4), }    ", b"(9000000000000,)}")},
            422,
            "damaged",
        ),
        ({"content": b'{"x": [[NaN, 0, 0, 0]]}'}, 422, "finite"),
        ({"content": b'{"x": [[1e300, 0, 0, 0]]}'}, 422, "finite"),
        ({"json": {"x": [[0.0] * 4] * 33}}, 413, "at most 32"),
        ({"content": b" " * (9 << 20)}, 413, "at most 8388608"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_bad_requests(
    serve: ModuleType, model: sl.SpikingModel, post: dict[str, Any], code: int, what: str
) -> None:
    with running(serve.service(model)) as address:
        bad, good = answers(address, post, {"json": {"x": [[0.1, 0.2, 0.3, 0.4]]}})
    assert bad.status_code == code
    assert what in bad.json()["error"]
    assert good.status_code == 200


def test_steps_are_needed(serve: ModuleType) -> None:
    model = sl.SpikingModel([sl.layers.Linear([[1.0]]), sl.layers.IF(1.0)])
    with pytest.raises(ValueError, match="steps must be given"):
        serve.service(model)
