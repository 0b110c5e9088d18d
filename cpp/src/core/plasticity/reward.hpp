// Reward-modulated STDP (Izhikevich 2007; Florian 2007): pairs change an eligibility trace, and the
// weight follows the trace times the reward. up() and down() give the change of the eligibility.

namespace spikelet::SPIKELET_LEVEL {

template <class R>
struct RewardSTDP : AdditiveSTDP<R> {
  static constexpr std::string_view name = "RewardSTDP";
  static constexpr std::array<std::string_view, 9> parameters{
      "tau_plus", "tau_minus", "A_plus", "A_minus", "w_min", "w_max", "tau_n", "tau_c", "b"};
  static constexpr bool summable = false, modulated = true;

  using AdditiveSTDP<R>::AdditiveSTDP;
  template <class V>
  SPIKELET_INLINE V up(V eligibility, V k) const {
    return eligibility + k;
  }
  template <class V>
  SPIKELET_INLINE V down(V eligibility, V k) const {
    return eligibility - k;
  }
};

}  // namespace spikelet::SPIKELET_LEVEL
