#include "spikelet/network/stdp_store.hpp"

#include <algorithm>

namespace spikelet {

template <class R>
StdpStore<R>::StdpStore(const Feed<R>& feed, const PairRule& rule, double dt, std::size_t span)
    : feed_(feed),
      A_plus_(static_cast<R>(rule.A_plus)),
      A_minus_(static_cast<R>(rule.A_minus)),
      w_min_(static_cast<R>(rule.w_min)),
      w_max_(static_cast<R>(rule.w_max)),
      tie_(rule.tie_potentiates ? 1 : 0),
      plus_(dt, rule.tau_plus),
      minus_(dt, rule.tau_minus),
      history_(feed.post_end - feed.post_begin),
      span_(static_cast<Step>(span)) {
  const SynapseTable<R>& table = *feed.table;
  rows_.push_back(0);
  std::vector<std::uint64_t> order;
  for (std::size_t i = 0; i + 1 < table.row.size(); ++i) {
    order.clear();
    for (std::uint64_t k = table.row[i]; k < table.row[i + 1]; ++k) {
      if (table.post[k] >= feed.post_begin && table.post[k] < feed.post_end) {
        order.push_back(k);
      }
    }
    std::stable_sort(order.begin(), order.end(),
                     [&](auto a, auto b) { return table.delay_of(a) < table.delay_of(b); });
    for (const std::uint64_t k : order) {
      const std::uint16_t delay = table.delay_of(k);
      if (segments_.size() == rows_.back() || segments_.back().delay != delay) {
        segments_.push_back({weight_.size(), 0, delay});
        longest_delay_ = std::max<Step>(longest_delay_, delay);
      }
      ++segments_.back().count;
      weight_.push_back(table.weight_of(k));
      target_.push_back(static_cast<std::uint16_t>(feed.local + (table.post[k] - feed.post_begin)));
    }
    rows_.push_back(static_cast<std::uint32_t>(segments_.size()));
  }
  feed_.table = nullptr;  // the table is freed after building
  traces_.resize(segments_.size());
  posts_limit_ = 16 * history_.size() + 1024;
  calendar_.resize(span);
  sent_.resize(span);
}

template <class R>
void StdpStore<R>::enqueue(Gid source, Step stamp, Step from) {
  const std::size_t i = source - feed_.pre_gid;
  if (source < feed_.pre_gid || i + 1 >= rows_.size()) {
    return;
  }
  for (std::uint32_t s = rows_[i]; s < rows_[i + 1]; ++s) {
    const Step arrival = stamp + segments_[s].delay - 1;
    if (arrival >= from && stamp > traces_[s].last) {  // else it was sent already
      calendar_.at(arrival).push_back(s);
    }
  }
}

template <class R>
auto StdpStore<R>::window(const std::vector<Post>& history, Step lo, Step hi) -> Window {
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

template <class R>
R StdpStore<R>::potentiate(R w, const std::vector<Post>& history, Window posts, Step delay,
                           const Trace& trace) const {
  for (std::size_t k = posts.begin; k < posts.end; ++k) {
    const R k_plus = trace.k_plus * plus_(history[k].stamp + delay - trace.last);
    w = std::min(w + A_plus_ * k_plus, w_max_);
  }
  return w;
}

// `acting`: the source's stamp minus the delay; only posts strictly before it depress.
template <class R>
R StdpStore<R>::depress(R w, const std::vector<Post>& history, Window posts, Step acting) const {
  std::size_t k = posts.end;
  if (k > 0 && history[k - 1].stamp == acting) {
    --k;
  }
  if (k == 0) {
    return w;
  }
  const Post& post = history[k - 1];
  return std::max(w - A_minus_ * (post.k_minus * minus_(acting - post.stamp)), w_min_);
}

template <class R>
void StdpStore<R>::advance(Trace& trace, Step stamp) const {
  trace.k_plus = trace.k_plus * plus_(stamp - trace.last) + R(1);
  trace.last = stamp;
  trace.done = std::max(trace.done, stamp - tie_);
}

// A spike of a source reaches its segment: each synapse is brought up to date and sends its weight.
template <class R>
template <class Send>
void StdpStore<R>::process(std::uint32_t s, Step arrival, Send&& send) {
  const Segment segment = segments_[s];
  Trace& trace = traces_[s];
  const Step delay = segment.delay, stamp = arrival + 1 - delay;
  for (std::uint64_t k = segment.first; k < segment.first + segment.count; ++k) {
    const std::vector<Post>& history = history_[target_[k] - feed_.local];
    const Window posts = window(history, trace.done - delay, stamp - tie_ - delay);
    const R w = depress(potentiate(weight_[k], history, posts, delay, trace), history, posts,
                        stamp - delay);
    weight_[k] = w;
    send(target_[k], feed_.channel_of(w), feed_.sent(w));
  }
  advance(trace, stamp);
}

template <class R>
void StdpStore<R>::deliver(Step step, const std::array<R*, max_channels>& input, bool early) {
  if (early != feed_.early) {
    return;
  }
  for (const Sent& sent : sent_.at(step)) {  // of earlier stamps than any arrival below
    input[sent.channel][sent.target] += sent.value;
  }
  sent_.at(step).clear();
  auto& arrivals = calendar_.at(step);
  for (const std::uint32_t s : arrivals) {
    process(s, step, [&](std::uint16_t target, int channel, R value) {
      input[static_cast<std::size_t>(channel)][target] += value;
    });
  }
  arrivals.clear();
}

template <class R>
void StdpStore<R>::send_in_flight(Step now) {
  for (Step arrival = now; arrival < now + span_; ++arrival) {
    auto& arrivals = calendar_.at(arrival);
    for (const std::uint32_t s : arrivals) {
      process(s, arrival, [&](std::uint16_t target, int channel, R value) {
        sent_.at(arrival).push_back({target, static_cast<std::uint16_t>(channel), value});
      });
    }
    arrivals.clear();
  }
  for (Trace& trace : traces_) {
    trace.done = std::max(trace.done, now);
  }
}

template <class R>
void StdpStore<R>::for_each_sent(Step now, const std::function<void(Step, const Sent&)>& visitor) {
  for (Step arrival = now; arrival < now + span_; ++arrival) {
    for (const Sent& sent : sent_.at(arrival)) {
      visitor(arrival, sent);
    }
  }
}

template <class R>
void StdpStore<R>::note_posts(std::span<const Gid> gids, Gid post_gid, Step stamp) {
  for (const Gid gid : gids) {
    const Gid element = gid - post_gid;
    auto& history = history_[element - feed_.post_begin];
    const R before =
        history.empty() ? R(0) : history.back().k_minus * minus_(stamp - history.back().stamp);
    history.push_back({stamp, before + R(1)});
  }
  posts_ += gids.size();
  if (posts_ > posts_limit_) {
    settle(stamp - 1);
    posts_limit_ = std::max(2 * posts_, 16 * history_.size() + 1024);
  }
}

template <class R>
void StdpStore<R>::settle_segment(std::size_t s, Step upto) {
  const Segment segment = segments_[s];
  Trace& trace = traces_[s];
  if (upto <= trace.done) {
    return;
  }
  if (trace.k_plus > 0) {
    for (std::uint64_t k = segment.first; k < segment.first + segment.count; ++k) {
      const std::vector<Post>& history = history_[target_[k] - feed_.local];
      const Window posts = window(history, trace.done - segment.delay, upto - segment.delay);
      weight_[k] = potentiate(weight_[k], history, posts, segment.delay, trace);
    }
  }
  trace.done = upto;
}

// `step`: arrivals of steps before it are delivered, so stamps up to step - d are; later ones find
// the posts with x <= step - d potentiated already, and of those only the latest is still needed,
// for its trace.
template <class R>
void StdpStore<R>::settle(Step step) {
  for (std::size_t s = 0; s < segments_.size(); ++s) {
    settle_segment(s, step - segments_[s].delay);
  }
  posts_ = 0;
  for (std::vector<Post>& history : history_) {
    auto keep = std::find_if(history.begin(), history.end(), [&](const Post& post) {
      return post.stamp > step - 2 * longest_delay_;
    });
    if (keep != history.begin()) {
      history.erase(history.begin(), keep - 1);
    }
    posts_ += history.size();
  }
}

template <class R>
R StdpStore<R>::weight_now(const SynapseRef<R>& synapse, std::span<const Step> in_flight,
                           Step now) const {
  R w = *synapse.weight;
  Trace trace = traces_[synapse.segment];
  const Step delay = synapse.delay, processed = trace.last;
  const std::vector<Post>& history = history_[synapse.target - feed_.local];
  for (const Step stamp : in_flight) {
    if (stamp > now - delay && stamp > processed) {
      const Window posts = window(history, trace.done - delay, stamp - tie_ - delay);
      w = depress(potentiate(w, history, posts, delay, trace), history, posts, stamp - delay);
      advance(trace, stamp);
    }
  }
  return potentiate(w, history, window(history, trace.done - delay, now - delay), delay, trace);
}

template <class R>
void StdpStore<R>::clear() {
  calendar_.clear();
  sent_.clear();
  std::fill(traces_.begin(), traces_.end(), Trace{});
  for (std::vector<Post>& history : history_) {
    history.clear();
  }
  posts_ = 0;
}

template <class R>
void StdpStore<R>::for_each_segment(
    const std::function<void(std::uint32_t, std::uint16_t, Trace&)>& visitor) {
  for (std::size_t i = 0; i + 1 < rows_.size(); ++i) {
    for (std::uint32_t s = rows_[i]; s < rows_[i + 1]; ++s) {
      visitor(static_cast<std::uint32_t>(i), segments_[s].delay, traces_[s]);
    }
  }
}

template <class R>
void StdpStore<R>::visit(Gid source, const std::function<void(const SynapseRef<R>&)>& visitor) {
  const std::size_t i = source - feed_.pre_gid;
  for (std::uint32_t s = rows_[i]; s < rows_[i + 1]; ++s) {
    for (std::uint64_t k = segments_[s].first; k < segments_[s].first + segments_[s].count; ++k) {
      visitor({segments_[s].delay, target_[k], &weight_[k], feed_.channel_of(weight_[k]), s});
    }
  }
}

template <class R>
std::size_t StdpStore<R>::bytes() const {
  return weight_.size() * (sizeof(R) + sizeof(std::uint16_t)) +
         segments_.size() * (sizeof(Segment) + sizeof(Trace)) +
         rows_.size() * sizeof(std::uint32_t);
}

template class StdpStore<float>;
template class StdpStore<double>;

}  // namespace spikelet
