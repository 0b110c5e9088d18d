// Draws or looks up the synapses of one source at a time, for a store that is built.
#pragma once

#include <algorithm>
#include <utility>
#include <vector>

#include "network/static_rows.hpp"

namespace spikelet {

template <class R>
class RowGatherer {
 public:
  explicit RowGatherer(std::span<const Feed<R>> feeds) {
    for (const Feed<R>& feed : feeds) {
      const RowStarts* row = feed.table != nullptr ? &feed.table->row : nullptr;
      first_ = std::min(first_, feed.pre_gid + (row != nullptr ? row->first_row() : 0));
      last_ = std::max(last_, feed.pre_gid + (row != nullptr ? row->end_row() : feed.sources));
      channels_.push_back(feed.ends.up);
      channels_.push_back(feed.ends.down);
    }
    std::ranges::sort(channels_);
    channels_.erase(std::unique(channels_.begin(), channels_.end()), channels_.end());
    unsorted_.resize(channels_.size());
    const auto place = [&](int channel) {
      return static_cast<std::size_t>(std::ranges::lower_bound(channels_, channel) -
                                      channels_.begin());
    };
    for (const Feed<R>& feed : feeds) {
      feeds_.push_back({&feed, place(feed.ends.up), place(feed.ends.down)});
    }
    std::ranges::stable_sort(feeds_, {}, [](const Placed& one) { return one.feed->pre_gid; });
    list_sources();
  }

  // Those that entries may have, ascending.
  const std::vector<int>& channels() const { return channels_; }

  // Calls f(source, row) for all sources, with their rows as gathered.
  template <class F>
  void for_all(F&& f) {
    if (!keeps_) {
      for_each(1, f);
      return;
    }
    auto end = ends_.begin();
    std::size_t begin = 0;
    for (std::size_t source = first_; source < last_; ++source) {
      for (RowEntries<R>& entries : unsorted_) {
        entries.assign(kept_.data() + begin, kept_.data() + *end);
        begin = *end++;
      }
      f(static_cast<Gid>(source), unsorted_);
    }
  }
  // The same for a sample of some thousand sources at most; returns their distance. If it is all of
  // them, and their synapses are few, for_all() need not draw these again.
  template <class F>
  std::size_t for_some(F&& f) {
    constexpr std::size_t enough = 1024;
    const std::size_t stride = std::max<std::size_t>(
        (listed_.empty() ? last_ - std::min(first_, last_) : listed_.size()) / enough, 1);
    keeps_ = stride == 1 && draws_few();
    for_each(stride, f);
    return stride;
  }

  // Shortest and longest delay; 1 if there is no synapse.
  std::pair<Step, Step> delays() const {
    std::pair<Step, Step> all{max_delay, 1};
    const auto include = [&](Step low, Step high) {
      all = {std::min(all.first, low), std::max(all.second, high)};
    };
    for (const Placed& one : feeds_) {
      if (one.feed->drawing != nullptr) {
        const auto [low, high] = one.feed->drawing->delays();
        include(low, high);
      } else if (one.feed->table->size() > 0) {
        const auto [low, high] = std::ranges::minmax(one.feed->table->delay);
        include(low, high);
      }
    }
    return all.first <= all.second ? all : std::pair<Step, Step>{1, 1};
  }

  // Whether the weights of each projection are all equal.
  bool one_weight() const {
    return std::ranges::all_of(feeds_, [](const Placed& one) {
      return one.feed->table != nullptr ? one.feed->table->weight.size() == 1
                                        : !one.feed->drawing->draws_weights();
    });
  }

  // The row of one source by place in channels(), in order of projection and creation.
  const std::vector<RowEntries<R>>& gather(Gid source) {
    for (RowEntries<R>& entries : unsorted_) {
      entries.clear();
    }
    for (const Placed& one : feeds_) {
      const Feed<R>& feed = *one.feed;
      if (feed.pre_gid > source) {
        break;
      }
      if (source - feed.pre_gid < feed.sources) {
        feed.table != nullptr ? from_table(one, source - feed.pre_gid)
                              : draw(one, source - feed.pre_gid);
      }
    }
    return unsorted_;
  }
  // The gathered row of one channel, in order of delay first; once for each gather().
  const RowEntries<R>& by_delay(std::size_t place) {
    sort_by_delay(unsorted_[place], sorted_);
    return sorted_;
  }

 private:
  struct Placed {
    const Feed<R>* feed;
    std::size_t up, down;  // places of its channels
  };

  void add(const Placed& one, std::uint32_t post, std::uint16_t delay, R weight) {
    const Feed<R>& feed = *one.feed;
    unsorted_[weight < 0 ? one.down : one.up].push_back(
        {feed.local + (post - feed.post_begin), delay, feed.sent(weight)});
  }
  void from_table(const Placed& one, std::size_t i) {
    const Feed<R>& feed = *one.feed;
    const SynapseTable<R>& table = *feed.table;
    const auto first = table.post.begin() + static_cast<std::ptrdiff_t>(table.row[i]);
    const auto last = table.post.begin() + static_cast<std::ptrdiff_t>(table.row[i + 1]);
    const auto lo = std::lower_bound(first, last, feed.post_begin);
    const auto hi = std::lower_bound(lo, last, feed.post_end);
    for (auto it = lo; it != hi; ++it) {
      const auto k = static_cast<std::size_t>(it - table.post.begin());
      add(one, *it, table.delay_of(k), table.weight_of(k));
    }
  }
  void draw(const Placed& one, std::uint32_t i) {
    const Feed<R>& feed = *one.feed;
    drawn_.clear();
    feed.drawing->row(i, feed.post_begin, feed.post_end, drawn_);
    for (const DrawnSynapse<R>& s : drawn_) {
      add(one, s.post, s.delay, s.weight);
    }
  }
  void sort_by_delay(RowEntries<R>& unsorted, RowEntries<R>& sorted) {
    std::uint32_t low = max_delay, high = 0;
    for (const RowEntry<R>& e : unsorted) {
      low = std::min<std::uint32_t>(low, e.delay);
      high = std::max<std::uint32_t>(high, e.delay);
    }
    if (low >= high) {
      sorted.swap(unsorted);
      return;
    }
    sorted.resize(unsorted.size());
    if (count_.size() <= high) {
      count_.resize(high + 1);
    }
    std::fill(count_.begin() + low, count_.begin() + high + 1, 0u);
    for (const RowEntry<R>& e : unsorted) {
      ++count_[e.delay];
    }
    std::uint32_t sum = 0;
    for (std::uint32_t d = low; d <= high; ++d) {
      sum += std::exchange(count_[d], sum);
    }
    for (const RowEntry<R>& e : unsorted) {
      sorted[count_[e.delay]++] = e;
    }
  }

  template <class F>
  void for_each(std::size_t stride, F&& f) {
    const auto visit = [&](Gid source) {
      gather(source);
      if (keeps_) {
        keep();
      }
      f(source, unsorted_);
    };
    for (std::size_t k = 0; k < listed_.size(); k += stride) {
      visit(listed_[k]);
    }
    for (std::size_t source = listed_.empty() ? first_ : last_; source < last_; source += stride) {
      visit(static_cast<Gid>(source));
    }
  }
  // Where few of many sources have synapses, and these are known.
  void list_sources() {
    constexpr std::size_t few = 8;
    std::size_t rows = 0;
    for (const Placed& one : feeds_) {
      if (one.feed->table == nullptr) {
        return;
      }
      rows += one.feed->table->row.rows().size();
    }
    if (rows * few >= last_ - std::min(first_, last_)) {
      return;
    }
    for (const Placed& one : feeds_) {
      for (const std::uint32_t i : one.feed->table->row.rows()) {
        listed_.push_back(one.feed->pre_gid + i);
      }
    }
    std::ranges::sort(listed_);
    listed_.erase(std::unique(listed_.begin(), listed_.end()), listed_.end());
  }
  // Whether rows are drawn, and so few that they stay in the cache.
  bool draws_few() const {
    constexpr std::size_t most = 65536;
    std::size_t synapses = 0;
    bool draws = false;
    for (const Placed& one : feeds_) {
      draws |= one.feed->drawing != nullptr;
      synapses += one.feed->table != nullptr ? one.feed->table->size() : one.feed->drawing->size();
    }
    return draws && synapses <= most;
  }
  // The row of the next source.
  void keep() {
    for (const RowEntries<R>& entries : unsorted_) {
      kept_.insert(kept_.end(), entries.begin(), entries.end());
      ends_.push_back(static_cast<std::uint32_t>(kept_.size()));
    }
  }

  std::size_t first_ = SIZE_MAX, last_ = 0;  // sources that may have synapses
  std::vector<Gid> listed_;                  // those that have; none: they are not listed
  std::vector<Placed> feeds_;
  std::vector<int> channels_;
  std::vector<DrawnSynapse<R>> drawn_;
  std::vector<RowEntries<R>> unsorted_;  // by place
  RowEntries<R> sorted_;
  std::vector<std::uint32_t> count_;  // by delay, up to the longest so far
  // All rows, by source and place, and where each ends.
  bool keeps_ = false;
  RowEntries<R> kept_;
  std::vector<std::uint32_t> ends_;
};

}  // namespace spikelet
