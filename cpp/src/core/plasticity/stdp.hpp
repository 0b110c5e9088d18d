// Pair STDP with its four dependences on the weight (Song, Miller & Abbott 2000; Guetig et al.
// 2003; Morrison, Aertsen & Diesmann 2007).

namespace spikelet::SPIKELET_LEVEL {

template <class R>
struct AdditiveSTDP : Bounded<R> {
  static constexpr std::string_view name = "STDP.additive";
  static constexpr std::array<std::string_view, 6> parameters{"tau_plus", "tau_minus", "A_plus",
                                                              "A_minus",  "w_min",     "w_max"};
  static std::array<double, trace_count> time_constants(const double* p) {
    return {p[0], p[1], 0, 0};
  }
  static std::array<double, 2> bounds(const double* p) { return {p[4], p[5]}; }

  explicit AdditiveSTDP(const double* p)
      : Bounded<R>(p[4], p[5]), A_plus(static_cast<R>(p[2])), A_minus(static_cast<R>(p[3])) {}
  R pre_factor(R) const { return A_minus; }
  R post_factor(R) const { return A_plus; }

  R A_plus, A_minus;
};

// Amplitudes shrink in proportion to the distance from the bound.
template <class R>
struct MultiplicativeSTDP : AdditiveSTDP<R> {
  static constexpr std::string_view name = "STDP.multiplicative";
  static constexpr bool summable = false;

  explicit MultiplicativeSTDP(const double* p)
      : AdditiveSTDP<R>(p), scale(static_cast<R>(p[5] > p[4] ? 1 / (p[5] - p[4]) : 0)) {}
  template <class V>
  SPIKELET_INLINE V up(V w, V k) const {
    return at_most(w + k * ((this->w_max - w) * scale), this->w_max);
  }
  template <class V>
  SPIKELET_INLINE V down(V w, V k) const {
    return at_least(w - k * ((w - this->w_min) * scale), this->w_min);
  }

  R scale;
};

// As a power of that distance.
template <class R>
struct PowerSTDP : MultiplicativeSTDP<R> {
  static constexpr std::string_view name = "STDP.power";
  static constexpr std::array<std::string_view, 8> parameters{
      "tau_plus", "tau_minus", "A_plus", "A_minus", "w_min", "w_max", "mu_plus", "mu_minus"};

  explicit PowerSTDP(const double* p)
      : MultiplicativeSTDP<R>(p), mu_plus(static_cast<R>(p[6])), mu_minus(static_cast<R>(p[7])) {}
  template <class V>
  SPIKELET_INLINE V up(V w, V k) const {
    return at_most(w + k * quick_power((this->w_max - w) * this->scale, mu_plus), this->w_max);
  }
  template <class V>
  SPIKELET_INLINE V down(V w, V k) const {
    return at_least(w - k * quick_power((w - this->w_min) * this->scale, mu_minus), this->w_min);
  }

  R mu_plus, mu_minus;
};

// Amplitudes of any sign: either side may reach either bound. A rule of its own, so that others
// need not clip twice.
template <class R>
struct SignedSTDP : AdditiveSTDP<R> {
  static constexpr std::string_view name = "STDP.additive.signed";

  using AdditiveSTDP<R>::AdditiveSTDP;
  template <class V>
  SPIKELET_INLINE V up(V w, V k) const {
    return at_least(at_most(w + k, this->w_max), this->w_min);
  }
  template <class V>
  SPIKELET_INLINE V down(V w, V k) const {
    return up(w, -k);
  }
};

// They shrink as a power of the distance from the bound that they lead to.
template <class R>
struct SignedPowerSTDP : PowerSTDP<R> {
  static constexpr std::string_view name = "STDP.power.signed";

  using PowerSTDP<R>::PowerSTDP;
  template <class V>
  SPIKELET_INLINE V up(V w, V k) const {
    return moved(w, k, this->A_plus >= 0, this->mu_plus);
  }
  template <class V>
  SPIKELET_INLINE V down(V w, V k) const {
    return moved(w, -k, this->A_minus < 0, this->mu_minus);
  }

 private:
  template <class V>
  SPIKELET_INLINE V moved(V w, V k, bool upwards, R mu) const {
    const V room = upwards ? this->w_max - w : w - this->w_min;
    return at_least(at_most(w + k * quick_power(room * this->scale, mu), this->w_max), this->w_min);
  }
};

// A_plus w^mu_plus up, A_minus w down, no upper bound.
template <class R>
struct PowerLawSTDP : AdditiveSTDP<R> {
  static constexpr std::string_view name = "STDP.power_law";
  static constexpr std::array<std::string_view, 7> parameters{
      "tau_plus", "tau_minus", "A_plus", "A_minus", "w_min", "w_max", "mu_plus"};
  static constexpr bool summable = false;

  explicit PowerLawSTDP(const double* p) : AdditiveSTDP<R>(p), mu_plus(static_cast<R>(p[6])) {}
  template <class V>
  SPIKELET_INLINE V up(V w, V k) const {
    return w + k * quick_power(w, mu_plus);
  }
  template <class V>
  SPIKELET_INLINE V down(V w, V k) const {
    return at_least(w - k * w, this->w_min);
  }

  R mu_plus;
};

}  // namespace spikelet::SPIKELET_LEVEL
