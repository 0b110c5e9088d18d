// The base of most rules: weights change by the trace times a factor, and are clipped to bounds.

namespace spikelet::SPIKELET_LEVEL {

template <class R>
struct Bounded {
  static constexpr bool summable = true, modulated = false, idle_depression = false,
                        keeps_sign = false;

  Bounded(double low, double high) : w_min(static_cast<R>(low)), w_max(static_cast<R>(high)) {}
  template <class V>
  SPIKELET_INLINE V up(V w, V k) const {
    return at_most(w + k, w_max);
  }
  template <class V>
  SPIKELET_INLINE V down(V w, V k) const {
    return at_least(w - k, w_min);
  }

  R w_min, w_max;
};

}  // namespace spikelet::SPIKELET_LEVEL
