#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <memory>
#include <random>
#include <vector>

#include "spikelet/network/rates.hpp"

namespace test_network_rates {

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

TEST_CASE("events of many elements are decided on as those of each by itself") {
  constexpr std::size_t n = 100;
  std::mt19937 random(5);
  std::uniform_real_distribution<double> uniform(0, 360);
  Values phase(n), amplitude(n), steps(2 * n);
  std::ranges::generate(phase, [&] { return uniform(random); });
  std::ranges::generate(amplitude, [&] { return 100 * uniform(random); });
  std::ranges::generate(steps, [&] { return uniform(random); });
  std::vector<std::unique_ptr<Rates>> kinds;
  kinds.push_back(
      std::make_unique<SineRates>(all(n), Values{9000}, amplitude, Values{17}, phase, 0.1));
  kinds.push_back(
      std::make_unique<SineRates>(all(n), Values{900}, Values{900}, Values{17}, Values{3}, 0.1));
  kinds.push_back(
      std::make_unique<SineRates>(all(n), Values{900}, Values{0}, Values{17}, phase, 0.1));
  kinds.push_back(std::make_unique<SteppedRates>(all(n), std::vector<Step>{0, 30}, steps, n, 0.1));
  const Stream stream(1, Purpose::injector_thin, 0);
  int removed = 0;
  for (const auto& rates : kinds) {
    for (const std::size_t size : {0, 1, 3, 4, 15, 16, 17, 63, 64}) {
      for (const Step step : {Step{3}, Step{44}, Step{1} << 40}) {
        Rates::Events events;
        std::vector<int> expected;
        for (std::size_t k = 0; k < size; ++k) {
          const std::size_t place = (k * 37) % n;
          const int count = k % 7 == 6 ? 30 : 1 + static_cast<int>(k % 5);
          events.add(64 * k + 5, place, count);
          expected.push_back(
              rates->thin(count, stream, static_cast<std::uint32_t>(64 * k + 5), step, place));
          removed += count - expected.back();
        }
        rates->thin(events, stream, step);
        REQUIRE(events.size == size);
        for (std::size_t k = 0; k < size; ++k) {
          CHECK(events.count[k] == expected[k]);
        }
      }
    }
  }
  CHECK(removed > 500);
}

}  // namespace test_network_rates
