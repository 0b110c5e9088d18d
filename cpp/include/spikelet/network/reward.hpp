// The reward (dopamine) of a projection with RewardSTDP: set at given times, decaying in between.
#pragma once

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>
#include <vector>

#include "spikelet/core/shared_table.hpp"
#include "spikelet/core/types.hpp"

namespace spikelet {

class RewardSignal {
  // exp(-rate k), and its integral over [0, k] in ms; from tables for the first steps.
  class Fall {
   public:
    Fall(double dt, double rate) : dt_(dt), rate_(rate) {
      for (Step k = 0; k < tabled; ++k) {
        values_.push_back({exactly(k), integral_exactly(k)});
      }
    }
    double factor(Step k) const {
      return k < tabled ? values_[static_cast<std::size_t>(k)].factor : exactly(k);
    }
    double integral(Step k) const {
      return k < tabled ? values_[static_cast<std::size_t>(k)].integral : integral_exactly(k);
    }

   private:
    static constexpr Step tabled = 1 << 13;
    struct Value {
      double factor, integral;
    };
    double exactly(Step k) const { return std::exp(-rate_ * static_cast<double>(k)); }
    double integral_exactly(Step k) const {
      const double steps = static_cast<double>(k);
      return rate_ == 0 ? dt_ * steps : dt_ * -std::expm1(-rate_ * steps) / rate_;
    }

    double dt_, rate_;
    std::vector<Value> values_;
  };

 public:
  // tau: decay of the level [ms], or infinity for none; tau_eligibility [ms]; baseline: level at
  // which nothing is learned.
  RewardSignal(double dt, double tau, double tau_eligibility, double baseline)
      : level_fall_(shared(dt, std::isinf(tau) ? 0 : dt / tau)),
        fall_(shared(dt, dt / tau_eligibility)),
        both_fall_(shared(dt, (std::isinf(tau) ? 0 : dt / tau) + dt / tau_eligibility)),
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
    return k == 0 ? 0 : level_[k - 1] * level_fall_->factor(step - at_[k - 1]);
  }
  // Integral over [from, to] of exp(-(u - from) / tau_eligibility) (level(u) - baseline) du [ms].
  double integral(Step from, Step to) const {
    double sum = -baseline_ * fall_->integral(to - from);
    for (std::size_t k = index(from); k <= at_.size(); ++k) {
      const Step begin = k == 0 ? from : std::max(from, at_[k - 1]);
      if (begin >= to) {
        break;
      }
      const Step end = k < at_.size() ? std::min(to, at_[k]) : to;
      if (k > 0 && level_[k - 1] != 0 && end > begin) {
        const double start = level_[k - 1] * level_fall_->factor(begin - at_[k - 1]);
        sum += start * fall_->factor(begin - from) * both_fall_->integral(end - begin);
      }
    }
    return sum;
  }
  double decay(Step from, Step to) const { return fall_->factor(to - from); }  // of eligibility
  struct Passed {
    double integral, decay;
  };
  Passed passed(Step from, Step to) const { return {integral(from, to), decay(from, to)}; }
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

  static std::shared_ptr<const Fall> shared(double dt, double rate) {
    return shared_table<Fall>(std::pair(dt, rate), [&] { return Fall(dt, rate); });
  }

  std::shared_ptr<const Fall> level_fall_, fall_, both_fall_;
  double baseline_;
  std::vector<Step> at_;
  std::vector<double> level_;
};

}  // namespace spikelet
