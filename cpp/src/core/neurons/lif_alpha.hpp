// LIF with alpha-shaped synaptic currents (NEST iaf_psc_alpha): a weight w is the peak current
// [pA]. The state dI_syn holds the decaying sum of the weights; e / tau_syn times it is the
// derivative's share. Exact integration (Rotter & Diesmann 1999), in NEST's order of operations.

namespace spikelet::SPIKELET_LEVEL {

struct LIFAlpha {
  static constexpr std::string_view name = "LIFAlpha";
  static constexpr std::array<std::string_view, 5> parameters{"tau_m", "C_m", "tau_syn_ex",
                                                              "tau_syn_in", "I_e"};
  static constexpr std::array<std::string_view, 5> states{"V_m", "I_syn_ex", "I_syn_in",
                                                          "dI_syn_ex", "dI_syn_in"};
  static constexpr std::array<int, 2> input_states{3, 4};
  static constexpr bool conductance = false;
  enum { V, I_ex, I_in, dI_ex, dI_in };
  enum {
    decay = k_first,  // expm1(-dt/tau_m): V decays by this increment
    P30,
    I_e,
    P31_ex,
    P32_ex,
    P11_ex,
    P21_ex,
    P31_in,
    P32_in,
    P11_in,
    P21_in,
    coefficient_end
  };
  static constexpr int coefficient_count = coefficient_end - k_first;
  static constexpr int current = I_e;
  static constexpr bool reads_E_L = false;

  static void lower(double dt, const double* p, double* c) {
    const double tau_m = p[p_first], C_m = p[p_first + 1];
    c[decay] = std::expm1(-dt / tau_m);
    c[P30] = -tau_m / C_m * c[decay];
    c[I_e] = p[p_first + 4];
    for (int k = 0; k < 2; ++k) {
      const double tau_syn = p[p_first + 2 + k];
      double* s = c + (k == 0 ? P31_ex : P31_in);
      const double peak = std::exp(1.0) / tau_syn;
      s[0] = alpha_current_to_potential(dt, tau_m, C_m, tau_syn) * peak;
      s[1] = exp_current_to_potential(dt, tau_m, C_m, tau_syn);
      s[2] = std::exp(-dt / tau_syn);
      s[3] = dt * s[2] * peak;
    }
  }

  template <class Lane>
  SPIKELET_INLINE static std::uint64_t step(Lane& x) {
    const auto v = x.state(V), i_ex = x.state(I_ex), i_in = x.state(I_in);
    const auto d_ex = x.state(dI_ex), d_in = x.state(dI_in);
    const auto next = x.coefficient(P30) * x.current(x.coefficient(I_e)) +
                      x.coefficient(P31_ex) * d_ex + x.coefficient(P32_ex) * i_ex +
                      x.coefficient(P31_in) * d_in + x.coefficient(P32_in) * i_in +
                      x.coefficient(decay) * v + v;
    x.set_state(I_ex, x.coefficient(P21_ex) * d_ex + x.coefficient(P11_ex) * i_ex);
    x.set_state(dI_ex, d_ex * x.coefficient(P11_ex));
    x.set_state(I_in, x.coefficient(P21_in) * d_in + x.coefficient(P11_in) * i_in);
    x.set_state(dI_in, d_in * x.coefficient(P11_in));
    return x.set_membrane(v, next);
  }
};

}  // namespace spikelet::SPIKELET_LEVEL
