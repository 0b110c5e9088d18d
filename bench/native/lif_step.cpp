// How long does one step of one LIF neuron take, at each SIMD level, in float and double, with
// states in L1, in L2 or further out? Neurons spike at about 10 Hz (dt 0.1 ms); reset and listing
// are included. An element is a neuron-step; it reads and writes three states and reads its
// refractory clock. roofline/... compares the neurons of half a cortical microcircuit with a loop
// that reads and writes the same bytes and computes almost nothing.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "spikelet/core/cpu.hpp"
#include "spikelet/core/kernels.hpp"
#include "spikelet/network/population.hpp"

void report(benchmark::State& state, double elements, double bytes);  // main.cpp
void beside(benchmark::State& state, double elements, double bytes,
            const std::function<void()>& work, const std::function<void()>& bare);

namespace {

using namespace spikelet;

template <class R>
class Neurons {
 public:
  // R I = 15.1 mV with a threshold of 15 mV gives an interval of 5 tau = 100 ms.
  Neurons(std::size_t n, SimdLevel level)
      : population_(find_model("LIF"), n, 0, 0.1,
                    {{0}, {15}, {0}, {2}, {0}, {100}, {20}, {200}, {5}, {10}, {151}}, false),
        step_(kernels(level).step<R>(find_model("LIF")).uniform),
        spikes_(population_.padded()) {
    std::vector<R> v(n);
    for (std::size_t i = 0; i < n; ++i) {  // spread over the phases of the interval
      const double phase = std::fmod(static_cast<double>(i) * 0.6180339887, 1.0);
      v[i] = static_cast<R>(15.1 * -std::expm1(-5.01 * phase));
    }
    population_.set_state(0, v);
    args_ = population_.step_args(0);
  }
  std::size_t step() {
    const Gid* end = step_(args_, 0, population_.padded(), spikes_.data());
    ++args_.now;
    return static_cast<std::size_t>(end - spikes_.data());
  }
  std::vector<R> potentials() const { return population_.state(0); }

 private:
  Population<R> population_;
  StepFunction<R> step_;
  StepArgs<R> args_;
  std::vector<Gid> spikes_;
};

template <class R>
void lif_step(benchmark::State& state, std::size_t n, SimdLevel level) {
  Neurons<R> neurons(n, level), reference(n, SimdLevel::baseline);
  std::size_t spikes = 0;
  for (int k = 0; k < 50; ++k) {
    const std::size_t count = neurons.step();
    spikes += count;
    if (reference.step() != count) {
      state.SkipWithError("spikes differ from the baseline's");
      return;
    }
  }
  if (spikes == 0 || neurons.potentials() != reference.potentials()) {
    state.SkipWithError("potentials differ from the baseline's");
    return;
  }
  for (auto _ : state) {
    benchmark::DoNotOptimize(neurons.step());
  }
  report(state, static_cast<double>(n), 6 * sizeof(R) + sizeof(std::int8_t));
}

constexpr std::size_t roofline_neurons = 38592, roofline_steps = 100;

#if defined(__x86_64__) && !defined(__clang__)
[[gnu::target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")]]
#endif
std::int32_t negate(float* a, float* b, float* c, const std::int8_t* clock, std::size_t n) {
  std::int32_t all = 0;
  for (std::size_t i = 0; i < n; ++i) {
    a[i] = -a[i];
    b[i] = -b[i];
    c[i] = -c[i];
    all ^= clock[i];
  }
  return all;
}

void roofline(benchmark::State& state, SimdLevel level) {
  Neurons<float> neurons(roofline_neurons, level);
  Buffer<float> a(roofline_neurons), b(roofline_neurons), c(roofline_neurons);
  Buffer<std::int8_t> clock(roofline_neurons);
  std::size_t spikes = 0;
  beside(
      state, 1.0 * roofline_neurons * roofline_steps, 6 * sizeof(float) + sizeof(std::int8_t),
      [&] {
        for (std::size_t k = 0; k < roofline_steps; ++k) {
          spikes += neurons.step();
        }
      },
      [&] {
        for (std::size_t k = 0; k < roofline_steps; ++k) {
          benchmark::DoNotOptimize(
              negate(a.data(), b.data(), c.data(), clock.data(), roofline_neurons));
          benchmark::ClobberMemory();
        }
      });
  if (spikes == 0) {
    state.SkipWithError("no neuron fires");
  }
}

[[maybe_unused]] const bool registered = [] {
  for (const SimdLevel level : available_simd_levels()) {
    benchmark::RegisterBenchmark(("roofline/lif_step/" + std::string(to_string(level))).c_str(),
                                 roofline, level)
        ->UseManualTime();
    for (const std::size_t n : {4096u, 40000u, 400000u}) {
      const std::string tail = std::string(to_string(level)) + "/" + std::to_string(n);
      benchmark::RegisterBenchmark(("lif_step/float/" + tail).c_str(), lif_step<float>, n, level);
      benchmark::RegisterBenchmark(("lif_step/double/" + tail).c_str(), lif_step<double>, n, level);
    }
  }
  return true;
}();

}  // namespace
