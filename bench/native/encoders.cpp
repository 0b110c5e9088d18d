// How long does it take to encode the 784 values of an MNIST-sized image as a raster of 100 steps?
// An element is one value in one step, a byte of the raster; the list form stores only spikes.
#include <benchmark/benchmark.h>

#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "spikelet/coding/bernoulli.hpp"
#include "spikelet/coding/codes.hpp"

void report(benchmark::State& state, double elements, double bytes);  // main.cpp

namespace {

using namespace spikelet;

constexpr std::size_t n = 784;
constexpr Step steps = 100;
constexpr double size = static_cast<double>(n * steps);

std::vector<double> values() {  // 0 to 0.5, a mean of 0.25
  std::vector<double> x(n);
  for (std::size_t i = 0; i < n; ++i) {
    x[i] = 0.5 * static_cast<double>(i) / (n - 1);
  }
  return x;
}

// Checks the number of spikes of a code that fills a raster, then times it.
template <class Code>
void raster(benchmark::State& state, double spikes, double tolerance, Code&& code) {
  const std::vector<double> x = values();
  std::vector<std::uint8_t> out(n * static_cast<std::size_t>(steps));
  code(x, out);
  if (std::abs(std::accumulate(out.begin(), out.end(), 0.0) - spikes) > tolerance) {
    state.SkipWithError("the raster has the wrong number of spikes");
    return;
  }
  for (auto _ : state) {
    code(x, out);
    benchmark::DoNotOptimize(out.data());
  }
  report(state, size, 1);
}

void bernoulli(benchmark::State& state) {
  raster(state, 0.25 * size, 5 * std::sqrt(0.25 * size),
         [](auto& x, auto& out) { coding::bernoulli(x, steps, 1, out); });
}
void bernoulli_list(benchmark::State& state) {
  const std::vector<double> x = values();
  std::size_t spikes = 0;
  for (auto _ : state) {
    spikes = coding::bernoulli_list(x, steps, 1).stamps.size();
  }
  if (std::abs(static_cast<double>(spikes) - 0.25 * size) > 5 * std::sqrt(0.25 * size)) {
    state.SkipWithError("the list has the wrong number of spikes");
  }
  report(state, size, static_cast<double>(spikes) * 16 / size);
}
void latency(benchmark::State& state) {
  raster(state, n - 1, 0, [](auto& x, auto& out) {
    coding::latency(x, steps, std::numeric_limits<double>::infinity(), 0.0, out);
  });
}
void phase(benchmark::State& state) {
  const std::vector<double> x = values();
  double expected = 0;
  for (const double value : x) {
    for (Step k = 0; k < steps; ++k) {
      expected += static_cast<int>(value * 256) >> (7 - k % 8) & 1;
    }
  }
  raster(state, expected, 0, [](auto& y, auto& out) { coding::phase(y, steps, 8, out); });
}
void burst(benchmark::State& state) {
  double expected = 0;
  for (const double value : values()) {
    expected += std::ceil(5 * value);
  }
  raster(state, expected, 0, [](auto& x, auto& out) { coding::burst(x, 5, 1, 9, out); });
}
void delta(benchmark::State& state) {
  std::vector<double> series(n * static_cast<std::size_t>(steps));
  for (std::size_t k = 0; k < series.size(); ++k) {
    series[k] = std::sin(static_cast<double>(k / n) * 0.2 + static_cast<double>(k % n));
  }
  std::vector<std::uint8_t> out(2 * series.size());
  for (auto _ : state) {
    coding::delta(series, steps, 0.1, out);
    benchmark::DoNotOptimize(out.data());
  }
  report(state, size, sizeof(double) + 2);
}

BENCHMARK(bernoulli)->Name("encode/bernoulli");
BENCHMARK(bernoulli_list)->Name("encode/bernoulli_list");
BENCHMARK(latency)->Name("encode/latency");
BENCHMARK(phase)->Name("encode/phase");
BENCHMARK(burst)->Name("encode/burst");
BENCHMARK(delta)->Name("encode/delta");

}  // namespace
