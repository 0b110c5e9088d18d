// Baseline code: a replay is bound by memory, not by arithmetic.
#include "network/history_store.hpp"

#include "core/level_prelude.hpp"

#define SPIKELET_LEVEL baseline
#define SPIKELET_VECTOR_BYTES 16
// clang-format off: the rules build on the vectors
#include "core/simd.hpp"
#include "core/plasticity/plasticity_rules.hpp"
// clang-format on

namespace spikelet {

template <class R, template <class> class Rule>
void HistoryStore<R, Rule>::potentiate(const Synapse& s, Window posts) {
  const Step shift = s.segment.dendritic, last = last_[s.row];
  if (first_only_ && posts.begin < posts.end && posts.begin > 0 &&
      s.history[posts.begin - 1].stamp + shift > last - tie_) {
    return;  // another post spike came first
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

// At a source's spike: only posts strictly before it depress. In the restricted pairing some post
// must have come since the source's last spike; where ties are ignored, one at this spike is enough
// (as in NEST).
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
  const auto since_last = [&] {
    const bool tied = p < s.history.size() && s.history[p].stamp + shift <= time - tie_;
    return s.history[tied ? p : p - 1].stamp + shift > last_[s.row] - tie_;
  };
  const bool counts = p > 0 && (!first_only_ || since_last());
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
    if constexpr (Rule<R>::modulated) {
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
void HistoryStore<R, Rule>::deliver(Step step, Channels<R> input, bool early) {
  if (early != this->feed_.ends.early()) {
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
void HistoryStore<R, Rule>::send_later(std::uint32_t row, Step arrival) {
  process(row, arrival, [&](std::uint16_t target, int channel, R value) {
    this->add_sent(arrival, {target, static_cast<std::uint16_t>(channel), value});
  });
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
