#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "spikelet/network/rates.hpp"

namespace {

using namespace spikelet;
using Values = std::vector<double>;

Targets all(std::size_t n) { return {n, own_range(0, n, 0, 1)}; }

}  // namespace

TEST_CASE("SineRates follow the sine at the end of a step, and are never negative") {
  const SineRates rates(all(3), Values{2000}, Values{0, 1000, 5000}, Values{10}, Values{30}, 0.1);
  CHECK_FALSE(rates.one());
  CHECK(rates.most()[1] == doctest::Approx(0.3));
  for (const Step step : {0, 123, 400, 777}) {
    const double angle = 2 * M_PI * 10e-3 * static_cast<double>(step + 1) * 0.1 + M_PI / 6;
    for (std::size_t i = 0; i < 3; ++i) {
      const double hz = 2000 + std::array{0, 1000, 5000}[i] * std::sin(angle);
      CHECK(rates.mean(step, i) == doctest::Approx(std::max(0.0, hz * 1e-4)).epsilon(1e-12));
    }
  }
  CHECK(SineRates(all(5), Values{0}, Values{0}, Values{5}, Values{0}, 0.1).window(0).end <= 0);
}

TEST_CASE("SteppedRates hold row by row, and rows of zeros are none") {
  const SteppedRates rates(all(2), {10, 20, 30}, Values{100, 0, 0, 0, 300, 200}, 2, 0.1);
  CHECK(rates.window(0).begin == 10);
  CHECK(rates.window(0).end == 20);
  CHECK(rates.window(20).begin == 30);
  CHECK(rates.mean(15, 0) == doctest::Approx(0.01));
  CHECK(rates.mean(35, 1) == doctest::Approx(0.02));
  CHECK(rates.most()[0] == doctest::Approx(0.03));
  const SteppedRates one(all(2), {0}, Values{100}, 1, 0.1);
  CHECK(one.one());
  CHECK(one.mean(1, 1) == one.mean(1, 0));
}

TEST_CASE("rates of a part are those of its targets, as they were given") {
  const std::vector<std::uint32_t> part{7, 2};
  const Targets targets(10, own_range(0, 10, 0, 1), part);
  const SteppedRates rates(targets, {0}, Values{100, 200}, 2, 0.1);
  CHECK(rates.mean(0, 0) == doctest::Approx(0.02));  // of element 2
  CHECK(rates.mean(0, 1) == doctest::Approx(0.01));
}

TEST_CASE("each event is kept with the probability rate / largest rate") {
  const SineRates rates(all(1), Values{1000}, Values{1000}, Values{0}, Values{-30}, 0.1);  // 1/4
  const Stream stream(1, Purpose::injector_thin, 0);
  for (const int events : {1, 3, 16, 17, 400}) {
    CAPTURE(events);
    constexpr int draws = 20000;
    double sum = 0, squares = 0;
    for (std::uint32_t i = 0; i < draws; ++i) {
      const int kept = rates.thin(events, stream, i, 5, 0);
      REQUIRE(kept >= 0);
      REQUIRE(kept <= events);
      sum += kept;
      squares += kept * kept;
    }
    const double mean = sum / draws, variance = squares / draws - mean * mean;
    const double expected = events * 0.25, spread = events * 0.25 * 0.75;
    CHECK(std::abs(mean - expected) < 4 * std::sqrt(spread / draws));
    CHECK(std::abs(variance / spread - 1) < 0.06);
  }
  CHECK(rates.thin(0, stream, 3, 5, 0) == 0);
}
