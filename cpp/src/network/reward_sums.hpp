// What a reward does to eligibilities over any span, from running sums: for spans that begin in a
// stretch of steps, exp((k - T) / tau) with the stretch's start T, and the sum from T to k of what
// an eligibility of 1 at T would be turned into. Longer spans are integrated anew. Which of the two
// it is depends on the span alone, so that results do not depend on when it is looked up.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <vector>

#include "spikelet/network/reward.hpp"

namespace spikelet {

class RewardSums {
 public:
  RewardSums(const RewardSignal* signal, double dt, double tau_eligibility)
      : signal_(signal),
        rate_(dt / tau_eligibility),
        shift_(std::bit_width(static_cast<unsigned>(
                   std::clamp(longest_in_tau / rate_, 1.0, longest))) -
               1) {}

  // From a step to a later one; levels up to that one are final.
  RewardSignal::Passed passed(Step from, Step to) {
    const Step number = from >> shift_, begin = number << shift_;
    if (to - begin >= reach << shift_) {
      return signal_->passed(from, to);
    }
    Stretch& stretch = stretches_[static_cast<std::size_t>(number) % stretches_.size()];
    if (stretch.number != number) {
      stretch.number = number;
      stretch.at.assign(1, {0, 1, 1});
    }
    if (to - begin >= static_cast<Step>(stretch.at.size())) {
      extend(stretch, begin, to);
    }
    const At &a = stretch.at[static_cast<std::size_t>(from - begin)],
             &b = stretch.at[static_cast<std::size_t>(to - begin)];
    return {(b.sum - a.sum) * a.rise, a.rise * b.fall};
  }
  void clear() {
    for (Stretch& stretch : stretches_) {
      stretch.number = -1;
    }
  }

 private:
  static constexpr double longest_in_tau = 5, longest = 1024;  // in longer ones, sums lose bits
  static constexpr Step reach = 4;                             // of spans, in stretches
  struct At {
    double sum, rise, fall;
  };
  struct Stretch {
    Step number = -1;
    std::vector<At> at;  // by step from its start
  };

  void extend(Stretch& stretch, Step begin, Step to) {
    for (Step k = begin + static_cast<Step>(stretch.at.size()); k <= to; ++k) {
      const At& last = stretch.at.back();
      const double since = rate_ * static_cast<double>(k - begin);
      stretch.at.push_back(
          {last.sum + last.fall * signal_->integral(k - 1, k), std::exp(since), std::exp(-since)});
    }
  }

  const RewardSignal* signal_;
  double rate_;
  int shift_;
  std::array<Stretch, 16> stretches_;
};

}  // namespace spikelet
