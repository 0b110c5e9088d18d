#include <doctest/doctest.h>

#include <cstddef>

#include "spikelet/core/pool.hpp"

namespace test_core_pool {

using namespace spikelet;

TEST_CASE("a pool reuses returned memory, and keeps at most its limit idle") {
  Pool pool(std::size_t{1} << 20);
  void* a = pool.take(300'000);
  pool.give(a, 300'000);
  CHECK(pool.idle() >= 300'000);
  CHECK(pool.take(300'000) == a);
  CHECK(pool.idle() == 0);
  void* b = pool.take(900'000);
  pool.give(a, 300'000);
  pool.give(b, 900'000);  // above the limit: the older goes
  CHECK(pool.idle() <= std::size_t{1} << 20);
  CHECK(pool.take(900'000) == b);
  pool.give(b, 900'000);
  pool.set_limit(0);
  CHECK(pool.idle() == 0);
}

}  // namespace test_core_pool
