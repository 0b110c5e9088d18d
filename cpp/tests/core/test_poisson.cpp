#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <vector>

#include "spikelet/core/kernels.hpp"
#include "spikelet/core/poisson.hpp"
#include "spikelet/core/types.hpp"

namespace test_core_poisson {

namespace {

using namespace spikelet;

double pmf(int k, double mean) {
  return std::exp(k * std::log(mean) - mean - std::lgamma(k + 1.0));
}

// The probability that one draw from the table gives k.
double table_pmf(const PoissonTable& table, int k) {
  double p = 0;
  for (int column = 0; column < 32; ++column) {
    const auto c = static_cast<std::size_t>(column);
    const double own = (table.high[c] + table.low[c] * 0x1p-32) / 2048;
    p += (column == k ? own : 0) + (table.other[c] == k ? 1 - own : 0);
  }
  return p / 32;
}

// Standardised chi-square of `counts` (index: value; last: that value or more) against a Poisson
// law.
double chi_square_z(const std::vector<double>& counts, double mean) {
  double n = 0, chi = 0, rest = 0, left = 1;
  for (const double count : counts) {
    n += count;
  }
  int bins = 0;
  double observed = 0, expected = 0;
  for (std::size_t k = 0; k < counts.size(); ++k) {
    const double p = k + 1 < counts.size() ? pmf(static_cast<int>(k), mean) : left;
    left -= p;
    observed += counts[k];
    expected += n * p;
    rest = n * left;
    if (expected >= 20 && (rest >= 20 || k + 1 == counts.size())) {
      chi += (observed - expected) * (observed - expected) / expected;
      observed = expected = 0;
      ++bins;
    }
  }
  if (expected > 0) {  // the tail that is too thin for a bin of its own
    chi += (observed - expected) * (observed - expected) / expected;
    ++bins;
  }
  return (chi - (bins - 1)) / std::sqrt(2.0 * (bins - 1));
}

}  // namespace

TEST_CASE("the alias table holds the Poisson probabilities") {
  for (const double mean : {1e-9, 1e-4, 0.1, 0.8, 1.0, 2.5, 5.0, 8.0}) {
    CAPTURE(mean);
    const PoissonTable table(mean);
    CHECK(table.repeats == 1);
    double sum = 0, first_moment = 0;
    for (int k = 0; k < 32; ++k) {
      const double p = table_pmf(table, k);
      CHECK(std::abs(p - pmf(k, mean)) < 2e-10);  // 31 stands for all beyond as well
      sum += p;
      first_moment += k * p;
    }
    CHECK(sum == doctest::Approx(1).epsilon(1e-12));
    CHECK(std::abs(first_moment - mean) < 1e-8);
  }
}

TEST_CASE("means beyond 8 are split into equal draws; 0 and less need none") {
  CHECK(PoissonTable(8.1).repeats == 2);
  CHECK(PoissonTable(100).repeats == 13);
  CHECK(std::abs(table_pmf(PoissonTable(20), 6) - pmf(6, 20.0 / 3)) < 1e-10);
  CHECK(PoissonTable(0).repeats == 0);
  CHECK(PoissonTable(-1).repeats == 0);
}

TEST_CASE("counts follow the Poisson law") {
  constexpr std::size_t n = 640;
  for (const double mean : {0.01, 0.1, 1.0, 5.0, 8.0, 20.0, 60.0}) {
    CAPTURE(mean);
    const PoissonTable table(mean);
    const Stream stream(11, Purpose::injector, 3), tie(11, Purpose::injector_tie, 3);
    const std::vector<float> weight(block_size, 1.0f);
    std::vector<double> counts(120);
    for (Step step = 0; step < 300; ++step) {
      std::vector<float> input(n);
      kernels().poisson32(table, stream, tie, step, 0, n, weight.data(), 0, input.data());
      for (const float x : input) {
        counts[std::min<std::size_t>(static_cast<std::size_t>(x), counts.size() - 1)] += 1;
      }
    }
    CHECK(std::abs(chi_square_z(counts, mean)) < 3.5);
  }
}

TEST_CASE("counts by inversion follow the Poisson law, and none is drawn for a mean of 0") {
  const Stream stream(12, Purpose::injector, 4);
  for (const double mean : {0.01, 1.0, 7.99, 8.0, 16.0, 21.5}) {
    CAPTURE(mean);
    const PoissonCount count(mean);
    std::vector<double> counts(80);
    for (Step step = 0; step < 200; ++step) {
      for (std::uint32_t element = 0; element < 500; ++element) {
        const auto k = static_cast<std::size_t>(count.draw(stream, element, step));
        counts[std::min(k, counts.size() - 1)] += 1;
      }
    }
    CHECK(std::abs(chi_square_z(counts, mean)) < 3.5);
  }
  CHECK(PoissonCount(0).draw(stream, 0, 0) == 0);
  CHECK(PoissonCount().mean() == 0);
}

TEST_CASE_TEMPLATE("counts beyond 16 bits keep the mean and the variance", R, float, double) {
  for (const double mean : {30e3, 100e3, largest_mean}) {
    CAPTURE(mean);
    const PoissonTable table(mean);
    const PoissonCount single(mean);
    const Stream stream(3, Purpose::injector, 1), tie(3, Purpose::injector_tie, 1);
    const std::vector<R> weight(block_size, R(1));
    constexpr int blocks = 5, n = blocks * block_size;
    for (const bool by_table : {true, false}) {
      std::vector<R> input(n);
      if (by_table) {
        kernels().poisson<R>()(table, stream, tie, 7, 0, n, weight.data(), 0, input.data());
      } else {
        for (std::uint32_t i = 0; i < n; ++i) {
          input[i] = static_cast<R>(single.draw(stream, i, 7));
        }
      }
      double sum = 0, squares = 0;
      for (const R count : input) {
        const double z = (static_cast<double>(count) - mean) / std::sqrt(mean);
        sum += z;
        squares += z * z;
      }
      CHECK(std::abs(sum / std::sqrt(n)) < 4);
      CHECK(std::abs(squares / n - 1) < 4 * std::sqrt(2.0 / n));
    }
  }
}

TEST_CASE("a mean that cannot be drawn is refused") {
  CHECK_THROWS_AS(PoissonTable(largest_mean * 1.001), std::invalid_argument);
  CHECK_THROWS_AS(PoissonTable(std::numeric_limits<double>::infinity()), std::invalid_argument);
  CHECK_THROWS_AS(PoissonCount(1e300), std::invalid_argument);
  CHECK_THROWS_AS(PoissonCount(std::nan("")), std::invalid_argument);
}

TEST_CASE("a draw on its threshold is settled by the fraction") {
  // P(0) = exp(-mean): near 1, so that most of what is not 0 hangs on the fraction below 1/2048.
  const double mean = 1e-3;
  const PoissonTable table(mean);
  const Stream stream(5, Purpose::injector, 0), tie(5, Purpose::injector_tie, 0);
  const std::vector<float> weight(block_size, 1.0f);
  double sum = 0;
  constexpr int steps = 4000, n = 640;
  std::vector<float> input(n);
  for (Step step = 0; step < steps; ++step) {
    kernels().poisson32(table, stream, tie, step, 0, n, weight.data(), 0, input.data());
  }
  for (const float x : input) {
    sum += static_cast<double>(x);
  }
  const double expected = mean * steps * n;
  CHECK(std::abs(sum - expected) < 3.5 * std::sqrt(expected));
}

TEST_CASE("successive steps and neighbours are not correlated") {
  const PoissonTable table(1.0);
  const Stream stream(8, Purpose::injector, 0), tie(8, Purpose::injector_tie, 0);
  const std::vector<float> weight(block_size, 1.0f);
  constexpr std::size_t n = 640;
  double along = 0, across = 0, pairs = 0;
  std::vector<float> before(n);
  for (Step step = 0; step < 400; ++step) {
    std::vector<float> input(n);
    kernels().poisson32(table, stream, tie, step, 0, n, weight.data(), 0, input.data());
    for (std::size_t i = 0; step > 0 && i + 1 < n; ++i, pairs += 1) {
      along += static_cast<double>((input[i] - 1) * (before[i] - 1));
      across += static_cast<double>((input[i] - 1) * (input[i + 1] - 1));
    }
    before = input;
  }
  CHECK(std::abs(along / std::sqrt(pairs)) < 3.5);
  CHECK(std::abs(across / std::sqrt(pairs)) < 3.5);
}

TEST_CASE("to_threshold splits a probability into 16 and 32 bits") {
  CHECK(to_threshold(0).high == 0);
  CHECK(to_threshold(0).low == 0);
  CHECK(to_threshold(0.5).high == 0x8000);
  CHECK(to_threshold(0x1p-16 + 0x1p-18).high == 1);
  CHECK(to_threshold(0x1p-16 + 0x1p-18).low == 1u << 30);
  for (const double p : {1.0, 2.0}) {
    CHECK(to_threshold(p).high == 0xffff);
    CHECK(to_threshold(p).low == 0xffffffff);
  }
  CHECK(to_threshold(-0.5).high == 0);
}

}  // namespace test_core_poisson
