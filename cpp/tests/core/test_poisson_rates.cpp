#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <vector>

#include "spikelet/core/cpu.hpp"
#include "spikelet/core/kernels.hpp"
#include "spikelet/core/poisson.hpp"
#include "spikelet/core/poisson_rates.hpp"
#include "spikelet/core/types.hpp"

namespace test_core_poisson_rates {

using namespace spikelet;

namespace {

double cumulative(int k, double mean) {
  double sum = 0;
  for (int j = 0; j <= k; ++j) {
    sum += std::exp(j * std::log(mean) - mean - std::lgamma(j + 1.0));
  }
  return sum;
}

const Stream stream(11, Purpose::injector, 3), tie(11, Purpose::injector_tie, 3);

std::vector<std::uint32_t> draw(const PoissonRates& rates, std::size_t at, Step step) {
  std::vector<std::uint32_t> counts(block_size);
  kernels().rate_counts(rates, at, stream, tie, 5, step, counts.data());
  return counts;
}

}  // namespace

// The probability of each count, from what decides on it: limits, and further bits on them.
TEST_CASE("the limits of an element, with what settles them, hold its Poisson law") {
  const std::vector<double> some{1e-9, 1e-4, 0.1, 0.8, 1.0, 2.5, 5.0, 8.0};
  std::vector<double> means(block_size);
  for (std::size_t n = 0; n < means.size(); ++n) {
    means[n] = some[n % some.size()];
  }
  const PoissonRates rates(means);
  const PoissonRates::Block& block = rates.block(0);
  for (std::size_t n = 0; n < some.size(); ++n) {
    CAPTURE(some[n]);
    for (std::uint32_t row = 0; row < block.rows; ++row) {
      const int limit = rates.limits(block)[row * block_size + n] + 32768;
      // At the limit, the count exceeds `row` from where the rest of P(X <= row) ends.
      const double exact = cumulative(static_cast<int>(row), some[n]) * 0x1p16;
      CHECK(limit == static_cast<int>(std::min(std::floor(exact), 65535.0)));
      const double rest = (exact - limit) * 0x1p32;
      if (rest > 2e3 && rest < 0x1p32 - 2e3) {
        const auto word = static_cast<std::uint32_t>(rest);
        const auto at = static_cast<std::uint16_t>(limit);
        CHECK(rates.settle(n, at, word - 1000) <= row);
        CHECK(rates.settle(n, at, word + 1000) > row);
      }
    }
  }
}

TEST_CASE("counts of elements with a mean each follow the Poisson law") {
  std::vector<double> means(block_size);
  const std::vector<double> some{0.0, 0.01, 0.1, 1.0, 5.0, 8.0, 20.0, 60.0};
  for (std::size_t n = 0; n < means.size(); ++n) {
    means[n] = some[n % some.size()];
  }
  const PoissonRates rates(means);
  std::vector<std::vector<double>> counts(some.size(), std::vector<double>(120));
  constexpr int steps = 20000;
  for (Step step = 0; step < steps; ++step) {
    const auto found = draw(rates, 0, step);
    for (std::size_t n = 0; n < found.size(); ++n) {
      REQUIRE(found[n] < 120);
      counts[n % some.size()][found[n]] += 1;
    }
  }
  const double n = steps * static_cast<double>(block_size / some.size());
  CHECK(counts[0][0] == n);
  for (std::size_t k = 1; k < some.size(); ++k) {
    CAPTURE(some[k]);
    double chi = 0, observed = 0, before = 0;
    int bins = 0;
    for (int count = 0; count < 120; ++count) {
      const double below = cumulative(count, some[k]);
      observed += counts[k][static_cast<std::size_t>(count)];
      const double expected = n * (below - before);
      if (expected >= 20 && n * (1 - below) >= 20) {
        chi += (observed - expected) * (observed - expected) / expected;
        ++bins;
        before = below;
        observed = 0;
      }
    }
    for (const double expected : {n * (1 - before)}) {
      chi += (observed - expected) * (observed - expected) / expected;
    }
    REQUIRE(bins > 0);
    CHECK(std::abs(chi - bins) / std::sqrt(2.0 * bins) < 3.5);
  }
}

TEST_CASE("very large means keep the mean and the variance") {
  const std::vector<double> means(block_size, largest_mean);
  const PoissonRates rates(means);
  CHECK(rates.block(0).parts == 1u << 15);
  double sum = 0, squares = 0;
  for (const std::uint32_t count : draw(rates, 0, 7)) {
    const double z = (count - largest_mean) / std::sqrt(largest_mean);
    sum += z;
    squares += z * z;
  }
  CHECK(std::abs(sum) / std::sqrt(block_size) < 4);
  CHECK(std::abs(squares / block_size - 1) < 4 * std::sqrt(2.0 / block_size));
}

TEST_CASE("an element's count depends on its own mean only") {
  std::vector<double> means(2 * block_size, 0.7), others(means);
  others[3] = 12.0;  // another number of parts
  others[40] = 0.0;
  others[70] = 100.0;
  const PoissonRates rates(means), changed(others);
  for (Step step = 0; step < 200; ++step) {
    auto a = draw(rates, 0, step), b = draw(changed, 0, step);
    a[3] = b[3] = a[40] = b[40] = 0;
    CHECK(a == b);
  }
}

TEST_CASE("a mean that is too large, or no number, is refused") {
  std::vector<double> means(block_size, 1.0);
  means[9] = 1.01 * largest_mean;
  CHECK_THROWS_AS(PoissonRates{means}, std::invalid_argument);
  means[9] = std::numeric_limits<double>::quiet_NaN();
  CHECK_THROWS_AS(PoissonRates{means}, std::invalid_argument);
  CHECK(PoissonRates(std::vector<double>(block_size, 0.0)).block(0).parts == 0);
  CHECK(PoissonRates().empty());
}

TEST_CASE_TEMPLATE("all levels add the same counts", R, float, double) {
  constexpr std::size_t blocks = 11, n = blocks * block_size;
  std::vector<double> means(n);
  std::vector<R> weight(n);
  for (std::size_t i = 0; i < n; ++i) {
    means[i] = i % 7 == 0 ? 0.0 : 0.003 * static_cast<double>(i * i % 5000);
    weight[i] = static_cast<R>(0.1 * static_cast<double>(i % 13) - 0.4);
  }
  std::fill(means.begin() + 2 * block_size, means.begin() + 3 * block_size, 0.0);
  const PoissonRates rates(means);
  std::vector<std::vector<R>> found;
  for (const SimdLevel level : available_simd_levels()) {
    std::vector<R> input(n, R(1));
    for (Step step = 0; step < 2000; ++step) {
      // From another block on, as a slice of a partition does.
      kernels(level).template rates<R>()(rates, 1, stream, tie, step, 3 * block_size,
                                         (2 + blocks) * block_size, weight.data() - 2 * block_size,
                                         ~std::size_t{0}, input.data() - 2 * block_size);
    }
    found.push_back(input);
    CHECK(found.back() == found.front());
  }
  CHECK(found.front()[0] == R(1));  // block 0 was not drawn
  CHECK(found.front()[block_size + 1] != R(1));
}

}  // namespace test_core_poisson_rates
