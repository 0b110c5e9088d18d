// LIF with exponential synaptic currents (NEST iaf_psc_exp), and IF, the same without a leak.
//   C_m dV/dt = -C_m/tau_m (V - E_L) + I_ex + I_in + I_e,   dI/dt = -I/tau_syn + sum w delta(t -
//   t_s)
// Exact integration: propagators of Rotter & Diesmann 1999, in NEST's order of operations.

namespace spikelet::SPIKELET_LEVEL {

struct LIF {
  static constexpr std::string_view name = "LIF";
  static constexpr std::array<std::string_view, 5> parameters{"tau_m", "C_m", "tau_syn_ex",
                                                              "tau_syn_in", "I_e"};
  static constexpr std::array<std::string_view, 3> states{"V_m", "I_syn_ex", "I_syn_in"};
  static constexpr std::array<int, 2> input_states{1, 2};
  static constexpr bool conductance = false;
  enum { V, I_ex, I_in };
  enum { P22 = k_first, P21_ex, P21_in, P11_ex, P11_in, P20, I_e, coefficient_end };
  static constexpr int coefficient_count = coefficient_end - k_first;
  static constexpr int current = I_e;
  static constexpr bool reads_E_L = false;

  static void lower(double dt, const double* p, double* c) {
    const double tau_m = p[p_first], C_m = p[p_first + 1];
    c[P22] = std::exp(-dt / tau_m);
    c[P20] = constant_current_to_potential(dt, tau_m, C_m, c[P22]);
    for (int k = 0; k < 2; ++k) {
      const double tau_syn = p[p_first + 2 + k];
      c[P11_ex + k] = std::exp(-dt / tau_syn);
      c[P21_ex + k] = exp_current_to_potential(dt, tau_m, C_m, tau_syn);
    }
    c[I_e] = p[p_first + 4];
  }

  template <class Lane>
  SPIKELET_INLINE static std::uint64_t step(Lane& x) {
    const auto v = x.state(V), i_ex = x.state(I_ex), i_in = x.state(I_in);
    const auto next = v * x.coefficient(P22) + i_ex * x.coefficient(P21_ex) +
                      i_in * x.coefficient(P21_in) +
                      x.current(x.coefficient(I_e)) * x.coefficient(P20);
    x.set_state(I_ex, i_ex * x.coefficient(P11_ex));
    x.set_state(I_in, i_in * x.coefficient(P11_in));
    return x.set_membrane(v, next);
  }
};

// LIF with one synaptic time constant: the currents of both receptors decay alike, so that their
// sum is one state.
struct LIFOneCurrent {
  static constexpr std::string_view name = "LIFOneCurrent";
  static constexpr std::array<std::string_view, 4> parameters{"tau_m", "C_m", "tau_syn", "I_e"};
  static constexpr std::array<std::string_view, 2> states{"V_m", "I_syn"};
  static constexpr std::array<int, 2> input_states{1, 1};
  static constexpr bool conductance = false;
  enum { V, I };
  enum { P22 = k_first, P21, P11, P20, I_e, coefficient_end };
  static constexpr int coefficient_count = coefficient_end - k_first;
  static constexpr int current = I_e;
  static constexpr bool reads_E_L = false;

  static void lower(double dt, const double* p, double* c) {
    const double tau_m = p[p_first], C_m = p[p_first + 1], tau_syn = p[p_first + 2];
    c[P22] = std::exp(-dt / tau_m);
    c[P20] = constant_current_to_potential(dt, tau_m, C_m, c[P22]);
    c[P11] = std::exp(-dt / tau_syn);
    c[P21] = exp_current_to_potential(dt, tau_m, C_m, tau_syn);
    c[I_e] = p[p_first + 3];
  }

  template <class Lane>
  SPIKELET_INLINE static std::uint64_t step(Lane& x) {
    const auto v = x.state(V), i = x.state(I);
    const auto next = v * x.coefficient(P22) + i * x.coefficient(P21) +
                      x.current(x.coefficient(I_e)) * x.coefficient(P20);
    x.set_state(I, i * x.coefficient(P11));
    return x.set_membrane(v, next);
  }
};

struct IF : LIF {
  static constexpr std::string_view name = "IF";
  static constexpr std::array<std::string_view, 4> parameters{"C_m", "tau_syn_ex", "tau_syn_in",
                                                              "I_e"};

  static void lower(double dt, const double* p, double* c) {  // the limit tau_m -> infinity
    const double C_m = p[p_first];
    c[P22] = 1;
    c[P20] = dt / C_m;
    for (int k = 0; k < 2; ++k) {
      const double tau_syn = p[p_first + 1 + k];
      c[P11_ex + k] = std::exp(-dt / tau_syn);
      c[P21_ex + k] = -tau_syn / C_m * std::expm1(-dt / tau_syn);
    }
    c[I_e] = p[p_first + 3];
  }
};

}  // namespace spikelet::SPIKELET_LEVEL
