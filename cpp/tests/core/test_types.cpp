#include <doctest/doctest.h>

#include "spikelet/core/types.hpp"

namespace test_core_types {

using namespace spikelet;

TEST_CASE("round_up") {
  CHECK(round_up(0, 64) == 0);
  CHECK(round_up(1, 64) == 64);
  CHECK(round_up(64, 64) == 64);
  CHECK(round_up(65, 64) == 128);
}

}  // namespace test_core_types
