// Surrogate derivatives of a spike. Included only by train/kernels.cpp.

namespace spikelet::train::SPIKELET_LEVEL {

template <class R>
Vec<R> from_table(const Cell<R>& c, Vec<R> u) {
  Vec<R> out{};
  const auto last = static_cast<R>(c.table.size() - 1);
  for (int k = 0; k < lanes<R>; ++k) {
    const R at = (u[k] - c.table_low) / c.table_step;
    if (at >= 0 && at < last) {  // false for NaN
      const auto i = static_cast<std::size_t>(at);
      const R part = at - static_cast<R>(i);
      out[k] = c.table[i] + part * (c.table[i + 1] - c.table[i]);
    } else if (at == last) {
      out[k] = c.table.back();
    }
  }
  return out;
}

// A cell's numbers by value: as stores to arrays of R cannot change them, they stay in registers.
template <class R>
struct Kind {
  Charge charge;
  Reset reset;
  When when;
  bool strict, detached, synapse, adaptive, leak_inverted;
  Surrogate surrogate;
  R alpha, gain, rest, v_reset;
  const Cell<R>* cell;

  SPIKELET_INLINE explicit Kind(const Cell<R>& c)
      : charge(c.charge),
        reset(c.reset),
        when(c.when),
        strict(c.strict),
        detached(c.detached),
        synapse(c.synapse),
        adaptive(c.adaptive),
        leak_inverted(c.leak_inverted),
        surrogate(c.surrogate),
        alpha(c.alpha),
        gain(c.gain),
        rest(c.rest),
        v_reset(c.v_reset),
        cell(&c) {}
};

// Of u = potential - threshold.
template <class R>
SPIKELET_INLINE Vec<R> surrogate(const Kind<R>& c, Vec<R> u) {
  const R a = c.alpha;
  switch (c.surrogate) {
    case Surrogate::atan: {
      const Vec<R> w = u * static_cast<R>(1.57079632679489661923 * static_cast<double>(a));
      return (a / 2) / (R(1) + w * w);
    }
    case Surrogate::sigmoid: {
      const Vec<R> e = exp_neg<R>(a * magnitude(u));
      const Vec<R> d = R(1) + e;
      return a * e / (d * d);
    }
    case Surrogate::fast_sigmoid: {
      const Vec<R> d = R(1) + a * magnitude(u);
      return R(1) / (d * d);
    }
    case Surrogate::triangle:
      return at_least(a - (a * a) * magnitude(u), R(0));
    case Surrogate::rectangle:
      return magnitude(u) < R(0.5) / a ? broadcast(a) : Vec<R>{};
    case Surrogate::gaussian: {
      const Vec<R> w = a * u;
      return static_cast<R>(0.39894228040143267794 * static_cast<double>(a)) *
             exp_neg<R>(R(0.5) * (w * w));
    }
    default:
      return from_table(*c.cell, u);
  }
}

}  // namespace spikelet::train::SPIKELET_LEVEL
