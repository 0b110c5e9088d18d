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

// The eligibility decays, and the reward turns it into weight.
template <class R, template <class> class Rule>
void RewardRows<R, Rule>::pass(Synapse& s, const RewardSignal::Passed& passed) const {
  const double own = static_cast<double>(s.own);
  s.weight = this->limited(static_cast<R>(static_cast<double>(s.weight) + own * passed.integral));
  s.own = static_cast<R>(own * passed.decay);
}
template <class R, template <class> class Rule>
void RewardRows<R, Rule>::integrate(Synapse& s, Step to) {
  if (to > s.touched) {
    if (s.own != 0) {
      pass(s, reward_.passed(s.touched, to));
    }
    s.touched = to;
  }
}

// Spikes of a target that are at the synapse in (from, to].
template <class R, template <class> class Rule>
void RewardRows<R, Rule>::potentiate(std::size_t row, std::size_t j, Step from, Step to,
                                     Synapse& s) {
  const TargetSpikes<R> posts = this->spikes_.view();
  const Segment& segment = this->segments_[row];
  const Step shift = segment.dendritic, last = segment.last;
  const std::int32_t lo = this->spikes_.relative(from - shift),
                     hi = this->spikes_.relative(to - shift);
  std::uint32_t begin = posts.end[j];  // spikes that never were end the search
  while (posts.stamp[begin - 1] > lo) {
    --begin;
  }
  for (std::uint32_t p = begin; p < posts.end[j] && posts.stamp[p] <= hi; ++p) {
    const Step time = this->spikes_.stamp(p) + shift;
    integrate(s, time);
    s.own = rule_.up(s.own, segment.pre * this->pre_decay_(time - last) *
                                rule_.post_factor(this->spikes_.before_2(p)));
  }
}

template <class R, template <class> class Rule>
void RewardRows<R, Rule>::note_touched(std::size_t row) {
  Segment& segment = this->segments_[row];
  if (segment.even != Even::no) {
    const auto first = this->touched_.begin() + static_cast<std::ptrdiff_t>(segment.first);
    std::fill(first, first + segment.count, touched_together(segment));
    segment.even = Even::no;
  }
}

template <class R, template <class> class Rule>
void RewardRows<R, Rule>::update(std::span<const std::uint32_t> rows, Step arrival) {
  together_.clear();
  Step from = 0, to = 0;  // of the rows that are updated together
  for (const std::uint32_t row : rows) {
    Segment& segment = this->segments_[row];
    const Step time = this->time_at(row, arrival), last = segment.last,
               since = touched_together(segment);
    if (since == uneven || time <= std::max(last, since) || !reward_.keeps(since, time) ||
        time - last > longest_span) {
      note_touched(row);
      segment.even = update_each(row, time) ? Even::last : Even::no;
      continue;
    }
    if (!together_.empty() && !reward_.keeps(std::min(from, since), std::max(to, time))) {
      update_together(from, to, arrival);
    }
    from = together_.empty() ? since : std::min(from, since);
    to = together_.empty() ? time : std::max(to, time);
    together_.push_back(row);
  }
  update_together(from, to, arrival);
}

// Rows whose spans, from when their synapses were touched last, lie between two steps.
template <class R, template <class> class Rule>
void RewardRows<R, Rule>::update_together(Step from, Step to, Step arrival) {
  if (together_.empty()) {
    return;
  }
  Modulating<R> modulating{};
  modulating.how = this->replaying_at_spikes();
  const auto [low, high] = this->limits();
  modulating.low = low;
  modulating.high = high;
  const Step base = reward_.show(from, to, modulating);
  at_spike_.clear();
  for (const std::uint32_t row : together_) {
    Segment& segment = this->segments_[row];
    const Step time = this->time_at(row, arrival), since = touched_together(segment);
    const auto from_base = [&](Step step) { return static_cast<std::int32_t>(step - base); };
    at_spike_.push_back({this->row_at_spike(row, time), from_base(since), from_base(segment.last),
                         from_base(time)});
    at_spike_.back().row.post = this->post_traces(row, arrival, this->kernels_.traces_at);
    segment.even = Even::last;  // which is now this one
  }
  this->kernels_.modulated_rows(this->parameters(), modulating, at_spike_);
  together_.clear();
}

// One synapse at a time, whenever each was touched last. Returns whether that is now the same time.
template <class R, template <class> class Rule>
bool RewardRows<R, Rule>::update_each(std::size_t row, Step time) {
  const Segment segment = this->segments_[row];
  const Step shift = segment.dendritic, last = segment.last;
  const bool fired = last >= 0;
  const R factor = rule_.pre_factor(fired ? segment.pre_2 * this->pre_2_decay_(time - last) : R(0));
  const TargetSpikes<R> posts = this->spikes_.view();
  const std::int32_t lo = this->spikes_.relative(segment.done - shift),
                     now = this->spikes_.relative(time - shift);
  const std::uint16_t* target = this->target_.data() + segment.first;
  R *weight = this->weight_.data() + segment.first, *own = this->own_.data() + segment.first;
  Step* touched = this->touched_.data() + segment.first;

  // Synapses with spikes of their own to replay, or not touched at the source's last spike.
  listed_.resize(segment.count);
  std::size_t n = 0;
  for (std::uint32_t k = 0; k < segment.count; ++k) {
    listed_[n] = k;
    n += posts.newest[target[k]].stamp > lo || touched[k] != last ? 1 : 0;
  }
  for (std::size_t m = 0; m < n; ++m) {
    const std::uint32_t k = listed_[m];
    Synapse s{weight[k], own[k], touched[k]};
    if (segment.pre > 0) {
      potentiate(row, target[k], segment.done, time - this->tie_, s);
    }
    integrate(s, time);
    store(segment.first + k, s);
  }
  const RewardSignal::Passed whole =
      fired && time > last ? reward_.passed(last, time) : RewardSignal::Passed{0, 1};
  bool even = true;
  for (std::uint32_t k = 0; k < segment.count; ++k) {
    Synapse s{weight[k], own[k], time};
    pass(s, touched[k] < time ? whole : RewardSignal::Passed{0, 1});
    std::int32_t stamp = posts.newest[target[k]].stamp;
    R trace = posts.newest[target[k]].trace;
    if (stamp >= now) {  // spikes before this one depress
      std::uint32_t end = posts.end[target[k]];
      while (posts.stamp[end - 1] >= now) {
        --end;
      }
      stamp = posts.stamp[end - 1];
      trace = posts.trace[end - 1];
    }
    if (stamp > TargetSpikes<R>::never) {
      s.own = rule_.down(s.own, trace * this->post_decay_(Step{now} - stamp) * factor);
    }
    weight[k] = s.weight;
    own[k] = s.own;
    touched[k] = std::max(touched[k], time);
    even = even && touched[k] == time;
  }
  return even;
}

template <class R, template <class> class Rule>
void RewardRows<R, Rule>::settle_row(std::size_t row, Step upto) {
  Segment& segment = this->segments_[row];
  if (upto <= segment.done) {
    return;
  }
  note_touched(row);
  for (std::uint64_t k = segment.first; segment.pre > 0 && k < segment.first + segment.count; ++k) {
    Synapse s = load(k);
    potentiate(row, this->target_[k], segment.done, upto, s);
    store(k, s);
  }
  segment.done = upto;
}

template <class R, template <class> class Rule>
void RewardRows<R, Rule>::settle_eligibility(Step upto) {
  for (std::size_t row = 0; row < this->segments_.size(); ++row) {
    Segment& segment = this->segments_[row];
    note_touched(row);
    bool even = true;
    for (std::uint64_t k = segment.first; k < segment.first + segment.count; ++k) {
      Synapse s = load(k);
      integrate(s, upto);
      store(k, s);
      even = even && s.touched == upto;
    }
    segment.even = even ? Even::common : Even::no;
  }
  even_ = upto;
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
