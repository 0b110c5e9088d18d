#include <doctest/doctest.h>

#include <numeric>
#include <random>
#include <utility>
#include <vector>

#include "network/row_order.hpp"

namespace test_network_row_order {

using namespace spikelet;

TEST_CASE("synapses of a row are ordered by target and delay, and then as they were added") {
  std::mt19937 random(1);
  RowOrder order;
  struct Kind {
    std::uint32_t first, last;
    int shortest, longest;
  };
  for (const Kind kind :
       {Kind{0, 9, 1, 3}, Kind{0, 0xffffffffu, 1, 65535}, Kind{70000, 70000, 5, 5},
        Kind{0xfffffff0u, 0xffffffffu, 1, 400}, Kind{0, 100000, 300, 310}}) {
    std::uniform_int_distribution<std::uint32_t> target(kind.first, kind.last);
    std::uniform_int_distribution<int> delay(kind.shortest, kind.longest);
    for (const std::size_t n : {0, 1, 2, 20, 63, 64, 65, 1000, 8191, 8192, 20000}) {
      CAPTURE(n);
      order.clear();
      std::vector<std::pair<std::uint32_t, int>> row;
      for (std::size_t k = 0; k < n; ++k) {
        row.emplace_back(target(random), delay(random));
        order.add(row.back().first, static_cast<std::uint16_t>(row.back().second));
      }
      std::vector<std::size_t> expected(n);
      std::iota(expected.begin(), expected.end(), std::size_t{0});
      std::ranges::stable_sort(expected, {}, [&](std::size_t k) { return row[k]; });
      CHECK(order.size() == n);
      const auto sorted = order.sorted();
      if (std::ranges::is_sorted(row)) {
        CHECK(sorted.empty());
      } else {
        REQUIRE(sorted.size() == n);
        CHECK(std::ranges::equal(sorted, expected));
      }
    }
  }
}

}  // namespace test_network_row_order
