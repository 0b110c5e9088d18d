// Symmetric rule that balances excitation (Vogels, Sprekeler, Zenke, Clopath & Gerstner 2011; NEST
// vogels_sprekeler_synapse). It works on the magnitude of the weight, whose sign stays.

namespace spikelet::SPIKELET_LEVEL {

template <class R>
struct InhibitorySTDP {
  static constexpr std::string_view name = "InhibitorySTDP";
  static constexpr std::array<std::string_view, 4> parameters{"tau", "eta", "alpha", "w_max"};
  static constexpr bool summable = true, modulated = false, idle_depression = true,
                        keeps_sign = true;
  static std::array<double, trace_count> time_constants(const double* p) {
    return {p[0], p[0], 0, 0};
  }
  static std::array<double, 2> bounds(const double* p) { return {-p[3], p[3]}; }

  explicit InhibitorySTDP(const double* p)
      : eta(static_cast<R>(p[1])),
        offset(static_cast<R>(p[1] * p[2])),
        w_max(static_cast<R>(p[3])) {}
  R pre_factor(R) const { return eta; }
  R post_factor(R) const { return eta; }
  template <class V>
  SPIKELET_INLINE V up(V w, V k) const {
    return with_sign(at_most(magnitude(w) + k, w_max), w);
  }
  template <class V>
  SPIKELET_INLINE V down(V w, V k) const {
    return with_sign(at_least(at_most(magnitude(w) + k, w_max) - offset, R(0)), w);
  }

  R eta, offset, w_max;
};

}  // namespace spikelet::SPIKELET_LEVEL
