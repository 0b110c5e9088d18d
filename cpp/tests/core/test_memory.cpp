#include <doctest/doctest.h>

#include "spikelet/core/memory.hpp"

namespace test_core_memory {

using namespace spikelet;

TEST_CASE("what exceeds the memory that is left does not fit") {
  const double left = available_memory();
  CHECK(left > 0);
  CHECK(fits_in_memory(1e6));
  CHECK(fits_in_memory(left / 4));
  CHECK(!fits_in_memory(2 * left + 1e9));
  CHECK(!fits_in_memory(0x1p26, 2 * left + 1e9));
  CHECK(fits_in_memory(1, 0x1p80));  // too small to ask
  CHECK(available_memory("/no/such/folder") == 0x1p47);
}

}  // namespace test_core_memory
