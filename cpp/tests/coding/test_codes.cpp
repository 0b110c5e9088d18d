#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "spikelet/coding/codes.hpp"
#include "support/raster.hpp"

namespace test_coding_codes {

namespace {

using namespace spikelet;
using test::Bytes;
using test::raster;

constexpr double infinity = std::numeric_limits<double>::infinity();

}  // namespace

TEST_CASE("latency: one spike, earlier for more") {
  const std::vector<double> x{0.0, 0.2, 0.25, 0.5, 1.0};
  const auto row = [&](const Bytes& spikes, std::size_t i) {
    int first = -1, count = 0;
    for (int t = 8; t >= 0; --t) {
      if (spikes[static_cast<std::size_t>(t) * x.size() + i]) {
        first = t;
        ++count;
      }
    }
    return count > 1 ? -2 : first;
  };
  const Bytes linear = raster(45, [&](auto& out) { coding::latency(x, 9, infinity, 0.2, out); });
  const Bytes log = raster(45, [&](auto& out) { coding::latency(x, 9, 2.0, 0.0, out); });
  const int expected_linear[] = {-1, -1, 6, 4, 0}, expected_log[] = {-1, 3, 3, 1, 0};
  for (std::size_t i = 0; i < x.size(); ++i) {
    CHECK(row(linear, i) == expected_linear[i]);
    CHECK(row(log, i) == expected_log[i]);
  }
}

TEST_CASE("phase writes the bits, most significant first, again and again") {
  const std::vector<double> x{0.0, 0.625, 1.0};
  CHECK(raster(12, [&](auto& out) { coding::phase(x, 4, 3, out); }) ==
        Bytes{0, 1, 1, 0, 0, 1, 0, 1, 1, 0, 1, 1});
  const std::vector<double> largest{std::nextafter(1.0, 0.0)};
  CHECK(raster(32, [&](auto& out) { coding::phase(largest, 32, 32, out); }) == Bytes(32, 1));
}

TEST_CASE("burst: more spikes, closer together") {
  const std::vector<double> x{0.0, 0.3, 0.5, 1.0};  // intervals -, -, 2, 1
  CHECK(raster(20, [&](auto& out) { coding::burst(x, 3, 1, 2, out); }) ==
        Bytes{0, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0});
}

TEST_CASE("delta follows the series in steps of the threshold") {
  const std::vector<double> x{0.0, 0.1, 0.2, 0.5,
                              0.5, 0.5, 0.3};  // exact multiples are not binary fractions
  CHECK(raster(14, [&](auto& out) { coding::delta(x, 7, 0.1, out); }) ==
        Bytes{0, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 0, 1});
}

}  // namespace test_coding_codes
