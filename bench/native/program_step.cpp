// How long does a step of a neuron take that a program moves? Beside the same operations written by
// hand (AdEx, Hodgkin-Huxley) or the core's own kernel (LIF), at level v3 where the processor has
// it, and for the fly brain's neuron, awake and at rest. An element is a neuron-step, and `x bare`
// the ratio to what is written by hand.
#include <benchmark/benchmark.h>

#include <array>
#include <cmath>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/level_prelude.hpp"
#include "spikelet/core/cpu.hpp"
#include "support/programs.hpp"

#if defined(SPIKELET_X86_LEVELS)
#define SPIKELET_LEVEL by_hand
#define SPIKELET_VECTOR_BYTES 32
#else
#define SPIKELET_LEVEL by_hand
#define SPIKELET_VECTOR_BYTES 16
#endif
// clang-format off: each builds on the one before
#include "core/target_push.hpp"
#include "core/simd.hpp"
#include "core/program/functions.hpp"
#include "by_hand.hpp"

namespace spikelet::by_hand {

template <class Model>
void run(std::vector<std::vector<float>>& state, const std::vector<float>& coefficients,
         std::vector<std::int8_t>& hold, std::int8_t now, std::int8_t t_ref,
         const std::function<void(std::size_t)>& reset) {
  std::array<float*, Model::states> arrays;
  for (std::size_t k = 0; k < arrays.size(); ++k) {
    arrays[k] = state[k].data();
  }
  step_by_hand<Model>(arrays.data(), coefficients.data(), hold.data(), now, state[0].size(),
                      [&](std::size_t i) {
                        reset(i);
                        hold[i] = static_cast<std::int8_t>(now + 1 + t_ref);
                      });
}

}  // namespace spikelet::by_hand
#include "core/target_pop.hpp"
// clang-format on

void report(benchmark::State& state, double elements, double bytes);  // main.cpp
void beside(benchmark::State& state, double elements, double bytes,
            const std::function<void()>& work, const std::function<void()>& bare);

namespace {

using namespace spikelet;

constexpr std::size_t n = 4096, steps = 60;
constexpr double dt = 0.1;
constexpr SimdLevel level = SPIKELET_VECTOR_BYTES == 32 ? SimdLevel::v3 : SimdLevel::baseline;

std::vector<float> spread(double low, double high) {
  std::vector<float> v(n);
  for (std::size_t i = 0; i < n; ++i) {
    v[i] = static_cast<float>(low +
                              (high - low) * std::fmod(static_cast<double>(i) * 0.6180339887, 1.0));
  }
  return v;
}

class Neurons {
 public:
  Neurons(std::shared_ptr<const Program> program, const ProgramValues& values,
          const std::vector<float>& v)
      : population_(program, n, own_range(0, n, 0, 1), 0, dt, values), spikes_(n) {
    population_.set_state(0, v);
    args_ = population_.step_args(0);
    ProgramArrays<float> arrays = population_.program_arrays();
    arrays.channel.resize(max_channels);
    for (const int channel : program->receptors().early()) {
      arrays.channel[static_cast<std::size_t>(channel)] = early_.emplace_back(n).data();
    }
    for (const auto& [channel, state] : program->receptors().late()) {
      arrays.channel[static_cast<std::size_t>(channel)] =
          arrays.state[static_cast<std::size_t>(state)];
    }
    arrays.end = n;
    run_ = std::make_unique<ProgramRun<float>>(program, arrays, 0, dt, 1,
                                               &kernels(level).program<float>());
    args_.program = run_.get();
  }
  void step() {
    count += static_cast<std::size_t>(
        kernels(level).program<float>().step(args_, 0, n, spikes_.data()) - spikes_.data());
    ++args_.now;
    ++args_.step;
  }
  void wake() { std::ranges::fill(run_->resting, std::uint8_t{0}); }

  std::size_t count = 0;  // of spikes

 private:
  Population<float> population_;
  std::vector<Buffer<float>> early_;
  StepArgs<float> args_;
  std::unique_ptr<ProgramRun<float>> run_;
  std::vector<Gid> spikes_;
};

template <class Model>
void against_hand(benchmark::State& state, const std::shared_ptr<const Program>& program,
                  const ProgramValues& values, double low, double high,
                  const std::function<void(std::vector<std::vector<float>>&, std::size_t)>& reset) {
  const FlushDenormals guard;
  Neurons neurons(program, values, spread(low, high));
  std::vector<std::vector<float>> hand(Model::states, std::vector<float>(n));
  hand[0] = spread(low, high);
  std::vector<float> coefficients;
  for (const auto& value : values.coefficients) {
    coefficients.push_back(static_cast<float>(value[0]));
  }
  std::vector<std::int8_t> hold(n);
  std::int8_t now = 0;
  std::size_t spikes = 0;
  const auto by_hand = [&] {
    for (std::size_t k = 0; k < steps; ++k, now = static_cast<std::int8_t>(now + 1)) {
      if (now % 64 == 0) {  // the bytes of long ago must not come round
        for (std::int8_t& until : hold) {
          until = static_cast<std::int8_t>(until - now) > 0 ? until : now;
        }
      }
      by_hand::run<Model>(hand, coefficients, hold, now,
                          static_cast<std::int8_t>(refractory_steps(values.t_ref[0], dt)),
                          [&](std::size_t i) {
                            ++spikes;
                            reset(hand, i);
                          });
    }
  };
  const auto by_program = [&] {
    for (std::size_t k = 0; k < steps; ++k) {
      neurons.step();
    }
  };
  beside(state, 1.0 * n * steps, 2.0 * Model::states * sizeof(float), by_program, by_hand);
  if (neurons.count != spikes) {
    state.SkipWithError("spikes differ from those by hand");
  }
}

void adex(benchmark::State& state) {
  against_hand<by_hand::Adex>(state, programs::adex(), programs::adex_values(dt, 700), -70, -50,
                              [](auto& x, std::size_t i) { x[0][i] = -70.6F; });
}
void hodgkin_huxley(benchmark::State& state) {
  against_hand<by_hand::HodgkinHuxley>(state, programs::hodgkin_huxley(),
                                       programs::hodgkin_huxley_values(dt, 100), -70, -60,
                                       [](auto&, std::size_t) {});
}

void lif(benchmark::State& state) {
  Neurons neurons(programs::lif(), programs::lif_values(dt, 20, 200, 5, 10, 151, 15, 0, 2),
                  spread(0, 15));
  Population<float> kernel(find_model("LIF"), n, 0, dt,
                           {{0}, {15}, {0}, {2}, {0}, {100}, {20}, {200}, {5}, {10}, {151}}, false);
  kernel.set_state(0, spread(0, 15));
  StepArgs<float> args = kernel.step_args(0);
  const StepFunction<float> step = kernels(level).step<float>(find_model("LIF")).uniform;
  std::vector<Gid> out(n);
  std::size_t spikes = 0;
  beside(
      state, 1.0 * n * steps, 6.0 * sizeof(float),
      [&] {
        for (std::size_t k = 0; k < steps; ++k) {
          neurons.step();
        }
      },
      [&] {
        for (std::size_t k = 0; k < steps; ++k, ++args.now) {
          spikes += static_cast<std::size_t>(step(args, 0, n, out.data()) - out.data());
        }
      });
  if (neurons.count != spikes) {
    state.SkipWithError("spikes differ from the kernel's");
  }
}

void fly(benchmark::State& state, bool awake) {
  const FlushDenormals guard;
  Neurons neurons(programs::fly(), programs::fly_values(dt),
                  awake ? spread(-52, -46) : std::vector<float>(n, -52.0F));
  for (int k = 0; k < 200; ++k) {
    neurons.step();
  }
  for (auto _ : state) {
    if (awake) {
      neurons.wake();
    }
    for (std::size_t k = 0; k < steps; ++k) {
      neurons.step();
    }
  }
  report(state, 1.0 * n * steps, 4 * sizeof(float));
}

[[maybe_unused]] const bool registered = [] {
  for (const SimdLevel available : available_simd_levels()) {
    if (available == level) {
      benchmark::RegisterBenchmark("program/lif", lif)->UseManualTime();
      benchmark::RegisterBenchmark("program/adex", adex)->UseManualTime();
      benchmark::RegisterBenchmark("program/hodgkin_huxley", hodgkin_huxley)->UseManualTime();
      benchmark::RegisterBenchmark("program/fly/awake", fly, true);
      benchmark::RegisterBenchmark("program/fly/at_rest", fly, false);
    }
  }
  return true;
}();

}  // namespace
