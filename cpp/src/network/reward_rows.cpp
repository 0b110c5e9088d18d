// Baseline code: what the synapses do is bound by memory and by the reward's tables.
#include "network/reward_rows.hpp"

#include "core/level_prelude.hpp"

#define SPIKELET_LEVEL baseline
#define SPIKELET_VECTOR_BYTES 16
// clang-format off: the rules build on the vectors
#include "core/simd.hpp"
#include "core/plasticity/power.hpp"
#include "core/plasticity/plasticity_rules.hpp"
// clang-format on

namespace spikelet {

template <class R, template <class> class Rule>
auto RewardRows<R, Rule>::window(std::size_t j, std::int32_t lo, std::int32_t hi) const -> Window {
  std::uint32_t end = posts_.end[j];  // spikes that never were end the lists
  while (posts_.stamp[end - 1] > hi) {
    --end;
  }
  std::uint32_t begin = end;
  while (posts_.stamp[begin - 1] > lo) {
    --begin;
  }
  return {begin, end};
}

// The eligibility decays, and the reward turns it into weight.
template <class R, template <class> class Rule>
void RewardRows<R, Rule>::pass(std::uint64_t k, const RewardSignal::Passed& passed) {
  R& own = this->own_[k];
  if (own != 0) {
    const double gain = static_cast<double>(own) * passed.integral;
    R& weight = this->weight_[k];
    weight = this->limited(static_cast<R>(static_cast<double>(weight) + gain));
    own = static_cast<R>(static_cast<double>(own) * passed.decay);
  }
}
template <class R, template <class> class Rule>
void RewardRows<R, Rule>::integrate(std::uint64_t k, Step to) {
  Step& touched = this->touched_[k];
  if (to > touched) {
    if (this->own_[k] != 0) {
      pass(k, touched >= since_ ? span_.passed(touched, to) : reward_->passed(touched, to));
    }
    touched = to;
  }
}

template <class R, template <class> class Rule>
void RewardRows<R, Rule>::potentiate(std::size_t row, std::uint64_t k, Window posts) {
  const Step shift = this->segments_[row].dendritic, last = this->last_[row];
  for (std::uint32_t p = posts.begin; p < posts.end; ++p) {
    const Step time = this->spikes_.stamp(p) + shift;
    integrate(k, time);
    this->own_[k] =
        rule_.up(this->own_[k], this->pre_[row] * this->pre_decay_(time - last) *
                                    rule_.post_factor(this->spikes_.before_2(p)));
  }
}

template <class R, template <class> class Rule>
void RewardRows<R, Rule>::update(std::size_t row, Step time) {
  const Segment segment = this->segments_[row];
  const Step shift = segment.dendritic, last = this->last_[row];
  const bool fired = last >= 0;
  const R factor =
      rule_.pre_factor(fired ? this->pre_2_[row] * this->pre_2_decay_(time - last) : R(0));
  posts_ = this->spikes_.view();
  const auto left = [&](Step at) { return this->spikes_.relative(at - shift); };
  const std::int32_t lo = left(this->done_[row]), hi = left(time - this->tie_), now = left(time);
  RewardSignal::Passed whole{};  // what most synapses pass
  if (fired && time > last) {
    since_ = last;
    span_ = {*reward_, last, time};
    whole = span_.passed(last, time);
  }
  for (std::uint64_t k = segment.first; k < segment.first + segment.count; ++k) {
    const std::size_t j = this->target_[k];
    if (this->pre_[row] > 0 && posts_.newest[j] > lo) {
      potentiate(row, k, window(j, lo, hi));
    }
    if (this->touched_[k] == since_) {
      pass(k, whole);
      this->touched_[k] = time;
    } else {
      integrate(k, time);
    }
    std::int32_t stamp = posts_.newest[j];
    R trace = posts_.newest_trace[j];
    if (stamp >= now) {  // spikes before this one depress
      std::uint32_t end = posts_.end[j];
      while (posts_.stamp[end - 1] >= now) {
        --end;
      }
      stamp = posts_.stamp[end - 1];
      trace = posts_.trace[end - 1];
    }
    if (stamp > TargetSpikes<R>::never) {
      this->own_[k] = rule_.down(this->own_[k], trace * this->post_decay_(Step{now} - stamp) * factor);
    }
  }
  since_ = none;
}

template <class R, template <class> class Rule>
void RewardRows<R, Rule>::settle_row(std::size_t row, Step upto) {
  const Segment segment = this->segments_[row];
  if (upto <= this->done_[row]) {
    return;
  }
  if (this->pre_[row] > 0) {
    posts_ = this->spikes_.view();
    const std::int32_t lo = this->spikes_.relative(this->done_[row] - segment.dendritic),
                       hi = this->spikes_.relative(upto - segment.dendritic);
    for (std::uint64_t k = segment.first; k < segment.first + segment.count; ++k) {
      potentiate(row, k, window(this->target_[k], lo, hi));
    }
  }
  this->done_[row] = upto;
}

template <class R, template <class> class Rule>
void RewardRows<R, Rule>::settle_eligibility(Step upto) {
  for (std::uint64_t k = 0; k < this->weight_.size(); ++k) {
    integrate(k, upto);
  }
}

namespace {

// Of the rule of that index, which must be a modulated one.
template <class R, template <class> class... Rules>
std::unique_ptr<PlasticStore<R>> make_by_rule(const Feed<R>& feed, const Plasticity& plasticity,
                                              double dt, std::size_t span,
                                              const RewardSignal* reward) {
  std::unique_ptr<PlasticStore<R>> store;
  std::size_t index = 0;
  const auto try_rule = [&]<template <class> class Rule>() {
    if constexpr (Rule<R>::modulated) {
      if (index == plasticity.rule) {
        store = std::make_unique<RewardRows<R, Rule>>(feed, plasticity, dt, span, reward);
      }
    }
    ++index;
  };
  (try_rule.template operator()<Rules>(), ...);
  return store;
}

}  // namespace

template <class R>
std::unique_ptr<PlasticStore<R>> make_reward_rows(const Feed<R>& feed, const Plasticity& plasticity,
                                                  double dt, std::size_t span,
                                                  const RewardSignal* reward) {
  using namespace baseline;
  return make_by_rule<R, SPIKELET_RULES>(feed, plasticity, dt, span, reward);
}

template std::unique_ptr<PlasticStore<float>> make_reward_rows(const Feed<float>&,
                                                               const Plasticity&, double,
                                                               std::size_t, const RewardSignal*);
template std::unique_ptr<PlasticStore<double>> make_reward_rows(const Feed<double>&,
                                                                const Plasticity&, double,
                                                                std::size_t, const RewardSignal*);

}  // namespace spikelet
