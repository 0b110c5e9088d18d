// Which stores of a partition have something to do. It is kept apart from them: where stores are
// many, most are idle in most steps, and to look into each would miss the cache. Many stores are
// marked in bitmaps, and a spike finds those with its synapses in an index.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <limits>
#include <span>
#include <utility>
#include <vector>

#include "spikelet/core/fetch.hpp"
#include "spikelet/network/store_index.hpp"

namespace spikelet {

class StoreWatch {
 public:
  static constexpr std::size_t few = 16;  // stores that are looked into one by one

  // longest: delay [steps].
  explicit StoreWatch(Step longest = 0) : longest_(longest) {}

  // The next store; waits: as of a SynapseStore.
  void add(GidRange sources, bool waits) { entries_.push_back({sources, waits ? never : always}); }
  void add_none() { add(GidRange::none(), true); }  // where a partition has no such store
  // Follows the last store.
  void close(const StoreIndex::ForSources& for_sources) {
    if (entries_.size() < few) {
      return;
    }
    std::vector<GidRange> ranges;
    for (const Entry& entry : entries_) {
      ranges.push_back(entry.sources);
    }
    index_ = StoreIndex(ranges, for_sources);
    words_ = entries_.size() / 64 + 1;
    awake_.resize(words_);
    slots_ = std::bit_ceil(static_cast<std::size_t>(std::min(longest_, longest_marked)));
    due_.resize(slots_ * words_);
    clear();
  }
  bool many() const { return words_ > 0; }

  // Whether store k must note some of these spikes, which ascend. Then it is not idle until they
  // have arrived.
  bool takes(std::size_t k, std::span<const Gid> spikes, Step stamp) {
    const Entry& entry = entries_[k];
    const auto found = std::ranges::lower_bound(spikes, entry.sources.first);
    if (found == spikes.end() || *found > entry.sources.last) {
      return false;
    }
    rouse(k, stamp + longest_);
    return true;
  }
  // The same for all stores: calls f(k, spikes).
  template <class F>
  void for_takers(std::span<const Gid> spikes, Step stamp, F&& f) {
    if (!index_) {
      for (std::size_t k = 0; k < entries_.size(); ++k) {
        if (takes(k, spikes, stamp)) {
          f(k, spikes);
        }
      }
      return;
    }
    for (std::size_t i = 0; i < spikes.size(); ++i) {
      for (const StoreIndex::Visit& visit : index_.of(spikes[i])) {
        mark(visit, stamp);
        f(visit.store, spikes.subspan(i, 1));
      }
    }
  }
  // Something arrives at store k that it was not given as a spike.
  void rouse(std::size_t k, Step until) {
    Entry& entry = entries_[k];
    entry.busy_until = std::max(entry.busy_until, until);
    if (many()) {
      awake_[k / 64] |= bit(k);
    }
  }
  // No spikes are on their way any more; time may go back.
  void clear() {
    std::ranges::fill(due_, Word{0});
    std::ranges::fill(awake_, Word{0});
    for (std::size_t k = 0; k < entries_.size(); ++k) {
      Entry& entry = entries_[k];
      if (entry.busy_until != always) {
        entry.busy_until = never;
      } else if (many()) {
        awake_[k / 64] |= bit(k);
      }
    }
  }
  // Whether nothing arrives in a step.
  bool idle(std::size_t k, Step step) const {
    return entries_[k].busy_until < step && (!many() || (due_at(step)[k / 64] & bit(k)) == 0);
  }
  // Calls f(k) for each store that is not idle in a step.
  template <class F>
  void for_busy(Step step, F&& f) {
    if (!many()) {
      for (std::size_t k = 0; k < entries_.size(); ++k) {
        if (!idle(k, step)) {
          f(k);
        }
      }
      return;
    }
    const Word* due = due_at(step);
    for (std::size_t w = 0; w < words_; ++w) {
      for (Word left = awake_[w]; left != 0; left &= left - 1) {
        if (entries_[first(w, left)].busy_until < step) {
          awake_[w] &= ~(left & -left);
        }
      }
      for (Word left = awake_[w] | due[w]; left != 0; left &= left - 1) {
        f(first(w, left));
      }
    }
  }
  // All that arrives in a step has been delivered.
  void pass(Step step) {
    if (many()) {
      std::fill_n(due_at(step), words_, Word{0});
    }
  }
  std::size_t bytes() const { return index_.bytes(); }
  void fetch() const { fetch_values(entries_); }

 private:
  using Word = std::uint64_t;
  static constexpr Step never = std::numeric_limits<Step>::min();
  static constexpr Step always = std::numeric_limits<Step>::max();
  static constexpr Step longest_marked = 1024;  // delay: a bitmap for each step takes memory
  static constexpr int most_marked = 8;         // steps
  struct Entry {
    GidRange sources;
    Step busy_until;
  };

  static Word bit(std::size_t k) { return Word{1} << (k % 64); }
  static std::size_t first(std::size_t word, Word bits) {
    return 64 * word + static_cast<std::size_t>(std::countr_zero(bits));
  }
  const Word* due_at(Step step) const {
    return due_.data() + (static_cast<std::size_t>(step) & (slots_ - 1)) * words_;
  }
  Word* due_at(Step step) { return const_cast<Word*>(std::as_const(*this).due_at(step)); }
  // A spike is on its way to a store.
  void mark(const StoreIndex::Visit& visit, Step stamp) {
    if (visit.longest > longest_marked || visit.longest - visit.shortest >= most_marked) {
      rouse(visit.store, stamp + visit.longest);
      return;
    }
    for (Step delay = visit.shortest; delay <= visit.longest; ++delay) {
      due_at(stamp + delay - 1)[visit.store / 64] |= bit(visit.store);
    }
  }

  std::vector<Entry> entries_;
  Step longest_;
  StoreIndex index_;
  // Of many stores, as bits: those that are not idle for some time, and, in a ring of steps, those
  // at which a spike arrives then.
  std::size_t words_ = 0, slots_ = 1;
  std::vector<Word> awake_, due_;
};

}  // namespace spikelet
