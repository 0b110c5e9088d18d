#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <string>

#include "spikelet/core/cpu.hpp"
#include "spikelet/core/kernels.hpp"

namespace test_core_cpu {

using namespace spikelet;

TEST_CASE("the level in use is available, and is the requested one") {
  const auto levels = available_simd_levels();
  CHECK(levels.front() == SimdLevel::baseline);
  CHECK(std::is_sorted(levels.begin(), levels.end()));
  CHECK(std::count(levels.begin(), levels.end(), simd_level()) == 1);
  const char* wish = std::getenv("SPIKELET_SIMD");
  const bool named = wish != nullptr && *wish != '\0';
  CHECK(to_string(simd_level()) == (named ? std::string_view(wish) : to_string(levels.back())));
  CHECK(&kernels() == &kernels(simd_level()));
}

TEST_CASE("levels have the names that SPIKELET_SIMD takes") {
  CHECK(to_string(SimdLevel::baseline) == "baseline");
  CHECK(to_string(SimdLevel::v3) == "v3");
  CHECK(to_string(SimdLevel::v4) == "v4");
}

TEST_CASE("denormals are flushed while the guard lives, and not afterwards") {
  volatile double tiny = std::numeric_limits<double>::min();
  volatile double half = 0.5;
  CHECK(tiny * half > 0);
#if defined(__x86_64__) || defined(__aarch64__)
  bool flushed = false;
  {
    const FlushDenormals guard;
    const volatile double product = tiny * half;
    flushed = product == 0;
  }
  CHECK(flushed);
#endif
  CHECK(tiny * half > 0);
}

}  // namespace test_core_cpu
