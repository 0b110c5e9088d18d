// A step of neurons that are linear between spikes. Included only by train/kernels.cpp.

namespace spikelet::train::SPIKELET_LEVEL {

template <class R, bool Synapse, bool Spikes, bool Whole>
SPIKELET_INLINE void linear_part(const LinearNeurons<R>& c, const LinearRun<R>& r, std::size_t m,
                                 std::size_t count) {
  const auto get = [&](const R* p) { return Whole ? load(p + m) : load_part(p + m, count); };
  const auto put = [&](R* p, Vec<R> value) {
    if constexpr (Whole) {
      store(p + m, value);
    } else {
      store_part(p + m, value, count);
    }
  };
  const Vec<R> x = get(r.x);
  Vec<R> v = get(c.leak) * get(r.v_state);
  if constexpr (Synapse) {
    const Vec<R> i = get(r.i_state);
    v = v + get(c.pull) * i;
    const Vec<R> next = get(c.syn_decay) * i + get(c.syn_gain) * x;
    put(r.i_state, next);
    if (r.i != nullptr) {
      put(r.i, next);
    }
  }
  v = v + get(c.gain) * x + get(c.drive);
  if constexpr (Spikes) {
    const Vec<R> threshold = get(c.threshold);
    const Which<R> spike = above(v, threshold);
    put(r.out, select(spike, broadcast(c.height), Vec<R>{}));
    v = select(spike, c.v_reset != nullptr ? get(c.v_reset) : v - threshold, v);
  } else {
    put(r.out, v);
  }
  put(r.v_state, v);
  if (r.v != nullptr) {
    put(r.v, v);
  }
}

template <class R, bool Synapse, bool Spikes>
SPIKELET_INLINE void linear_all(const LinearNeurons<R>& c, const LinearRun<R>& r) {
  std::size_t m = 0;
  for (; m + lanes<R> <= r.size; m += lanes<R>) {
    linear_part<R, Synapse, Spikes, true>(c, r, m, lanes<R>);
  }
  if (m < r.size) {
    linear_part<R, Synapse, Spikes, false>(c, r, m, r.size - m);
  }
}

// One step of r.size <= c.count neurons.
template <class R>
void linear_row(const LinearNeurons<R>& c, const LinearRun<R>& r) {
  const bool spikes = c.threshold != nullptr;
  if (c.syn_decay != nullptr) {
    spikes ? linear_all<R, true, true>(c, r) : linear_all<R, true, false>(c, r);
  } else {
    spikes ? linear_all<R, false, true>(c, r) : linear_all<R, false, false>(c, r);
  }
}

}  // namespace spikelet::train::SPIKELET_LEVEL
