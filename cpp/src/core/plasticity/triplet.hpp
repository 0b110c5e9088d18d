// Triplet rule (Pfister & Gerstner 2006, the full model; NEST stdp_triplet_synapse).

namespace spikelet::SPIKELET_LEVEL {

template <class R>
struct TripletSTDP {
  static constexpr std::string_view name = "TripletSTDP";
  static constexpr std::array<std::string_view, 10> parameters{
      "tau_plus", "tau_minus", "tau_plus_triplet", "tau_minus_triplet",
      "A_plus",   "A_minus",   "A_plus_triplet",   "A_minus_triplet",
      "w_min",    "w_max"};
  static constexpr bool summable = true, modulated = false, idle_depression = false,
                        keeps_sign = false;
  static std::array<double, trace_count> time_constants(const double* p) {
    return {p[0], p[1], p[2], p[3]};
  }
  static std::array<double, 2> bounds(const double* p) { return {p[8], p[9]}; }

  explicit TripletSTDP(const double* p)
      : A_plus(static_cast<R>(p[4])),
        A_minus(static_cast<R>(p[5])),
        A3_plus(static_cast<R>(p[6])),
        A3_minus(static_cast<R>(p[7])),
        w_min(static_cast<R>(p[8])),
        w_max(static_cast<R>(p[9])) {}
  R pre_factor(R r2) const { return A_minus + A3_minus * r2; }
  R post_factor(R o2) const { return A_plus + A3_plus * o2; }
  template <class V>
  SPIKELET_INLINE V up(V w, V k) const {
    return at_most(w + k, w_max);
  }
  template <class V>
  SPIKELET_INLINE V down(V w, V k) const {
    return at_least(w - k, w_min);
  }

  R A_plus, A_minus, A3_plus, A3_minus, w_min, w_max;
};

}  // namespace spikelet::SPIKELET_LEVEL
