// AdEx and Hodgkin-Huxley as kernels by hand: the operations of programs::adex() and
// programs::hodgkin_huxley(), with states in registers. Included for one SIMD level.

namespace spikelet::SPIKELET_LEVEL {

struct Adex {
  static constexpr int states = 4, coefficients = 16;

  template <class R>
  SPIKELET_INLINE static std::uint64_t step(R* const* state, const Vec<R>* c, std::size_t i,
                                            Which<R> held) {
    using V = Vec<R>;
    const V v = load(state[0] + i), w = load(state[1] + i), ex = load(state[2] + i),
            in = load(state[3] + i);
    const auto derive = [&](V x, V y, V current, V& dx, V& dy) {
      const V e = exp_of<R>(x * c[0] + c[1]);
      dx = current * c[5] + (x * c[2] + e * c[3] + y * c[4]) + c[6];
      dy = x * c[7] + y * c[8] + c[9];
    };
    V dv, dw;
    derive(v, w, ex + in, dv, dw);
    const V half = dv * c[10] + v;
    derive(choose<R>(half < c[14], half, c[14]), dw * c[10] + w, ex * c[12] + in * c[13], dv, dw);
    const V next = select(held, v, dv * c[11] + v);
    store(state[0] + i, next);
    store(state[1] + i, dw * c[11] + w);
    store(state[2] + i, ex * c[12]);
    store(state[3] + i, in * c[13]);
    return which_bits<R>(at_or_above(next, c[14]));
  }
};

struct HodgkinHuxley {
  static constexpr int states = 6, coefficients = 30;

  template <class R>
  SPIKELET_INLINE static std::uint64_t step(R* const* state, const Vec<R>* c, std::size_t i,
                                            Which<R> /*held*/) {
    using V = Vec<R>;
    const V v = load(state[0] + i), ex = load(state[4] + i), in = load(state[5] + i);
    const auto linoid = [&](int k) { return c[k + 2] / exprel_of<R>(v * c[k] + c[k + 1]); };
    const auto exponential = [&](int k) { return exp_of<R>(v * c[k] + c[k + 1]); };
    const auto relax = [&](V x, V up, V down) {
      const V sum = up + down, end = up / sum;
      return (x - end) * exp_of<R>(sum * c[17]) + end;
    };
    const V m = relax(load(state[1] + i), linoid(0), linoid(3));
    const V h = relax(load(state[2] + i), exponential(6), c[11] / (exponential(8) + c[10]));
    const V n = relax(load(state[3] + i), linoid(12), exponential(15));
    const V na = m * m * m * h * c[18], k = n * n * (n * n) * c[19];
    const V g = na + k + ex + in + c[20];
    const V end = (in * c[24] + (na * c[21] + k * c[22] + ex * c[23]) + c[25]) / g;
    const V next = (v - end) * exp_of<R>(g * c[26]) + end;
    store(state[0] + i, next);
    store(state[1] + i, m);
    store(state[2] + i, h);
    store(state[3] + i, n);
    store(state[4] + i, ex * c[28]);
    store(state[5] + i, in * c[29]);
    return which_bits<R>(above(c[27], v)) & which_bits<R>(at_or_above(next, c[27]));
  }
};

// Calls spike(element) for those that spike and are not held.
template <class Model, class R, class Spike>
void step_by_hand(R* const* state, const R* coefficients, const std::int8_t* hold, std::int8_t now,
                  std::size_t n, Spike&& spike) {
  Vec<R> c[Model::coefficients];
  for (int k = 0; k < Model::coefficients; ++k) {
    c[k] = broadcast(coefficients[k]);
  }
  for (std::size_t i = 0; i < n; i += static_cast<std::size_t>(lanes<R>)) {
    const Which<R> held = later<R>(hold + i, now);
    std::uint64_t spiked = Model::template step<R>(state, c, i, held) & ~which_bits<R>(held);
    for (; spiked != 0; spiked &= spiked - 1) {
      spike(i + static_cast<std::size_t>(__builtin_ctzll(spiked)));
    }
  }
}

}  // namespace spikelet::SPIKELET_LEVEL
