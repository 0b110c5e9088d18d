// Maxima of windows against plain loops, at all SIMD levels.
#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "spikelet/core/cpu.hpp"
#include "spikelet/train/pool.hpp"
#include "support/values.hpp"
#include "train/kernels.hpp"

namespace test_train_pool {

using namespace spikelet;
using namespace spikelet::train;

TEST_CASE_TEMPLATE("a pool finds the first of the greatest", R, float, double) {
  for (const PoolShape& shape : {PoolShape{2, 1, 2, 2, 2, 2},
                                 {3, 37, 7, 9, 2, 3},
                                 {33, 16, 4, 4, 4, 1},
                                 {1, 5, 3, 3, 1, 1},
                                 {2, 3, 1, 5, 2, 2}}) {
    const std::size_t n = shape.images * shape.height * shape.width * shape.channels;
    auto x = test::values<R>(n, 1, -2, 2);
    for (std::size_t i = 0; i < n; ++i) {
      x[i] = std::round(x[i]);  // many are alike
    }
    x[n / 2] = std::numeric_limits<R>::quiet_NaN();
    const std::size_t out = shape.images * shape.out_height() * shape.out_width() * shape.channels;
    std::vector<R> expected(out), spread(n);
    std::vector<std::uint8_t> places(out);
    const auto by = test::values<R>(out, 2, -1, 1);
    std::size_t to = 0;
    for (std::size_t image = 0; image < shape.images; ++image) {
      for (std::size_t oy = 0; oy < shape.out_height(); ++oy) {
        for (std::size_t ox = 0; ox < shape.out_width(); ++ox) {
          for (std::size_t c = 0; c < shape.channels; ++c, ++to) {
            std::size_t best = 0;
            std::uint8_t number = 0;
            for (std::size_t ky = 0; ky < shape.window_height; ++ky) {
              for (std::size_t kx = 0; kx < shape.window_width; ++kx, ++number) {
                const std::size_t from =
                    ((image * shape.height + oy * shape.window_height + ky) * shape.width +
                     ox * shape.window_width + kx) *
                        shape.channels +
                    c;
                if (number == 0 || x[from] > x[best] || std::isnan(x[from])) {
                  best = from;
                  places[to] = number;
                }
              }
            }
            expected[to] = x[best];
            spread[best] = by[to];
          }
        }
      }
    }
    for (const int threads : {1, 3}) {
      std::vector<R> y(out), by_x(n, R(7));
      std::vector<std::uint8_t> found(out);
      max_pool(shape, x.data(), y.data(), found.data(), threads);
      max_pool_spread(shape, by.data(), found.data(), by_x.data(), threads);
      CHECK(test::same_bits(y, expected));
      CHECK(found == places);
      CHECK(test::same_bits(by_x, spread));
    }
    if (out == 0) {
      continue;
    }
    const PoolRow row{shape.out_width(), shape.channels, shape.window_height, shape.window_width,
                      shape.width * shape.channels};
    const std::size_t first = row.windows * row.channels;
    for (const SimdLevel level : available_simd_levels()) {
      const auto& kernels = std::get<PoolKernels<R>>(level_table(level));
      std::vector<R> y(first), by_x(n);
      std::vector<std::uint8_t> found(first);
      kernels.max_row(row, x.data(), y.data(), found.data());
      kernels.spread_row(row, by.data(), found.data(), by_x.data());
      expected.resize(first);
      places.resize(first);
      CHECK(test::same_bits(y, expected));
      CHECK(found == places);
      for (std::size_t i = 0; i < shape.window_height * row.pitch; ++i) {
        CHECK(by_x[i] == spread[i]);
      }
    }
  }
}

}  // namespace test_train_pool
