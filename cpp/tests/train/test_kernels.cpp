// The kernels of training: every SIMD level must give the bits of the baseline.
#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "spikelet/core/cpu.hpp"
#include "support/sparse_values.hpp"
#include "support/values.hpp"
#include "train/kernels.hpp"

namespace {

using namespace spikelet;
using namespace spikelet::train;
using test::same_bits;
using test::sparse_values;

template <class R>
const SparseKernels<R>& kernels_at(SimdLevel level) {
  if constexpr (sizeof(R) == 4) {
    return level_table(level).sparse32;
  } else {
    return level_table(level).sparse64;
  }
}

// What a kernel at one level gives, for 1 to 11 lines of 64 bytes.
template <class R>
std::vector<R> sums_of(const SparseKernels<R>& kernels, std::size_t lines) {
  const std::size_t width = lines * 64 / sizeof(R);
  const std::vector<R> rows = sparse_values<R>(40 * width, 1, 1);
  const std::vector<R> value = sparse_values<R>(25, 1, 2);
  std::vector<std::uint32_t> at;
  for (std::size_t e = 0; e < value.size(); ++e) {
    at.push_back(static_cast<std::uint32_t>((e * 7 % 40) * width));
  }
  std::vector<std::ptrdiff_t> items;
  for (std::size_t i = 0; i < width; i += kernels.lanes) {
    items.push_back(static_cast<std::ptrdiff_t>(i));
  }
  const Events<R> events{value.size(), at.data(), value.data()};
  std::vector<R> sums = sparse_values<R>(width, 1, 3);
  kernels.gather(events, {items.size(), items.data(), items.data()}, rows.data(), sums.data(),
                 sums.data());
  std::vector<R> total(width - 1);
  kernels.sum_rows(rows.data(), 40, width, width - 1, total.data());
  sums.insert(sums.end(), total.begin(), total.end());
  return sums;
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
  std::vector<R> target = rows;
  kernels.scatter_windows(slices, sums.data(), step, lines, target.data());
  sums.insert(sums.end(), target.begin(), target.end());
  return sums;
}

template <class R>
std::vector<std::uint32_t> found_by(const SparseKernels<R>& kernels, const std::vector<R>& x) {
  std::vector<std::uint32_t> index(x.size() + 64);
  index.resize(kernels.find(x.data(), x.size(), index.data()));
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
    if constexpr (sizeof(R) == 4) {
      return level_table(level).fused32;
    } else {
      return level_table(level).fused64;
    }
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
      CHECK(same_bits(sums_of(kernels_at<R>(level), lines),
                      sums_of(kernels_at<R>(SimdLevel::baseline), lines)));
    }
    for (std::size_t lines = 1; lines <= 4; ++lines) {
      for (const bool ones : {false, true}) {
        CHECK(same_bits(slices_of(kernels_at<R>(level), lines, ones),
                        slices_of(kernels_at<R>(SimdLevel::baseline), lines, ones)));
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
