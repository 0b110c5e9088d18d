// Triplet rule (Pfister & Gerstner 2006, the full model; NEST stdp_triplet_synapse).

namespace spikelet::SPIKELET_LEVEL {

template <class R>
struct TripletSTDP : Bounded<R> {
  static constexpr std::string_view name = "TripletSTDP";
  static constexpr std::array<std::string_view, 10> parameters{
      "tau_plus", "tau_minus", "tau_plus_triplet", "tau_minus_triplet",
      "A_plus",   "A_minus",   "A_plus_triplet",   "A_minus_triplet",
      "w_min",    "w_max"};
  static std::array<double, trace_count> time_constants(const double* p) {
    return {p[0], p[1], p[2], p[3]};
  }
  static std::array<double, 2> bounds(const double* p) { return {p[8], p[9]}; }

  explicit TripletSTDP(const double* p)
      : Bounded<R>(p[8], p[9]),
        A_plus(static_cast<R>(p[4])),
        A_minus(static_cast<R>(p[5])),
        A3_plus(static_cast<R>(p[6])),
        A3_minus(static_cast<R>(p[7])) {}
  R pre_factor(R r2) const { return A_minus + A3_minus * r2; }
  R post_factor(R o2) const { return A_plus + A3_plus * o2; }

  R A_plus, A_minus, A3_plus, A3_minus;
};

// Amplitudes of any sign, and so of changes: either side may reach either bound.
template <class R>
struct SignedTripletSTDP : TripletSTDP<R> {
  static constexpr std::string_view name = "TripletSTDP.signed";
  static constexpr bool summable = false;  // a sum is not clipped as its parts would be

  using TripletSTDP<R>::TripletSTDP;
  template <class V>
  SPIKELET_INLINE V up(V w, V k) const {
    return at_least(at_most(w + k, this->w_max), this->w_min);
  }
  template <class V>
  SPIKELET_INLINE V down(V w, V k) const {
    return up(w, -k);
  }
};

}  // namespace spikelet::SPIKELET_LEVEL
