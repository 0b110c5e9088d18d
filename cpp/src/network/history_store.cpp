// Baseline code: a replay is bound by memory, not by arithmetic.
#include "network/history_store.hpp"

#include <algorithm>
#include <numeric>
#include <stdexcept>

#include "core/level_prelude.hpp"

#define SPIKELET_LEVEL baseline
#define SPIKELET_VECTOR_BYTES 16
// clang-format off: the rules build on the vectors
#include "core/simd.hpp"
#include "core/plasticity/plasticity_rules.hpp"
// clang-format on

namespace spikelet {

template <class R, template <class> class Rule>
HistoryStore<R, Rule>::HistoryStore(const Feed<R>& feed, const Plasticity& plasticity, double dt,
                                    std::size_t span, const RewardSignal* reward)
    : PlasticStore<R>(feed, plasticity, dt, span),
      rule_(plasticity.parameters.data()),
      tie_(plasticity.tie_potentiates ? 1 : 0),
      nearest_pre_(plasticity.pairing == Pairing::nearest_symmetric ||
                   plasticity.pairing == Pairing::nearest_restricted),
      nearest_post_(plasticity.pairing != Pairing::all_to_all),
      first_only_(plasticity.pairing == Pairing::nearest_restricted),
      centered_(plasticity.pairing == Pairing::nearest_pre_centered),
      reward_(reward),
      history_(feed.post_end - feed.post_begin) {
  const auto tau = Rule<R>::time_constants(plasticity.parameters.data());
  const auto decay = [&](Trace trace) {
    return tau[trace] > 0 ? Decay<R>(dt, tau[trace]) : Decay<R>();
  };
  pre_decay_ = decay(trace_pre);
  post_decay_ = decay(trace_post);
  pre_2_decay_ = decay(trace_pre_2);
  post_2_decay_ = decay(trace_post_2);
  const SynapseTable<R>& table = *feed.table;
  rows_.assign(table.row.size(), 0);
  for_each_by_delay(
      table, feed.post_begin, feed.post_end, [&](std::uint32_t i, std::uint64_t k, bool first) {
        const std::uint16_t delay = table.delay_of(k);
        if (first) {
          const Step dendritic = dendritic_part(delay, plasticity.axonal_fraction);
          segments_.push_back({weight_.size(), 0, i, delay, static_cast<std::uint16_t>(dendritic)});
          longest_ = std::max(longest_, dendritic);
          ++rows_[i + 1];
        }
        ++segments_.back().count;
        weight_.push_back(table.weight_of(k));
        target_.push_back(
            static_cast<std::uint16_t>(feed.local + (table.post[k] - feed.post_begin)));
      });
  std::partial_sum(rows_.begin(), rows_.end(), rows_.begin());
  this->feed_.table = nullptr;  // the table is freed after building
  if (centered_ || Rule<R>::modulated) {
    own_.resize(weight_.size());
  }
  if (Rule<R>::modulated) {
    touched_.resize(weight_.size());
  }
  for (std::vector<R>* trace : {&pre_, &pre_2_}) {
    trace->resize(segments_.size());
  }
  last_.resize(segments_.size());
  done_.resize(segments_.size());
  posts_limit_ = 16 * history_.size() + 1024;
  calendar_.resize(span);
}

template <class R, template <class> class Rule>
void HistoryStore<R, Rule>::start(Step born) {
  std::fill(last_.begin(), last_.end(), Step{-1});
  std::fill(done_.begin(), done_.end(), std::max<Step>(born, 0) - 1);
  std::fill(touched_.begin(), touched_.end(), std::max<Step>(born, 0));
}

template <class R, template <class> class Rule>
void HistoryStore<R, Rule>::enqueue(Gid source, Step stamp, Step from) {
  const std::size_t i = source - this->feed_.pre_gid;
  if (source < this->feed_.pre_gid || i + 1 >= rows_.size()) {
    return;
  }
  for (std::uint32_t s = rows_[i]; s < rows_[i + 1]; ++s) {
    const Segment& segment = segments_[s];
    const Step arrival = stamp + segment.delay - 1;
    const Step time = stamp + (segment.delay - segment.dendritic);
    if (arrival >= from && time > last_[s]) {  // else it was sent already
      calendar_.at(arrival).push_back(s);
    }
  }
}

template <class R, template <class> class Rule>
auto HistoryStore<R, Rule>::window(const History& history, Step lo, Step hi) -> Window {
  std::size_t end = history.size();
  while (end > 0 && history[end - 1].stamp > hi) {
    --end;
  }
  std::size_t begin = end;
  while (begin > 0 && history[begin - 1].stamp > lo) {
    --begin;
  }
  return {begin, end};
}

// The eligibility decays, and the reward turns it into weight.
template <class R, template <class> class Rule>
void HistoryStore<R, Rule>::integrate(std::uint64_t k, Step to) {
  if (own_[k] != 0 && to > touched_[k]) {
    const double gain = static_cast<double>(own_[k]) * reward_->integral(touched_[k], to);
    weight_[k] = this->limited(static_cast<R>(static_cast<double>(weight_[k]) + gain));
    own_[k] = static_cast<R>(static_cast<double>(own_[k]) * reward_->decay(touched_[k], to));
  }
  touched_[k] = std::max(touched_[k], to);
}

template <class R, template <class> class Rule>
void HistoryStore<R, Rule>::potentiate(const Synapse& s, Window posts) {
  const Step shift = s.segment.dendritic, last = last_[s.row];
  if (first_only_ && posts.begin < posts.end && posts.begin > 0 &&
      s.history[posts.begin - 1].stamp + shift > last - tie_) {
    return;  // another post came first
  }
  for (std::size_t p = posts.begin; p < posts.end; ++p) {
    const Post& post = s.history[p];
    const Step since = post.stamp + shift - last;
    if constexpr (Rule<R>::modulated) {
      if (pre_[s.row] > 0) {
        integrate(s.k, post.stamp + shift);
        own_[s.k] =
            rule_.up(own_[s.k], pre_[s.row] * pre_decay_(since) * rule_.post_factor(post.before_2));
      }
      continue;
    }
    R trace = centered_ ? own_[s.k] : pre_[s.row];
    if (trace > 0) {
      weight_[s.k] =
          rule_.up(weight_[s.k], trace * pre_decay_(since) * rule_.post_factor(post.before_2));
    }
    if (centered_) {
      own_[s.k] = 0;
    }
    if (first_only_) {
      break;
    }
  }
}

// At a source's spike: only posts strictly before it depress.
template <class R, template <class> class Rule>
void HistoryStore<R, Rule>::depress(const Synapse& s, Window posts, Step time, R factor) {
  const Step shift = s.segment.dendritic;
  std::size_t p = posts.end;
  while (p < s.history.size() && s.history[p].stamp + shift < time) {
    ++p;
  }
  while (p > 0 && s.history[p - 1].stamp + shift >= time) {
    --p;
  }
  R k = 0;
  const bool counts =
      p > 0 && !(first_only_ && s.history[p - 1].stamp + shift <= last_[s.row] - tie_);
  if (counts) {
    const Post& post = s.history[p - 1];
    k = post.trace * post_decay_(time - shift - post.stamp) * factor;
  }
  if constexpr (Rule<R>::modulated) {
    if (counts) {
      integrate(s.k, time);
      own_[s.k] = rule_.down(own_[s.k], k);
    }
  } else if (counts || Rule<R>::idle_depression) {
    weight_[s.k] = rule_.down(weight_[s.k], k);
  }
}

template <class R, template <class> class Rule>
void HistoryStore<R, Rule>::advance(std::size_t row, Step time) {
  const bool fired = last_[row] >= 0;
  const Step since = time - last_[row];
  pre_[row] = nearest_pre_ || !fired ? R(1) : pre_[row] * pre_decay_(since) + R(1);
  const R second = fired ? pre_2_[row] * pre_2_decay_(since) : R(0);
  pre_2_[row] = nearest_pre_ ? R(1) : second + R(1);
  last_[row] = time;
  done_[row] = std::max(done_[row], time - tie_);
}

// A spike of a source reaches its row: each synapse is brought up to date and sends its weight.
template <class R, template <class> class Rule>
template <class Send>
void HistoryStore<R, Rule>::process(std::uint32_t row, Step arrival, Send&& send) {
  const Segment segment = segments_[row];
  const Step shift = segment.dendritic, time = arrival + 1 - shift;
  const bool fired = last_[row] >= 0;
  const R factor = rule_.pre_factor(fired ? pre_2_[row] * pre_2_decay_(time - last_[row]) : R(0));
  const R own_decay = centered_ && fired ? pre_decay_(time - last_[row]) : R(0);
  for (std::uint64_t k = segment.first; k < segment.first + segment.count; ++k) {
    const Synapse synapse{k, history_of(k), segment, row};
    const Window posts = window(synapse.history, done_[row] - shift, time - tie_ - shift);
    potentiate(synapse, posts);
    depress(synapse, posts, time, factor);
    if (Rule<R>::modulated) {
      integrate(k, time);
    }
    if (centered_) {
      own_[k] = own_[k] * own_decay + R(1);
    }
    send(target_[k], this->feed_.channel_of(weight_[k]), this->feed_.sent(weight_[k]));
  }
  advance(row, time);
}

template <class R, template <class> class Rule>
void HistoryStore<R, Rule>::deliver(Step step, const std::array<R*, max_channels>& input,
                                    bool early) {
  if (early != this->feed_.early) {
    return;
  }
  this->deliver_sent(step, input);  // of earlier stamps than any arrival below
  auto& arrivals = calendar_.at(step);
  for (const std::uint32_t row : arrivals) {
    process(row, step, [&](std::uint16_t target, int channel, R value) {
      input[static_cast<std::size_t>(channel)][target] += value;
    });
  }
  arrivals.clear();
}

template <class R, template <class> class Rule>
void HistoryStore<R, Rule>::finish(Step now) {
  for (Step arrival = now; arrival < now + this->span_; ++arrival) {
    std::vector<std::uint32_t> later;
    for (const std::uint32_t row : calendar_.at(arrival)) {
      if (arrival + 1 - segments_[row].dendritic > now) {
        later.push_back(row);
        continue;
      }
      process(row, arrival, [&](std::uint16_t target, int channel, R value) {
        this->add_sent(arrival, {target, static_cast<std::uint16_t>(channel), value});
      });
    }
    calendar_.at(arrival).swap(later);
  }
  for (std::size_t row = 0; row < segments_.size(); ++row) {
    settle_row(row, now);
    if (Rule<R>::modulated) {
      for (std::uint64_t k = segments_[row].first; k < segments_[row].first + segments_[row].count;
           ++k) {
        integrate(k, now);
      }
    }
  }
}

template <class R, template <class> class Rule>
void HistoryStore<R, Rule>::note_post(std::uint32_t target, Step stamp) {
  History& history = history_[target];
  R before = 0, before_2 = 0;
  if (!history.empty()) {
    const Step since = stamp - history.back().stamp;
    before = history.back().trace * post_decay_(since);
    before_2 = history.back().trace_2 * post_2_decay_(since);
  }
  history.push_back({stamp, nearest_post_ ? R(1) : before + R(1),
                     nearest_post_ ? R(1) : before_2 + R(1), before_2});
  if (++posts_ > posts_limit_) {
    settle(stamp - 1);
    posts_limit_ = std::max(2 * posts_, 16 * history_.size() + 1024);
  }
}

template <class R, template <class> class Rule>
void HistoryStore<R, Rule>::settle_row(std::size_t row, Step upto) {
  const Segment segment = segments_[row];
  if (upto <= done_[row]) {
    return;
  }
  if (pre_[row] > 0) {
    for (std::uint64_t k = segment.first; k < segment.first + segment.count; ++k) {
      const Synapse synapse{k, history_of(k), segment, row};
      potentiate(synapse,
                 window(synapse.history, done_[row] - segment.dendritic, upto - segment.dendritic));
    }
  }
  done_[row] = upto;
}

// `step`: arrivals of steps before it are delivered, so source spikes up to step - dendritic part
// are in; later ones find the posts up to then potentiated already, and of those only the latest is
// still needed, for its trace.
template <class R, template <class> class Rule>
void HistoryStore<R, Rule>::settle(Step step) {
  for (std::size_t row = 0; row < segments_.size(); ++row) {
    settle_row(row, step - segments_[row].dendritic);
  }
  posts_ = 0;
  for (History& history : history_) {
    const auto keep = std::find_if(history.begin(), history.end(), [&](const Post& post) {
      return post.stamp > step - 2 * longest_;
    });
    if (keep != history.begin()) {
      history.erase(history.begin(), keep - 1);
    }
    posts_ += history.size();
  }
}

template <class R, template <class> class Rule>
void HistoryStore<R, Rule>::add_weights(std::span<double> sums) const {
  for (std::size_t k = 0; k < weight_.size(); ++k) {
    sums[target_[k] - this->feed_.local] += static_cast<double>(weight_[k]);
  }
}

template <class R, template <class> class Rule>
void HistoryStore<R, Rule>::scale_weights(std::span<const R> factors) {
  for (std::size_t k = 0; k < weight_.size(); ++k) {
    weight_[k] = this->limited(weight_[k] * factors[target_[k] - this->feed_.local]);
  }
}

template <class R, template <class> class Rule>
PlasticParts<R> HistoryStore<R, Rule>::parts() {
  PlasticParts<R> parts;
  parts.synapse.emplace_back(weight_);
  if (!own_.empty()) {
    parts.synapse.emplace_back(own_);
  }
  if (!touched_.empty()) {
    parts.synapse_step.emplace_back(touched_);
  }
  parts.row.emplace_back(pre_);
  parts.row.emplace_back(pre_2_);
  parts.row_step.emplace_back(last_);
  parts.row_step.emplace_back(done_);
  return parts;
}

template <class R, template <class> class Rule>
std::vector<std::pair<std::uint32_t, std::uint16_t>> HistoryStore<R, Rule>::rows() const {
  std::vector<std::pair<std::uint32_t, std::uint16_t>> rows;
  for (const Segment& segment : segments_) {
    rows.emplace_back(segment.source, segment.delay);
  }
  return rows;
}

template <class R, template <class> class Rule>
std::vector<PostSpike<R>> HistoryStore<R, Rule>::posts() const {
  std::vector<PostSpike<R>> list;
  for (std::uint32_t j = 0; j < history_.size(); ++j) {
    for (const Post& post : history_[j]) {
      list.push_back({post.stamp, j, {post.trace, post.trace_2, post.before_2}});
    }
  }
  return list;
}

template <class R, template <class> class Rule>
void HistoryStore<R, Rule>::set_posts(std::span<const PostSpike<R>> list) {
  for (History& history : history_) {
    history.clear();
  }
  for (const PostSpike<R>& post : list) {
    history_[post.target].push_back({post.stamp, post.value[0], post.value[1], post.value[2]});
  }
  posts_ = list.size();
}

template <class R, template <class> class Rule>
void HistoryStore<R, Rule>::clear() {
  PlasticStore<R>::clear();
  calendar_.clear();
  for (std::vector<R>* trace : {&pre_, &pre_2_}) {
    std::fill(trace->begin(), trace->end(), R(0));
  }
  std::fill(own_.begin(), own_.end(), R(0));
  start(-1);
  for (History& history : history_) {
    history.clear();
  }
  posts_ = 0;
}

template <class R, template <class> class Rule>
void HistoryStore<R, Rule>::visit(Gid source,
                                  const std::function<void(const SynapseRef<R>&)>& visitor) {
  const std::size_t i = source - this->feed_.pre_gid;
  for (std::uint32_t s = rows_[i]; s < rows_[i + 1]; ++s) {
    for (std::uint64_t k = segments_[s].first; k < segments_[s].first + segments_[s].count; ++k) {
      visitor({segments_[s].delay, target_[k], &weight_[k], this->feed_.channel_of(weight_[k]), k});
    }
  }
}

template <class R, template <class> class Rule>
std::size_t HistoryStore<R, Rule>::bytes() const {
  return (weight_.size() + own_.size()) * sizeof(R) + target_.size() * sizeof(std::uint16_t) +
         touched_.size() * sizeof(Step) +
         segments_.size() * (sizeof(Segment) + 2 * sizeof(R) + 2 * sizeof(Step)) +
         rows_.size() * sizeof(std::uint32_t);
}

namespace {

template <class R, template <class> class... Rules>
std::unique_ptr<PlasticStore<R>> make_by_rule(const Feed<R>& feed, const Plasticity& plasticity,
                                              double dt, std::size_t span,
                                              const RewardSignal* reward) {
  std::unique_ptr<PlasticStore<R>> store;
  std::size_t index = 0;
  (void)((index++ == plasticity.rule ? (store = std::make_unique<HistoryStore<R, Rules>>(
                                            feed, plasticity, dt, span, reward),
                                        true)
                                     : false) ||
         ...);
  return store;
}

}  // namespace

template <class R>
std::unique_ptr<PlasticStore<R>> make_history_store(const Feed<R>& feed,
                                                    const Plasticity& plasticity, double dt,
                                                    std::size_t span, const RewardSignal* reward) {
  using namespace baseline;
  return make_by_rule<R, SPIKELET_RULES>(feed, plasticity, dt, span, reward);
}

template std::unique_ptr<PlasticStore<float>> make_history_store(const Feed<float>&,
                                                                 const Plasticity&, double,
                                                                 std::size_t, const RewardSignal*);
template std::unique_ptr<PlasticStore<double>> make_history_store(const Feed<double>&,
                                                                  const Plasticity&, double,
                                                                  std::size_t, const RewardSignal*);

}  // namespace spikelet
