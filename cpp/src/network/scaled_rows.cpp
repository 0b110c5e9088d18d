#include "spikelet/network/scaled_rows.hpp"

#include <algorithm>
#include <numeric>

#include "core/plasticity/tsodyks_markram.hpp"

namespace spikelet {
namespace {

constexpr std::array<float, 3> at_rest{1, 0, 0};  // x, y, u

// Prefetches values, of a long range the begin: the rest is predicted.
template <class T>
void fetch_begin(const T* from, std::size_t count) {
  constexpr std::size_t most = 1024, line = 64;
  const auto* begin = reinterpret_cast<const char*>(from);
  const char* end = begin + std::min(count * sizeof(T), most);
  for (const char* at = begin; at < end; at += line) {
    fetch_line(at);
  }
  if (count > 0) {
    fetch_line(end - 1);  // the range need not begin with a line
  }
}

// Whether so many synapses stay in the second-level cache, with what is kept of their sources.
bool in_cache(std::size_t synapses) { return synapses <= std::size_t{1} << 17; }

}  // namespace

template <class R>
ScaledRows<R>::ScaledRows(const Feed<R>& feed, const Plasticity& plasticity, double dt,
                          std::size_t span)
    : PlasticStore<R>(feed, plasticity, dt, span), rows_(this->index_.rows() + 1) {
  const SynapseTable<R>& table = *feed.table;
  const std::size_t sources = this->index_.rows();
  if (varied()) {
    own_parameters_.resize(plasticity.varied->size());
  }
  for_each_by_delay(
      table, feed.post_begin, feed.post_end, [&](std::uint32_t i, std::uint64_t k, bool first) {
        if (first) {
          segments_.push_back({weight_.size(), 0, i, table.delay_of(k)});
          ++rows_[this->row_of_element(i) + 1];
        }
        ++segments_.back().count;
        weight_.push_back(table.weight_of(k));
        target_.push_back(
            static_cast<std::uint16_t>(feed.local + (table.post[k] - feed.post_begin)));
        for (std::size_t c = 0; c < own_parameters_.size(); ++c) {
          if (const std::vector<double>& values = (*plasticity.varied)[c]; !values.empty()) {
            own_parameters_[c].push_back(values[k]);
          }
        }
      });
  std::partial_sum(rows_.begin(), rows_.end(), rows_.begin());
  this->feed_.table = nullptr;
  last_.assign(sources, -1);
  if (varied()) {
    for (std::size_t c = 0; c < own_.size(); ++c) {
      own_[c].assign(weight_.size(), at_rest[c]);
    }
  } else {
    x_.assign(sources, 1.0);
    y_.assign(sources, 0.0);
    u_.assign(sources, 0.0);
  }
  calendar_.resize(span);
}

template <class R>
std::array<double, 4> ScaledRows<R>::parameters_of(std::uint64_t synapse) const {
  std::array<double, 4> p{};
  static_assert(p.size() == TsodyksMarkram::parameters.size());
  for (std::size_t c = 0; c < p.size(); ++c) {
    const bool own = varied() && !own_parameters_[c].empty();
    p[c] = own ? own_parameters_[c][synapse] : this->plasticity_.parameters[c];
  }
  return p;
}

// A spike on synapses that keep their own state: each sends at once what will arrive.
template <class R>
void ScaledRows<R>::send_own(std::size_t i, Step stamp, Step from) {
  auto& [x, y, u] = own_;
  const bool fired = last_[i] >= 0;
  const double since = static_cast<double>(stamp - last_[i]) * this->dt_;
  for (std::uint32_t s = rows_[i]; s < rows_[i + 1]; ++s) {
    const Segment& segment = segments_[s];
    const Step arrival = stamp + segment.delay - 1;
    for (std::uint64_t k = segment.first; k < segment.first + segment.count; ++k) {
      const TsodyksMarkram rule(parameters_of(k).data());
      TsodyksMarkram::State state{x[k], y[k], u[k]};
      if (fired) {
        rule.pass(state, since);
      }
      const auto share = static_cast<R>(rule.release(state));
      x[k] = static_cast<R>(state.x);
      y[k] = static_cast<R>(state.y);
      u[k] = static_cast<R>(state.u);
      if (arrival >= from) {
        this->add_sent(arrival,
                       {target_[k], static_cast<std::uint16_t>(this->feed_.channel_of(weight_[k])),
                        this->feed_.sent(weight_[k]) * share});
      }
    }
  }
  last_[i] = stamp;
}

template <class R>
std::size_t ScaledRows<R>::own_bytes() const {
  std::size_t bytes = 0;
  for (const Buffer<R>& values : own_) {
    bytes += values.size() * sizeof(R);
  }
  for (const std::vector<double>& values : own_parameters_) {
    bytes += values.size() * sizeof(double);
  }
  return bytes;
}

// The factor of the weight that a spike sends.
template <class R>
R ScaledRows<R>::factor(std::size_t i, Step stamp) {
  const TsodyksMarkram rule(this->plasticity_.parameters.data());
  TsodyksMarkram::State state{x_[i], y_[i], u_[i]};
  if (last_[i] >= 0) {
    rule.pass(state, static_cast<double>(stamp - last_[i]) * this->dt_);
  }
  const double share = rule.release(state);
  x_[i] = state.x;
  y_[i] = state.y;
  u_[i] = state.u;
  last_[i] = stamp;
  return static_cast<R>(share);
}

template <class R>
void ScaledRows<R>::enqueue(Gid source, Step stamp, Step from) {
  const std::uint32_t i = this->row_of(source);
  if (i == SourceIndex::none || stamp <= clock_) {
    return;
  }
  if (varied()) {
    send_own(i, stamp, from);
    return;
  }
  const R f = factor(i, stamp);
  for (std::uint32_t s = rows_[i]; s < rows_[i + 1]; ++s) {
    const Segment& segment = segments_[s];
    const Step arrival = stamp + segment.delay - 1;
    if (arrival >= from) {
      calendar_.push(arrival, {segment.first, segment.count, f});
    }
  }
}

// What a spike reads of its source, and then of its rows, was last needed at the source's last
// spike.
template <class R>
void ScaledRows<R>::enqueue_all(std::span<const Gid> sources, Step stamp, Step from) {
  constexpr std::size_t source_ahead = 16, row_ahead = 8;
  // Calls f(i) for source k, if it is one of this store.
  const auto with = [&](std::size_t k, auto&& f) {
    const std::uint32_t i = k < sources.size() ? this->row_of(sources[k]) : SourceIndex::none;
    if (i != SourceIndex::none) {
      f(std::size_t{i});
    }
  };
  const auto fetch_source = [&](std::size_t i) {
    fetch_line(&rows_[i]);
    fetch_line(&last_[i]);
    if (!varied()) {
      fetch_line(&x_[i]);
      fetch_line(&y_[i]);
      fetch_line(&u_[i]);
    }
  };
  const auto fetch_rows = [&](std::size_t i) {
    fetch_begin(segments_.data() + rows_[i], rows_[i + 1] - rows_[i]);
  };
  if (sources.size() == 1 || in_cache(weight_.size())) {
    SynapseStore<R>::enqueue_all(sources, stamp, from);
    return;
  }
  for (std::size_t k = 0; k < source_ahead; ++k) {
    with(k, fetch_source);
  }
  for (std::size_t k = 0; k < row_ahead; ++k) {
    with(k, fetch_rows);
  }
  for (std::size_t k = 0; k < sources.size(); ++k) {
    with(k + source_ahead, fetch_source);
    with(k + row_ahead, fetch_rows);
    enqueue(sources[k], stamp, from);
  }
}

template <class R>
template <class Send>
void ScaledRows<R>::send(const Arrival& arrival, Send&& to) const {
  for (std::uint64_t k = arrival.first; k < arrival.first + arrival.count; ++k) {
    to(target_[k], this->feed_.channel_of(weight_[k]),
       this->feed_.sent(weight_[k]) * arrival.factor);
  }
}

template <class R>
void ScaledRows<R>::deliver(Step step, Channels<R> input, bool early) {
  if (early != this->feed_.ends.early()) {
    return;
  }
  this->deliver_sent(step, input);
  std::vector<Arrival>& arrivals = calendar_.at(step);
  // Rows are fetched ahead, of short ones as many as the cache waits for at once.
  constexpr std::size_t arrivals_ahead = 16, most_ahead = 1024;
  const bool fetches = arrivals.size() > 1 && !in_cache(weight_.size());
  // The next row to fetch, and synapses fetched but not read.
  std::size_t next = fetches ? 0 : arrivals.size(), waiting = 0;
  for (std::size_t k = 0; k < arrivals.size(); ++k) {
    for (; next < std::min(k + arrivals_ahead, arrivals.size()) &&
           (waiting < most_ahead || next == k);
         ++next) {
      fetch_begin(weight_.data() + arrivals[next].first, arrivals[next].count);
      fetch_begin(target_.data() + arrivals[next].first, arrivals[next].count);
      waiting += arrivals[next].count;
    }
    const Arrival& arrival = arrivals[k];
    waiting -= std::min<std::size_t>(waiting, arrival.count);
    send(arrival, [&](std::uint16_t target, int channel, R value) {
      input[static_cast<std::size_t>(channel)][target] += value;
    });
  }
  arrivals.clear();
}

template <class R>
R ScaledRows<R>::trace(Readable which, std::uint32_t source, std::uint32_t, std::uint64_t position,
                       Step now) const {
  const std::uint32_t i = this->row_of_element(source);
  const TsodyksMarkram rule(parameters_of(position).data());
  TsodyksMarkram::State state =
      varied() ? TsodyksMarkram::State{own_[0][position], own_[1][position], own_[2][position]}
               : TsodyksMarkram::State{x_[i], y_[i], u_[i]};
  if (last_[i] >= 0) {
    rule.pass(state, static_cast<double>(now - last_[i]) * this->dt_);
  }
  return static_cast<R>(which == Readable::x ? state.x : which == Readable::y ? state.y : state.u);
}

template <class R>
void ScaledRows<R>::finish(Step now) {
  for (Step step = now; step < now + this->span_; ++step) {
    for (const Arrival& arrival : calendar_.at(step)) {
      send(arrival, [&](std::uint16_t target, int channel, R value) {
        this->add_sent(step, {target, static_cast<std::uint16_t>(channel), value});
      });
    }
    calendar_.at(step).clear();
  }
}

template <class R>
void ScaledRows<R>::for_each_sent(Step now,
                                  const std::function<void(Step, const Sent<R>&)>& visitor) {
  PlasticStore<R>::for_each_sent(now, visitor);
  for (Step step = now; step < now + this->span_; ++step) {
    for (const Arrival& arrival : calendar_.at(step)) {
      send(arrival, [&](std::uint16_t target, int channel, R value) {
        visitor(step, {target, static_cast<std::uint16_t>(channel), value});
      });
    }
  }
}

template <class R>
void ScaledRows<R>::for_sources(const ForSource& visitor) const {
  for (const Segment& segment : segments_) {
    visitor(this->feed_.pre_gid + segment.source, segment.delay, segment.delay);
  }
}

template <class R>
void ScaledRows<R>::visit(Gid source, const std::function<void(const SynapseRef<R>&)>& visitor) {
  const std::uint32_t i = this->row_of(source);
  if (i == SourceIndex::none) {
    return;
  }
  for (std::uint32_t s = rows_[i]; s < rows_[i + 1]; ++s) {
    for (std::uint64_t k = segments_[s].first; k < segments_[s].first + segments_[s].count; ++k) {
      visitor({segments_[s].delay, target_[k], &weight_[k], this->feed_.channel_of(weight_[k]), k});
    }
  }
}

template <class R>
void ScaledRows<R>::add_weights(std::span<double> sums) const {
  for (std::size_t k = 0; k < weight_.size(); ++k) {
    sums[number_of_target(k)] += std::abs(static_cast<double>(weight_[k]));
  }
}

template <class R>
void ScaledRows<R>::scale_weights(std::span<const R> factors) {
  for (std::size_t k = 0; k < weight_.size(); ++k) {
    weight_[k] *= factors[number_of_target(k)];
  }
}

template <class R>
PlasticParts<R> ScaledRows<R>::parts() {
  PlasticParts<R> parts;
  parts.synapse.emplace_back(weight_);
  if (varied()) {
    for (Buffer<R>& values : own_) {
      parts.synapse.emplace_back(values);
    }
  } else {
    for (std::vector<double>* values : {&x_, &y_, &u_}) {
      parts.row_double.emplace_back(*values);
    }
  }
  parts.row_step.emplace_back(last_);
  return parts;
}

template <class R>
std::vector<std::pair<std::uint32_t, std::uint16_t>> ScaledRows<R>::rows() const {
  std::vector<std::pair<std::uint32_t, std::uint16_t>> rows;
  const std::vector<std::uint32_t> elements = this->elements_of_rows();
  for (std::uint32_t i = 0; i < last_.size(); ++i) {
    rows.emplace_back(rows_[i] < rows_[i + 1] ? elements[i] : this->no_source, std::uint16_t{0});
  }
  return rows;
}

template <class R>
void ScaledRows<R>::clear() {
  PlasticStore<R>::clear();
  calendar_.clear();
  std::fill(x_.begin(), x_.end(), 1.0);
  std::fill(y_.begin(), y_.end(), 0.0);
  std::fill(u_.begin(), u_.end(), 0.0);
  for (std::size_t c = 0; c < own_.size(); ++c) {
    std::fill(own_[c].begin(), own_[c].end(), at_rest[c]);
  }
  std::fill(last_.begin(), last_.end(), Step{-1});
  clock_ = -1;
}

template class ScaledRows<float>;
template class ScaledRows<double>;

}  // namespace spikelet
