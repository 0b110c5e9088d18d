// exp(-k dt / tau) for whole steps k, as a product from three small tables: the step loop calls no
// libm, and a pair of spikes counts until the factor itself underflows.
#pragma once

#include <cmath>
#include <vector>

#include "spikelet/core/types.hpp"

namespace spikelet {

template <class R>
class Decay {
 public:
  Decay() = default;
  Decay(double dt, double tau) {
    fill(low_, dt / tau, 1, fine);
    fill(middle_, dt / tau, fine, fine);
    fill(high_, dt / tau, fine * fine, fine * fine);
  }

  R operator()(Step k) const {
    const auto middle = static_cast<std::size_t>(k / fine % fine);
    const auto high = static_cast<std::size_t>(k / (fine * fine));
    const auto low = static_cast<std::size_t>(k % fine);
    if (high >= high_.size() || middle >= middle_.size() || low >= low_.size()) {
      return R(0);
    }
    const R factor = middle == 0 ? low_[low] : low_[low] * middle_[middle];
    return high == 0 ? factor : factor * high_[high];
  }

 private:
  static constexpr Step fine = 1024;

  // exp(-k stride dt / tau) for k < longest, up to where it underflows.
  static void fill(std::vector<R>& table, double rate, Step stride, Step longest) {
    for (Step k = 0; k < longest; ++k) {
      const R factor = static_cast<R>(std::exp(-rate * static_cast<double>(k * stride)));
      if (factor == 0) {
        break;
      }
      table.push_back(factor);
    }
  }

  std::vector<R> low_, middle_, high_;  // of 1, 2^10 and 2^20 steps; together they reach 2^40
};

}  // namespace spikelet
