#include <doctest/doctest.h>

#include <cstdint>
#include <utility>
#include <vector>

#include "spikelet/network/block_counts.hpp"

namespace test_network_block_counts {

using namespace spikelet;

TEST_CASE("sources are counted alike if synapses are few and if they are many") {
  const std::vector<std::uint64_t> drawn{7, 3, 7, 0, 19, 7, 3};
  for (const std::size_t sources : {20u, 1000u, 1'000'000u}) {
    SourceCounts counts(sources, drawn.size());
    for (const std::uint64_t i : drawn) {
      counts.add(i);
    }
    const auto entries = counts.entries();
    CHECK(entries.size() == 4);  // not one for each source
    std::vector<std::pair<std::uint32_t, std::uint32_t>> pairs;
    for (const auto& entry : entries) {
      pairs.emplace_back(entry.source, entry.count);
    }
    CHECK(pairs ==
          std::vector<std::pair<std::uint32_t, std::uint32_t>>{{0, 1}, {3, 2}, {7, 3}, {19, 1}});
  }
  CHECK(SourceCounts(5, 0).entries().empty());
  CHECK(SourceCounts(0, 0).entries().empty());
}

TEST_CASE("the blocks of a source ascend, and those before a block can be left out") {
  const BlockCounts counts(4, 10, {{{0, 2}, {3, 1}}, {}, {{3, 5}}});
  CHECK(counts.of(0, 0).size() == 1);
  CHECK(counts.of(0, 0)[0].block == 10);
  CHECK(counts.of(0, 0)[0].count == 2);
  CHECK(counts.of(0, 11).empty());
  CHECK(counts.of(1, 0).empty());
  CHECK(counts.of(3, 0).size() == 2);
  CHECK(counts.of(3, 11).size() == 1);
  CHECK(counts.of(3, 11)[0].block == 12);
  CHECK(counts.of(3, 11)[0].count == 5);
}

}  // namespace test_network_block_counts
