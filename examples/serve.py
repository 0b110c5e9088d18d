# %% [markdown]
"""Serve a spiking network over HTTP, with requests joined to batches.

    python examples/serve.py                        # a small network, to try it
    python examples/serve.py model.spk --port 8000  # a model that `snn.save("model.spk")` wrote

    curl localhost:8000/predict --json '{"x": [[0.1, 0.9, 0.4, 0.2]]}'
    curl localhost:8000/predict --data-binary @samples.npy    # an array that numpy.save wrote
    curl localhost:8000/                                      # what is served, and how busy it is

A request holds one sample or several. Requests that arrive within a few milliseconds run as one batch, which gives
each the same bits as running it alone. Limits protect the process: too large a request gets 413, one that does not
fit the model 422, one that finds the queue full 503, one that waits too long 504.

Needs `pip install "spikelet[serve]"` (Starlette and uvicorn).
"""

# %%
from __future__ import annotations

import argparse
import asyncio
import contextlib
import io
import json
from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from tokenize import TokenError
from typing import Any

import numpy as np
import uvicorn
from numpy.typing import NDArray
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

import spikelet as sl

# %% [markdown]
# ## Limits
#
# A batch closes when it is full, or `wait` seconds after its first request. `waiting` bounds the memory that requests
# can hold, `timeout` the time that a client waits.


# %%
@dataclass(frozen=True)
class Limits:
    """Limits of the service."""

    batch: int = 32  # samples that run together
    wait: float = 0.005  # seconds for which a batch stays open
    waiting: int = 512  # samples in the queue
    timeout: float = 30.0  # seconds from request to answer
    bytes: int = 8 << 20  # of a request's body


# %% [markdown]
# ## Batches
#
# The event loop only collects requests. The model runs in a thread and releases the GIL, so new requests are accepted
# while it runs.


# %%
@dataclass
class Waiting:
    """A request in the queue."""

    x: NDArray[np.float32]
    answer: asyncio.Future[dict[str, NDArray[Any]]]


@dataclass
class Batches:
    """Joins requests to batches, and runs them on a model."""

    model: sl.SpikingModel
    steps: int
    limits: Limits
    queue: asyncio.Queue[Waiting] = field(default_factory=asyncio.Queue)
    queued: int = 0  # samples
    samples: int = 0  # done
    runs: int = 0  # batches done

    async def run(self, x: NDArray[np.float32]) -> dict[str, NDArray[Any]]:
        """Return the outputs for samples [B, ...], by name."""
        if self.queued + len(x) > self.limits.waiting:
            raise HTTPException(503, "the queue is full; try again later", {"Retry-After": "1"})
        request = Waiting(x, asyncio.get_running_loop().create_future())
        self.queued += len(x)
        self.queue.put_nowait(request)
        try:
            return await asyncio.wait_for(request.answer, self.limits.timeout)
        except TimeoutError:
            raise HTTPException(504, f"no answer within {self.limits.timeout:g} s") from None

    async def work(self) -> None:
        """Run batches until cancelled."""
        while True:
            await self._run(await self._collected())

    async def _collected(self) -> list[Waiting]:
        requests = [await self.queue.get()]
        loop = asyncio.get_running_loop()
        until = loop.time() + self.limits.wait
        while sum(len(r.x) for r in requests) < self.limits.batch:
            try:
                requests.append(await asyncio.wait_for(self.queue.get(), until - loop.time()))
            except TimeoutError:
                break
        self.queued -= sum(len(r.x) for r in requests)
        return [r for r in requests if not r.answer.done()]  # others have timed out

    async def _run(self, requests: list[Waiting]) -> None:
        by_shape: dict[tuple[int, ...], list[Waiting]] = defaultdict(list)
        for request in requests:
            by_shape[request.x.shape[1:]].append(request)
        for alike in by_shape.values():
            x = np.concatenate([r.x for r in alike])
            try:
                result = await asyncio.to_thread(self.model.run, x, self.steps)
            except Exception as error:  # noqa: BLE001  # one batch fails, not the service
                for request in alike:
                    if not request.answer.done():
                        request.answer.set_exception(HTTPException(500, str(error)))
                continue
            self.runs += 1
            self.samples += len(x)
            first = 0
            for request in alike:
                part = slice(first, first + len(request.x))
                first = part.stop
                if not request.answer.done():
                    request.answer.set_result({n: y[part] for n, y in result.outputs.items()})


# %% [markdown]
# ## Requests
#
# A body is JSON, or an array as `numpy.save` writes it. It is read piece by piece up to the limit, and checked against
# the model before it enters the queue: a bad request cannot spoil the batch of others.


# %%
async def body(request: Request, most: int) -> bytes:
    """Return the body of a request."""
    data = bytearray()
    async for piece in request.stream():
        data += piece
        if len(data) > most:
            raise HTTPException(413, f"the body must have at most {most} bytes")
    return bytes(data)


def parsed(data: bytes) -> Any:
    """Return the samples in a body."""
    if data.startswith(b"\x93NUMPY"):
        try:
            return np.load(io.BytesIO(data), allow_pickle=False)
        except (SyntaxError, TokenError, ArithmeticError, MemoryError):  # numpy trusts the header
            raise ValueError("the header of the array is damaged, or its size") from None
    found = json.loads(data)
    if not isinstance(found, dict) or "x" not in found:
        raise ValueError('the body must be {"x": [samples]}, or an array that numpy.save wrote')
    return found["x"]


def checked(model: sl.SpikingModel, x: Any) -> NDArray[np.float32]:
    """Return samples [B, ...] that the model can run."""
    given = np.asarray(x)
    if given.dtype.kind not in "biuf" or given.ndim < 2 or given.size == 0:
        raise ValueError("x must be an array [B, ...] of numbers, and not empty")
    model.graph.shapes(given.shape[1:])
    if not np.isfinite(given).all() or np.abs(given).max() > np.finfo(np.float32).max:
        raise ValueError("x must be finite in float32")
    return given.astype(np.float32)


# %% [markdown]
# ## The service


# %%
def service(
    model: sl.SpikingModel, steps: int | None = None, limits: Limits | None = None
) -> Starlette:
    """Return an ASGI application that serves a model.

    Parameters
    ----------
    model : SpikingModel
        A model with one input.
    steps : int, optional
        Number of time steps; by default the number that a converted model was made for.
    limits : Limits, optional
    """
    limits = limits or Limits()
    steps = getattr(model, "steps", None) if steps is None else steps
    if steps is None:
        raise ValueError("service: steps must be given for a model that was not converted")
    batches = Batches(model, steps, limits)

    async def about(_request: Request) -> JSONResponse:
        return JSONResponse(
            {
                "layers": len(model.graph),
                "outputs": list(model.graph.outputs),
                "steps": steps,
                "dtype": model.dtype,
                "samples": batches.samples,
                "batches": batches.runs,
                "waiting": batches.queued,
            }
        )

    async def predict(request: Request) -> JSONResponse:
        data = await body(request, limits.bytes)
        try:
            x = checked(model, parsed(data))
        except (ValueError, TypeError, EOFError, RecursionError) as error:
            raise HTTPException(422, str(error)) from None
        if len(x) > limits.batch:
            raise HTTPException(413, f"a request must have at most {limits.batch} samples")
        outputs = await batches.run(x)
        first = next(iter(outputs.values()))
        return JSONResponse(
            {
                "decision": first.reshape(len(first), -1).argmax(1).tolist(),
                "outputs": {name: y.tolist() for name, y in outputs.items()},
            }
        )

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        worker = asyncio.create_task(batches.work())
        yield
        worker.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await worker

    async def failed(_request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        return JSONResponse({"error": error.detail}, error.status_code, error.headers)

    return Starlette(
        routes=[Route("/", about), Route("/predict", predict, methods=["POST"])],
        lifespan=lifespan,
        exception_handlers={HTTPException: failed},
    )


# %% [markdown]
# ## From the command line


# %%
def sample_model() -> sl.SpikingModel:
    """Return a small network with four inputs and three classes."""
    rng = np.random.default_rng(0)
    x = rng.random((200, 4))
    layers = [
        sl.layers.Linear(rng.normal(0, 1, (16, 4))),
        sl.layers.ReLU(),
        sl.layers.Linear(rng.normal(0, 1, (3, 16))),
    ]
    return sl.convert(layers, x)


def main() -> None:
    """Serve a model."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("model", nargs="?", help="file of a saved model; by default a small one")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--steps", type=int, help="time steps; by default those of the model")
    parser.add_argument("--batch", type=int, default=Limits.batch, help="samples a batch")
    args = parser.parse_args()
    model = sl.SpikingModel.load(args.model) if args.model else sample_model()
    uvicorn.run(
        service(model, args.steps, Limits(batch=args.batch)),
        host=args.host,
        port=args.port,
        limit_concurrency=1024,
    )


if __name__ == "__main__":
    main()
