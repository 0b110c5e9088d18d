// Reward-modulated STDP (Izhikevich 2007; Florian 2007): pairs change an eligibility trace, and the
// weight follows the trace times the reward. up() and down() give the change of the eligibility.

namespace spikelet::SPIKELET_LEVEL {

template <class R>
struct RewardSTDP {
  static constexpr std::string_view name = "RewardSTDP";
  static constexpr std::array<std::string_view, 9> parameters{
      "tau_plus", "tau_minus", "A_plus", "A_minus", "w_min", "w_max", "tau_n", "tau_c", "b"};
  static constexpr bool summable = false, modulated = true, idle_depression = false,
                        keeps_sign = false;
  static std::array<double, trace_count> time_constants(const double* p) {
    return {p[0], p[1], 0, 0};
  }
  static std::array<double, 2> bounds(const double* p) { return {p[4], p[5]}; }

  explicit RewardSTDP(const double* p)
      : A_plus(static_cast<R>(p[2])),
        A_minus(static_cast<R>(p[3])),
        w_min(static_cast<R>(p[4])),
        w_max(static_cast<R>(p[5])) {}
  R pre_factor(R) const { return A_minus; }
  R post_factor(R) const { return A_plus; }
  template <class V>
  SPIKELET_INLINE V up(V eligibility, V k) const {
    return eligibility + k;
  }
  template <class V>
  SPIKELET_INLINE V down(V eligibility, V k) const {
    return eligibility - k;
  }

  R A_plus, A_minus, w_min, w_max;
};

}  // namespace spikelet::SPIKELET_LEVEL
