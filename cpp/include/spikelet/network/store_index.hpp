// Which stores have synapses of a source. Where a partition has many stores, as of many projections
// between two populations, most of them have none, and a spike would look into each.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <span>
#include <utility>
#include <vector>

#include "spikelet/core/buffer.hpp"
#include "spikelet/network/source_index.hpp"
#include "spikelet/network/store.hpp"

namespace spikelet {

class StoreIndex {
 public:
  // Calls for_sources(visitor) of store k.
  using ForSources = std::function<void(std::size_t k, const ForSource& visitor)>;
  struct Visit {
    std::uint32_t store;
    std::uint16_t shortest, longest;  // delay of the source's synapses [steps]
  };

  StoreIndex() = default;
  // ranges: of the sources of each store.
  StoreIndex(std::span<const GidRange> ranges, const ForSources& for_sources) {
    GidRange all = GidRange::none();
    std::uint64_t looks = 0;  // without an index, if each source spikes once
    for (const GidRange& range : ranges) {
      if (range.first <= range.last) {
        all = all.joined(range);
        looks += std::uint64_t{range.last} - range.first + 1;
      }
    }
    if (looks == 0) {
      return;
    }
    const std::size_t span = std::size_t{all.last} - all.first + 1;
    // Calls f(source, visit, whether the pair is new), by store.
    const auto for_pairs = [&](auto&& f) {
      std::vector<std::uint32_t> latest(span, SourceIndex::none);
      for (std::uint32_t k = 0; k < ranges.size(); ++k) {
        for_sources(k, [&](Gid source, Step shortest, Step longest) {
          const Visit visit{k, static_cast<std::uint16_t>(shortest),
                            static_cast<std::uint16_t>(longest)};
          f(source, visit, std::exchange(latest[source - all.first], k) != k);
        });
      }
    };
    std::vector<std::uint32_t> counts(span);
    std::uint64_t pairs = 0;
    for_pairs([&](Gid source, const Visit&, bool is_new) {
      counts[source - all.first] += is_new ? 1 : 0;
      pairs += is_new ? 1 : 0;
    });
    looks += ranges.size() * (span / spikes);
    if (pairs * fewer > looks || pairs > most_pairs) {
      return;
    }
    std::vector<Gid> sources;
    for (std::size_t k = 0; k < span; ++k) {
      if (counts[k] > 0) {
        sources.push_back(all.first + static_cast<Gid>(k));
      }
    }
    rows_ = SourceIndex(sources);
    const std::size_t rows = rows_.dense() ? rows_.span() : sources.size();
    begin_.resize(rows + 1);
    for (const Gid source : sources) {
      begin_[rows_.row(source) + 1] = counts[source - all.first];
    }
    for (std::size_t row = 0; row < rows; ++row) {
      begin_[row + 1] += begin_[row];
    }
    visits_.resize(pairs);
    std::vector<std::uint32_t> next(begin_.begin(), begin_.end() - 1);
    for_pairs([&](Gid source, const Visit& visit, bool is_new) {
      std::uint32_t& end = next[rows_.row(source)];
      if (is_new) {
        visits_[end++] = visit;
      } else {
        Visit& known = visits_[end - 1];
        known.shortest = std::min(known.shortest, visit.shortest);
        known.longest = std::max(known.longest, visit.longest);
      }
    });
  }

  // There is none where it would not pay.
  explicit operator bool() const { return !visits_.empty(); }
  // The stores with synapses of a source, ascending.
  std::span<const Visit> of(Gid source) const {
    const std::uint32_t row = rows_.row(source);
    if (row == SourceIndex::none) {
      return {};
    }
    return {visits_.data() + begin_[row], begin_[row + 1] - begin_[row]};
  }
  std::size_t bytes() const {
    return rows_.bytes() + begin_.size() * sizeof(std::uint32_t) + visits_.size() * sizeof(Visit);
  }

 private:
  static constexpr std::uint64_t fewer = 2;    // visits, at least so many times, or it does not pay
  static constexpr std::uint64_t spikes = 64;  // of a step, for which each store is looked at once
  static constexpr std::uint64_t most_pairs = 0xffffffffu;

  SourceIndex rows_;
  Buffer<std::uint32_t> begin_;  // by row
  Buffer<Visit> visits_;         // of one source after the other
};

}  // namespace spikelet
