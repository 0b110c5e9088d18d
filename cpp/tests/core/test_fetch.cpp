#include <doctest/doctest.h>

#include <cstdint>
#include <vector>

#include "spikelet/core/fetch.hpp"

namespace test_core_fetch {

using namespace spikelet;

TEST_CASE("nothing is read: there may be no memory") {
  const auto* nowhere = reinterpret_cast<const char*>(std::uintptr_t{64});
  fetch_line(nullptr);
  fetch_line(nowhere);
  fetch_if_small(nowhere, 0);
  fetch_if_small(nowhere, 32768);
  fetch_if_small(nowhere, SIZE_MAX);  // not small: it would take forever
  fetch_values(std::vector<double>());
  const std::vector<double> values(100, 1.0);
  fetch_values(values);
  fetch_object(values);
  CHECK(values == std::vector<double>(100, 1.0));
}

}  // namespace test_core_fetch
