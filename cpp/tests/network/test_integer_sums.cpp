#include <doctest/doctest.h>

#include <vector>

#include "core/levels.hpp"
#include "spikelet/core/kernels.hpp"
#include "spikelet/network/integer_sums.hpp"

using namespace spikelet;

TEST_CASE("sums become a part of the channel, and start again at 0") {
  IntegerSums sums;
  sums.step = 0.25;
  sums.value.resize(128);
  sums.value[3] = 7;
  sums.value[64] = static_cast<std::uint32_t>(-9);
  sums.value[127] = 0x7fffffff;
  Buffer<double> wide(128, 1.0);
  Buffer<float> narrow(128, 1.0f);
  IntegerSums copy = sums;
  kernels().add_sums<double>()(sums.value.data(), 128, sums.step, wide.data());
  kernels().add_sums<float>()(copy.value.data(), 128, 0.25f, narrow.data());
  CHECK(wide[3] == 2.75);
  CHECK(wide[64] == -1.25);
  CHECK(wide[127] == 1 + 0.25 * 2147483647.0);
  CHECK(narrow[3] == 2.75f);
  CHECK(narrow[64] == -1.25f);
  CHECK(narrow[0] == 1.0f);
  for (std::size_t i = 0; i < 128; ++i) {
    CHECK(sums.value[i] == 0);
    CHECK(copy.value[i] == 0);
  }
}
