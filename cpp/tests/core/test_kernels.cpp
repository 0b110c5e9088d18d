// Every SIMD level must give the bits of the baseline.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <vector>

#include "spikelet/core/cpu.hpp"
#include "spikelet/core/draws16.hpp"
#include "spikelet/core/kernels.hpp"
#include "support/values.hpp"

namespace test_core_kernels {

namespace {

using namespace spikelet;

constexpr Step late = (Step{1} << 40) + 12345;  // a step whose upper word counts

std::vector<std::uint16_t> draws_of(const Stream& stream, std::uint32_t block, Step step) {
  std::vector<std::uint16_t> draws(block_size);
  draw16(stream, block, step, 1, draws.data());
  return draws;
}

template <class F>
void for_other_levels(F&& f) {
  for (const SimdLevel level : available_simd_levels()) {
    if (level != SimdLevel::baseline) {
      INFO("level ", std::string(to_string(level)));
      f(kernels(level));
    }
  }
}

}  // namespace

TEST_CASE_TEMPLATE("poisson adds the same bits at all levels", R, float, double) {
  const Stream stream(4, Purpose::injector, 1), tie(4, Purpose::injector_tie, 1);
  for (const double mean : {1e-3, 0.5, 7.9, 40.0}) {
    const PoissonTable table(mean);
    for (const std::size_t n : {64u, 128u, 640u}) {
      for (const bool each : {false, true}) {
        const auto weight = test::values<R>(n, -2, 3, 1);
        const auto start = test::values<R>(n, -1, 1, 2);
        const auto add = [&](const KernelTable& kernel) {
          auto input = start;
          for (const Step step : {Step{0}, Step{1}, Step{2}, late}) {
            kernel.poisson<R>()(table, stream, tie, step, 0, n, weight.data(),
                                each ? ~std::size_t{0} : 0, input.data());
          }
          return input;
        };
        const auto expected = add(kernels(SimdLevel::baseline));
        for_other_levels(
            [&](const KernelTable& kernel) { CHECK(test::same_bits(add(kernel), expected)); });
      }
    }
  }
}

TEST_CASE("poisson draws for a range of blocks are those of the whole") {
  const Stream stream(4, Purpose::injector, 1), tie(4, Purpose::injector_tie, 1);
  const PoissonTable table(2.0);
  const std::vector<float> weight(block_size, 1.5f);
  std::vector<float> whole(640), parts(640);
  const auto poisson = kernels().poisson32;
  poisson(table, stream, tie, 3, 0, 640, weight.data(), 0, whole.data());
  poisson(table, stream, tie, 3, 256, 640, weight.data(), 0, parts.data());
  poisson(table, stream, tie, 3, 0, 256, weight.data(), 0, parts.data());
  CHECK(whole == parts);
}

TEST_CASE_TEMPLATE("many parts at once get the bits of each by itself, at all levels", R, float,
                   double) {
  const PoissonTable few(0.7), many(40.0);
  std::vector<Stream> streams;
  std::vector<std::vector<R>> weights;
  for (std::uint32_t k = 0; k < 80; ++k) {
    streams.emplace_back(k, Purpose::injector, 1);
    weights.push_back(test::values<R>(5120, -2, 3, k));
  }
  std::vector<PoissonDrive<R>> drives;
  for (std::size_t k = 0; k < 80; ++k) {
    drives.push_back({k % 9 == 4 ? &many : &few, &streams[k], &streams[79 - k], weights[k].data(),
                      k % 2 == 0 ? 0 : ~std::size_t{0}, 0});
  }
  const auto start = test::values<R>(80 * 128 + 5120, -1, 1, 2);
  const auto add = [&](auto&& draw) {
    auto input = start;
    std::vector<PoissonPart<R>> parts;
    std::size_t at = 0;
    for (std::size_t k = 0; k < 80; ++k) {
      const std::size_t begin = k % 3 * block_size,  // one is longer than what is drawn at a time
          n = k == 50 ? 40 * block_size : (1 + k % 2) * block_size;
      parts.push_back({&drives[k], begin, begin + n, input.data() + at - begin});
      at += n;
    }
    draw(parts);
    return input;
  };
  const auto expected = add([](const std::vector<PoissonPart<R>>& parts) {
    for (const auto& [drive, begin, end, input] : parts) {
      kernels(SimdLevel::baseline)
          .poisson<R>()(*drive->table, *drive->stream, *drive->tie, late, begin, end, drive->weight,
                        drive->weight_mask, input);
    }
  });
  for (const SimdLevel level : available_simd_levels()) {
    const auto found = add([&](const std::vector<PoissonPart<R>>& parts) {
      kernels(level).poisson_parts<R>()(parts, late);
    });
    CHECK(test::same_bits(found, expected));
  }
}

TEST_CASE("below compares the draw, and settles ties with more bits, at all levels") {
  const Stream stream(6, Purpose::source, 2), tie(6, Purpose::source_tie, 2);
  int ties = 0;
  for (std::uint32_t block = 0; block < 10; ++block) {
    for (Step step = 0; step < 20; ++step) {
      std::vector<std::uint16_t> high(block_size);
      std::vector<std::uint32_t> low(block_size);
      std::uint64_t expected = 0;
      const auto draws = draws_of(stream, block, step);
      for (std::uint32_t n = 0; n < block_size; ++n) {
        const std::uint16_t x = draws[n];
        const Words more = stream.words(n, 1000 + block);
        // A third of the thresholds sit on the draw itself.
        high[n] = n % 3 == 0 ? x : static_cast<std::uint16_t>(more[0]);
        low[n] = more[1];
        const std::uint32_t element = block * 64 + n;
        const bool yes = x < high[n] || (x == high[n] && tie.at(element, step)[0] < low[n]);
        ties += x == high[n] && yes ? 1 : 0;
        expected |= std::uint64_t{yes} << n;
      }
      CHECK(kernels(SimdLevel::baseline).below(stream, tie, block, step, high.data(), low.data()) ==
            expected);
      for_other_levels([&](const KernelTable& table) {
        CHECK(table.below(stream, tie, block, step, high.data(), low.data()) == expected);
      });
    }
  }
  CHECK(ties > 1000);
}

TEST_CASE("doubles of a block are those of the counters, at each level") {
  const Stream stream(0x123456789abcull, Purpose::injector, 77);
  for (const SimdLevel level : available_simd_levels()) {
    const KernelTable& table = kernels(level);
    int tails = 0;
    for (const Step step : {Step{0}, Step{5}, (Step{1} << 40) + 3}) {
      for (const std::uint32_t first : {0u, 64u, 0xffffff00u}) {
        alignas(64) std::array<double, block_size> u, z;
        table.uniforms(stream, first, step, u.data());
        table.normals(stream, first, step, z.data());
        for (std::uint32_t k = 0; k < block_size; ++k) {
          const Words w = stream.at(first + k, step);
          CHECK(u[k] == uniform(w[0], w[1]));
          CHECK(z[k] == normal_quantile(u[k]));
          tails += std::abs(u[k] - 0.5) > normal_centre ? 1 : 0;
        }
      }
    }
    CHECK(tails > 40);
  }
}

TEST_CASE("pairs of doubles of any elements are those of the counters, at each level") {
  const Stream stream(0x123456789abcull, Purpose::injector_thin, 78);
  std::array<std::uint64_t, 48> elements;
  for (std::size_t k = 0; k < elements.size(); ++k) {
    elements[k] = k % 3 == 0 ? 0xffffffffu - k : 7 * k;
  }
  for (const SimdLevel level : available_simd_levels()) {
    for (const Step step : {Step{0}, Step{5}, (Step{1} << 40) + 3}) {
      for (const std::size_t n : {16, 48}) {
        std::array<double, 48> first{}, second{};
        kernels(level).uniform_pairs(stream, elements.data(), n, step, first.data(), second.data());
        for (std::size_t k = 0; k < n; ++k) {
          const Words w = stream.at(static_cast<std::uint32_t>(elements[k]), step);
          CHECK(first[k] == uniform(w[0], w[1]));
          CHECK(second[k] == uniform(w[2], w[3]));
        }
      }
    }
  }
}

}  // namespace test_core_kernels
