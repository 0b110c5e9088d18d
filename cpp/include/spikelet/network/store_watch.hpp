// Which stores of a partition have something to do. It is kept apart from them: where stores are
// many, most are idle in most steps, and to look into each would miss the cache.
#pragma once

#include <algorithm>
#include <limits>
#include <span>
#include <vector>

#include "spikelet/core/fetch.hpp"
#include "spikelet/network/store.hpp"

namespace spikelet {

class StoreWatch {
 public:
  // longest: delay [steps].
  explicit StoreWatch(Step longest = 0) : longest_(longest) {}

  // The next store; waits: as of a SynapseStore.
  void add(GidRange sources, bool waits) { entries_.push_back({sources, waits ? never : always}); }
  void add_none() { add(GidRange::none(), true); }  // where a partition has no such store

  // Whether store k must note some of these spikes, which ascend. Then it is not idle until they
  // have arrived.
  bool takes(std::size_t k, std::span<const Gid> spikes, Step stamp) {
    Entry& entry = entries_[k];
    const auto found = std::ranges::lower_bound(spikes, entry.sources.first);
    if (found == spikes.end() || *found > entry.sources.last) {
      return false;
    }
    entry.busy_until = std::max(entry.busy_until, stamp + longest_);
    return true;
  }
  // No spikes are on their way any more; time may go back.
  void clear() {
    for (Entry& entry : entries_) {
      if (entry.busy_until != always) {
        entry.busy_until = never;
      }
    }
  }
  // Whether nothing arrives in a step.
  bool idle(std::size_t k, Step step) const { return entries_[k].busy_until < step; }
  void fetch() const { fetch_values(entries_); }

 private:
  static constexpr Step never = std::numeric_limits<Step>::min();
  static constexpr Step always = std::numeric_limits<Step>::max();
  struct Entry {
    GidRange sources;
    Step busy_until;
  };

  std::vector<Entry> entries_;
  Step longest_;
};

}  // namespace spikelet
