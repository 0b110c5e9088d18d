#include "spikelet/network/trace_store.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace spikelet {
namespace {

constexpr double epoch_in_tau = 5;  // in longer ones, differences of grown sums lose bits
constexpr double longest_epoch = 4096;
constexpr std::size_t most_waiting = 256;  // spikes of targets, where no spike of a source arrives

}  // namespace

Step epoch_steps(const Plasticity& plasticity, double dt) {
  double shortest = std::numeric_limits<double>::infinity();
  for (const double t : plasticity.info().time_constants(plasticity.parameters.data())) {
    shortest = t > 0 ? std::min(shortest, t) : shortest;
  }
  return static_cast<Step>(std::clamp(epoch_in_tau * shortest / dt, 1.0, longest_epoch));
}

template <class R>
TraceStore<R>::TraceStore(const Feed<R>& feed, const Plasticity& plasticity, double dt,
                          std::size_t span)
    : PlasticStore<R>(feed, plasticity, dt, span),
      kernels_(kernels().plastic<R>(plasticity.rule)),
      saturating_(plasticity.pairing == Pairing::nearest_symmetric) {
  const SynapseTable<R>& table = *feed.table;
  if (feed.delay > 0) {
    delay_ = feed.delay;
  } else if (table.size() > 0) {
    delay_ = table.delay_of(0);
  }
  dendritic_ = dendritic_part(delay_, plasticity.axonal_fraction);
  channel_ = feed.one_channel;
  sign_ = feed.ends.magnitude && feed.ends.by_sign() && channel_ == feed.ends.down ? R(-1) : R(1);

  const auto tau = plasticity.info().time_constants(plasticity.parameters.data());
  epoch_steps_ = epoch_steps(plasticity, dt);
  for (int k = 0; k < trace_count; ++k) {
    rate_[k] = tau[k] > 0 ? dt / tau[k] : 0;
    within_epoch_[k] = shared_table<WithinEpoch>(std::pair(rate_[k], epoch_steps_), [&] {
      WithinEpoch factors;
      for (Step n = 0; n < epoch_steps_; ++n) {  // a trace that the rule does not use stays 0
        const double past = rate_[k] * static_cast<double>(n);
        factors.rise.push_back(rate_[k] > 0 ? static_cast<R>(std::exp(past)) : R(0));
        factors.fall.push_back(rate_[k] > 0 ? static_cast<R>(std::exp(-past)) : R(0));
      }
      return factors;
    });
  }
  const std::size_t n = this->targets_.size();
  post_.assign(round_up(n, block_size), R(0));
  active_.assign(round_up(n, block_size) / block_size, 0);
  if (rate_[trace_post_2] > 0) {
    post_2_.assign(n, R(0));
  }
  if (rate_[trace_pre_2] > 0) {
    pre_2_.assign(this->index_.rows(), R(0));
  }
  calendar_.resize(span);
}

template <class R>
R TraceStore<R>::epoch_decay(Trace trace, Step epochs) const {
  return static_cast<R>(std::exp(-rate_[trace] * static_cast<double>(epochs * epoch_steps_)));
}

template <class R>
void TraceStore<R>::fetch_ahead() const {
  calendar_.fetch();
  this->sent_.fetch();
  fetch_values(this->counts_);
  fetch_values(posts_);
  fetch_values(active_);
  for (const std::vector<R>* trace : {&pre_2_, &post_, &post_2_}) {
    fetch_values(*trace);
  }
}

// Traces too small to change a weight become 0, so that idle targets are recognised.
template <class R>
void TraceStore<R>::scale(std::vector<R>& trace, Trace which) const {
  constexpr R least = sizeof(R) == 4 ? R(1e-12) : R(1e-25);
  const R factor = epoch_decay(which, 1);
  for (R& x : trace) {
    x = x * factor < least ? R(0) : x * factor;
  }
}

template <class R>
void TraceStore<R>::enqueue(Gid source, Step stamp, Step from) {
  const std::uint32_t i = this->row_of(source);
  const Step arrival = stamp + delay_ - 1;
  if (i == SourceIndex::none || arrival < from ||
      stamp + (delay_ - dendritic_) <= clock_) {  // has been sent already
    return;
  }
  calendar_.push(arrival, i);
}

template <class R>
void TraceStore<R>::note_post(std::uint32_t target, Step stamp) {
  if (posts_.size() >= most_waiting) {
    catch_up(stamp - 1 - dendritic_);  // what arrived before the present step is in
  }
  posts_.push_back({stamp + dendritic_, target});
}

template <class R>
void TraceStore<R>::potentiate_until(Step time) {
  for (; potentiated_ < posts_.size() && posts_[potentiated_].time <= time; ++potentiated_) {
    const auto [at, j] = posts_[potentiated_];
    const R before = post_2_.empty() ? R(0) : post_2_[j] * fall(trace_post_2, at);
    on_post(j, kernels_.post_factor(parameters(), before) * fall(trace_pre, at));
    // The second trace belongs to the spike before; it is not read again until the next
    // potentiation.
    if (!post_2_.empty()) {
      mark(post_2_, j, rise(trace_post_2, at));
    }
  }
}

template <class R>
void TraceStore<R>::mark_until(Step time) {
  for (; marked_ < posts_.size() && posts_[marked_].time <= time; ++marked_) {
    const auto [at, j] = posts_[marked_];
    mark(post_, j, rise(trace_post, at));
    active_[j / block_size] = 1;
    on_mark(j);
  }
  if (marked_ > 0 && 2 * marked_ >= posts_.size()) {
    posts_.erase(posts_.begin(), posts_.begin() + static_cast<std::ptrdiff_t>(marked_));
    potentiated_ -= marked_;
    marked_ = 0;
  }
}

// A step begins: what does not depend on spikes of sources.
template <class R>
void TraceStore<R>::begin(Step time) {
  if (!posts_.empty()) {
    potentiate_until(time - 1);
    mark_until(time - 1);
  }
  if (time % epoch_steps_ == 0 && time > 0) {
    scale(post_, trace_post);
    scale(post_2_, trace_post_2);
    scale(pre_2_, trace_pre_2);
    for (std::size_t b = 0; b < active_.size(); ++b) {
      const R* block = post_.data() + b * block_size;
      active_[b] = std::any_of(block, block + block_size, [](R x) { return x != 0; }) ? 1 : 0;
    }
    on_epoch();
  }
  clock_ = time;
}

template <class R>
void TraceStore<R>::step(Step time, R* channel) {
  begin(time);
  const Step arrival = time + dendritic_ - 1;
  std::vector<std::uint32_t>& arrivals = calendar_.at(arrival);
  if (arrivals.empty()) {
    return;
  }
  if (!this->plasticity_.tie_potentiates) {  // a tie potentiates with earlier traces
    potentiate_until(time);
  }
  const auto process = [&](std::uint32_t i, R* to) {
    R before = 0;
    if (!pre_2_.empty()) {
      before = pre_2_[i] * fall(trace_pre_2, time);
      mark(pre_2_, i, rise(trace_pre_2, time));
    }
    on_pre(i, kernels_.pre_factor(parameters(), before) * fall(trace_post, time), to);
  };
  fetch_rows(arrivals);
  if (channel == nullptr) {  // before they arrive: they wait with what they send
    std::vector<R> row(this->targets_.size());
    for (const std::uint32_t i : arrivals) {
      std::fill(row.begin(), row.end(), R(0));
      process(i, row.data());
      for (std::uint32_t j = 0; j < row.size(); ++j) {
        if (row[j] != 0) {
          this->add_sent(arrival, {static_cast<std::uint16_t>(this->local(j)),
                                   static_cast<std::uint16_t>(channel_), row[j]});
        }
      }
    }
  } else if (this->targets_.scattered()) {
    scattered_.resize(this->targets_.size());
    for (const std::uint32_t i : arrivals) {
      for (const std::uint16_t j : targets_of(i)) {
        scattered_[j] = channel[this->local(j)];
      }
      process(i, scattered_.data());
      for (const std::uint16_t j : targets_of(i)) {
        channel[this->local(j)] = scattered_[j];
      }
    }
  } else {
    for (const std::uint32_t i : arrivals) {
      process(i, channel + this->first_local());
    }
  }
  fetch_rows({});
  arrivals.clear();
}

// Makes up for steps in which no spike of a source arrived.
template <class R>
void TraceStore<R>::catch_up(Step time) {
  while (clock_ < time) {
    if (posts_.empty()) {  // nothing happens before the next epoch
      const Step next = (std::max<Step>(clock_, 0) / epoch_steps_ + 1) * epoch_steps_;
      clock_ = std::max(clock_, std::min(time, next) - 1);
    }
    begin(clock_ + 1);
  }
}

// Partitions see spikes of different sources, but what they have made of the targets' spikes must
// be the same in all: a layout may divide these in another way.
template <class R>
void TraceStore<R>::settle(Step now) {
  catch_up(now - dendritic_);
  if (!this->plasticity_.tie_potentiates) {  // where a source's spike arrived, this is done
    potentiate_until(clock_);
  }
}

template <class R>
void TraceStore<R>::deliver(Step step, Channels<R> input, bool early) {
  if (early != this->feed_.ends.early()) {
    return;
  }
  this->deliver_sent(step, input);
  const Step time = step + 1 - dendritic_;
  if (clock_ < time) {
    catch_up(time - 1);
    this->step(time, input[static_cast<std::size_t>(channel_)]);
  }
}

template <class R>
void TraceStore<R>::finish(Step now) {
  catch_up(now - dendritic_);  // these have been delivered
  while (clock_ < now) {
    step(clock_ + 1, nullptr);
  }
  potentiate_until(now);
  mark_until(now);
  flush();
}

template <class R>
R TraceStore<R>::trace(Readable which, std::uint32_t source_element, std::uint32_t target_element,
                       std::uint64_t, Step now) const {
  const std::uint32_t source = this->row_of_element(source_element),
                      target = this->targets_.of(target_element);
  switch (which) {
    case Readable::pre:
      return pre_trace(source) * fall(trace_pre, now);
    case Readable::post:
      return post_[target] * fall(trace_post, now);
    case Readable::pre_2:
      return pre_2_[source] * fall(trace_pre_2, now);
    case Readable::post_2:
      return post_2_[target] * fall(trace_post_2, now);
    default:
      return 0;
  }
}

template <class R>
std::vector<std::pair<std::uint32_t, std::uint16_t>> TraceStore<R>::rows() const {
  std::vector<std::pair<std::uint32_t, std::uint16_t>> rows(this->index_.rows(),
                                                            {this->no_source, delay_});
  this->for_sources([&](Gid source, Step, Step) {
    rows[this->row_of(source)].first = source - this->feed_.pre_gid;
  });
  return rows;
}

template <class R>
std::vector<PostSpike<R>> TraceStore<R>::posts() const {
  std::vector<PostSpike<R>> list;
  for (std::size_t k = std::min(marked_, potentiated_); k < posts_.size(); ++k) {
    list.push_back({posts_[k].time - dendritic_,
                    posts_[k].target,
                    {k < potentiated_ ? R(1) : R(0), k < marked_ ? R(1) : R(0), R(0)}});
  }
  return list;
}

template <class R>
void TraceStore<R>::set_posts(std::span<const PostSpike<R>> list) {
  posts_.clear();
  potentiated_ = marked_ = 0;
  for (const PostSpike<R>& post : list) {
    posts_.push_back({post.stamp + dendritic_, post.target});
    potentiated_ += post.value[0] != 0 ? 1 : 0;
    marked_ += post.value[1] != 0 ? 1 : 0;
  }
}

template <class R>
void TraceStore<R>::add_traces(PlasticParts<R>& parts) {
  parts.target.emplace_back(post_.data(), this->targets_.size());
  if (rate_[trace_post_2] > 0) {
    parts.target.emplace_back(post_2_);
  }
  if (rate_[trace_pre_2] > 0) {
    parts.row.emplace_back(pre_2_);
  }
  // The next epoch finds out which blocks are active; until then, all are.
  std::fill(active_.begin(), active_.end(), std::uint8_t{1});
}

template <class R>
void TraceStore<R>::clear() {
  PlasticStore<R>::clear();
  calendar_.clear();
  posts_.clear();
  potentiated_ = marked_ = 0;
  for (std::vector<R>* trace : {&post_, &post_2_, &pre_2_}) {
    std::fill(trace->begin(), trace->end(), R(0));
  }
  std::fill(active_.begin(), active_.end(), std::uint8_t{0});
  start(-1);
}

template class TraceStore<float>;
template class TraceStore<double>;

}  // namespace spikelet
