// The rule of Diehl & Cook 2015: traces are set to 1 by a spike, and potentiation needs a trace of
// the target's previous spike as well.

namespace spikelet::SPIKELET_LEVEL {

template <class R>
struct DiehlCookSTDP : Bounded<R> {
  static constexpr std::string_view name = "DiehlCookSTDP";
  static constexpr std::array<std::string_view, 7> parameters{
      "tau_pre", "tau_post_1", "tau_post_2", "eta_pre", "eta_post", "w_min", "w_max"};
  static std::array<double, trace_count> time_constants(const double* p) {
    return {p[0], p[1], 0, p[2]};
  }
  static std::array<double, 2> bounds(const double* p) { return {p[5], p[6]}; }

  explicit DiehlCookSTDP(const double* p)
      : Bounded<R>(p[5], p[6]), eta_pre(static_cast<R>(p[3])), eta_post(static_cast<R>(p[4])) {}
  R pre_factor(R) const { return eta_pre; }
  R post_factor(R post_2) const { return eta_post * post_2; }

  R eta_pre, eta_post;
};

// Amplitudes of any sign: either side may reach either bound.
template <class R>
struct SignedDiehlCookSTDP : DiehlCookSTDP<R> {
  static constexpr std::string_view name = "DiehlCookSTDP.signed";

  using DiehlCookSTDP<R>::DiehlCookSTDP;
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
