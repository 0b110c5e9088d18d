// LIF with exponential conductances (the model of NEST iaf_cond_exp):
//   C_m dV/dt = -g_L (V - E_L) - g_ex (V - E_ex) - g_in (V - E_in) + I_e
// Scheme: the conductances decay exactly; V relaxes exponentially with their mean over the step.
// Order 2 in dt, exact for constant conductances, and V never leaves the range of the reversal
// potentials however strong the input.

namespace spikelet::SPIKELET_LEVEL {

struct LIFCond {
  static constexpr std::string_view name = "LIFCond";
  static constexpr std::array<std::string_view, 7> parameters{
      "C_m", "g_L", "E_ex", "E_in", "tau_syn_ex", "tau_syn_in", "I_e"};
  static constexpr std::array<std::string_view, 3> states{"V_m", "g_ex", "g_in"};
  static constexpr std::array<int, 2> input_states{1, 2};
  static constexpr bool conductance = true;
  enum { V, G_ex, G_in };
  enum { h_C = k_first, g_L, E_ex, E_in, P_ex, P_in, mean_ex, mean_in, I_e, coefficient_end };
  static constexpr int coefficient_count = coefficient_end - k_first;

  static void lower(double dt, const double* p, double* c) {
    const double E_L = p[p_E_L];
    c[h_C] = dt / p[p_first];
    c[g_L] = p[p_first + 1];
    c[E_ex] = p[p_first + 2] - E_L;
    c[E_in] = p[p_first + 3] - E_L;
    for (int k = 0; k < 2; ++k) {
      const double tau = p[p_first + 4 + k];
      c[P_ex + k] = std::exp(-dt / tau);
      c[mean_ex + k] = -tau / dt * std::expm1(-dt / tau);
    }
    c[I_e] = p[p_first + 6];
  }

  template <class Lane>
  SPIKELET_INLINE static std::uint64_t step(Lane& x) {
    const auto v = x.state(V), ex = x.state(G_ex), in = x.state(G_in);
    const auto mean_g_ex = ex * x.coefficient(mean_ex), mean_g_in = in * x.coefficient(mean_in);
    const auto g = x.coefficient(g_L) + mean_g_ex + mean_g_in;
    const auto drive = mean_g_ex * x.coefficient(E_ex) + mean_g_in * x.coefficient(E_in) +
                       x.current(x.coefficient(I_e));
    const auto target = drive / g;
    const auto next = target + (v - target) * x.exp_neg(g * x.coefficient(h_C));
    x.set_state(G_ex, ex * x.coefficient(P_ex));
    x.set_state(G_in, in * x.coefficient(P_in));
    return x.set_membrane(v, next);
  }
};

}  // namespace spikelet::SPIKELET_LEVEL
