#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "events/kernels.hpp"

namespace {

using namespace spikelet;

}  // namespace

TEST_CASE_TEMPLATE("event kernels: all levels give the same bits", T, float, double) {
  std::vector<T> x(64);
  for (std::size_t k = 0; k < x.size(); ++k) {
    x[k] = static_cast<T>(k * k) / 100;
  }
  std::vector<std::vector<T>> results;
  for (const SimdLevel level : available_simd_levels()) {
    const auto& kernels = events::level_table(level).of<T>();
    std::vector<T> out(x.size()), scaled(37);
    kernels.decayed(x.data(), T{2}, out.data(), out.size());
    kernels.scaled(x.data(), T{3}, scaled.data(), scaled.size());
    for (std::size_t k = 0; k < x.size(); ++k) {
      CHECK(out[k] == doctest::Approx(2 * std::exp(-x[k])).epsilon(sizeof(T) == 4 ? 1e-6 : 1e-14));
    }
    CHECK(scaled[36] == 3 * x[36]);
    out.insert(out.end(), scaled.begin(), scaled.end());
    results.push_back(out);
  }
  for (const auto& result : results) {
    CHECK(result == results.front());
  }
}
