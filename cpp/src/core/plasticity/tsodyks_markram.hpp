// Short-term depression and facilitation (Tsodyks, Uziel & Markram 2000; NEST tsodyks_synapse, and
// without tau_psc tsodyks2_synapse). A share x of the resources is recovered, y active, the rest
// inactive; a spike releases the share u of x.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>

#include "spikelet/core/plasticity.hpp"

namespace spikelet {

struct TsodyksMarkram {
  static constexpr std::string_view name = "TsodyksMarkram";
  static constexpr std::array<std::string_view, 4> parameters{"U", "tau_rec", "tau_fac", "tau_psc"};
  struct State {  // after the source's last spike; at rest x = 1
    double x = 1, y = 0, u = 0;
  };

  static constexpr PlasticityInfo info() {
    return {name,
            parameters,
            false,
            false,
            false,
            false,
            true,
            [](const double*) { return std::array<double, trace_count>{}; },
            [](const double*) {
              return std::array{-std::numeric_limits<double>::infinity(),
                                std::numeric_limits<double>::infinity()};
            }};
  }

  // tau_fac = 0: no facilitation; tau_psc = 0: released resources are inactive at once.
  explicit TsodyksMarkram(const double* p) : U(p[0]), tau_rec(p[1]), tau_fac(p[2]), tau_psc(p[3]) {}

  // Advances by `h` ms without a spike.
  void pass(State& s, double h) const {
    const double recovered = -std::expm1(-h / tau_rec);
    if (tau_psc > 0) {
      const double active = std::exp(-h / tau_psc), inactive = 1 - s.x - s.y;
      // What turns inactive and recovers within h. If the time constants are close, their
      // difference is taken within the exponential, where it does not cancel.
      double both = ((1 - active) * tau_psc - recovered * tau_rec) / (tau_psc - tau_rec);
      if (std::abs(tau_psc - tau_rec) < 1e-4 * tau_rec) {
        const double x = std::min(h / tau_rec - h / tau_psc, 1.0);
        const double mean = std::abs(x) < 1e-8 ? 1 + x / 2 : std::expm1(x) / x;
        both = recovered - (1 - recovered) * h / tau_rec * mean;
      }
      s.x += both * s.y + recovered * inactive;
      s.y *= active;
    } else {
      s.x += (1 - s.x) * recovered;
    }
    s.u *= tau_fac > 0 ? std::exp(-h / tau_fac) : 0;
  }
  // A spike; returns the factor of its weight.
  double release(State& s) const {
    s.u += U * (1 - s.u);
    const double released = s.u * s.x;
    s.x -= released;
    s.y += tau_psc > 0 ? released : 0;
    return released;
  }

  double U, tau_rec, tau_fac, tau_psc;
};

}  // namespace spikelet
