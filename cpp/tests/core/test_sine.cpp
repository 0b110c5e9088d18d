#include <doctest/doctest.h>

#include <cmath>
#include <random>
#include <vector>

#include "spikelet/core/cpu.hpp"
#include "spikelet/core/kernels.hpp"
#include "spikelet/core/sine.hpp"

namespace test_core_sine {

using namespace spikelet;

TEST_CASE("the sine of an angle is exact to a few units in the last place") {
  constexpr double pi = 3.141592653589793238;
  double worst = 0;
  for (int k = -4096; k <= 4096; ++k) {
    const double turns = k / 4096.0;
    worst = std::max(worst, std::abs(sine(to_angle(turns)) - std::sin(2 * pi * turns)));
  }
  CHECK(worst < 1e-15);
  CHECK(sine(0) == 0);
  CHECK(sine(to_angle(0.25)) == doctest::Approx(1).epsilon(1e-15));
  CHECK(sine(to_angle(0.5)) == 0);
  CHECK(sine(to_angle(0.75)) == doctest::Approx(-1).epsilon(1e-15));
  CHECK(std::abs(sine(to_angle(1e-9)) / (2e-9 * pi) - 1) < 1e-9);  // small angles keep their digits
}

TEST_CASE("whole turns drop out") {
  CHECK(to_angle(3.0) == 0);
  CHECK(to_angle(-1e-20) == 0);
  CHECK(to_angle(-0.25) == to_angle(0.75));
  CHECK(to_angle(7.125) == to_angle(0.125));
}

TEST_CASE("a sine stays exact after many periods") {
  const Sine sine(2.0, 62.5, 90.0, 1.0);  // 16 steps a period, and an angle without rounding
  for (const std::int64_t n : {0LL, 3LL, 8LL, 16LL * 1'000'000'000'000LL + 3}) {
    CHECK(sine.at(n) ==
          doctest::Approx(2 * std::cos(static_cast<double>(n % 16) / 16 * 6.283185307179586))
              .epsilon(1e-14));
  }
  CHECK(sine.at(16'000'000'000'003) == sine.at(3));
}

TEST_CASE("sines of many angles have the same bits, at each level") {
  std::mt19937_64 random(3);
  std::vector<Angle> angles{0,
                            Angle{1} << 62,
                            Angle{1} << 63,
                            3 * (Angle{1} << 62),
                            (Angle{1} << 62) - 1,
                            (Angle{1} << 62) + 1,
                            1,
                            ~Angle{0}};
  for (int k = 0; k < 4096; ++k) {
    angles.push_back(random() >> (k % 8 == 0 ? k % 61 : 0));
  }
  for (const SimdLevel level : available_simd_levels()) {
    std::vector<double> got(angles.size());
    kernels(level).sines(angles.data(), angles.size(), got.data());
    for (std::size_t k = 0; k < angles.size(); ++k) {
      REQUIRE(got[k] == sine(angles[k]));
    }
  }
}

}  // namespace test_core_sine
