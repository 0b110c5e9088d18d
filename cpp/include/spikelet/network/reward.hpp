// The reward (dopamine) of a projection with RewardSTDP: set at given times, decaying in between.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "spikelet/core/types.hpp"

namespace spikelet {

class RewardSignal {
 public:
  // tau: decay of the level [ms], or infinity for none; tau_eligibility [ms]; baseline: level at
  // which nothing is learned.
  RewardSignal(double dt, double tau, double tau_eligibility, double baseline)
      : rate_(std::isinf(tau) ? 0 : dt / tau),
        rate_eligibility_(dt / tau_eligibility),
        dt_(dt),
        baseline_(baseline) {}

  // The level from `step` on, until the next one that is set.
  void set(Step step, double level) {
    const auto at = static_cast<std::ptrdiff_t>(index(step));
    if (at > 0 && at_[static_cast<std::size_t>(at - 1)] == step) {
      level_[static_cast<std::size_t>(at - 1)] = level;
      return;
    }
    at_.insert(at_.begin() + at, step);
    level_.insert(level_.begin() + at, level);
  }
  double level(Step step) const {
    const auto k = index(step);
    return k == 0 ? 0 : level_[k - 1] * std::exp(-rate_ * static_cast<double>(step - at_[k - 1]));
  }
  // Integral over [from, to] of exp(-(u - from) / tau_eligibility) (level(u) - baseline) du [ms].
  double integral(Step from, Step to) const {
    double sum = -baseline_ * part(0, to - from, rate_eligibility_);
    for (std::size_t k = index(from); k <= at_.size(); ++k) {
      const Step begin = k == 0 ? from : std::max(from, at_[k - 1]);
      if (begin >= to) {
        break;
      }
      const Step end = k < at_.size() ? std::min(to, at_[k]) : to;
      if (k > 0 && level_[k - 1] != 0 && end > begin) {
        const double start =
            level_[k - 1] * std::exp(-rate_ * static_cast<double>(begin - at_[k - 1]));
        sum += start * std::exp(-rate_eligibility_ * static_cast<double>(begin - from)) *
               part(0, end - begin, rate_ + rate_eligibility_);
      }
    }
    return sum;
  }
  double decay(Step from, Step to) const {
    return std::exp(-rate_eligibility_ * static_cast<double>(to - from));
  }
  void clear() {
    at_.clear();
    level_.clear();
  }
  const std::vector<Step>& times() const { return at_; }
  const std::vector<double>& levels() const { return level_; }

 private:
  std::size_t index(Step step) const {  // how many levels were set up to `step`
    return static_cast<std::size_t>(std::upper_bound(at_.begin(), at_.end(), step) - at_.begin());
  }
  double part(Step from, Step to, double rate) const {  // of exp(-rate k), in ms
    return dt_ * -std::expm1(-rate * static_cast<double>(to - from)) / rate;
  }

  double rate_, rate_eligibility_, dt_, baseline_;
  std::vector<Step> at_;
  std::vector<double> level_;
};

}  // namespace spikelet
