// What a reward does to eligibilities over any span, from running sums: for spans that begin in a
// stretch of steps, exp((k - T) / tau) with the stretch's start T, and the sum from T to k of what
// an eligibility of 1 at T would be turned into. Longer spans are integrated anew. Which of the two
// it is depends on the span alone, so that results do not depend on when it is looked up.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>

#include "spikelet/core/buffer.hpp"
#include "spikelet/core/plasticity.hpp"
#include "spikelet/network/reward.hpp"

namespace spikelet {

class RewardSums {
 public:
  RewardSums(const RewardSignal* signal, double dt, double tau_eligibility)
      : signal_(signal),
        rate_(dt / tau_eligibility),
        shift_(std::bit_width(
                   static_cast<unsigned>(std::clamp(longest_in_tau / rate_, 1.0, longest))) -
               1) {
    clear();
  }

  // From a step to a later one; levels up to that one are final.
  RewardSignal::Passed passed(Step from, Step to) {
    if (!reaches(from, to)) {
      return signal_->passed(from, to);
    }
    const std::size_t first = prepare(from >> shift_, to);
    const Step begin = (from >> shift_) << shift_;
    const std::size_t a = first + static_cast<std::size_t>(from - begin),
                      b = first + static_cast<std::size_t>(to - begin);
    return {(until_[b].sum - from_[a].sum) * from_[a].rise, from_[a].rise * until_[b].fall};
  }
  // Whether the stretches between these steps are kept at the same time.
  bool keeps(Step from, Step to) const { return (to >> shift_) - (from >> shift_) < stretches; }
  // Sums those that are, up to there, and shows them; steps count from the returned one.
  template <class R>
  Step show(Step from, Step to, Modulating<R>& how) {
    const Step number = from >> shift_;
    for (Step n = number; n <= to >> shift_; ++n) {
      prepare(n, std::min(to, (n << shift_) + static_cast<Step>(size()) - 1));
    }
    how.reward_from = from_.data();
    how.reward_until = until_.data();
    how.shift = shift_;
    how.within = (std::int32_t{1} << shift_) - 1;
    how.slot = (stretches - 1) << shift_;
    how.size = static_cast<std::int32_t>(size());
    how.base = (number - number % stretches) << shift_;
    how.signal = signal_;
    how.passed = [](const void* signal, Step a, Step b, double& integral, double& decay) {
      const auto passed = static_cast<const RewardSignal*>(signal)->passed(a, b);
      integral = passed.integral;
      decay = passed.decay;
    };
    return how.base;
  }
  void clear() { number_.fill(-1); }

 private:
  static constexpr double longest_in_tau = 5, longest = 1024;  // in longer ones, sums lose bits
  static constexpr std::size_t reach = std::size_t{1}
                                       << reward_reach_bits;  // of spans, in stretches
  static constexpr std::int32_t stretches = 16;               // that are kept

  std::size_t size() const { return reach << shift_; }
  bool reaches(Step from, Step to) const {
    return to - ((from >> shift_) << shift_) < static_cast<Step>(size());
  }
  // Sums a stretch up to a step; returns where it begins.
  std::size_t prepare(Step number, Step to) {
    const auto slot = static_cast<std::size_t>(number % stretches);
    const std::size_t first = slot * size();
    const Step begin = number << shift_;
    from_.resize(stretches * size());
    until_.resize(stretches * size());
    if (number_[slot] != number) {
      number_[slot] = number;
      known_[slot] = 1;
      from_[first] = {1, 0};
      until_[first] = {0, 1};
    }
    for (Step& k = known_[slot]; begin + k <= to; ++k) {
      const std::size_t at = first + static_cast<std::size_t>(k);
      const RewardUntil& before = until_[at - 1];
      const double since = rate_ * static_cast<double>(k),
                   sum = before.sum + before.fall * signal_->integral(begin + k - 1, begin + k);
      from_[at] = {std::exp(since), sum};
      until_[at] = {sum, std::exp(-since)};
    }
    return first;
  }

  const RewardSignal* signal_;
  double rate_;
  int shift_;
  std::array<Step, stretches> number_, known_{};  // by slot: which stretch, how many steps of it
  // Slots that are not used take no memory.
  RawBuffer<RewardFrom> from_;
  RawBuffer<RewardUntil> until_;
};

}  // namespace spikelet
