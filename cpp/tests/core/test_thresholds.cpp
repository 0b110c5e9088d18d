#include <doctest/doctest.h>

#include <cstdint>
#include <vector>

#include "core/thresholds.hpp"
#include "spikelet/core/poisson.hpp"
#include "support/values.hpp"

namespace test_core_thresholds {

using namespace spikelet;

TEST_CASE("many thresholds are those of single probabilities") {
  std::vector<double> p = test::values<double>(500, -0.2, 1.2, 3);
  p.insert(p.end(), {0.0, 1.0, 0x1p-48, 1 - 0x1p-53, 0.5});
  std::vector<std::uint16_t> high(p.size());
  std::vector<std::uint32_t> low(p.size());
  to_thresholds(p.data(), p.size(), high.data(), low.data());
  for (std::size_t i = 0; i < p.size(); ++i) {
    const Threshold one = to_threshold(p[i]);
    CHECK(high[i] == one.high);
    CHECK(low[i] == one.low);
  }
  CHECK(high[500] == 0);
  CHECK(low[500] == 0);
  CHECK(high[501] == 65535);
  CHECK(low[501] == 4294967295u);
  CHECK(low[502] == 1);
  CHECK(high[504] == 32768);
}

}  // namespace test_core_thresholds
