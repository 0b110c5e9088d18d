#include <doctest/doctest.h>

#include <map>

#include "spikelet/network/sum_steps.hpp"

namespace test_network_sum_steps {

using namespace spikelet;

using Steps = std::map<int, double>;

TEST_CASE("nodes have the finest step of a channel, where it is fine enough for one of theirs") {
  SumSteps steps;
  CHECK(steps.of(3).empty());
  steps.add(3, {0, 1, false}, 0.25);
  steps.add(3, {1, 1, false}, 2.0);
  steps.add(5, {0, 0, false}, 0.5);
  CHECK(steps.of(3) == Steps{{0, 0.25}, {1, 0.25}});
  CHECK(steps.of(5) == Steps{{0, 0.25}});
  const double tiny = 0x1p-40;  // in other units
  steps.add(7, {0, 0, false}, tiny);
  steps.add(7, {0, 0, false}, 2 * tiny);
  CHECK(steps.of(7) == Steps{{0, tiny}});
  CHECK(steps.of(5) == Steps{{0, 0x1p-16}});
  CHECK(steps.of(3) == Steps{{0, 0x1p-17}, {1, 0.25}});
}

TEST_CASE("weights that differ too much for one sum are found") {
  SumSteps steps;
  steps.add(3, {0, 1, false}, 1.0);
  CHECK(steps.too_far(3, {0, 0, false}, 0x1p-15) == 0);
  CHECK(steps.too_far(3, {0, 0, false}, 0x1p15) == 0);
  CHECK(steps.too_far(3, {0, 0, false}, 0x1p-16) == 1.0);
  CHECK(steps.too_far(3, {1, 1, false}, 0x1p16) == 1.0);
  CHECK(steps.too_far(3, {2, 2, false}, 0x1p16) == 0);
  CHECK(steps.too_far(4, {0, 1, false}, 0x1p16) == 0);
  steps.add(3, {0, 0, false}, 0x1p-10);
  CHECK(steps.too_far(3, {0, 0, false}, 0x1p6) == 0x1p-10);
  CHECK(steps.too_far(3, {1, 1, false}, 0x1p6) == 0);
}

}  // namespace test_network_sum_steps
