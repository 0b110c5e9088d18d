// exp(-k dt / tau) for whole steps k from two small tables: no libm call in the step loop, and no
// pair is dropped before the factor itself underflows.
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
    const double rate = dt / tau;
    for (Step k = 0; k < fine; ++k) {
      low_.push_back(static_cast<R>(std::exp(-rate * static_cast<double>(k))));
    }
    for (Step k = 0; k < 4096; ++k) {
      const R factor = static_cast<R>(std::exp(-rate * static_cast<double>(k * fine)));
      if (factor == 0) {
        break;
      }
      high_.push_back(factor);
    }
  }

  R operator()(Step k) const {
    const auto high = static_cast<std::size_t>(k / fine);
    if (high == 0) {
      return low_[static_cast<std::size_t>(k)];
    }
    return high < high_.size() ? low_[static_cast<std::size_t>(k % fine)] * high_[high] : R(0);
  }

 private:
  static constexpr Step fine = 1024;
  std::vector<R> low_, high_;
};

}  // namespace spikelet
