// LIF with delta synapses (NEST iaf_psc_delta): an event of weight w [mV] moves V by w at the end
// of its step, in time to trigger a spike in that step. Events that reach a refractory neuron are
// lost.

namespace spikelet::SPIKELET_LEVEL {

struct LIFDelta {
  static constexpr std::string_view name = "LIFDelta";
  static constexpr std::array<std::string_view, 3> parameters{"tau_m", "C_m", "I_e"};
  static constexpr std::array<std::string_view, 1> states{"V_m"};
  static constexpr std::array<int, 0> input_states{};
  static constexpr bool conductance = false;
  enum { V };
  enum { P33 = k_first, P30, I_e, coefficient_end };
  static constexpr int coefficient_count = coefficient_end - k_first;
  static constexpr int current = I_e;
  static constexpr bool reads_E_L = false;

  static void lower(double dt, const double* p, double* c) {
    const double tau_m = p[p_first], C_m = p[p_first + 1];
    c[P33] = std::exp(-dt / tau_m);
    c[P30] = constant_current_to_potential(dt, tau_m, C_m, c[P33]);
    c[I_e] = p[p_first + 2];
  }

  template <class Lane>
  SPIKELET_INLINE static std::uint64_t step(Lane& x) {
    const auto v = x.state(V);
    const auto next = x.coefficient(P30) * x.current(x.coefficient(I_e)) + x.coefficient(P33) * v +
                      x.early_input();
    return x.set_membrane(v, next);
  }
};

}  // namespace spikelet::SPIKELET_LEVEL
