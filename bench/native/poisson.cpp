// How long does Poisson noise take? Benchmarks draw independent counts for each neuron and step and
// add them to the input, at each SIMD level; the same with a rate for each neuron; sources that
// spike at 10 Hz; and the random bits alone, by each implementation. An element is a draw for one
// neuron and step. roofline/... has the mean of a cortical microcircuit's drive, in turn with the
// bits.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <string>
#include <vector>

#include "spikelet/core/cpu.hpp"
#include "spikelet/core/draws16.hpp"
#include "spikelet/core/kernels.hpp"
#include "spikelet/network/injector.hpp"
#include "spikelet/network/source.hpp"

void report(benchmark::State& state, double elements, double bytes);  // main.cpp
void beside(benchmark::State& state, double elements, double bytes,
            const std::function<void()>& work, const std::function<void()>& bare);

namespace {

using namespace spikelet;

constexpr std::size_t n = 40000;  // whole blocks

bool near(double got, double expected) {
  return std::abs(got - expected) < 5 * std::sqrt(expected);
}

void bits(benchmark::State& state, Draw16 draw) {
  const Stream stream(1, Purpose::values, 0);
  std::vector<std::uint16_t> draws(block_size);
  Step step = 0;
  for (auto _ : state) {
    for (std::uint32_t block = 0; block < n / block_size; ++block) {
      draw(stream, block, step, 1, draws.data());
      benchmark::DoNotOptimize(draws.data());
    }
    ++step;
  }
  report(state, n, sizeof(std::uint16_t));
}

void counts(benchmark::State& state, double mean, SimdLevel level) {
  const Stream stream(1, Purpose::injector, 0), tie(1, Purpose::injector_tie, 0);
  const PoissonTable table(mean);
  const Buffer<float> weight(block_size, 1.0f);
  Buffer<float> input(n);
  Step step = 0;
  const auto add = [&] {
    kernels(level).poisson32(table, stream, tie, step++, 0, n, weight.data(), 0, input.data());
  };
  add();
  if (!near(std::accumulate(input.begin(), input.end(), 0.0), mean * n)) {
    state.SkipWithError("the counts have the wrong mean");
    return;
  }
  for (auto _ : state) {
    add();
    benchmark::ClobberMemory();
  }
  report(state, n, 2 * sizeof(float));
}

void roofline(benchmark::State& state, SimdLevel level) {
  constexpr double mean = 1.6;  // 8 Hz of 2000 synapses in 0.1 ms
  constexpr Step steps = 100;
  const Stream stream(1, Purpose::injector, 0), tie(1, Purpose::injector_tie, 0);
  const PoissonTable table(mean);
  const Buffer<float> weight(block_size, 1.0f);
  Buffer<float> input(n);
  std::vector<std::uint16_t> draws(block_size);
  Step step = 0, of_bits = 0;
  beside(
      state, 1.0 * n * steps, 2 * sizeof(float),
      [&] {
        std::fill(input.begin(), input.end(), 0.0f);
        for (Step k = 0; k < steps; ++k) {
          kernels(level).poisson32(table, stream, tie, step++, 0, n, weight.data(), 0,
                                   input.data());
        }
      },
      [&] {
        for (Step k = 0; k < steps; ++k, ++of_bits) {
          for (std::uint32_t block = 0; block < n / block_size; ++block) {
            draw16(stream, block, of_bits, 1, draws.data());
            benchmark::DoNotOptimize(draws.data());
          }
        }
      });
  if (!near(std::accumulate(input.begin(), input.end(), 0.0), mean * n * steps)) {
    state.SkipWithError("the counts have the wrong mean");
  }
}

void rate_for_each(benchmark::State& state) {
  const double mean = static_cast<double>(state.range(0)) / 10;
  const std::vector<double> rates(n, mean * 1e4), weight{1.0};
  const Targets all(n, own_range(0, n, 0, 1));
  const InputSite site{all, models()[find_model("LIF")], 0.1, 1, {0, 0}, false};
  PoissonInput<float> injector(site, rates, true, weight);
  Buffer<float> input(n);
  Step step = 0;
  for (auto _ : state) {
    injector.apply(step++, 0, n, {{input.data(), nullptr, nullptr}, nullptr});
  }
  const double sum = std::accumulate(input.begin(), input.end(), 0.0);
  if (!near(sum, mean * n * static_cast<double>(step))) {
    state.SkipWithError("the counts have the wrong mean");
  }
  report(state, n, 2 * sizeof(float) + sizeof(PoissonCount));
}

void source(benchmark::State& state) {
  const auto rate = static_cast<double>(state.range(0));
  PoissonSource source(n, 1, 0);
  source.set_rates({&rate, 1}, 0.1);
  std::vector<Gid> out;
  double events = 0;
  Step stamp = 0;
  for (auto _ : state) {
    out.clear();
    source.emit(++stamp, 0, n, 0, out);
    events += static_cast<double>(out.size());
  }
  if (!near(events, rate * 1e-4 * n * static_cast<double>(stamp))) {
    state.SkipWithError("the source has the wrong rate");
  }
  report(state, n, sizeof(std::uint16_t) + sizeof(std::uint32_t));
}

BENCHMARK(rate_for_each)->Name("poisson/rate_for_each/tenths")->Arg(1)->Arg(10)->Arg(50);
BENCHMARK(source)->Name("poisson/source/Hz")->Arg(10)->Arg(100);

[[maybe_unused]] const bool registered = [] {
  const std::vector<Draw16> draws = available_draw16();  // the fastest last
  for (std::size_t k = 0; k < draws.size(); ++k) {
    const std::string name = "poisson/bits/" + std::to_string(k);
    benchmark::RegisterBenchmark(name.c_str(), bits, draws[k]);
  }
  for (const SimdLevel level : available_simd_levels()) {
    const std::string name(to_string(level));
    benchmark::RegisterBenchmark(("roofline/poisson/" + name).c_str(), roofline, level)
        ->UseManualTime();
    for (const auto& [label, mean] : {std::pair{"0.1", 0.1}, {"1", 1.0}, {"5", 5.0}}) {
      benchmark::RegisterBenchmark(("poisson/counts/" + name + "/mean:" + label).c_str(), counts,
                                   mean, level);
    }
  }
  return true;
}();

}  // namespace
