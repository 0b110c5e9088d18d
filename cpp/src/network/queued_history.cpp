#include "network/queued_history.hpp"

#include <algorithm>

namespace spikelet {
namespace {

// With more synapses for each delay of a source, rows by delay are faster: they need no lists.
constexpr std::size_t most_by_delay = 128;

// Of sources that are updated together.
constexpr std::size_t most_together = 16, synapses_together = 448;

// Sources whose headers are fetched ahead.
constexpr std::ptrdiff_t headers_ahead = 8;

}  // namespace

template <class R>
bool QueuedHistory<R>::suits(const Feed<R>& feed, const Plasticity& plasticity) {
  const SynapseTable<R>& table = *feed.table;
  std::vector<bool> found(std::size_t{max_delay} + 1);
  std::size_t delays = 0, sources = 0, synapses = 0;
  for (std::size_t i = 0; i + 1 < table.row.size(); ++i) {
    const std::size_t before = synapses;
    for (std::uint64_t k = table.row[i]; k < table.row[i + 1]; ++k) {
      if (table.post[k] < feed.post_begin || table.post[k] >= feed.post_end) {
        continue;
      }
      ++synapses;
      const std::uint16_t delay = table.delay_of(k);
      if (!found[delay]) {
        found[delay] = true;
        ++delays;
        if (dendritic_part(delay, plasticity.axonal_fraction) != delay) {
          return false;
        }
      }
    }
    sources += synapses > before ? 1 : 0;
  }
  return delays > 1 && synapses < most_by_delay * delays * sources;
}

template <class R>
QueuedHistory<R>::QueuedHistory(const Feed<R>& feed, const Plasticity& plasticity, double dt,
                                std::size_t span)
    : ReplayStore<R>(feed, plasticity, dt, span) {
  const SynapseTable<R>& table = *feed.table;
  const auto begin = [&](std::size_t end) {
    while (sources_.size() < end) {
      sources_.push_back(
          {{}, this->weight_.size(), static_cast<std::uint32_t>(runs_.size())});
    }
  };
  for_each_by_delay(
      table, feed.post_begin, feed.post_end, [&](std::uint32_t i, std::uint64_t k, bool first) {
        begin(i + std::size_t{1});
        if (first) {
          runs_.push_back({0, table.delay_of(k)});
          this->longest_ = std::max<Step>(this->longest_, table.delay_of(k));
        }
        ++runs_.back().count;
        this->add_synapse(table, k);
      });
  begin(table.row.size());
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
  by_run_ = {};
  written_ = false;
}

template <class R>
template <class F>
void QueuedHistory<R>::for_runs(std::size_t i, F&& f) {
  std::uint64_t first = sources_[i].first;
  for (std::uint32_t r = sources_[i].run; r < sources_[i + 1].run; ++r) {
    f(runs_[r], first, by_run_[r]);
    first += runs_[r].count;
  }
}

// After parts(): finds the sources whose runs know the same.
template <class R>
void QueuedHistory<R>::join() {
  if (!written_) {
    return;
  }
  written_ = false;
  bool some_split = false;
  for (std::size_t i = 0; i + 1 < sources_.size(); ++i) {
    const auto runs = runs_of(i);
    if (runs.empty()) {
      continue;
    }
    const auto* of_runs = by_run_.data() + sources_[i].run;
    SourceSpikes spikes = of_runs[0];
    bool same = true;
    for (std::size_t r = 1; r < runs.size(); ++r) {
      spikes.done = std::max(spikes.done, of_runs[r].done);
      same = same && of_runs[r].last == spikes.last && of_runs[r].pre == spikes.pre &&
             of_runs[r].pre_2 == spikes.pre_2;
    }
    if (!same) {
      sources_[i].spikes.last = split;
      some_split = true;
      continue;
    }
    for_runs(i, [&](const Run& run, std::uint64_t first, SourceSpikes& of_run) {
      settle_row(of_run, {&run, 1}, first, spikes.done);
    });
    sources_[i].spikes = spikes;
  }
  if (!some_split) {
    by_run_ = {};
  }
}

template <class R>
void QueuedHistory<R>::enqueue(Gid source, Step stamp, Step from) {
  enqueue_all({&source, 1}, stamp, from);
}

// Lists the sources that have synapses, and updates those that are not updated together.
template <class R>
void QueuedHistory<R>::list(std::span<const Gid> sources, Step stamp, Step from) {
  listed_.clear();
  ahead_of_.clear();
  const std::size_t end = sources_.size() - 1;
  const auto number = [&](auto at) { return static_cast<std::uint32_t>(*at - this->feed_.pre_gid); };
  auto at = std::ranges::lower_bound(sources, this->feed_.pre_gid);
  for (std::size_t spikes = 0; at != sources.end() && number(at) < end; at += spikes) {
    const std::uint32_t i = number(at);
    spikes = 1;
    while (at + spikes != sources.end() && number(at + spikes) == i) {
      ++spikes;  // a source may spike twice in a step
    }
    if (sources.end() - at > headers_ahead) {
      const Source* later = sources_.data() + std::min<std::size_t>(number(at + headers_ahead), end);
      fetch_line(later);
      fetch_line(&later->run);  // it may lie on two lines
    }
    if (runs_of(i).empty()) {
      continue;
    }
    if (is_split(i) || stamp + runs_of(i).front().delay - 1 < from) {
      update_by_run(i, spikes, stamp, from);
    } else if (stamp > sources_[i].spikes.last) {
      const std::uint64_t first = sources_[i].first;
      listed_.insert(listed_.end(), spikes, i);
      ahead_of_.insert(ahead_of_.end(), spikes,
                       {this->weight_.data() + first,
                        this->own_.empty() ? nullptr : this->own_.data() + first,
                        this->target_.data() + first, synapses_of(i)});
    }
  }
}

// How many of those listed from `begin` on are updated together, none of them twice.
template <class R>
std::size_t QueuedHistory<R>::take(std::size_t begin) const {
  std::size_t end = begin, synapses = 0;
  do {
    synapses += synapses_of(listed_[end++]);
  } while (end < listed_.size() && end - begin < most_together &&
           listed_[end] != listed_[end - 1] &&
           synapses + synapses_of(listed_[end]) <= synapses_together);
  return end - begin;
}

template <class R>
void QueuedHistory<R>::enqueue_all(std::span<const Gid> sources, Step stamp, Step from) {
  join();
  list(sources, stamp, from);
  RowsAhead<R> ahead(ahead_of_);
  const std::span<const std::uint32_t> all(listed_);
  const auto fetch_runs = [&](std::size_t begin) {
    for (std::size_t a = begin; a < std::min(begin + most_together, all.size()); ++a) {
      fetch_line(runs_of(all[a]).data());
      fetch_line(runs_of(all[a]).data() + runs_of(all[a]).size() - 1);
    }
  };
  fetch_runs(0);
  for (std::size_t begin = 0, n = 0; begin < all.size(); begin += n) {
    n = take(begin);
    fetch_runs(begin + n);
    update(all.subspan(begin, n), stamp, ahead);
  }
}

// Several different sources that spike at `stamp`: at their synapses, too.
template <class R>
void QueuedHistory<R>::update(std::span<const std::uint32_t> sources, Step stamp,
                              RowsAhead<R>& ahead) {
  delays_.clear();
  for (const std::uint32_t i : sources) {
    delays_.add(runs_of(i));
  }
  at_spike_.clear();
  const std::uint16_t* delay = delays_.data();
  for (const std::uint32_t i : sources) {
    const Source& source = sources_[i];
    at_spike_.push_back(this->row_at_spike(source.spikes, source.first, synapses_of(i), 0, stamp));
    at_spike_.back().dendritic = delay;
    delay += synapses_of(i);
  }
  this->kernels_.replayed_rows(this->parameters(), this->replaying(true, &ahead), at_spike_);
  for (const std::uint32_t i : sources) {
    this->pass(sources_[i].spikes, stamp);
    send(runs_of(i), sources_[i].first, stamp);
  }
}

// The same for a source whose runs differ, or of which some have been reached already.
template <class R>
void QueuedHistory<R>::update_by_run(std::size_t i, std::size_t spikes, Step stamp, Step from) {
  split_up(i);
  for_runs(i, [&](const Run& run, std::uint64_t first, SourceSpikes& of_run) {
    if (stamp <= of_run.last || stamp + run.delay - 1 < from) {
      return;
    }
    for (std::size_t k = 0; k < spikes; ++k) {
      const ReplayedRow<R> row = this->row_at_spike(of_run, first, run.count, run.delay, stamp);
      this->kernels_.replayed_rows(this->parameters(), this->replaying(true), {&row, 1});
      this->pass(of_run, stamp);
      send({&run, 1}, first, stamp);
    }
  });
}

// Weights go into the lists of the steps when they arrive.
template <class R>
void QueuedHistory<R>::send(std::span<const Run> runs, std::uint64_t first, Step stamp) {
  const Feed<R>& feed = this->feed_;
  const R* weight = this->weight_.data() + first;
  const std::uint16_t* target = this->target_.data() + first;
  typename Events::Writer writer(due_, stamp);
  for (const Run& run : runs) {
    const auto later = static_cast<std::uint32_t>(run.delay - 1) << list_bits();
    if (feed.one_channel >= 0 && !feed.ends.magnitude) {
      writer.push_all(later, weight, target, run.count);
    } else {
      for (std::uint32_t k = 0; k < run.count; ++k) {
        const bool down = feed.one_channel < 0 && weight[k] < 0;
        writer.push(later + (down ? 1 : 0), feed.sent(weight[k]), target[k]);
      }
    }
    weight += run.count;
    target += run.count;
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
    R* to = input[channel_of_list(list)] + this->feed_.local;
    return [to](R weight, std::uint32_t target) { to[target] += weight; };
  });
}

template <class R>
void QueuedHistory<R>::for_each_sent(Step now,
                                     const std::function<void(Step, const Sent<R>&)>& visitor) {
  PlasticStore<R>::for_each_sent(now, visitor);
  for (Step arrival = now; arrival < now + this->span_; ++arrival) {
    due_.for_each(arrival, [&](std::uint32_t list, R weight, std::uint32_t target) {
      visitor(arrival, {static_cast<std::uint16_t>(this->feed_.local + target),
                        static_cast<std::uint16_t>(channel_of_list(list)), weight});
    });
  }
}

// Synapses from `first` on that know the same.
template <class R>
void QueuedHistory<R>::settle_row(SourceSpikes& spikes, std::span<const Run> runs,
                                  std::uint64_t first, Step upto) {
  if (upto <= spikes.done) {
    return;
  }
  if (spikes.pre > 0) {
    delays_.clear();
    delays_.add(runs);
    ReplayedRow<R> row = this->row_until(spikes, first, delays_.size(), 0, upto);
    row.dendritic = delays_.data();
    this->kernels_.replayed_rows(this->parameters(), this->replaying(false), {&row, 1});
  }
  spikes.done = upto;
}

template <class R>
void QueuedHistory<R>::settle_all(Step upto) {
  join();
  for (std::size_t i = 0; i + 1 < sources_.size(); ++i) {
    if (is_split(i)) {
      for_runs(i, [&](const Run& run, std::uint64_t first, SourceSpikes& of_run) {
        settle_row(of_run, {&run, 1}, first, upto);
      });
    } else {
      settle_row(sources_[i].spikes, runs_of(i), sources_[i].first, upto);
    }
  }
}

// All spikes up to `now` have been at their synapses, and what they sent is in the lists.
template <class R>
void QueuedHistory<R>::finish(Step now) {
  settle_all(now);
}

// Spikes of sources that are still to come are later than step - longest delay, as each has an
// arrival after `step`. Targets' spikes from before that by a delay are at all synapses.
template <class R>
void QueuedHistory<R>::settle(Step step) {
  const Step longest = this->longest_;
  settle_all(step - longest);
  this->spikes_.compact([&](Step stamp) { return stamp <= step - 2 * longest; }, step);
}

template <class R>
R QueuedHistory<R>::trace(Readable which, std::uint32_t source, std::uint32_t target,
                          std::uint64_t position, Step now) const {
  std::uint32_t run = sources_[source].run;
  for (std::uint64_t end = sources_[source].first + runs_[run].count; position >= end;) {
    end += runs_[++run].count;
  }
  return which == Readable::pre || which == Readable::pre_2
             ? this->source_trace(which, is_split(source) ? by_run_[run] : sources_[source].spikes,
                                  position, now)
             : this->target_trace(which, target, now - runs_[run].delay);  // when they left
}

template <class R>
void QueuedHistory<R>::split_up(std::size_t i) {
  by_run_.resize(runs_.size());
  if (!is_split(i)) {
    for_runs(i, [&](const Run&, std::uint64_t, SourceSpikes& of_run) {
      of_run = sources_[i].spikes;
    });
    sources_[i].spikes.last = split;
  }
}

// What the runs of a source know is one here until others may have written it.
template <class R>
PlasticParts<R> QueuedHistory<R>::parts() {
  for (std::size_t i = 0; i + 1 < sources_.size(); ++i) {
    split_up(i);
  }
  written_ = true;
  return this->parts_of(by_run_);
}

template <class R>
std::vector<std::pair<std::uint32_t, std::uint16_t>> QueuedHistory<R>::rows() const {
  std::vector<std::pair<std::uint32_t, std::uint16_t>> rows;
  for (std::size_t i = 0; i + 1 < sources_.size(); ++i) {
    for (const Run& run : runs_of(i)) {
      rows.emplace_back(static_cast<std::uint32_t>(i), run.delay);
    }
  }
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
  for (std::size_t i = 0; i + 1 < sources_.size(); ++i) {
    if (const auto runs = runs_of(i); !runs.empty()) {
      visitor(this->feed_.pre_gid + static_cast<Gid>(i), runs.front().delay, runs.back().delay);
    }
  }
}

template <class R>
void QueuedHistory<R>::visit(Gid source, const std::function<void(const SynapseRef<R>&)>& visitor) {
  const std::size_t i = source - this->feed_.pre_gid;
  std::uint64_t k = sources_[i].first;
  for (const Run& run : runs_of(i)) {
    for (const std::uint64_t end = k + run.count; k < end; ++k) {
      visitor({run.delay, static_cast<std::uint16_t>(this->feed_.local + this->target_[k]),
               &this->weight_[k], this->feed_.channel_of(this->weight_[k]), k});
    }
  }
}

template <class R>
std::size_t QueuedHistory<R>::bytes() const {
  return (this->weight_.size() + this->own_.size()) * sizeof(R) +
         this->target_.size() * sizeof(std::uint16_t) + sources_.size() * sizeof(Source) +
         runs_.size() * sizeof(Run) + by_run_.size() * sizeof(SourceSpikes);
}

template class QueuedHistory<float>;
template class QueuedHistory<double>;

}  // namespace spikelet
