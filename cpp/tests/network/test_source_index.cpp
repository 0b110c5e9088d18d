#include <doctest/doctest.h>

#include <random>
#include <set>

#include "spikelet/network/source_index.hpp"

namespace test_network_source_index {

TEST_CASE("a source index finds exactly the sources that have a row") {
  using spikelet::Gid;
  using spikelet::SourceIndex;
  std::mt19937 random(1);
  for (const std::size_t span : {1u, 63u, 64u, 65u, 1000u, 5000u}) {
    for (const double share : {1.0, 0.5, 0.05, 0.002}) {
      std::set<Gid> chosen{100};
      for (Gid source = 100; source < 100 + span; ++source) {
        if (std::uniform_real_distribution<>()(random) < share) {
          chosen.insert(source);
        }
      }
      const std::vector<Gid> sources(chosen.begin(), chosen.end());
      const SourceIndex index(sources);
      CHECK(index.first() == 100);
      CHECK(index.span() == sources.back() - 99);
      CHECK(index.dense() == (8 * sources.size() >= index.span()));
      std::uint32_t row = 0;
      for (Gid source = 0; source < 200 + span; ++source) {
        index.prefetch(source);
        const bool within = source >= 100 && source <= sources.back();
        const bool has = chosen.contains(source);
        const std::uint32_t expected = index.dense() ? (within ? source - 100 : SourceIndex::none)
                                       : has         ? row
                                                     : SourceIndex::none;
        REQUIRE(index.row(source) == expected);
        row += has ? 1 : 0;
      }
      CHECK(index.rows() == (index.dense() ? index.span() : sources.size()));
      CHECK(SourceIndex(sources, 0).rows() == sources.size());
    }
  }
  CHECK(SourceIndex().row(0) == SourceIndex::none);
  CHECK(SourceIndex().rows() == 0);
}

}  // namespace test_network_source_index
