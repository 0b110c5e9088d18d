// LIF with exponential conductances (the model of NEST iaf_cond_exp):
//   C_m dV/dt = -g_L (V - E_L) - g_ex (V - E_ex) - g_in (V - E_in) + I_e
// Scheme: the conductances decay exactly, and V relaxes exponentially to the target of Magnus'
// series of order 4 (S. Blanes et al., Phys. Rep. 470:151, 2009), whose integrals over the step are
// taken in closed form. With G_k the mean of conductance k over the step times dt / C_m, E_k its
// reversal potential (the leak's: with I_e), and C_k(s) the share of G_k that has flowed by s,
//   target * sum G_k = sum G_k E_k + sum_{j < k} lag_jk G_j G_k (E_j - E_k),
//   lag_jk = integral of C_k dC_j - 1/2: how much later j flows than k.
// In the second sum, G of the leak counts as at most 1, and those of the other two in their pair as
// at most 3, where the series ends to be of use. Each E_k then has a positive weight: V never
// leaves the range of the reversal potentials, however strong the input.

namespace spikelet::SPIKELET_LEVEL {

struct LIFCond {
  static constexpr std::string_view name = "LIFCond";
  static constexpr std::array<std::string_view, 7> parameters{
      "C_m", "g_L", "E_ex", "E_in", "tau_syn_ex", "tau_syn_in", "I_e"};
  static constexpr std::array<std::string_view, 3> states{"V_m", "g_ex", "g_in"};
  static constexpr std::array<int, 2> input_states{1, 2};
  static constexpr bool conductance = true;
  enum { V, G_ex, G_in };
  enum {
    leak = k_first,
    P_ex,
    P_in,
    mean_ex,
    mean_in,
    E_ex,  // with the pair of this conductance and the leak
    E_in,
    E_both,  // the pair of the two conductances
    I_e,
    h_C,  // effect of an injected current, here and through the pairs with the leak
    I_ex,
    I_in,
    coefficient_end,
    // Only between lower() and drive().
    pull_ex = coefficient_end,  // share of the pair of this conductance and the leak
    pull_in,
    pull_both,
    last
  };
  static constexpr int coefficient_count = coefficient_end - k_first;
  static_assert(last <= max_coefficients);
  static constexpr std::array driving{int{p_E_L}, p_first + 2, p_first + 3, p_first + 6};
  static constexpr std::array driven{int{E_ex}, int{E_in}, int{E_both}, int{I_e}};
  static constexpr int most = 3;

  // Mean of exp(-x s) for s in [0, 1].
  static double mean(double x) { return x > 0 ? -std::expm1(-x) / x : 1; }

  // How much later a conductance flows that decays as exp(-y s) than one that decays as exp(-x s).
  static double lag(double x, double y) {
    if (x < y) {
      return -lag(y, x);
    }
    if (x < 1e-3) {  // the difference below would cancel
      return (x - y) / 12;
    }
    return (1 - mean(x + y) / mean(y)) / -std::expm1(-x) - 0.5;
  }

  static void lower(double dt, const double* p, double* c) {
    const double g_L = p[p_first + 1];
    // Beyond, V reaches its target in a step anyway; sums shall not overflow.
    c[h_C] = std::min(dt / p[p_first], 1e6 / g_L);
    c[leak] = std::max(c[h_C] * g_L, 1e-30);  // never 0: it divides
    double rate[2];
    for (int k = 0; k < 2; ++k) {
      rate[k] = std::min(dt / p[p_first + 4 + k], 1e100);
      c[P_ex + k] = std::exp(-rate[k]);
      c[mean_ex + k] = c[h_C] * mean(rate[k]);
      c[pull_ex + k] = lag(rate[k], 0) * std::min(1 / c[leak], 1.0);
      c[I_ex + k] = c[h_C] * c[pull_ex + k];
    }
    // What the faster conductance loses to the slower one; it has no more.
    const double both = lag(rate[0], rate[1]);
    const double left = 1 - lag(std::max(rate[0], rate[1]), 0) * std::min(c[leak], 1.0);
    c[pull_both] = std::copysign(std::min(std::abs(both), left / most), both);
    drive(p, c);
  }

  // The rest, without an exponential: it is of the driving parameters.
  static void drive(const double* p, double* c) {
    c[I_e] = c[h_C] * p[p_first + 6];
    double E[2];
    for (int k = 0; k < 2; ++k) {
      E[k] = p[p_first + 2 + k] - p[p_E_L];
      c[E_ex + k] = E[k] + c[pull_ex + k] * (c[I_e] - c[leak] * E[k]);
    }
    c[E_both] = c[pull_both] * (E[1] - E[0]);
  }

  template <class Lane>
  SPIKELET_INLINE static std::uint64_t step(Lane& x) {
    const auto v = x.state(V), ex = x.state(G_ex), in = x.state(G_in);
    const auto g_ex = ex * x.coefficient(mean_ex), g_in = in * x.coefficient(mean_in);
    const auto g = x.coefficient(leak) + g_ex + g_in;
    const auto limit = decltype(v){} + most;
    const auto drive = x.driven(
        g_ex * x.coefficient(E_ex) + g_in * x.coefficient(E_in) +
            x.coefficient(E_both) * smaller(g_ex, limit) * smaller(g_in, limit) +
            x.coefficient(I_e),
        [&] {
          return x.coefficient(h_C) + g_ex * x.coefficient(I_ex) + g_in * x.coefficient(I_in);
        });
    const auto target = drive / g;
    const auto next = target + (v - target) * x.exp_neg(g);
    x.set_state(G_ex, ex * x.coefficient(P_ex));
    x.set_state(G_in, in * x.coefficient(P_in));
    return x.set_membrane(v, next);
  }
};

}  // namespace spikelet::SPIKELET_LEVEL
