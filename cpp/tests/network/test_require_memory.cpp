#include <doctest/doctest.h>

#include "network/require_memory.hpp"

using namespace spikelet;

TEST_CASE("synapses that cannot fit this machine are refused") {
  CHECK_NOTHROW(require_memory(1'000'000));
  if (installed_memory() > 0) {
    const auto too_many = static_cast<std::uint64_t>(installed_memory());
    CHECK_THROWS_AS(require_memory(too_many), std::length_error);
    CHECK_NOTHROW(require_memory(too_many / 4));
  }
}
