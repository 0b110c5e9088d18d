"""The compiled core. Private: arguments are checked by the package, not here."""

import enum
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

__version__: str

_Bytes: TypeAlias = npt.NDArray[np.uint8]
_Ints: TypeAlias = npt.NDArray[np.int64]
_Ids: TypeAlias = npt.NDArray[np.uint32]
_Floats: TypeAlias = npt.NDArray[np.float64]

def simd_level() -> str: ...
def available_simd_levels() -> list[str]: ...
def neuron_models() -> dict[str, tuple[list[str], list[str], int, bool]]: ...
def normal_quantile(u: npt.ArrayLike, /) -> _Floats: ...
def philox(counter: tuple[int, int, int, int] | list[int], k0: int, k1: int, /) -> list[int]: ...
def encode_bernoulli(p: npt.ArrayLike, steps: int, seed: int, /) -> _Bytes: ...
def encode_bernoulli_list(p: npt.ArrayLike, steps: int, seed: int, /) -> tuple[_Ints, _Ints]: ...
def encode_latency(x: npt.ArrayLike, steps: int, tau: float, threshold: float, /) -> _Bytes: ...
def encode_phase(x: npt.ArrayLike, steps: int, bits: int, /) -> _Bytes: ...
def encode_burst(
    x: npt.ArrayLike, steps: int, n_max: int, isi_min: int, isi_max: int, /
) -> _Bytes: ...
def encode_delta(x: npt.ArrayLike, steps: int, threshold: float, /) -> _Bytes: ...
def encode_spike_list(raster: npt.ArrayLike, steps: int, /) -> tuple[_Ints, _Ints]: ...
def event_check(offsets: _Ints, times: _Floats, ids: _Ints, n: int, /) -> None: ...
def event_forward(
    tau_mem: float,
    tau_syn: float,
    v_threshold: float,
    t_max: float,
    weights: _Floats,
    offsets: _Ints,
    times: _Floats,
    ids: _Ints,
    threads: int,
    /,
) -> tuple[_Ints, _Floats, _Ints, _Floats]: ...
def event_backward(
    tau_mem: float,
    tau_syn: float,
    v_threshold: float,
    t_max: float,
    weights: _Floats,
    offsets: _Ints,
    times: _Floats,
    ids: _Ints,
    out_offsets: _Ints,
    out_times: _Floats,
    out_ids: _Ints,
    currents: _Floats,
    gradients: _Floats,
    threads: int,
    /,
) -> tuple[_Floats, _Floats]: ...

# float32 or float64, the same for all arrays of a call; the output is written in place.
_Reals: TypeAlias = npt.NDArray[np.float32] | npt.NDArray[np.float64]
_Pair: TypeAlias = tuple[int, int]

def activity(x: _Reals, threads: int) -> tuple[int, bool]: ...
def sparse_linear(
    x: _Reals, weight: _Reals, bias: _Reals | None, y: _Reals, threads: int
) -> None: ...
def sparse_linear_weight(x: _Reals, grad_y: _Reals, grad_weight: _Reals, threads: int) -> None: ...
def sparse_conv(
    x: _Reals,
    weight: _Reals,
    bias: _Reals | None,
    y: _Reals,
    channels_last: bool,
    groups: int,
    stride: _Pair,
    padding: _Pair,
    dilation: _Pair,
    threads: int,
) -> None: ...
def sparse_conv_weight(
    x: _Reals,
    grad_y: _Reals,
    grad_weight: _Reals,
    channels_last: bool,
    groups: int,
    stride: _Pair,
    padding: _Pair,
    dilation: _Pair,
    threads: int,
) -> None: ...
def column_sums(x: _Reals, sums: _Reals, threads: int) -> None: ...

class RuleKind(enum.Enum):
    all_to_all = 0
    one_to_one = 1
    fixed_probability = 2
    fixed_indegree = 3
    fixed_outdegree = 4
    fixed_total_number = 5

class ValueKind(enum.Enum):
    values = 0
    normal = 1
    lognormal = 2
    uniform = 3
    exponential = 4

class ValueLimit(enum.Enum):
    none = 0
    clip = 1
    redraw = 2

class Rule:
    def __init__(
        self, kind: RuleKind, p: float, number: int, self_connections: bool, multapses: bool
    ) -> None: ...

class ValueSpec:
    def __init__(self, *args: Any, **kwargs: Any) -> None: ...

def draw_values(spec: ValueSpec, seed: int, number: int, n: int) -> _Floats: ...

class _Simulator:
    def __init__(
        self,
        dt: float,
        seed: int,
        threads: int,
        adapt: bool,
        comm: Any = None,
        minimum: Any = None,
    ) -> None: ...
    @property
    def now(self) -> int: ...
    @property
    def busy(self) -> bool: ...
    def add_neurons(
        self, model: int, n: int, parameters: list[_Floats], subtract: bool, /
    ) -> int: ...
    def add_events(self, n: int, stamps: _Ints, elements: _Ids, /) -> int: ...
    def add_poisson(self, n: int, rates: _Floats, /) -> int: ...
    def connect(
        self,
        pre: int,
        post: int,
        n_pre: int,
        n_post: int,
        pre_elements: _Ids | None,
        post_elements: _Ids | None,
        rule: Rule,
        weight: ValueSpec,
        delay: ValueSpec,
        receptor: int,
        plasticity: dict[str, Any] | None,
        /,
    ) -> int: ...
    def connect_lists(
        self,
        pre: int,
        post: int,
        n_pre: int,
        pre_ids: _Ids,
        post_ids: _Ids,
        weight: npt.NDArray[Any],
        delay: npt.NDArray[np.uint16],
        receptor: int,
        plasticity: dict[str, Any] | None,
        born: int | None,
        /,
    ) -> int: ...
    def inject_poisson(
        self, population: int, rates: _Floats, weights: _Floats, channel: int, /
    ) -> None: ...
    def inject_current(
        self, population: int, values: npt.NDArray[Any], columns: int, start: int, /
    ) -> None: ...
    def inject_noise(
        self, population: int, mean: _Floats, std: _Floats, every: int, start: int, /
    ) -> None: ...
    def set_parameters(
        self, population: int, parameters: list[_Floats], subtract: bool, /
    ) -> None: ...
    def own(self, population: int, /) -> tuple[int, int]: ...
    def exchange_statistics(self) -> tuple[int, int, int, int, int, float]: ...
    def state(self, population: int, k: int, /) -> npt.NDArray[Any]: ...
    def set_state(self, population: int, k: int, values: npt.NDArray[Any], /) -> None: ...
    def raw_state(self, population: int, k: int, /) -> npt.NDArray[Any]: ...
    def set_raw_state(self, population: int, k: int, values: npt.NDArray[Any], /) -> None: ...
    def has_run(self, population: int, /) -> bool: ...
    def initial_state(self, population: int, k: int, /) -> npt.NDArray[Any]: ...
    def set_initial_state(self, population: int, k: int, values: npt.NDArray[Any], /) -> None: ...
    def held(self, population: int, /) -> npt.NDArray[np.int32]: ...
    def set_held(self, population: int, steps: npt.NDArray[np.int32], /) -> None: ...
    def set_events(self, population: int, stamps: _Ints, elements: _Ids, /) -> None: ...
    def set_rates(self, population: int, rates: _Floats, /) -> None: ...
    def projection_size(self, projection: int, /) -> int: ...
    def projection_total(self, projection: int, /) -> int: ...
    def synapses(
        self, projection: int, /
    ) -> tuple[npt.NDArray[np.uint64], _Ids, npt.NDArray[Any], npt.NDArray[np.uint16]]: ...
    def weights(self, projection: int, /) -> npt.NDArray[Any]: ...
    def set_weights(self, projection: int, values: npt.NDArray[Any], /) -> None: ...
    def normalise(self, projection: int, total: float) -> None: ...
    def regulate(self, projection: int, every: int, how: dict[str, Any], /) -> None: ...
    def set_amplitudes(self, projection: int, plasticity: dict[str, Any], /) -> None: ...
    def set_reward(self, projection: int, step: int, level: float, /) -> None: ...
    def reward(self, projection: int, /) -> float: ...
    def describe_storage(self, projection: int, /) -> str: ...
    def synapse_bytes(self) -> int: ...
    def record_spikes(self, population: int, wanted: npt.NDArray[np.bool_], /) -> int: ...
    def record_state(self, population: int, state: int, elements: _Ids, every: int, /) -> int: ...
    def record_weights(self, projection: int, every: int, /) -> int: ...
    def recorded_spikes(self, recorder: int, /) -> tuple[_Ints, _Ids]: ...
    def recorded_states(self, recorder: int, /) -> tuple[_Ints, npt.NDArray[Any]]: ...
    def recorded_weights(self, recorder: int, /) -> tuple[_Ints, npt.NDArray[Any]]: ...
    def recorded_count(self, kind: str, recorder: int, /) -> int: ...
    def clear_recorder(self, kind: str, recorder: int, /) -> None: ...
    def prepare(self) -> None: ...
    def run(self, steps: int, progress: Callable[[int], Any] | None, /) -> int: ...
    def reset(self, keep_weights: bool, at: int, /) -> None: ...
    def plastic_state(self, projection: int, /) -> dict[str, Any]: ...
    def set_plastic_state(self, projection: int, state: dict[str, Any], /) -> None: ...
    def born(self, projection: int, /) -> int: ...
    def in_flight(self) -> tuple[_Ints, _Ids]: ...
    def set_clock(self, now: int, stamps: _Ints, gids: _Ids, /) -> None: ...

class Simulator32(_Simulator): ...
class Simulator64(_Simulator): ...

def dog_waves(
    images: npt.NDArray[Any],
    centre: float,
    surround: float,
    radius: int,
    cut: float,
    bins: int,
    threads: int,
    /,
) -> npt.NDArray[np.uint8]: ...

class ConvStdp:
    def __init__(
        self,
        weights: npt.NDArray[Any],
        thresholds: npt.NDArray[Any],
        height: int,
        width: int,
        bins: int,
        /,
    ) -> None: ...
    def learn(
        self,
        waves: npt.NDArray[np.uint8],
        a_plus: float,
        a_minus: float,
        multiplicative: bool,
        winners: int,
        radius: int,
        theta_plus: float,
        theta_min: float,
        /,
    ) -> npt.NDArray[np.uint32]: ...
    def respond(
        self, waves: npt.NDArray[np.uint8], window: int, stride: int, threads: int, /
    ) -> npt.NDArray[np.uint8]: ...
    def features(
        self, waves: npt.NDArray[np.uint8], window: int, stride: int, threads: int, /
    ) -> npt.NDArray[np.float32]: ...
    @property
    def weights(self) -> npt.NDArray[np.float32]: ...
    @property
    def thresholds(self) -> npt.NDArray[np.float32]: ...

_Shape: TypeAlias = tuple[int, int, int]
_Two: TypeAlias = tuple[int, int]
_Spans: TypeAlias = tuple[list[int], list[int]]

class LayerGraph:
    def __init__(self) -> None: ...
    def __len__(self) -> int: ...
    def input(self, shape: _Shape, amplitude: float, /) -> int: ...
    def conv(
        self,
        source: int,
        shape: _Shape,
        weight: npt.ArrayLike,
        bias: npt.ArrayLike,
        stride: _Two,
        dilation: _Two,
        padding: _Two,
        groups: int,
        /,
    ) -> int: ...
    def average(
        self,
        source: int,
        shape: _Shape,
        rows: _Spans,
        columns: _Spans,
        row_divisors: list[int],
        column_divisors: list[int],
        /,
    ) -> int: ...
    def maximum(
        self, source: int, shape: _Shape, rows: _Spans, columns: _Spans, of_counts: bool, /
    ) -> int: ...
    def add(self, sources: list[int], shape: _Shape, /) -> int: ...
    def concat(self, sources: list[int], shape: _Shape, /) -> int: ...
    def upsample(self, source: int, shape: _Shape, factor: _Two, /) -> int: ...
    def affine(
        self, source: int, shape: _Shape, scale: npt.ArrayLike, shift: npt.ArrayLike, /
    ) -> int: ...
    def flatten(self, source: int, shape: _Shape, /) -> int: ...
    def relu(self, source: int, shape: _Shape, upper: npt.ArrayLike, levels: int, /) -> int: ...
    def neuron(
        self,
        source: int,
        shape: _Shape,
        threshold: npt.ArrayLike,
        v_init: npt.ArrayLike,
        amplitude: npt.ArrayLike,
        hard: bool,
        v_reset: float,
        decay: float,
        gain: float,
        is_signed: bool,
        differential: bool,
        levels: int,
        pace: npt.ArrayLike,
        limit: npt.ArrayLike,
        /,
    ) -> int: ...
    def dense_operations(self, node: int, /) -> int: ...

class _LayerEngine:
    def __init__(
        self,
        graph: LayerGraph,
        form: str,
        signed_input: bool,
        whole: bool,
        records: list[tuple[int, str]],
        /,
    ) -> None: ...
    def run(
        self,
        given: npt.NDArray[Any],
        count: int,
        steps: int,
        delay: int,
        threads: int,
        keep_going: Callable[[int], bool] | None,
        /,
    ) -> tuple[int, list[npt.NDArray[Any]], npt.NDArray[np.uint64]]: ...

class LayerEngine32(_LayerEngine): ...
class LayerEngine64(_LayerEngine): ...

_Arrays: TypeAlias = Sequence[npt.NDArray[Any] | None]
_Groups: TypeAlias = Sequence[tuple[npt.NDArray[Any], int] | None]

class TrainCell:
    def __init__(
        self,
        *,
        charge: int,
        reset: int,
        when: int,
        strict: bool,
        detached: bool,
        synapse: bool,
        adaptive: bool,
        surrogate: int,
        alpha: float,
        gain: float,
        rest: float,
        v_reset: float,
        constants: Sequence[float],
        table: Sequence[float],
        table_low: float,
        table_step: float,
    ) -> None: ...

class Recurrence:
    def __init__(
        self, weights: npt.NDArray[Any], first_spikes: npt.NDArray[Any] | None, neurons: int, /
    ) -> None: ...

def train_forward32(
    cell: TrainCell,
    parameters: _Groups,
    x: npt.NDArray[Any],
    steps: int,
    constant: bool,
    first: _Arrays,
    spikes: npt.NDArray[Any] | None,
    charged: npt.NDArray[Any] | None,
    v: npt.NDArray[Any] | None,
    last: _Arrays,
    recurrence: Recurrence | None,
    heard: npt.NDArray[Any] | None,
    threads: int,
    /,
) -> None: ...
def train_backward32(
    cell: TrainCell,
    parameters: _Groups,
    x: npt.NDArray[Any] | None,
    charged: npt.NDArray[Any] | None,
    steps: int,
    size: int,
    constant: bool,
    first: _Arrays,
    by_spikes: npt.NDArray[Any] | None,
    by_v: npt.NDArray[Any] | None,
    by_last: _Arrays,
    by_x: npt.NDArray[Any],
    by_first: _Arrays,
    by_parameters: _Arrays,
    recurrence: Recurrence | None,
    spikes: npt.NDArray[Any] | None,
    by_weights: npt.NDArray[Any] | None,
    by_first_spikes: npt.NDArray[Any] | None,
    threads: int,
    /,
) -> None: ...

train_forward64 = train_forward32
train_backward64 = train_backward32

def pooled(shape: Sequence[int], dtype: np.dtype[Any], /) -> npt.NDArray[Any]: ...
def pool_limit() -> int: ...
def set_pool_limit(n_bytes: int, /) -> None: ...
def pool_idle() -> int: ...
