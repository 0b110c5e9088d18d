// The kernels of training: every SIMD level must give the bits of the baseline.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "spikelet/core/buffer.hpp"
#include "spikelet/core/cpu.hpp"
#include "support/sparse_values.hpp"
#include "support/values.hpp"
#include "train/kernels.hpp"

namespace test_train_kernels {

namespace {

using namespace spikelet;
using namespace spikelet::train;
using test::same_bits;
using test::sparse_values;

template <class R>
const SparseKernels<R>& kernels_at(SimdLevel level) {
  return std::get<SparseKernels<R>>(level_table(level));
}

// What kernels at one level give, for 1 to 11 lines of 64 bytes.
template <class R>
std::vector<R> sums_of(const SparseKernels<R>& kernels, std::size_t lines, bool ones) {
  const std::size_t width = lines * 64 / sizeof(R);
  const std::size_t pitch = width + 16;
  const std::vector<R> rows = sparse_values<R>(40 * pitch, 1, 1);
  const std::vector<R> value = sparse_values<R>(25, 1, 2);
  std::vector<std::uint32_t> at;
  for (std::size_t e = 0; e < value.size(); ++e) {
    at.push_back(static_cast<std::uint32_t>(e * 7 % 40));
  }
  const ActiveInputs<R> events{value.size(), at.data(), ones ? nullptr : value.data()};
  std::vector<R> sums = sparse_values<R>(width, 1, 3);
  kernels.gather(events, rows.data(), pitch, width, sums.data(), sums.data(), false);
  Buffer<R> streamed(width);
  kernels.gather(events, rows.data(), pitch, width, sums.data(), streamed.data(), true);
  kernels.fence();
  std::vector<R> target = rows;
  kernels.scatter(events, sums.data(), width, target.data(), pitch);
  std::vector<R> total(width - 1);
  kernels.sum_rows(rows.data(), 40, width, width - 1, total.data());
  sums.insert(sums.end(), streamed.begin(), streamed.end());
  sums.insert(sums.end(), target.begin(), target.end());
  sums.insert(sums.end(), total.begin(), total.end());
  return sums;
}

// The same additions, one number after another.
template <class R>
void check_sums(std::size_t lines, bool ones) {
  const std::size_t width = lines * 64 / sizeof(R);
  const std::size_t pitch = width + 16;
  const std::vector<R> rows = sparse_values<R>(40 * pitch, 1, 1);
  const std::vector<R> value = sparse_values<R>(25, 1, 2);
  const std::vector<R> found = sums_of(kernels_at<R>(SimdLevel::baseline), lines, ones);
  std::vector<R> sums = sparse_values<R>(width, 1, 3), target = rows;
  const auto add = [&](std::vector<R>& to) {
    for (std::size_t e = 0; e < value.size(); ++e) {
      for (std::size_t k = 0; k < width; ++k) {
        to[k] += (ones ? R(1) : value[e]) * rows[e * 7 % 40 * pitch + k];
      }
    }
  };
  add(sums);
  std::vector<R> twice = sums;
  add(twice);
  for (std::size_t e = 0; e < value.size(); ++e) {
    for (std::size_t k = 0; k < width; ++k) {
      target[e * 7 % 40 * pitch + k] += (ones ? R(1) : value[e]) * sums[k];
    }
  }
  sums.insert(sums.end(), twice.begin(), twice.end());
  sums.insert(sums.end(), target.begin(), target.end());
  CHECK(same_bits(
      sums, std::vector<R>(found.begin(), found.end() - static_cast<std::ptrdiff_t>(width - 1))));
}

// The sums of slices of a list of inputs, and those of their rows, for 1 to 4 lines.
template <class R>
std::vector<R> slices_of(const SparseKernels<R>& kernels, std::size_t lines, bool ones) {
  const std::size_t width = lines * 64 / sizeof(R);
  const std::vector<R> rows = sparse_values<R>(40 * width, 1, 1);
  const std::vector<R> value = sparse_values<R>(9, 1, 2);
  const std::vector<std::uint32_t> at{0, 3, 3, 5, 6, 9, 20, 24, 29}, ends{0, 2, 2, 5, 9};
  // One of several slots, one before the first row, an empty one, and all.
  const std::vector<Slice> windows{{0, 3, 10}, {3, 4, -3}, {1, 2, 0}, {0, 4, 4}};
  const Slices<R> slices{windows.data(), windows.size(), ends.data(), at.data(),
                         ones ? nullptr : value.data()};
  const std::size_t step = width + 3;
  std::vector<R> sums = sparse_values<R>(4 * step, 1, 3);
  kernels.gather_windows(slices, rows.data(), lines, sums.data(), step);
  return sums;
}

// The sums of taps of a kernel over a list of inputs, for columns that are neighbours or not.
template <class R>
std::vector<R> taps_of(const SparseKernels<R>& kernels, std::size_t rows, std::size_t columns,
                       std::size_t apart, bool ones) {
  constexpr std::size_t line = 64 / sizeof(R);
  const std::size_t pitch = 20 * line;
  const std::vector<R> from = sparse_values<R>((rows + 4) * pitch, 1, 1);
  const std::vector<R> value = sparse_values<R>(7, 1, 2);
  std::vector<std::uint32_t> at;
  for (std::size_t e = 0; e < value.size(); ++e) {
    at.push_back(static_cast<std::uint32_t>((rows + e / 2) * pitch + (12 + e) * line));
  }
  const ActiveInputs<R> events{value.size(), at.data(), ones ? nullptr : value.data()};
  std::vector<R> sums = sparse_values<R>(rows * columns * 2 * line, 1, 3);
  kernels.correlate(events,
                    {rows, columns, static_cast<std::ptrdiff_t>(pitch),
                     static_cast<std::ptrdiff_t>(apart * line), columns * 2 * line, 2 * line},
                    from.data(), sums.data());
  return sums;
}

// The points of a tile, their products with filters in panels of lines, and the results.
std::vector<float> tiles_of(const TileKernels& kernels, std::size_t lines, std::size_t places) {
  const std::size_t terms = 19, pitch = 32, width = lines * 16, points = tile_side * tile_side;
  const std::vector<float> pixels = sparse_values<float>(points * terms, 1, 1);
  std::vector<const float*> at;
  for (std::size_t p = 0; p < points; ++p) {
    at.push_back(pixels.data() + p * terms);
  }
  std::vector<float> v(points * tile_group * pitch), u(points * terms * width),
      m(points * tile_group * width);
  const std::vector<double> filter = sparse_values<double>(places * places * width, 1, 2),
                            matrix = sparse_values<double>(points, 1, 3);
  for (std::size_t t = 0; t < tile_group; ++t) {
    kernels.points(at.data(), t % 2 == 0 ? tile_side : 7 - places, terms - t % 3,
                   v.data() + t * pitch, tile_group * pitch);
  }
  std::vector<float> all;
  for (std::size_t first = 0; first < lines; first += kernels.most_lines) {
    const std::size_t n = std::min(kernels.most_lines, lines - first);
    float* const panel = u.data() + first * 16 * terms;
    for (std::size_t o = 0; o < terms; ++o) {
      kernels.filters(filter.data() + first * 16, places, width, n * 16, matrix.data(),
                      panel + o * n * 16, terms * width);
    }
    for (std::size_t p = 0; p < points; ++p) {
      kernels.multiply(v.data() + p * tile_group * pitch, pitch, panel + p * terms * width, terms,
                       n, m.data() + p * tile_group * width + first * 16, width, tile_group);
    }
  }
  for (std::size_t t = 0; t < tile_group; ++t) {
    for (const std::size_t side : {tile_side, 7 - places}) {
      std::vector<float> y(side * side * width);
      kernels.values(m.data() + t * width, tile_group * width, width, side, y.data());
      all.insert(all.end(), y.begin(), y.end());
    }
  }
  return all;
}

template <class R>
std::vector<std::uint32_t> found_by(const SparseKernels<R>& kernels, const std::vector<R>& x) {
  std::vector<std::uint32_t> index(x.size() + 64);
  bool ones = true;
  index.resize(kernels.find(x.data(), x.size(), index.data(), ones));
  CHECK(ones == std::all_of(x.begin(), x.end(), [](R v) { return v == 0 || v == 1; }));
  return index;
}

}  // namespace

TEST_CASE_TEMPLATE("every SIMD level gives the same bits", R, float, double) {
  constexpr std::size_t n = 101;
  const std::vector<R> x = test::values<R>(n, 3, -1, 3), by = test::values<R>(n, 4, -1, 1);
  const std::vector<R> leak(n + 16, R(0.9)), threshold(n + 16, R(1));
  const auto run = [&](const FusedKernels<R>& kernels, Surrogate surrogate) {
    Cell<R> cell;
    cell.surrogate = surrogate;
    cell.synapse = cell.adaptive = true;
    cell.detached = false;
    std::vector<R> v = test::values<R>(n, 5, -1, 1), i = v, a = test::values<R>(n, 6, 0, 1);
    const std::vector<R> v0 = v, i0 = i, a0 = a;
    std::vector<R> spikes(n), charged(n), by_x(n), by_v = by, by_i = by, by_a = by;
    const Lane<R> slow{leak.data(), 1}, one{threshold.data(), 1};
    const Lanes<R> lanes{slow, one, slow, slow, slow};
    ForwardStep<R> there;
    there.n = n;
    there.x = x.data();
    there.spikes = spikes.data();
    there.charged = charged.data();
    there.state = {v.data(), i.data(), a.data()};
    there.lanes = lanes;
    kernels.forward_rich(cell, there);
    BackwardStep<R> back;
    back.n = n;
    back.charged = charged.data();
    back.by_spikes = by.data();
    back.by_x = by_x.data();
    back.by_state = {by_v.data(), by_i.data(), by_a.data()};
    back.lanes = lanes;
    back.x = x.data();
    back.before = {v0.data(), i0.data(), a0.data()};
    kernels.backward_rich(cell, back);
    std::vector<R> all;
    for (const auto* part : {&spikes, &charged, &v, &i, &a, &by_x, &by_v, &by_i, &by_a}) {
      all.insert(all.end(), part->begin(), part->end());
    }
    return all;
  };
  const auto kernels = [](SimdLevel level) -> const FusedKernels<R>& {
    return std::get<FusedKernels<R>>(level_table(level));
  };
  for (const Surrogate surrogate :
       {Surrogate::atan, Surrogate::sigmoid, Surrogate::fast_sigmoid, Surrogate::triangle,
        Surrogate::rectangle, Surrogate::gaussian}) {
    const std::vector<R> expected = run(kernels(SimdLevel::baseline), surrogate);
    for (const SimdLevel level : available_simd_levels()) {
      CHECK(run(kernels(level), surrogate) == expected);
    }
  }
}

TEST_CASE_TEMPLATE("the sparse kernels have the same bits at all levels", R, float, double) {
  for (const SimdLevel level : available_simd_levels()) {
    INFO("level ", std::string(to_string(level)));
    for (std::size_t lines = 1; lines <= 11; ++lines) {
      for (const bool ones : {false, true}) {
        CHECK(same_bits(sums_of(kernels_at<R>(level), lines, ones),
                        sums_of(kernels_at<R>(SimdLevel::baseline), lines, ones)));
      }
    }
    for (std::size_t lines = 1; lines <= 4; ++lines) {
      for (const bool ones : {false, true}) {
        CHECK(same_bits(slices_of(kernels_at<R>(level), lines, ones),
                        slices_of(kernels_at<R>(SimdLevel::baseline), lines, ones)));
      }
    }
    for (std::size_t rows = 1; rows <= 7; ++rows) {
      for (std::size_t columns = 1; columns <= 6; ++columns) {
        for (const bool ones : {false, true}) {
          const std::size_t apart = columns < 4 ? 1 + rows % 2 : 1;
          CHECK(same_bits(taps_of(kernels_at<R>(level), rows, columns, apart, ones),
                          taps_of(kernels_at<R>(SimdLevel::baseline), rows, columns, apart, ones)));
        }
      }
    }
  }
}

TEST_CASE("the kernels of tiles have the same bits at all levels") {
  for (const SimdLevel level : available_simd_levels()) {
    INFO("level ", std::string(to_string(level)));
    for (std::size_t lines = 1; lines <= 6; ++lines) {
      const std::size_t places = 2 + lines % 4;
      CHECK(same_bits(
          tiles_of(std::get<TileKernels>(level_table(level)), lines, places),
          tiles_of(std::get<TileKernels>(level_table(SimdLevel::baseline)), lines, places)));
    }
  }
}

TEST_CASE_TEMPLATE("the sums of events are those of plain loops", R, float, double) {
  for (const std::size_t lines : {1u, 9u, 11u}) {
    check_sums<R>(lines, false);
    check_sums<R>(lines, true);
  }
}

TEST_CASE("active bytes are found and counted") {
  for (const SimdLevel level : available_simd_levels()) {
    const ByteKernels& kernels = std::get<ByteKernels>(level_table(level));
    for (const std::size_t n : {0u, 1u, 63u, 64u, 65u, 203u}) {
      for (const double density : {0.0, 0.1, 1.0}) {
        for (const bool ones : {true, false}) {
          std::vector<std::uint8_t> x;
          std::vector<std::uint32_t> wanted;
          for (const double value : test::values<double>(n, 0, 1, 7)) {
            // otherwise all values of a byte, also those with only the highest bit
            const std::size_t k = x.size();
            const auto high = static_cast<std::uint8_t>(k % 3 == 0 ? 128 : 1 + k % 255);
            x.push_back(value >= density ? std::uint8_t{0} : ones ? std::uint8_t{1} : high);
            if (x.back() != 0) {
              wanted.push_back(static_cast<std::uint32_t>(k));
            }
          }
          bool found_ones = true;
          std::vector<std::uint32_t> index(n + 64);
          index.resize(kernels.find(x.data(), n, index.data(), found_ones));
          CHECK(index == wanted);
          CHECK(kernels.count(x.data(), n) == wanted.size());
          CHECK(found_ones == (ones || wanted.empty()));
        }
      }
    }
  }
}

TEST_CASE_TEMPLATE("active inputs are found and counted", R, float, double) {
  for (const SimdLevel level : available_simd_levels()) {
    const SparseKernels<R>& kernels = kernels_at<R>(level);
    for (const std::size_t n : {0u, 1u, 63u, 64u, 65u, 1000u}) {
      for (const double density : {0.0, 0.1, 0.6, 1.0}) {
        std::vector<R> x = sparse_values<R>(n, density, 5);
        if (n > 1) {
          x[n - 2] = R(-0.0);
          x[n - 1] = std::numeric_limits<R>::denorm_min();
        }
        std::vector<std::uint32_t> expected;
        for (std::size_t i = 0; i < n; ++i) {
          if (x[i] != 0) {
            expected.push_back(static_cast<std::uint32_t>(i));
          }
        }
        CHECK(found_by(kernels, x) == expected);
        R finite = 0;
        CHECK(kernels.count(x.data(), n, finite) == expected.size());
        CHECK(finite == 0);
      }
    }
    for (const std::size_t place : {std::size_t{3}, std::size_t{98}}) {
      std::vector<R> x(99);
      x[place] = place == 3 ? std::numeric_limits<R>::infinity() : std::nan("");
      R finite = 0;
      CHECK(kernels.count(x.data(), x.size(), finite) == 1);
      CHECK(std::isnan(finite));
      CHECK(found_by(kernels, x) == std::vector<std::uint32_t>{static_cast<std::uint32_t>(place)});
    }
  }
}

}  // namespace test_train_kernels
