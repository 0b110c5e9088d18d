"""The compiled core. Private: the package checks arguments, not this module."""

import enum
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, Protocol, TypeAlias, TypeVar, overload

import numpy as np
import numpy.typing as npt

__version__: str
compiler: str

_Bytes: TypeAlias = npt.NDArray[np.uint8]
_Ints: TypeAlias = npt.NDArray[np.int64]
_Ids: TypeAlias = npt.NDArray[np.uint32]
_Delays: TypeAlias = npt.NDArray[np.uint16]
_Floats: TypeAlias = npt.NDArray[np.float64]
_Singles: TypeAlias = npt.NDArray[np.float32]
# All arrays of a call have the same of these types; outputs are written in place.
_Reals: TypeAlias = _Singles | _Floats
_Pair: TypeAlias = tuple[int, int]
# The type of weights and potentials of a network or of layers.
_R = TypeVar("_R", np.float32, np.float64)

class ConnectionKind(enum.IntEnum):
    all_to_all = 0
    one_to_one = 1
    fixed_probability = 2
    fixed_indegree = 3
    fixed_outdegree = 4
    fixed_total_number = 5

class ValueKind(enum.IntEnum):
    values = 0
    normal = 1
    lognormal = 2
    uniform = 3
    exponential = 4

class ValueLimit(enum.IntEnum):
    none = 0
    clip = 1
    redraw = 2

class Pairing(enum.IntEnum):
    all_to_all = 0
    nearest_symmetric = 1
    nearest_pre_centered = 2
    nearest_restricted = 3

class RegulationKind(enum.IntEnum):
    normalize = 0
    scale = 1

class RecorderKind(enum.IntEnum):
    spikes = 0
    state = 1
    weights = 2

class Combination(enum.IntEnum):
    multiply = 0
    divide = 1
    maximum = 2
    minimum = 3

class Function(enum.IntEnum):
    abs = 0
    celu = 1
    clip = 2
    cos = 3
    elu = 4
    erf = 5
    exp = 6
    floor = 7
    gelu = 8
    gelu_tanh = 9
    hardshrink = 10
    hardsigmoid = 11
    hardswish = 12
    leaky_relu = 13
    log = 14
    logsigmoid = 15
    mish = 16
    pow = 17
    reciprocal = 18
    selu = 19
    sigmoid = 20
    silu = 21
    sin = 22
    softplus = 23
    softshrink = 24
    softsign = 25
    sqrt = 26
    square = 27
    tanh = 28
    threshold = 29

class LayerReset(enum.IntEnum):
    subtract = 0
    value = 1
    none = 2

class InputForm(enum.IntEnum):
    constant = 0
    sequence = 1
    spikes = 2
    packed = 3

class Form(enum.IntEnum):
    constant = 0
    sequence = 1
    spikes = 2
    current = 3

class Reduction(enum.IntEnum):
    mean = 0
    sum = 1
    max = 2
    min = 3
    prod = 4
    l1 = 5
    l2 = 6

class Quantity(enum.IntEnum):
    spikes = 0
    potential = 1
    mean = 2
    value = 3
    packed = 4

class Charge(enum.IntEnum):
    decay = 0
    relax_input = 1
    relax = 2

class Reset(enum.IntEnum):
    subtract = 0
    value = 1
    none = 2

class When(enum.IntEnum):
    same = 0
    next = 1
    both = 2

class Surrogate(enum.IntEnum):
    atan = 0
    sigmoid = 1
    fast_sigmoid = 2
    triangle = 3
    rectangle = 4
    gaussian = 5
    table = 6

def simd_level() -> str: ...
def available_simd_levels() -> list[str]: ...
def available_memory(root: str = ...) -> float: ...
def neuron_models() -> dict[str, tuple[list[str], list[str], int, bool]]: ...
def environment(names: Sequence[str]) -> list[str | None]: ...
def normal_quantile(u: npt.ArrayLike) -> _Floats: ...
def philox(counter: Sequence[int], k0: int, k1: int) -> list[int]: ...

class ConnectionRule:
    def __init__(
        self,
        kind: ConnectionKind | str,
        p: float,
        number: int,
        self_connections: bool,
        multapses: bool,
    ) -> None: ...

class ValueSpec:
    @overload
    def __init__(self, values: npt.ArrayLike) -> None: ...
    @overload
    def __init__(
        self,
        kind: ValueKind | str,
        a: float,
        b: float,
        limit: ValueLimit | str,
        low: float,
        high: float,
    ) -> None: ...

def draw_values(spec: ValueSpec, seed: int, number: int, n: int) -> _Floats: ...
def draw_pairs(
    rule: ConnectionRule,
    n_pre: int,
    n_post: int,
    pre_elements: _Ids | None,
    post_elements: _Ids | None,
    same: bool,
    seed: int,
    number: int,
    threads: int,
) -> tuple[npt.NDArray[np.uint64], _Ids]: ...
def pair_uniforms(seed: int, number: int, pre: _Ids, post: _Ids) -> _Floats: ...

least_uniform: float

class NearPairs:
    def __init__(
        self,
        *,
        around_ids: _Ids,
        around: _Floats,
        near_ids: _Ids,
        near: _Floats,
        extent: _Floats,
        inner: float,
        outer: float,
        low: _Floats,
        high: _Floats,
        same: bool,
        inward: bool,
    ) -> None: ...
    def of(
        self, begin: int, end: int, displacements: bool, threads: int
    ) -> tuple[_Ids, _Ids, _Floats, list[_Floats]]: ...

def draw_by_chance(
    seed: int, number: int, around: _Ids, near: _Ids, chance: _Floats, threads: int
) -> tuple[_Ids, _Ids]: ...
def draw_degrees(
    seed: int,
    number: int,
    points: _Ids,
    around: _Ids,
    near: _Ids,
    weight: _Floats,
    degree: int,
    multapses: bool,
    threads: int,
) -> tuple[_Ids, _Ids, tuple[int, int] | None]: ...

class Plasticity:
    @overload
    def __init__(
        self,
        *,
        rule: str,
        parameters: Mapping[str, float],
        pairing: Pairing | str,
        tie_potentiates: bool,
        axonal_fraction: float,
        varied: Mapping[str, _Floats] = ...,
    ) -> None: ...
    @overload
    def __init__(
        self,
        *,
        events: EventRule,
        parameters: Sequence[float],
        axonal_fraction: float,
        varied: Mapping[int, _Floats],
    ) -> None: ...

class EventRule:
    def __init__(
        self,
        *,
        variables: Sequence[tuple[str, int, float, bool]],
        rates: Sequence[tuple[int, int, float]],
        order: Sequence[int],
        transmit: int,
        signal: int,
        reads: Sequence[tuple[int, int]],
        programs: Sequence[Program],
    ) -> None: ...

class Regulation:
    def __init__(
        self,
        kind: RegulationKind | str,
        total: float = 1.0,
        rate: float = 1.0,
        strength: float = 0.0,
    ) -> None: ...

def opcodes() -> dict[str, int]: ...

class Program:
    def __init__(
        self,
        *,
        name: str,
        states: Sequence[str],
        coefficients: int,
        constants: Sequence[float],
        draws: Sequence[int],
        registers: int,
        receptors: Sequence[tuple[str, int, bool]],
        step: npt.NDArray[np.uint16],
        spiked: int,
        reset: npt.NDArray[np.uint16],
        by_sign: bool,
        time: bool,
    ) -> None: ...
    @property
    def name(self) -> str: ...
    @property
    def states(self) -> list[str]: ...
    @property
    def coefficients(self) -> int: ...

class Divergence(FloatingPointError): ...

class Rates:
    @overload
    def __init__(
        self,
        rate: _Floats,
        amplitude: _Floats,
        frequency: _Floats,
        phase: _Floats,
        start: int | None = None,
        stop: int | None = None,
    ) -> None: ...
    @overload
    def __init__(self, starts: _Ints, rates: _Floats, columns: int) -> None: ...

def pulse_jitter(seed: int, number: int, n: int, packets: int, spikes: int) -> _Floats: ...

class _Communicator(Protocol):
    @property
    def rank(self) -> int: ...
    @property
    def size(self) -> int: ...
    def Allgather(self, own: memoryview, whole: memoryview) -> object: ...
    def Allgatherv(self, own: memoryview, whole: object) -> object: ...
    def Allreduce(self, own: memoryview, whole: memoryview, op: object) -> object: ...

class _SynapseStream(Generic[_R]):
    def __init__(self, n_pre: int, n_post: int, begin: int, end: int) -> None: ...
    def count(self, pre_ids: _Ids, post_ids: _Ids) -> None: ...
    def place(
        self, pre_ids: _Ids, post_ids: _Ids, weight: npt.NDArray[_R], delay: _Delays
    ) -> None: ...

class SynapseStream32(_SynapseStream[np.float32]): ...
class SynapseStream64(_SynapseStream[np.float64]): ...

class _Simulator(Generic[_R]):
    def __init__(
        self,
        dt: float,
        seed: int,
        threads: int,
        adapt: bool,
        comm: _Communicator | None = None,
        minimum: object = None,
    ) -> None: ...
    @property
    def now(self) -> int: ...
    @property
    def busy(self) -> bool: ...
    @property
    def layouts(self) -> int: ...
    @property
    def joined(self) -> bool: ...
    @property
    def failed(self) -> bool: ...
    def explain(self, error: str) -> None: ...
    def meet(self, steps: int, plan: int) -> None: ...
    def own(self, population: int) -> tuple[int, int]: ...
    def first_gid(self, population: int) -> int: ...
    def exchange_statistics(self) -> tuple[int, int, int, int, int, float]: ...
    def add_neurons(
        self, model: int, n: int, parameters: Sequence[float | _Floats], subtract: bool
    ) -> int: ...
    def add_program(
        self, program: Program, n: int, coefficients: Sequence[_Floats], t_ref: _Floats
    ) -> int: ...
    def add_events(self, n: int, stamps: _Ints, elements: _Ids) -> int: ...
    def add_poisson(self, n: int, rates: _Floats) -> int: ...
    def connect(
        self,
        pre: int,
        post: int,
        n_pre: int,
        n_post: int,
        pre_elements: _Ids | None,
        post_elements: _Ids | None,
        rule: ConnectionRule,
        weight: ValueSpec,
        delay: ValueSpec,
        receptor: int,
        plasticity: Plasticity | None,
        int16: float | None = None,
    ) -> int: ...
    def connect_lists(
        self,
        pre: int,
        post: int,
        n_pre: int,
        pre_ids: _Ids,
        post_ids: _Ids,
        weight: npt.NDArray[_R],
        delay: _Delays,
        receptor: int,
        plasticity: Plasticity | None,
        born: int | None,
        int16: float | None = None,
    ) -> int: ...
    def connect_stream(
        self,
        pre: int,
        post: int,
        stream: _SynapseStream[_R],
        receptor: int,
        plasticity: Plasticity | None,
    ) -> int: ...
    def inject_poisson(
        self,
        population: int,
        elements: _Ids | None,
        rates: _Floats,
        each: bool,
        weights: _Floats,
        start: int,
        number: int | None = None,
        streams: Sequence[int] | None = None,
        receptor: int = -1,
        stop: int | None = None,
    ) -> int: ...
    def inject_changing_poisson(
        self,
        population: int,
        elements: _Ids | None,
        rates: Rates,
        weights: _Floats,
        start: int,
        number: int | None = None,
        streams: Sequence[int] | None = None,
        receptor: int = -1,
        stop: int | None = None,
    ) -> int: ...
    def inject_step_current(
        self,
        population: int,
        elements: _Ids | None,
        starts: _Ints,
        values: npt.NDArray[_R],
        columns: int,
        number: int | None = None,
        streams: Sequence[int] | None = None,
    ) -> int: ...
    def inject_sine_current(
        self,
        population: int,
        elements: _Ids | None,
        amplitude: _Floats,
        offset: _Floats,
        frequency: _Floats,
        phase: _Floats,
        start: int,
        number: int | None = None,
        streams: Sequence[int] | None = None,
        stop: int | None = None,
    ) -> int: ...
    def inject_current(
        self,
        population: int,
        elements: _Ids | None,
        values: npt.NDArray[_R],
        columns: int,
        start: int,
        number: int | None = None,
        streams: Sequence[int] | None = None,
    ) -> int: ...
    def inject_noise(
        self,
        population: int,
        elements: _Ids | None,
        mean: _Floats,
        std: _Floats,
        every: int,
        start: int,
        number: int | None = None,
        streams: Sequence[int] | None = None,
        stop: int | None = None,
    ) -> int: ...
    def remove_input(self, number: int) -> None: ...
    def input_streams(self, number: int) -> list[int]: ...
    streams: int
    def set_parameters(
        self,
        population: int,
        parameters: Sequence[float | _Floats],
        subtract: bool,
        changed: int = 0xFFFFFFFF,
    ) -> None: ...
    def set_coefficients(
        self, population: int, coefficients: Sequence[_Floats], t_ref: _Floats
    ) -> None: ...
    def state(self, population: int, k: int) -> npt.NDArray[_R]: ...
    def set_state(self, population: int, k: int, values: npt.NDArray[_R]) -> None: ...
    def has_run(self, population: int) -> bool: ...
    def raw_state(self, population: int, k: int) -> npt.NDArray[_R]: ...
    def set_raw_state(self, population: int, k: int, values: npt.NDArray[_R]) -> None: ...
    def initial_state(self, population: int, k: int) -> npt.NDArray[_R]: ...
    def set_initial_state(self, population: int, k: int, values: npt.NDArray[_R]) -> None: ...
    def held(self, population: int) -> npt.NDArray[np.int32]: ...
    def set_held(self, population: int, steps: npt.NDArray[np.int32]) -> None: ...
    def set_events(self, population: int, stamps: _Ints, elements: _Ids) -> None: ...
    def set_rates(self, population: int, rates: _Floats) -> None: ...
    def set_changing_rates(self, population: int, rates: Rates) -> None: ...
    def projection_size(self, projection: int) -> int: ...
    def projection_total(self, projection: int) -> int: ...
    def synapses(
        self, projection: int, weights: bool = True
    ) -> tuple[npt.NDArray[np.uint64], _Ids, npt.NDArray[_R], _Delays]: ...
    def weights(self, projection: int) -> npt.NDArray[_R]: ...
    def set_weights(self, projection: int, values: npt.NDArray[_R]) -> None: ...
    def traces(self, projection: int) -> dict[str, npt.NDArray[_R]]: ...
    def describe_storage(self, projection: int) -> str: ...
    def weight_step(self, projection: int) -> float: ...
    def synapse_bytes(self) -> int: ...
    def record_spikes(self, population: int, wanted: npt.NDArray[np.bool_]) -> int: ...
    def record_state(
        self, population: int, state: int, elements: _Ids, every: int, before_reset: bool = ...
    ) -> int: ...
    def record_weights(self, projection: int, every: int) -> int: ...
    def recorded_spikes(self, recorder: int) -> tuple[_Ints, _Ids]: ...
    def recorded_states(
        self, recorder: int, start: int, stop: int
    ) -> tuple[_Ints, npt.NDArray[_R]]: ...
    def recorded_weights(
        self, recorder: int, start: int, stop: int
    ) -> tuple[_Ints, npt.NDArray[_R]]: ...
    def recorded_stamps(self, kind: RecorderKind | str, recorder: int) -> _Ints: ...
    def recorded_count(self, kind: RecorderKind | str, recorder: int) -> int: ...
    def set_window(
        self, kind: RecorderKind | str, recorder: int, start: int, stop: int, paused: bool
    ) -> None: ...
    def clear_recorder(self, kind: RecorderKind | str, recorder: int) -> None: ...
    def prepare(self) -> None: ...
    def run(self, steps: int, progress: Callable[[int], object] | None) -> int: ...
    def reset(self, keep_weights: bool, at: int) -> None: ...
    def normalize(self, projection: int, total: float) -> None: ...
    def regulate(self, projection: int, every: int, how: Regulation) -> None: ...
    def set_regulation(
        self, regulation: int, projection: int, every: int, how: Regulation
    ) -> None: ...
    def remove_regulation(self, regulation: int) -> None: ...
    def interval(self, regulation: int) -> tuple[int, _Ids]: ...
    def set_interval(self, regulation: int, begin: int, spikes: _Ids) -> None: ...
    def set_amplitudes(self, projection: int, plasticity: Plasticity) -> None: ...
    def signal(self, projection: int, value: float) -> None: ...
    def add_signal(self, projection: int, step: int, value: float) -> None: ...
    def follow(
        self,
        projection: int,
        population: int,
        first: int,
        size: int,
        value: float,
        delay: int,
        since: int,
    ) -> None: ...
    def forget_signals(self, projection: int) -> None: ...
    def signals(
        self,
    ) -> tuple[list[tuple[int, int, float]], list[tuple[int, int, int, int, float, int, int]]]: ...
    def set_reward(self, projection: int, step: int, level: float) -> None: ...
    def reward(self, projection: int) -> float: ...
    # Arrays of several types, and the clock, an int.
    def plastic_state(self, projection: int) -> dict[str, Any]: ...
    def set_plastic_state(self, projection: int, state: dict[str, Any]) -> None: ...
    def born(self, projection: int) -> int: ...
    def time_constants(self, projection: int) -> list[float]: ...
    def initial_variables(self, projection: int) -> tuple[list[float], list[float]]: ...
    def replace_projection(self, projection: int, storage: str) -> None: ...
    def replace_population(self, population: int) -> None: ...
    def in_flight(self) -> tuple[_Ints, _Ids]: ...
    def set_clock(self, now: int, stamps: _Ints, gids: _Ids) -> None: ...

class Simulator32(_Simulator[np.float32]): ...
class Simulator64(_Simulator[np.float64]): ...

def run_all(
    simulators: Sequence[Simulator32 | Simulator64],
    steps: Sequence[int],
    threads: int,
    progress: Callable[[int], object] | None,
) -> list[BaseException | None]: ...
def encode_bernoulli(p: npt.ArrayLike, steps: int, seed: int) -> _Bytes: ...
def encode_bernoulli_list(p: npt.ArrayLike, steps: int, seed: int) -> tuple[_Ints, _Ints]: ...
def encode_latency(x: npt.ArrayLike, steps: int, tau: float, threshold: float) -> _Bytes: ...
def encode_phase(x: npt.ArrayLike, steps: int, bits: int) -> _Bytes: ...
def encode_burst(
    x: npt.ArrayLike, steps: int, n_max: int, isi_min: int, isi_max: int
) -> _Bytes: ...
def encode_delta(x: npt.ArrayLike, steps: int, threshold: float) -> _Bytes: ...
def encode_spike_list(raster: npt.ArrayLike, steps: int) -> tuple[_Ints, _Ints]: ...

class EventColumns:
    def __init__(
        self,
        t: npt.NDArray[np.generic],
        x: npt.NDArray[np.generic] | None,
        y: npt.NDArray[np.generic] | None,
        p: npt.NDArray[np.generic] | None,
    ) -> None: ...
    def __len__(self) -> int: ...
    def range(self, field: str) -> tuple[int, int]: ...
    def first_unsorted(self) -> int: ...
    def search(self, times: npt.ArrayLike) -> _Ints: ...

def event_frames(
    columns: EventColumns,
    size: tuple[int, int, int],
    first: _Ints,
    last: _Ints,
    dtype: str,
    threads: int,
) -> npt.NDArray[np.generic]: ...
def event_bins(
    columns: EventColumns,
    size: tuple[int, int, int],
    start: float,
    width: float,
    bins: int,
    dtype: str,
) -> npt.NDArray[np.generic]: ...
def event_voxels(
    columns: EventColumns, size: tuple[int, int, int], bins: int, dtype: str, threads: int
) -> npt.NDArray[np.generic]: ...
def event_surfaces(
    columns: EventColumns,
    size: tuple[int, int, int],
    last: _Ints,
    end: float,
    stride: float,
    tau: float,
    dtype: str,
    threads: int,
) -> npt.NDArray[np.generic]: ...
def event_averaged_surfaces(
    columns: EventColumns,
    size: tuple[int, int, int],
    cell: int,
    surface: int,
    window: float,
    tau: float,
    linear: bool,
    threads: int,
) -> npt.NDArray[np.float32]: ...
def event_denoise(
    columns: EventColumns, width: int, height: int, limit: int
) -> npt.NDArray[np.bool_]: ...
def event_refractory(
    columns: EventColumns, width: int, height: int, limit: int
) -> npt.NDArray[np.bool_]: ...
def event_decimate(
    columns: EventColumns, width: int, height: int, n: int
) -> npt.NDArray[np.bool_]: ...
def event_drop_pixels(
    columns: EventColumns, dropped: npt.NDArray[np.bool_]
) -> npt.NDArray[np.bool_]: ...
def event_within(
    columns: EventColumns, field: str, low: float, high: float, inside: bool
) -> npt.NDArray[np.bool_]: ...
def event_integrate(
    columns: EventColumns,
    size: tuple[int, int, int],
    width: int,
    height: int,
    first: _Ints,
    last: _Ints,
    threshold: int,
) -> tuple[_Ints, npt.NDArray[np.int32], npt.NDArray[np.uint8]]: ...
def event_affine(
    columns: EventColumns, field: str, factor: float, offset: float, out: npt.NDArray[np.generic]
) -> None: ...
def event_shift(
    columns: EventColumns,
    field: str,
    shifts: _Floats,
    low: float,
    high: float,
    out: npt.NDArray[np.generic],
    keep: npt.NDArray[np.bool_],
) -> None: ...
def event_take(
    items: npt.NDArray[np.void], keep: npt.NDArray[np.bool_]
) -> npt.NDArray[np.void]: ...
def event_uniforms(seed: int, purpose: int, n: int) -> _Floats: ...
def event_normals(seed: int, purpose: int, n: int) -> _Floats: ...
def event_drop(seed: int, dropped: int, n: int) -> npt.NDArray[np.bool_]: ...
def dog_waves(
    images: npt.ArrayLike,
    center: float,
    surround: float,
    radius: int,
    cut: float,
    bins: int,
    threads: int,
) -> _Bytes: ...

class ConvStdp:
    def __init__(
        self,
        weights: npt.ArrayLike,
        thresholds: npt.ArrayLike,
        height: int,
        width: int,
        bins: int,
    ) -> None: ...
    def learn(
        self,
        waves: _Bytes,
        a_plus: float,
        a_minus: float,
        multiplicative: bool,
        winners: int,
        radius: int,
        theta_plus: float,
        theta_min: float,
    ) -> _Ids: ...
    def respond(self, waves: _Bytes, window: int, stride: int, threads: int) -> _Bytes: ...
    def features(self, waves: _Bytes, window: int, stride: int, threads: int) -> _Singles: ...
    @property
    def weights(self) -> _Singles: ...
    @property
    def thresholds(self) -> _Singles: ...

_Shape: TypeAlias = tuple[int, int, int]
_Spans: TypeAlias = tuple[list[int], list[int], int, list[int]]

class LayerGraph:
    def __init__(self) -> None: ...
    def input(
        self,
        shape: _Shape,
        form: InputForm | str,
        amplitude: npt.ArrayLike,
        is_signed: bool,
        differential: bool,
        levels: int,
        level_ratio: float = 0.5,
    ) -> int: ...
    def conv(
        self,
        source: int,
        shape: _Shape,
        weight: npt.ArrayLike,
        bias: npt.ArrayLike,
        stride: _Shape,
        dilation: _Shape,
        padding: _Shape,
        groups: int,
        in_depth: int = 1,
        out_depth: int = 1,
        uses: npt.ArrayLike | None = None,
    ) -> int: ...
    def average(self, source: int, shape: _Shape, rows: _Spans, columns: _Spans) -> int: ...
    def maximum(
        self, source: int, shape: _Shape, rows: _Spans, columns: _Spans, of_counts: bool
    ) -> int: ...
    def add(self, sources: list[int], shape: _Shape) -> int: ...
    def concat(self, sources: list[int], shape: _Shape) -> int: ...
    def upsample(self, source: int, shape: _Shape, y: int, x: int) -> int: ...
    def affine(
        self, source: int, shape: _Shape, scale: npt.ArrayLike, shift: npt.ArrayLike
    ) -> int: ...
    def relu(self, source: int, shape: _Shape, upper: npt.ArrayLike, levels: int) -> int: ...
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
        ceiling: npt.ArrayLike,
        activation: tuple[Function | str, npt.ArrayLike, npt.ArrayLike] | None,
        offset: npt.ArrayLike,
        scale: npt.ArrayLike,
        level_ratio: float,
        dynamics: tuple[LayerReset | str, Sequence[npt.ArrayLike], bool, bool] | None,
    ) -> int: ...
    def delay(self, sources: Sequence[int], shape: _Shape, steps: npt.ArrayLike) -> int: ...
    def close(self, delay: int, source: int) -> None: ...
    def delayed(
        self,
        source: int,
        shape: _Shape,
        weights: npt.ArrayLike,
        delays: npt.ArrayLike,
        bias: npt.ArrayLike,
    ) -> int: ...
    def gather(self, sources: list[int], shape: _Shape, index: npt.ArrayLike) -> int: ...
    def mix(
        self,
        source: int,
        shape: _Shape,
        begin: npt.ArrayLike,
        terms: npt.ArrayLike,
        weight: npt.ArrayLike,
    ) -> int: ...
    def constant(self, shape: _Shape, values: npt.ArrayLike) -> int: ...
    def activation(
        self,
        source: int,
        shape: _Shape,
        function: Function | str,
        alpha: npt.ArrayLike,
        beta: npt.ArrayLike,
    ) -> int: ...
    def binary(
        self,
        sources: list[int],
        shape: _Shape,
        function: Combination | str,
        first: npt.ArrayLike,
        second: npt.ArrayLike,
    ) -> int: ...
    def matmul(
        self,
        sources: list[int],
        shape: _Shape,
        rows: int,
        inner: int,
        columns: int,
        first: npt.ArrayLike,
        second: npt.ArrayLike,
    ) -> int: ...
    def softmax(self, source: int, shape: _Shape, along: _Shape, logarithm: bool) -> int: ...
    def normalize(
        self, source: int, shape: _Shape, along: _Shape, centered: bool, eps: float
    ) -> int: ...
    def local_response(
        self,
        source: int,
        shape: _Shape,
        along: _Shape,
        size: int,
        alpha: float,
        beta: float,
        k: float,
    ) -> int: ...
    def reduce(
        self, source: int, shape: _Shape, function: Reduction | str, along: _Shape
    ) -> int: ...
    def foreign(
        self,
        sources: list[int],
        shape: _Shape,
        function: Callable[..., npt.ArrayLike],
        shapes: Sequence[Sequence[int]],
    ) -> int: ...
    def __len__(self) -> int: ...
    def shape(self, node: int) -> _Shape: ...
    def dense_operations(self, node: int) -> int: ...

class _LayerEngine(Generic[_R]):
    def __init__(
        self,
        graph: LayerGraph,
        whole: bool,
        records: Sequence[tuple[int, Quantity | str]],
        sizes: npt.ArrayLike,
    ) -> None: ...
    def form(self, node: int) -> Form: ...
    def packed_input(self, node: int) -> tuple[_Floats, bool, bool, int, float]: ...
    def run(
        self,
        inputs: Sequence[npt.NDArray[_R] | npt.NDArray[np.int8] | npt.NDArray[np.uint8]],
        count: int,
        steps: int,
        delay: int,
        threads: int,
        keep_going: Callable[[int], bool] | None,
        until: tuple[int, bool, Sequence[int], npt.ArrayLike, bool] | None = None,
    ) -> tuple[
        int,
        list[npt.NDArray[_R] | npt.NDArray[np.int8] | npt.NDArray[np.uint8]],
        npt.NDArray[np.uint64],
        npt.NDArray[np.int64],
        npt.NDArray[_R],
    ]: ...
    def is_anytime(self) -> bool: ...
    def describe(self) -> list[dict[str, Any]]: ...

class LayerEngine32(_LayerEngine[np.float32]): ...
class LayerEngine64(_LayerEngine[np.float64]): ...

def activation(
    function: Function | str, x: npt.NDArray[_R], alpha: npt.ArrayLike, beta: npt.ArrayLike
) -> npt.NDArray[_R]: ...
def cell_fields() -> list[tuple[str, enum.IntEnum | bool | float]]: ...
def cell_parameters() -> list[tuple[str, float]]: ...

class Recurrence:
    def __init__(self, weights: _Reals, first_spikes: _Reals | None, neurons: int) -> None: ...

_States: TypeAlias = Sequence[_Reals | None]

def train_forward(
    cell: Sequence[float],
    parameters: Sequence[tuple[_Reals, int] | None],
    x: _Reals,
    steps: int,
    constant: bool,
    first: _States,
    spikes: _Reals | None,
    charged: _Reals | None,
    v: _Reals | None,
    last: _States,
    recurrence: Recurrence | None,
    x_total: _Reals | None,
    threads: int,
) -> None: ...
def train_backward(
    cell: Sequence[float],
    parameters: Sequence[tuple[_Reals, int] | None],
    x: _Reals | None,
    charged: _Reals | None,
    steps: int,
    size: int,
    constant: bool,
    first: _States,
    by_spikes: _Reals | None,
    by_v: _Reals | None,
    by_last: _States,
    by_x: _Reals,
    by_first: _States,
    by_parameters: _States,
    recurrence: Recurrence | None,
    spikes: _Reals | None,
    by_weights: _Reals | None,
    by_first_spikes: _Reals | None,
    threads: int,
) -> None: ...
def pooled(shape: Sequence[int], dtype: npt.DTypeLike) -> _Reals: ...
def pool_limit() -> int: ...
def set_pool_limit(n_bytes: int) -> None: ...
def pool_idle() -> int: ...
def delayed(
    x: _Reals,
    early: _Reals,
    late: _Reals,
    lag: npt.NDArray[np.int32],
    longest: int,
    y: _Reals,
    threads: int,
) -> None: ...
def delayed_input(
    x: _Reals,
    early: _Reals,
    late: _Reals,
    lag: npt.NDArray[np.int32],
    longest: int,
    y: _Reals,
    threads: int,
) -> None: ...
def delayed_weights(
    x: _Reals,
    by_y: _Reals,
    lag: npt.NDArray[np.int32],
    longest: int,
    by_early: _Reals,
    by_late: _Reals,
    threads: int,
) -> None: ...
def activity(x: _Reals | npt.NDArray[np.uint8], threads: int) -> tuple[int, bool]: ...
def sparse_linear(
    x: _Reals | npt.NDArray[np.uint8], weight: _Reals, bias: _Reals | None, y: _Reals, threads: int
) -> None: ...
def sparse_linear_weight(
    x: _Reals | npt.NDArray[np.uint8], grad_y: _Reals, grad_weight: _Reals, threads: int
) -> None: ...
def sparse_conv(
    x: _Reals | npt.NDArray[np.uint8],
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
    x: _Reals | npt.NDArray[np.uint8],
    grad_y: _Reals,
    grad_weight: _Reals,
    channels_last: bool,
    groups: int,
    stride: _Pair,
    padding: _Pair,
    dilation: _Pair,
    threads: int,
) -> None: ...
def conv_input(
    grad_y: npt.NDArray[np.float32],
    weight: npt.NDArray[np.float32],
    grad_x: npt.NDArray[np.float32],
    stride: _Pair,
    padding: _Pair,
    threads: int,
) -> bool: ...
def column_sums(x: _Reals, sums: _Reals, threads: int) -> None: ...
def max_pool(
    x: _Reals, y: _Reals, place: npt.NDArray[np.uint8], window: _Pair, threads: int
) -> None: ...
def max_pool_spread(
    by_y: _Reals, place: npt.NDArray[np.uint8], by_x: _Reals, window: _Pair, threads: int
) -> None: ...

class FirstSpikeProgram:
    def __init__(self, builder: FirstSpikeBuilder) -> None: ...
    def run(
        self, inputs: Sequence[npt.ArrayLike], count: int, wanted: Sequence[int], threads: int
    ) -> tuple[list[npt.NDArray[np.int32]], list[tuple[list[int], int]]]: ...

class FirstSpikeBuilder:
    def __init__(self) -> None: ...
    def map(self, shape: Sequence[int], form: str, zero: npt.ArrayLike) -> int: ...
    def input(self, number: int, scale: npt.ArrayLike, low: int, high: int) -> None: ...
    def convolve(
        self,
        number: int,
        weights: npt.ArrayLike,
        size: Sequence[int],
        stride: Sequence[int],
        dilation: Sequence[int],
        before: Sequence[int],
        groups: int,
    ) -> None: ...
    def add(self, number: int, gain: npt.ArrayLike) -> None: ...
    def end(
        self,
        output: int,
        bias: npt.ArrayLike,
        unit: npt.ArrayLike,
        high: int,
        zero: npt.ArrayLike,
        table: npt.ArrayLike,
    ) -> None: ...
    def pool(
        self,
        number: int,
        output: int,
        size: Sequence[int],
        stride: Sequence[int],
        dilation: Sequence[int],
        before: Sequence[int],
    ) -> None: ...
    def mix(
        self,
        number: int,
        output: int,
        rows: tuple[npt.ArrayLike, npt.ArrayLike],
        columns: tuple[npt.ArrayLike, npt.ArrayLike],
    ) -> None: ...
    def move(self, from_: Sequence[int], output: int, index: npt.ArrayLike) -> None: ...
    def program(self) -> FirstSpikeProgram: ...

def event_check(offsets: _Ints, times: _Floats, ids: _Ints, n: int) -> None: ...
def event_forward(
    tau_mem: float,
    tau_syn: float,
    v_threshold: float,
    t_max: float,
    n_in: int,
    offsets: _Ints,
    times: _Floats,
    ids: _Ints,
    weights: _Floats,
    delays: _Floats | None,
    threads: int,
) -> tuple[_Ints, _Floats, _Ints, _Floats]: ...
def event_backward(
    tau_mem: float,
    tau_syn: float,
    v_threshold: float,
    t_max: float,
    n_in: int,
    offsets: _Ints,
    times: _Floats,
    ids: _Ints,
    weights: _Floats,
    delays: _Floats | None,
    out_offsets: _Ints,
    out_times: _Floats,
    out_ids: _Ints,
    currents: _Floats,
    gradients: _Floats,
    threads: int,
) -> tuple[_Floats, _Floats, _Floats | None]: ...
