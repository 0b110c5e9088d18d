#include "network/queued_history.hpp"

#include <algorithm>

#include "spikelet/network/network.hpp"

namespace spikelet {
namespace {

// Of sources that are updated together.
constexpr std::size_t most_together = 16, synapses_together = 448;

// Sources whose headers are fetched ahead.
constexpr std::ptrdiff_t headers_ahead = 16;

}  // namespace

template <class R>
QueuedHistory<R>::QueuedHistory(const Feed<R>& feed, const Plasticity& plasticity, double dt,
                                std::size_t span)
    : ReplayStore<R>(feed, plasticity, dt, span) {
  const SynapseTable<R>& table = *feed.table;
  std::vector<std::uint64_t> order;
  // Rows before this one that have no synapses begin here, too.
  const auto begin = [&](std::size_t row) {
    while (sources_.size() <= row) {
      sources_.push_back({{}, delay_.size()});
    }
  };
  table.row.for_each([&](std::uint32_t i, std::uint64_t first, std::uint64_t end) {
    order.clear();
    for (std::uint64_t k = first; k < end; ++k) {
      if (table.post[k] >= feed.post_begin && table.post[k] < feed.post_end) {
        order.push_back(k);
      }
    }
    if (order.empty()) {
      return;
    }
    begin(this->row_of_element(i));
    // Synapses of a pair are summed in the order that rows by delay have.
    const auto post = [&](std::uint64_t k) { return table.post[k]; };
    if (std::ranges::adjacent_find(order, {}, post) != order.end()) {
      std::ranges::stable_sort(
          order, {}, [&](std::uint64_t k) { return std::pair(table.post[k], table.delay_of(k)); });
    }
    for (const std::uint64_t k : order) {
      this->add_synapse(table, k);
      delay_.push_back(table.delay_of(k));
    }
  });
  begin(this->index_.rows());
  this->feed_.table = nullptr;  // the table is freed after building
  if (this->centered_) {
    this->own_.resize(this->weight_.size());
  }
  due_.resize(list_bits(), span);
}

template <class R>
void QueuedHistory<R>::start(Step born) {
  for (Source& source : sources_) {
    source.spikes = ReplayStore<R>::born(born);
  }
  rows_ = {};
  split_sources_ = 0;
  written_ = false;
  written_until_ = -1;
}

// Calls f(row of the source, delay), in this order.
template <class R>
template <class F>
void QueuedHistory<R>::for_rows(F&& f) const {
  std::vector<std::uint16_t> delays;
  for (std::uint32_t i = 0; i < count(); ++i) {
    delays.assign(delays_of(i).begin(), delays_of(i).end());
    std::ranges::sort(delays);
    delays.erase(std::unique(delays.begin(), delays.end()), delays.end());
    for (const std::uint16_t delay : delays) {
      f(i, delay);
    }
  }
}

template <class R>
auto QueuedHistory<R>::rows_of(std::size_t i) -> std::span<Row> {
  const auto [first, last] = std::ranges::equal_range(rows_, i, {}, &Row::source);
  return {first, last};
}

// From now on, the rows of a source may differ.
template <class R>
void QueuedHistory<R>::split_up(std::size_t i) {
  if (rows_.empty()) {
    std::vector<Row> rows;
    for_rows([&](std::uint32_t k, std::uint16_t delay) { rows.push_back({{}, k, delay}); });
    rows_.swap(rows);  // all of them, or none if memory runs out
  }
  if (!is_split(i)) {
    for (Row& row : rows_of(i)) {
      static_cast<SourceSpikes&>(row) = sources_[i].spikes;
    }
    sources_[i].spikes.last = split;
    ++split_sources_;
  }
}

// After others may have changed rows: finds the sources whose rows know the same.
template <class R>
void QueuedHistory<R>::join_all() {
  if (!written_) {
    return;
  }
  written_ = false;
  for (std::size_t i = 0; i < count(); ++i) {
    if (is_split(i)) {
      for (const Row& row : rows_of(i)) {
        written_until_ = std::max(written_until_, row.last);
      }
      join(i);
    }
  }
}

// A split source, if its rows know the same. Rows are only kept as long as one is split.
template <class R>
void QueuedHistory<R>::join(std::size_t i) {
  const std::span<const Row> rows = rows_of(i);
  const SourceSpikes first = rows.front();
  if (std::ranges::all_of(rows, [&](const Row& row) {
        return row.last == first.last && row.done == first.done && row.pre == first.pre &&
               row.pre_2 == first.pre_2;
      })) {
    sources_[i].spikes = first;
    if (--split_sources_ == 0) {
      rows_ = {};
    }
  }
}

// Whether a spike has arrived at targets of some synapses before `from`.
template <class R>
bool QueuedHistory<R>::passed(std::size_t i, Step stamp, Step from) const {
  return stamp < from && stamp + std::ranges::min(delays_of(i)) - 1 < from;
}

template <class R>
void QueuedHistory<R>::enqueue(Gid source, Step stamp, Step from) {
  enqueue_all({&source, 1}, stamp, from);
}

// Lists the sources that have synapses, and the spikes that are new to them.
template <class R>
void QueuedHistory<R>::list(std::span<const Gid> sources, Step stamp, Step from) {
  listed_.clear();
  ahead_of_.clear();
  auto at = std::ranges::lower_bound(sources, this->index_.first());
  for (; at != sources.end() && *at - this->index_.first() < this->index_.span(); ++at) {
    const std::uint32_t i = this->row_of(*at);
    if (i == SourceIndex::none) {
      continue;
    }
    if (sources.end() - at > headers_ahead) {
      const std::size_t later = this->row_of(at[headers_ahead]);
      const Source* source = &sources_[std::min(later, count() - 1)];
      fetch_line(source);
      fetch_line(&source[1].first);  // it may lie on the next line
    }
    if (synapses_of(i) == 0 || (!is_split(i) && !is_new(sources_[i].spikes, stamp))) {
      continue;
    }
    listed_.push_back(i);
    if (passed(i, stamp, from)) {
      split_up(i);
    }
    if (!is_split(i)) {
      const std::uint64_t first = first_of(i);
      ahead_of_.push_back({this->weight_.data() + first,
                           this->own_.empty() ? nullptr : this->own_.data() + first,
                           this->target_.data() + first, synapses_of(i), delay_.data() + first});
    }
  }
}

// How many of those listed from `begin` on are updated together: none of them twice, as a source
// may spike twice in a step; or the spikes of one split source.
template <class R>
std::size_t QueuedHistory<R>::take(std::size_t begin) const {
  std::size_t end = begin;
  if (is_split(listed_[begin])) {
    while (end < listed_.size() && listed_[end] == listed_[begin]) {
      ++end;
    }
    return end - begin;
  }
  std::size_t synapses = 0;
  do {
    synapses += synapses_of(listed_[end++]);
  } while (end < listed_.size() && end - begin < most_together &&
           listed_[end] != listed_[end - 1] && !is_split(listed_[end]) &&
           synapses + synapses_of(listed_[end]) <= synapses_together);
  return end - begin;
}

// In order, which is the order of additions at a target.
template <class R>
void QueuedHistory<R>::enqueue_all(std::span<const Gid> sources, Step stamp, Step from) {
  join_all();
  list(sources, stamp, from);
  RowsAhead<R> ahead(ahead_of_);
  const std::span<const std::uint32_t> all(listed_);
  for (std::size_t begin = 0, n = 0; begin < all.size(); begin += n) {
    n = take(begin);
    if (is_split(all[begin])) {
      update_rows(all[begin], n, stamp, from);
    } else {
      update(all.subspan(begin, n), stamp, ahead);
    }
  }
}

// For kernels: times are those at the synapses.
template <class R>
ReplayedRow<R> QueuedHistory<R>::of_own_delays(ReplayedRow<R> row, std::uint64_t first) const {
  row.dendritic = delay_.data() + first;
  return row;
}

// Several different sources that spike at `stamp`: at their synapses, too.
template <class R>
void QueuedHistory<R>::update(std::span<const std::uint32_t> sources, Step stamp,
                              RowsAhead<R>& ahead) {
  at_spike_.clear();
  for (const std::uint32_t i : sources) {
    const std::uint64_t first = first_of(i);
    at_spike_.push_back(of_own_delays(
        this->row_at_spike(sources_[i].spikes, first, synapses_of(i), 0, stamp), first));
  }
  this->kernels_.replayed_rows(this->parameters(), this->replaying(true, &ahead), at_spike_);
  for (const std::uint32_t i : sources) {
    this->pass(sources_[i].spikes, stamp);
    send(first_of(i), synapses_of(i), stamp);
  }
}

// The same for a split source. Rows are left out that a spike has reached before.
template <class R>
void QueuedHistory<R>::update_rows(std::size_t i, std::size_t spikes, Step stamp, Step from) {
  const std::span<Row> rows = rows_of(i);
  for (Row& row : rows) {
    if (!is_new(row, stamp) || stamp + row.delay - 1 < from) {
      continue;
    }
    for (std::size_t spike = 0; spike < spikes; ++spike) {
      for (std::uint64_t k = first_of(i); k < first_of(i + 1); ++k) {
        if (delay_[k] == row.delay) {
          const ReplayedRow<R> one = of_own_delays(this->row_at_spike(row, k, 1, 0, stamp), k);
          this->kernels_.replayed_rows(this->parameters(), this->replaying(true), {&one, 1});
          send(k, 1, stamp);
        }
      }
      this->pass(row, stamp);
    }
  }
  join(i);
}

// Weights go into the lists of the steps when they arrive.
template <class R>
void QueuedHistory<R>::send(std::uint64_t first, std::size_t n, Step stamp) {
  const Feed<R>& feed = this->feed_;
  const R* weight = this->weight_.data() + first;
  const std::uint16_t *target = this->target_.data() + first, *delay = delay_.data() + first;
  typename Events::Writer writer(due_, stamp);
  if (feed.one_channel >= 0 && !feed.ends.magnitude && !this->targets_.scattered()) {
    for (std::size_t k = 0; k < n; ++k) {
      writer.push(delay[k] - 1u, weight[k], target[k]);
    }
    return;
  }
  const int bits = list_bits();
  for (std::size_t k = 0; k < n; ++k) {
    const std::uint32_t down = bits > 0 && weight[k] < 0 ? 1 : 0;
    writer.push((delay[k] - 1u) << bits | down, feed.sent(weight[k]),
                this->local(target[k]) - this->first_local());
  }
}

template <class R>
std::size_t QueuedHistory<R>::channel_of_list(std::uint32_t list) const {
  const Feed<R>& feed = this->feed_;
  return static_cast<std::size_t>(feed.one_channel >= 0 ? feed.one_channel
                                  : list == 0           ? feed.ends.up
                                                        : feed.ends.down);
}

template <class R>
void QueuedHistory<R>::deliver(Step step, Channels<R> input, bool early) {
  if (early != this->feed_.ends.early()) {
    return;
  }
  this->deliver_sent(step, input);  // of earlier stamps than any event below
  due_.take(step, [&](std::uint32_t list) {
    R* to = input[channel_of_list(list)] + this->first_local();
    return [to](R weight, std::uint32_t target) { to[target] += weight; };
  });
}

template <class R>
void QueuedHistory<R>::for_each_sent(Step now,
                                     const std::function<void(Step, const Sent<R>&)>& visitor) {
  PlasticStore<R>::for_each_sent(now, visitor);
  for (Step arrival = now; arrival < now + this->span_; ++arrival) {
    due_.for_each(arrival, [&](std::uint32_t list, R weight, std::uint32_t target) {
      visitor(arrival, {static_cast<std::uint16_t>(this->first_local() + target),
                        static_cast<std::uint16_t>(channel_of_list(list)), weight});
    });
  }
}

// Potentiates by the spikes that are at `n` synapses by then, which know the same.
template <class R>
void QueuedHistory<R>::settle(SourceSpikes& spikes, std::uint64_t first, std::size_t n, Step upto) {
  if (upto > spikes.done && spikes.pre > 0) {
    const ReplayedRow<R> row = of_own_delays(this->row_until(spikes, first, n, 0, upto), first);
    this->kernels_.replayed_rows(this->parameters(), this->replaying(false), {&row, 1});
  }
}

template <class R>
void QueuedHistory<R>::settle_row(Row& row, Step upto) {
  for (std::uint64_t k = first_of(row.source); k < first_of(row.source + 1); ++k) {
    if (delay_[k] == row.delay) {
      settle(row, k, 1, upto);
    }
  }
  row.done = std::max(row.done, upto);
}

// Sources' spikes up to `now` are at their synapses, and what these sent is in the lists.
template <class R>
void QueuedHistory<R>::finish(Step now) {
  join_all();
  for (std::size_t i = 0; i < count(); ++i) {
    if (is_split(i)) {
      for (Row& row : rows_of(i)) {
        settle_row(row, now);
      }
      join(i);
    } else {
      SourceSpikes& spikes = sources_[i].spikes;
      settle(spikes, first_of(i), synapses_of(i), now);
      spikes.done = std::max(spikes.done, now);
    }
  }
}

// Spikes of sources that are still to come arrive after `step`, so they are later than the longest
// delay before it. Targets' spikes that are earlier than that by a delay are at all synapses. The
// longest delay is that of the network: all partitions settle a row up to the same step.
template <class R>
void QueuedHistory<R>::settle(Step step) {
  const Step longest = this->span_ - longest_interval;
  finish(step - longest);
  this->spikes_.compact([&](Step stamp) { return stamp <= step - 2 * longest; }, step);
}

template <class R>
R QueuedHistory<R>::trace(Readable which, std::uint32_t source, std::uint32_t target,
                          std::uint64_t position, Step now) const {
  const std::uint16_t delay = delay_[position];
  if (which != Readable::pre && which != Readable::pre_2) {
    return this->target_trace(which, this->targets_.of(target), now - delay);  // when they left
  }
  const std::uint32_t i = this->row_of_element(source);
  const SourceSpikes* spikes = &sources_[i].spikes;
  if (is_split(i)) {
    spikes = &*std::ranges::lower_bound(rows_, std::pair(i, delay), {}, [](const Row& row) {
      return std::pair(row.source, row.delay);
    });
  }
  return this->source_trace(which, *spikes, position, now);
}

// Sources are split until join_all() has seen what others write.
template <class R>
PlasticParts<R> QueuedHistory<R>::parts() {
  for (std::size_t i = 0; i < count(); ++i) {
    if (synapses_of(i) > 0) {
      split_up(i);
    }
  }
  written_ = true;
  return this->parts_of(rows_);
}

template <class R>
std::vector<std::pair<std::uint32_t, std::uint16_t>> QueuedHistory<R>::rows() const {
  std::vector<std::pair<std::uint32_t, std::uint16_t>> rows;
  const std::vector<std::uint32_t> elements = this->elements_of_rows();
  for_rows([&](std::uint32_t i, std::uint16_t delay) { rows.emplace_back(elements[i], delay); });
  return rows;
}

template <class R>
void QueuedHistory<R>::clear() {
  ReplayStore<R>::clear();
  due_.clear();
  start(-1);
}

template <class R>
void QueuedHistory<R>::for_sources(const ForSource& visitor) const {
  this->index_.for_each([&, i = std::size_t{0}](Gid source) mutable {
    if (synapses_of(i) > 0) {
      const auto [shortest, longest] = std::ranges::minmax(delays_of(i));
      visitor(source, shortest, longest);
    }
    ++i;
  });
}

template <class R>
void QueuedHistory<R>::visit(Gid source, const std::function<void(const SynapseRef<R>&)>& visitor) {
  const std::uint32_t i = this->row_of(source);
  if (i == SourceIndex::none) {
    return;
  }
  for (std::uint64_t k = first_of(i); k < first_of(i + 1); ++k) {
    visitor({delay_[k], this->local(this->target_[k]), &this->weight_[k],
             this->feed_.channel_of(this->weight_[k]), k});
  }
}

template <class R>
std::size_t QueuedHistory<R>::bytes() const {
  return (this->weight_.size() + this->own_.size()) * sizeof(R) +
         (this->target_.size() + delay_.size()) * sizeof(std::uint16_t) +
         sources_.size() * sizeof(Source) + rows_.size() * sizeof(Row);
}

template class QueuedHistory<float>;
template class QueuedHistory<double>;

}  // namespace spikelet
