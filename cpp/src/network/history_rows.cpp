#include "network/history_rows.hpp"

#include <algorithm>
#include <cstdint>
#include <numeric>

namespace spikelet {
namespace {

constexpr Step tabled = 1 << 15;
// Of rows that are updated together. Those of modulated rules do more at once for each spike, and
// have fewer spikes of the older ages.
constexpr std::size_t most_together = 16, replayed_synapses = 448, modulated_synapses = 896;

// Of rows that arrive in the next step.
constexpr std::size_t most_headers = 512;

// The first factors of a decay, until they are 0.
template <class R>
std::vector<R> first_factors(const Decay<R>& decay) {
  std::vector<R> factors{decay(0)};
  while (factors.back() != 0 && static_cast<Step>(factors.size()) < tabled) {
    factors.push_back(decay(static_cast<Step>(factors.size())));
  }
  return factors;
}

template <class R>
DecayTable<R> table_of(const std::vector<R>& factors, const Decay<R>& decay) {
  return {factors.data(), static_cast<std::int32_t>(factors.size()),
          factors.back() != 0 ? &decay : nullptr};
}

}  // namespace

template <class R>
HistoryRows<R>::HistoryRows(const Feed<R>& feed, const Plasticity& plasticity, double dt,
                            std::size_t span)
    : PlasticStore<R>(feed, plasticity, dt, span),
      tie_(plasticity.tie_potentiates ? 1 : 0),
      nearest_pre_(plasticity.pairing == Pairing::nearest_symmetric ||
                   plasticity.pairing == Pairing::nearest_restricted),
      nearest_post_(plasticity.pairing != Pairing::all_to_all),
      first_only_(plasticity.pairing == Pairing::nearest_restricted),
      centered_(plasticity.pairing == Pairing::nearest_pre_centered),
      spikes_(feed.post_end - feed.post_begin,
              plasticity.info().time_constants(plasticity.parameters.data())[trace_post_2] > 0),
      traces_(feed.post_end - feed.post_begin) {
  const auto tau = plasticity.info().time_constants(plasticity.parameters.data());
  const auto decay = [&](Trace trace) {
    return tau[trace] > 0 ? Decay<R>(dt, tau[trace]) : Decay<R>();
  };
  pre_decay_ = decay(trace_pre);
  post_decay_ = decay(trace_post);
  pre_2_decay_ = decay(trace_pre_2);
  post_2_decay_ = decay(trace_post_2);
  pre_factors_ = first_factors(pre_decay_);
  post_factors_ = first_factors(post_decay_);
  const SynapseTable<R>& table = *feed.table;
  rows_.assign(table.row.size(), 0);
  for_each_by_delay(
      table, feed.post_begin, feed.post_end, [&](std::uint32_t i, std::uint64_t k, bool first) {
        const std::uint16_t delay = table.delay_of(k);
        if (first) {
          const Step dendritic = dendritic_part(delay, plasticity.axonal_fraction);
          Segment segment{};
          segment.first = weight_.size();
          segment.source = i;
          segment.delay = delay;
          segment.dendritic = static_cast<std::uint16_t>(dendritic);
          segments_.push_back(segment);
          longest_ = std::max(longest_, dendritic);
          traces_.add_part(dendritic);
          ++rows_[i + 1];
        }
        ++segments_.back().count;
        weight_.push_back(table.weight_of(k));
        target_.push_back(static_cast<std::uint16_t>(table.post[k] - feed.post_begin));
      });
  std::partial_sum(rows_.begin(), rows_.end(), rows_.begin());
  this->feed_.table = nullptr;  // the table is freed after building
  const bool modulated = plasticity.info().modulated;
  if (centered_ || modulated) {
    own_.resize(weight_.size());
  }
  if (modulated) {
    touched_.resize(weight_.size());
  }
  spikes_limit_ = least_limit();
  calendar_.resize(span);
}

template <class R>
void HistoryRows<R>::start(Step born) {
  for (Segment& segment : segments_) {
    segment.last = -1;
    segment.done = std::max<Step>(born, 0) - 1;
  }
  std::fill(touched_.begin(), touched_.end(), std::max<Step>(born, 0));
}

template <class R>
void HistoryRows<R>::enqueue(Gid source, Step stamp, Step from) {
  const std::size_t i = source - this->feed_.pre_gid;
  if (source < this->feed_.pre_gid || i + 1 >= rows_.size()) {
    return;
  }
  for (std::uint32_t s = rows_[i]; s < rows_[i + 1]; ++s) {
    const Segment& segment = segments_[s];
    const Step arrival = stamp + segment.delay - 1;
    const Step time = stamp + (segment.delay - segment.dendritic);
    if (arrival >= from && time > segment.last) {  // else it was sent already
      calendar_.at(arrival).push_back(s);
    }
  }
}

// The rows of a source lie together, and were last needed at its last spike.
template <class R>
void HistoryRows<R>::enqueue_all(std::span<const Gid> sources, Step stamp, Step from) {
  constexpr std::size_t ahead = 2, line = 64;
  const auto fetch = [&](Gid source) {
    const std::size_t i = source - this->feed_.pre_gid;
    if (source < this->feed_.pre_gid || i + 1 >= rows_.size()) {
      return;
    }
    const auto* begin = reinterpret_cast<const char*>(segments_.data() + rows_[i]);
    const std::size_t bytes = (rows_[i + 1] - rows_[i]) * sizeof(Segment);
    for (std::size_t at = 0; at < bytes; at += line) {
      fetch_line(begin + at);
    }
  };
  for (std::size_t k = 0; k < std::min(ahead, sources.size()); ++k) {
    fetch(sources[k]);
  }
  for (std::size_t k = 0; k < sources.size(); ++k) {
    if (k + ahead < sources.size()) {
      fetch(sources[k + ahead]);
    }
    enqueue(sources[k], stamp, from);
  }
}

// What is kept of each row.
template <class R>
void HistoryRows<R>::fetch_headers(std::span<const std::uint32_t> rows) const {
  for (const std::uint32_t row : rows.first(std::min(rows.size(), most_headers))) {
    const Segment* segment = segments_.data() + row;
    __builtin_prefetch(segment, 1);
    __builtin_prefetch(&segment->even, 1);  // it may lie on two lines
  }
}

// These rows are updated next; none: others may be.
template <class R>
void HistoryRows<R>::fetch_rows(std::span<const std::uint32_t> rows) {
  listed_.clear();
  for (const std::uint32_t row : rows) {
    const Segment& segment = segments_[row];
    listed_.push_back({weight_.data() + segment.first,
                       own_.empty() ? nullptr : own_.data() + segment.first,
                       target_.data() + segment.first, segment.count});
  }
  const std::size_t lead = RowsAhead<R>::lead;
  ahead_ = RowsAhead<R>(listed_, touched_.empty() ? lead : 2 * lead);
}

// Spikes of sources reach their rows.
template <class R>
void HistoryRows<R>::process(std::span<const std::uint32_t> rows, Step arrival) {
  update(rows, arrival);
  for (const std::uint32_t row : rows) {
    Segment& segment = segments_[row];
    const Step time = time_at(row, arrival), since = time - segment.last;
    const bool fired = segment.last >= 0;
    segment.pre = nearest_pre_ || !fired ? R(1) : segment.pre * pre_decay_(since) + R(1);
    const R second = fired ? segment.pre_2 * pre_2_decay_(since) : R(0);
    segment.pre_2 = nearest_pre_ ? R(1) : second + R(1);
    segment.last = time;
    segment.done = std::max(segment.done, time - tie_);
  }
}

// Adds the weights of a row to the input.
template <class R>
void HistoryRows<R>::send(std::uint32_t row, Channels<R> input) const {
  const Feed<R>& feed = this->feed_;
  const Segment& segment = segments_[row];
  const R* weight = weight_.data() + segment.first;
  const std::uint16_t* target = target_.data() + segment.first;
  if (feed.one_channel >= 0 && !feed.ends.magnitude) {
    R* to = input[static_cast<std::size_t>(feed.one_channel)] + feed.local;
#pragma GCC unroll 8
    for (std::uint32_t k = 0; k < segment.count; ++k) {
      to[target[k]] += weight[k];
    }
    return;
  }
  for (std::uint32_t k = 0; k < segment.count; ++k) {
    input[static_cast<std::size_t>(feed.channel_of(weight[k]))][feed.local + target[k]] +=
        feed.sent(weight[k]);
  }
}

// About how many synapses rows have. Where that decides about traces of all targets, it is counted:
// a network may have a few rows that are long, and others that fire.
template <class R>
std::size_t HistoryRows<R>::synapses_of(std::span<const std::uint32_t> rows) const {
  const std::size_t mean = weight_.size() / std::max<std::size_t>(segments_.size(), 1),
                    expected = rows.size() * mean;
  if (!traces_.pays(expected)) {
    return expected;
  }
  return std::accumulate(
      rows.begin(), rows.end(), std::size_t{0},
      [&](std::size_t sum, std::uint32_t row) { return sum + segments_[row].count; });
}

template <class R>
void HistoryRows<R>::deliver(Step step, Channels<R> input, bool early) {
  if (early != this->feed_.ends.early()) {
    return;
  }
  this->deliver_sent(step, input);  // of earlier stamps than any arrival below
  auto& arrivals = calendar_.at(step);
  const std::span<const std::uint32_t> rows(arrivals);
  traces_.start(step, first_only_ ? 0 : synapses_of(rows));
  fetch_rows(rows);
  const std::size_t synapses_together = touched_.empty() ? replayed_synapses : modulated_synapses;
  for (std::size_t begin = 0, end = 0; begin < rows.size(); begin = end) {
    // A few rows are updated together. None of them twice: a source may spike twice in a step.
    std::size_t synapses = 0;
    do {
      synapses += segments_[rows[end++]].count;
    } while (end < rows.size() && end - begin < most_together && rows[end] != rows[end - 1] &&
             synapses + segments_[rows[end]].count <= synapses_together);
    process(rows.subspan(begin, end - begin), step);
    for (std::size_t a = begin; a < end; ++a) {
      send(rows[a], input);
    }
  }
  traces_.stop();
  arrivals.clear();
  fetch_rows({});
  fetch_headers(calendar_.at(step + 1));
}

template <class R>
Replaying<R> HistoryRows<R>::replaying(bool depresses) {
  return {spikes_.view(),
          table_of(pre_factors_, pre_decay_),
          table_of(post_factors_, post_decay_),
          post_factor(R(0)),
          static_cast<std::int32_t>(tie_),
          first_only_,
          depresses,
          &ahead_};
}

template <class R>
ReplayedRow<R> HistoryRows<R>::row_until(std::size_t row, Step upto) {
  const Segment& segment = segments_[row];
  const auto left = [&](Step time) { return spikes_.relative(time - segment.dendritic); };
  ReplayedRow<R> replayed{};
  replayed.weight = weight_.data() + segment.first;
  replayed.own = own_.empty() ? nullptr : own_.data() + segment.first;
  replayed.target = target_.data() + segment.first;
  replayed.n = segment.count;
  replayed.from = left(segment.done);
  replayed.to = left(upto);
  replayed.last = left(segment.last);
  replayed.pre = segment.pre;
  return replayed;
}

template <class R>
ReplayedRow<R> HistoryRows<R>::row_at_spike(std::size_t row, Step time) {
  ReplayedRow<R> replayed = row_until(row, time - tie_);
  const Segment& segment = segments_[row];
  const bool fired = segment.last >= 0;
  replayed.time = spikes_.relative(time - segment.dendritic);
  replayed.down = pre_factor(fired ? segment.pre_2 * pre_2_decay_(time - segment.last) : R(0));
  replayed.own_decay = centered_ && fired ? pre_decay_(time - segment.last) : R(0);
  return replayed;
}

template <class R>
void HistoryRows<R>::set_parameters(const std::vector<double>& parameters) {
  PlasticStore<R>::set_parameters(parameters);
  spikes_.set_factors([&](R before_2) { return post_factor(before_2); });
}

template <class R>
void HistoryRows<R>::finish(Step now) {
  for (Step arrival = now; arrival < now + this->span_; ++arrival) {
    std::vector<std::uint32_t> later;
    for (const std::uint32_t row : calendar_.at(arrival)) {
      if (time_at(row, arrival) > now) {
        later.push_back(row);
      } else {
        process({&row, 1}, arrival);
        const Segment& segment = segments_[row];  // events wait with the weights they are sent with
        for (std::uint64_t k = segment.first; k < segment.first + segment.count; ++k) {
          const int channel = this->feed_.channel_of(weight_[k]);
          this->add_sent(arrival,
                         {static_cast<std::uint16_t>(this->feed_.local + target_[k]),
                          static_cast<std::uint16_t>(channel), this->feed_.sent(weight_[k])});
        }
      }
    }
    calendar_.at(arrival).swap(later);
  }
  for (std::size_t row = 0; row < segments_.size(); ++row) {
    settle_row(row, now);
  }
  settle_eligibility(now);
}

template <class R>
R HistoryRows<R>::trace(Readable which, std::uint32_t source, std::uint32_t target,
                        std::uint64_t position, Step now) const {
  if (which == Readable::eligibility) {
    return own_[position];
  }
  std::size_t row = rows_[source];
  while (position >= segments_[row].first + segments_[row].count) {
    ++row;
  }
  if (which == Readable::pre || which == Readable::pre_2) {
    const Segment& segment = segments_[row];
    if (segment.last < 0) {
      return 0;
    }
    const Step since = now - segment.last;
    return which == Readable::pre_2
               ? segment.pre_2 * pre_2_decay_(since)
               : (centered_ ? own_[position] : segment.pre) * pre_decay_(since);
  }
  const Step at = now - segments_[row].dendritic;  // when spikes left that arrive now
  typename SpikeLists<R>::Found post;
  if (!spikes_.find(target, at, post)) {
    return 0;
  }
  return which == Readable::post ? post.trace * post_decay_(at - post.stamp)
                                 : post.trace_2 * post_2_decay_(at - post.stamp);
}

template <class R>
void HistoryRows<R>::note_post(std::uint32_t target, Step stamp) {
  if (!spikes_.reaches(stamp)) {
    spikes_.compact([](Step) { return false; }, stamp);
  }
  R before = 0, before_2 = 0;
  typename SpikeLists<R>::Found last;
  if (spikes_.find(target, stamp, last)) {
    const Step since = stamp - last.stamp;
    before = last.trace * post_decay_(since);
    before_2 = last.trace_2 * post_2_decay_(since);
  }
  spikes_.add(
      target,
      {stamp,
       target,
       {nearest_post_ ? R(1) : before + R(1), nearest_post_ ? R(1) : before_2 + R(1), before_2}},
      spikes_.has_second() ? post_factor(before_2) : R(0));
  if (spikes_.size() > spikes_limit_) {
    settle(stamp - 1);
    spikes_limit_ = std::max(2 * spikes_.size(), least_limit());
  }
}

// All arrivals before `step` have been delivered, so source spikes up to step - dendritic part are
// in. Later ones find the posts up to then potentiated already, and need only the latest of those,
// for its trace.
template <class R>
void HistoryRows<R>::settle(Step step) {
  for (std::size_t row = 0; row < segments_.size(); ++row) {
    settle_row(row, step - segments_[row].dendritic);
  }
  spikes_.compact([&](Step stamp) { return stamp <= step - 2 * longest_; }, step);
}

template <class R>
void HistoryRows<R>::add_weights(std::span<double> sums) const {
  for (std::size_t k = 0; k < weight_.size(); ++k) {
    sums[target_[k]] += std::abs(static_cast<double>(weight_[k]));
  }
}

template <class R>
void HistoryRows<R>::scale_weights(std::span<const R> factors) {
  for (std::size_t k = 0; k < weight_.size(); ++k) {
    weight_[k] = this->limited(weight_[k] * factors[target_[k]]);
  }
}

template <class R>
PlasticParts<R> HistoryRows<R>::parts() {
  PlasticParts<R> parts;
  parts.synapse.emplace_back(weight_);
  if (!own_.empty()) {
    parts.synapse.emplace_back(own_);
  }
  if (!touched_.empty()) {
    parts.synapse_step.emplace_back(touched_);
  }
  const auto column = [&](auto Segment::* field) {
    return Strided(segments_.empty() ? nullptr : &(segments_.front().*field), segments_.size(),
                   sizeof(Segment));
  };
  parts.row = {column(&Segment::pre), column(&Segment::pre_2)};
  parts.row_step = {column(&Segment::last), column(&Segment::done)};
  return parts;
}

template <class R>
std::vector<std::pair<std::uint32_t, std::uint16_t>> HistoryRows<R>::rows() const {
  std::vector<std::pair<std::uint32_t, std::uint16_t>> rows;
  for (const Segment& segment : segments_) {
    rows.emplace_back(segment.source, segment.delay);
  }
  return rows;
}

template <class R>
std::vector<PostSpike<R>> HistoryRows<R>::posts() const {
  std::vector<PostSpike<R>> list;
  spikes_.for_each([&](const PostSpike<R>& post) { list.push_back(post); });
  return list;
}

template <class R>
void HistoryRows<R>::set_posts(std::span<const PostSpike<R>> list) {
  spikes_.clear();
  for (const PostSpike<R>& post : list) {
    if (!spikes_.reaches(post.stamp)) {
      spikes_.compact([](Step) { return false; }, post.stamp);
    }
    spikes_.add(post.target, post, spikes_.has_second() ? post_factor(post.value[2]) : R(0));
  }
}

template <class R>
void HistoryRows<R>::clear() {
  PlasticStore<R>::clear();
  calendar_.clear();
  for (Segment& segment : segments_) {
    segment.pre = segment.pre_2 = 0;
  }
  std::fill(own_.begin(), own_.end(), R(0));
  start(-1);
  spikes_.clear();
}

template <class R>
void HistoryRows<R>::for_sources(const ForSource& visitor) const {
  for (const Segment& segment : segments_) {
    visitor(this->feed_.pre_gid + segment.source, segment.delay, segment.delay);
  }
}

template <class R>
void HistoryRows<R>::visit(Gid source, const std::function<void(const SynapseRef<R>&)>& visitor) {
  const std::size_t i = source - this->feed_.pre_gid;
  for (std::uint32_t s = rows_[i]; s < rows_[i + 1]; ++s) {
    for (std::uint64_t k = segments_[s].first; k < segments_[s].first + segments_[s].count; ++k) {
      visitor({segments_[s].delay, static_cast<std::uint16_t>(this->feed_.local + target_[k]),
               &weight_[k], this->feed_.channel_of(weight_[k]), k});
    }
  }
}

template <class R>
std::size_t HistoryRows<R>::bytes() const {
  return (weight_.size() + own_.size()) * sizeof(R) + target_.size() * sizeof(std::uint16_t) +
         touched_.size() * sizeof(Step) + segments_.size() * sizeof(Segment) +
         rows_.size() * sizeof(std::uint32_t);
}

template class HistoryRows<float>;
template class HistoryRows<double>;

}  // namespace spikelet
