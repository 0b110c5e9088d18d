#include "network/history_rows.hpp"

#include <algorithm>
#include <cstdint>
#include <numeric>

namespace spikelet {
namespace {

// Of rows that are updated together. Those of modulated rules do more at once for each spike, and
// have fewer spikes of the older ages.
constexpr std::size_t most_together = 16, replayed_synapses = 448, modulated_synapses = 896;

// Of rows that arrive in the next step.
constexpr std::size_t most_headers = 512;

}  // namespace

template <class R>
HistoryRows<R>::HistoryRows(const Feed<R>& feed, const Plasticity& plasticity, double dt,
                            std::size_t span)
    : ReplayStore<R>(feed, plasticity, dt, span),
      rows_(this->index_.rows() + 1),
      traces_(this->targets_.size()) {
  const SynapseTable<R>& table = *feed.table;
  for_each_by_delay(table, feed.post_begin, feed.post_end,
                    [&](std::uint32_t i, std::uint64_t k, bool first) {
                      const std::uint16_t delay = table.delay_of(k);
                      if (first) {
                        const Step dendritic = dendritic_part(delay, plasticity.axonal_fraction);
                        Segment segment{};
                        segment.first = this->weight_.size();
                        segment.source = i;
                        segment.delay = delay;
                        segment.dendritic = static_cast<std::uint16_t>(dendritic);
                        segments_.push_back(segment);
                        longest_ = std::max(longest_, dendritic);
                        traces_.add_part(dendritic);
                        ++rows_[this->row_of_element(i) + 1];
                      }
                      ++segments_.back().count;
                      this->add_synapse(table, k);
                    });
  std::partial_sum(rows_.begin(), rows_.end(), rows_.begin());
  this->feed_.table = nullptr;  // the table is freed after building
  const bool modulated = plasticity.info().modulated;
  if (this->centered_ || modulated) {
    this->own_.resize(this->weight_.size());
  }
  if (modulated) {
    touched_.resize(this->weight_.size());
  }
  calendar_.resize(span);
}

template <class R>
void HistoryRows<R>::start(Step born) {
  for (Segment& segment : segments_) {
    segment.last = -1;
    segment.done = ReplayStore<R>::born(born).done;
  }
  std::fill(touched_.begin(), touched_.end(), std::max<Step>(born, 0));
}

template <class R>
void HistoryRows<R>::enqueue(Gid source, Step stamp, Step from) {
  if (const std::uint32_t i = this->row_of(source); i != SourceIndex::none) {
    push_arrivals(segments_, rows_[i], rows_[i + 1], stamp, from, calendar_);
  }
}

// The rows of a source lie together, and were last needed at its last spike.
template <class R>
void HistoryRows<R>::enqueue_all(std::span<const Gid> sources, Step stamp, Step from) {
  constexpr std::size_t ahead = 2, line = 64;
  const auto fetch = [&](Gid source) {
    const std::uint32_t i = this->row_of(source);
    if (i == SourceIndex::none) {
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
    listed_.push_back({this->weight_.data() + segment.first,
                       this->own_.empty() ? nullptr : this->own_.data() + segment.first,
                       this->target_.data() + segment.first, segment.count});
  }
  const std::size_t lead = RowsAhead<R>::lead;
  ahead_ = RowsAhead<R>(listed_, touched_.empty() ? lead : 2 * lead);
}

// Spikes of sources reach their rows.
template <class R>
void HistoryRows<R>::process(std::span<const std::uint32_t> rows, Step arrival) {
  update(rows, arrival);
  for (const std::uint32_t row : rows) {
    this->pass(segments_[row], time_at(row, arrival));
  }
}

// Adds the weights of a row to the input.
template <class R>
void HistoryRows<R>::send(std::uint32_t row, Channels<R> input) const {
  const Feed<R>& feed = this->feed_;
  const Segment& segment = segments_[row];
  const R* weight = this->weight_.data() + segment.first;
  const std::uint16_t* target = this->target_.data() + segment.first;
  if (feed.one_channel >= 0 && !feed.ends.magnitude && !this->targets_.scattered()) {
    R* to = input[static_cast<std::size_t>(feed.one_channel)] + this->first_local();
#pragma GCC unroll 8
    for (std::uint32_t k = 0; k < segment.count; ++k) {
      to[target[k]] += weight[k];
    }
    return;
  }
  for (std::uint32_t k = 0; k < segment.count; ++k) {
    input[static_cast<std::size_t>(feed.channel_of(weight[k]))][this->local(target[k])] +=
        feed.sent(weight[k]);
  }
}

// About how many synapses rows have. Where that decides about traces of all targets, it is counted:
// a network may have a few rows that are long, and others that fire.
template <class R>
std::size_t HistoryRows<R>::synapses_of(std::span<const std::uint32_t> rows) const {
  const std::size_t mean = this->weight_.size() / std::max<std::size_t>(segments_.size(), 1),
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
  traces_.start(step, this->first_only_ ? 0 : synapses_of(rows));
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
          const int channel = this->feed_.channel_of(this->weight_[k]);
          this->add_sent(arrival,
                         {static_cast<std::uint16_t>(this->local(this->target_[k])),
                          static_cast<std::uint16_t>(channel), this->feed_.sent(this->weight_[k])});
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
    return this->own_[position];
  }
  std::size_t row = rows_[this->row_of_element(source)];
  while (position >= segments_[row].first + segments_[row].count) {
    ++row;
  }
  const Segment& segment = segments_[row];
  return which == Readable::pre || which == Readable::pre_2
             ? this->source_trace(which, segment, position, now)
             : this->target_trace(which, this->targets_.of(target),
                                  now - segment.dendritic);  // when they left
}

// All arrivals before `step` have been delivered, so source spikes up to step - dendritic part are
// in. Later ones find the posts up to then potentiated already, and need only the latest of those,
// for its trace.
template <class R>
void HistoryRows<R>::settle(Step step) {
  for (std::size_t row = 0; row < segments_.size(); ++row) {
    settle_row(row, step - segments_[row].dendritic);
  }
  this->spikes_.compact([&](Step stamp) { return stamp <= step - 2 * longest_; }, step);
}

template <class R>
PlasticParts<R> HistoryRows<R>::parts() {
  PlasticParts<R> parts = this->parts_of(segments_);
  if (!touched_.empty()) {
    parts.synapse_step.emplace_back(touched_);
  }
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
void HistoryRows<R>::clear() {
  ReplayStore<R>::clear();
  calendar_.clear();
  for (Segment& segment : segments_) {
    segment.pre = segment.pre_2 = 0;
  }
  start(-1);
}

template <class R>
void HistoryRows<R>::for_sources(const ForSource& visitor) const {
  for (const Segment& segment : segments_) {
    visitor(this->feed_.pre_gid + segment.source, segment.delay, segment.delay);
  }
}

template <class R>
void HistoryRows<R>::visit(Gid source, const std::function<void(const SynapseRef<R>&)>& visitor) {
  const std::uint32_t i = this->row_of(source);
  if (i == SourceIndex::none) {
    return;
  }
  for (std::uint32_t s = rows_[i]; s < rows_[i + 1]; ++s) {
    for (std::uint64_t k = segments_[s].first; k < segments_[s].first + segments_[s].count; ++k) {
      visitor({segments_[s].delay, this->local(this->target_[k]), &this->weight_[k],
               this->feed_.channel_of(this->weight_[k]), k});
    }
  }
}

template <class R>
std::size_t HistoryRows<R>::bytes() const {
  return (this->weight_.size() + this->own_.size()) * sizeof(R) +
         this->target_.size() * sizeof(std::uint16_t) + touched_.size() * sizeof(Step) +
         segments_.size() * sizeof(Segment) + rows_.size() * sizeof(std::uint32_t);
}

template class HistoryRows<float>;
template class HistoryRows<double>;

}  // namespace spikelet
