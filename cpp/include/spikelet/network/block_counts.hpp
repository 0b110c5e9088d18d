// How many synapses each source has in each block of targets. Most have none in most blocks if
// synapses are few, so only the others are stored.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

namespace spikelet {

// Counts the synapses of each source in one block.
class SourceCounts {
 public:
  struct Entry {
    std::uint32_t source, count;
  };

  SourceCounts(std::size_t sources, std::uint64_t synapses) {
    constexpr std::uint64_t dense_from = 8;  // sources for each synapse
    if (synapses * dense_from >= sources) {
      counts_.resize(sources);
    } else {
      drawn_.reserve(synapses);
    }
  }

  void add(std::uint64_t source) {
    if (counts_.empty()) {
      drawn_.push_back(static_cast<std::uint32_t>(source));
    } else {
      ++counts_[source];
    }
  }

  // Those that have synapses, ascending.
  std::vector<Entry> entries() {
    std::vector<Entry> all;
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      if (counts_[i] > 0) {
        all.push_back({static_cast<std::uint32_t>(i), counts_[i]});
      }
    }
    std::ranges::sort(drawn_);
    for (const std::uint32_t source : drawn_) {
      if (all.empty() || all.back().source != source) {
        all.push_back({source, 0});
      }
      ++all.back().count;
    }
    return all;
  }

 private:
  std::vector<std::uint32_t> counts_;  // of all sources, or
  std::vector<std::uint32_t> drawn_;   // the source of each synapse
};

class BlockCounts {
 public:
  struct Entry {
    std::uint32_t block, count;
  };

  BlockCounts() = default;
  // by_block: of first_block and those that follow.
  BlockCounts(std::size_t sources, std::size_t first_block,
              std::vector<std::vector<SourceCounts::Entry>> by_block)
      : begin_(sources + 1) {
    for (const auto& block : by_block) {
      for (const SourceCounts::Entry& entry : block) {
        ++begin_[entry.source + 1];
      }
    }
    std::partial_sum(begin_.begin(), begin_.end(), begin_.begin());
    entries_.resize(begin_[sources]);
    std::vector<std::uint64_t> next(begin_.begin(), begin_.end() - 1);
    for (auto& block : by_block) {
      const auto number = static_cast<std::uint32_t>(first_block++);
      for (const SourceCounts::Entry& entry : std::exchange(block, {})) {
        entries_[next[entry.source]++] = {number, entry.count};
      }
    }
  }

  // The blocks in which a source has synapses, ascending, from block `from` on.
  std::span<const Entry> of(std::size_t source, std::uint32_t from) const {
    const std::span<const Entry> all(entries_.data() + begin_[source],
                                     entries_.data() + begin_[source + 1]);
    const auto at = std::ranges::lower_bound(all, from, {}, &Entry::block);
    return all.subspan(static_cast<std::size_t>(at - all.begin()));
  }

 private:
  std::vector<std::uint64_t> begin_;  // of each source, in entries_
  std::vector<Entry> entries_;
};

}  // namespace spikelet
