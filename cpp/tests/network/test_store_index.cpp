#include <doctest/doctest.h>

#include <algorithm>
#include <set>
#include <vector>

#include "spikelet/core/random.hpp"
#include "spikelet/network/store_index.hpp"

namespace test_network_store_index {

using namespace spikelet;

namespace {

using Sources = std::vector<std::set<Gid>>;  // of each store

StoreIndex index_of(const Sources& sources) {
  std::vector<GidRange> ranges;
  for (const std::set<Gid>& own : sources) {
    ranges.push_back(own.empty() ? GidRange::none() : GidRange{*own.begin(), *own.rbegin()});
  }
  return StoreIndex(ranges, [&](std::size_t k, const ForSource& visitor) {
    for (const Step delay : {5, 2, 3}) {  // parts of its synapses
      for (const Gid source : sources[k]) {
        visitor(source, delay, delay + source % 3);
      }
    }
  });
}

// Each of `stores` stores has `size` of the sources first, first + 1, ...
Sources some(std::size_t stores, std::size_t size, Gid first, std::uint32_t span) {
  const Stream stream(3, Purpose::values, 0);
  Sources sources(stores);
  for (std::uint32_t k = 0; k < stores; ++k) {
    for (std::uint32_t i = 0; sources[k].size() < size; ++i) {
      sources[k].insert(first + stream.words(k, i)[0] % span);
    }
  }
  return sources;
}

}  // namespace

TEST_CASE("a source leads to the stores that have it, in order") {
  // A part of the sources are in few stores, and of many none is in any.
  for (const std::uint32_t span : {300u, 100'000u}) {
    Sources sources = some(40, 20, 77, span);
    sources[7].clear();
    const StoreIndex index = index_of(sources);
    REQUIRE(index);
    std::size_t pairs = 0;
    for (Gid gid = 0; gid < 77 + span + 200; ++gid) {
      std::vector<std::uint32_t> expected;
      for (std::uint32_t k = 0; k < sources.size(); ++k) {
        if (sources[k].contains(gid)) {
          expected.push_back(k);
        }
      }
      std::vector<std::uint32_t> found;
      for (const StoreIndex::Visit& visit : index.of(gid)) {
        found.push_back(visit.store);
        CHECK(visit.shortest == 2);
        CHECK(visit.longest == 5 + gid % 3);
      }
      CHECK(found == expected);
      pairs += found.size();
    }
    CHECK(pairs == 39 * 20);
    CHECK(index.bytes() >= 8 * pairs);
    CHECK(index.bytes() < 12 * pairs + 2000 + span / 2);
  }
}

TEST_CASE("there is no index where stores have most sources, or none") {
  CHECK_FALSE(index_of(some(20, 80, 0, 100)));
  CHECK_FALSE(index_of(Sources(20)));
  CHECK_FALSE(StoreIndex());
}

TEST_CASE("the last of all sources can be in an index") {
  constexpr Gid last = 0xfffffffe;
  Sources sources(20, {last - 500, last});
  const StoreIndex index = index_of(sources);
  REQUIRE(index);
  CHECK(index.of(last).size() == 20);
  CHECK(index.of(last - 1).empty());
  CHECK(index.of(0).empty());
}

}  // namespace test_network_store_index
