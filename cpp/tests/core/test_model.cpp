// Every model's step, at every SIMD level, must give the bits of the baseline; the uniform form
// those of the general one.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "spikelet/core/cpu.hpp"
#include "spikelet/core/kernels.hpp"
#include "spikelet/network/population.hpp"

namespace test_core_model {

namespace {

using namespace spikelet;

// A uniform number for each (element, step, what it is for).
double draw(std::size_t i, Step step, std::uint32_t what) {
  return uniform(Stream(31, Purpose::values, what).at(static_cast<std::uint32_t>(i), step)[0]);
}

struct Setup {
  std::size_t model, n;
  bool each, adaptive, external, subtract;  // each: parameters for each element
};

// A value in the usual range, also for a parameter of a model to come.
double usual(std::string_view name) {
  static const std::map<std::string_view, double> known{
      {"E_L", -65},      {"V_th", -55}, {"V_reset", -62}, {"t_ref", 0.5}, {"theta_plus", 0},
      {"tau_theta", 30}, {"tau_m", 15}, {"C_m", 200},     {"I_e", 80},    {"tau_syn_ex", 4},
      {"tau_syn_in", 8}, {"g_L", 12},   {"E_ex", 0},      {"E_in", -80}};
  const auto found = known.find(name);
  return found != known.end()                               ? found->second
         : name.starts_with("tau")                          ? 6
         : name.starts_with("V_") || name.starts_with("E_") ? -58
                                                            : 1;
}

ParameterValues parameters(const Setup& setup) {
  std::vector<std::string_view> names(common_parameters.begin(), common_parameters.end());
  const auto own = models()[setup.model].parameters;
  names.insert(names.end(), own.begin(), own.end());
  ParameterValues values;
  for (std::uint32_t k = 0; k < names.size(); ++k) {
    double value = usual(names[k]);
    if (names[k] == "theta_plus" && setup.adaptive) {
      value = 1.5;
    }
    auto& list = values.emplace_back(setup.each ? setup.n : 1, value);
    for (std::size_t i = 0; setup.each && i < setup.n; ++i) {
      list[i] *= 1 + 0.05 * draw(i, 0, 100 + k);
    }
  }
  return values;
}

template <class R>
struct Outcome {
  std::vector<Gid> spikes;
  std::vector<R> values;  // all states after each step, padding included
  std::vector<std::int32_t> held;

  bool same(const Outcome& o) const {
    return spikes == o.spikes && held == o.held && values.size() == o.values.size() &&
           std::memcmp(values.data(), o.values.data(), values.size() * sizeof(R)) == 0;
  }
};

template <class R>
Outcome<R> run(const Setup& setup, const StepFunctions<R>& functions, bool general) {
  const Gid first_gid = 1000;
  Population<R> neurons(setup.model, setup.n, first_gid, 0.1, parameters(setup), setup.subtract);
  const ModelInfo& model = models()[setup.model];
  std::vector<R> v(setup.n);
  for (std::size_t i = 0; i < setup.n; ++i) {
    v[i] = static_cast<R>(-65 + 9 * draw(i, 0, 0));
  }
  neurons.set_state(0, v);
  const std::size_t padded = neurons.padded();
  Buffer<R> external(padded), early(padded);
  std::vector<Gid> spikes(padded);
  Outcome<R> outcome;
  for (Step step = 0; step < 60; ++step) {
    StepArgs<R> args = neurons.step_args(step);
    args.early = early.data();
    if (setup.external) {
      args.external = external.data();
    }
    for (std::size_t i = 0; i < setup.n; ++i) {
      external[i] = static_cast<R>(300 * draw(i, step, 1) - 100);
      if (model.early() && draw(i, step, 2) < 0.3) {
        early[i] = static_cast<R>(3 * draw(i, step, 3) - 0.8);
      }
    }
    Gid* end = (general ? functions.general : functions.uniform)(args, 0, padded, spikes.data());
    outcome.spikes.insert(outcome.spikes.end(), spikes.data(), end);
    for (std::size_t c = 0; c < model.input_states.size(); ++c) {
      R* state = args.state[static_cast<std::size_t>(model.input_states[c])];
      const double size = model.conductance ? 6 : c == 0 ? 200 : -100;
      for (std::size_t i = 0; i < setup.n; ++i) {
        state[i] +=
            draw(i, step, 4 + static_cast<std::uint32_t>(c)) < 0.1 ? static_cast<R>(size) : R(0);
      }
    }
    for (std::size_t k = 0; k < model.states.size(); ++k) {
      outcome.values.insert(outcome.values.end(), args.state[k], args.state[k] + setup.n);
    }
    if (args.theta != nullptr) {
      outcome.values.insert(outcome.values.end(), args.theta, args.theta + setup.n);
    }
    const auto held = neurons.held(step + 1);
    outcome.held.insert(outcome.held.end(), held.begin(), held.end());
  }
  return outcome;
}

}  // namespace

TEST_CASE_TEMPLATE("steps: one result for all levels and both forms", R, float, double) {
  for (std::size_t model = 0; model < models().size(); ++model) {
    for (const std::size_t n : {64u, 100u, 320u, 640u}) {
      for (const bool subtract : {false, true}) {
        const Setup plain{model, n, false, false, false, subtract};
        CAPTURE(std::string(models()[model].name));
        CAPTURE(n);
        const auto& baseline = kernels(SimdLevel::baseline).step<R>(model);
        const Outcome<R> expected = run<R>(plain, baseline, false);
        CHECK(expected.spikes.size() > n / 4);  // the rare branch is taken
        CHECK(expected.same(run<R>(plain, baseline, true)));
        for (const SimdLevel level : available_simd_levels()) {
          CAPTURE(std::string(to_string(level)));
          const auto& functions = kernels(level).step<R>(model);
          CHECK(run<R>(plain, functions, false).same(expected));
          CHECK(run<R>(plain, functions, true).same(expected));
        }
      }
    }
  }
}

TEST_CASE_TEMPLATE("steps with parameters for each, adaptation and current: one result", R, float,
                   double) {
  for (std::size_t model = 0; model < models().size(); ++model) {
    for (const std::size_t n : {64u, 130u, 640u}) {
      for (int variant = 0; variant < 16; ++variant) {
        const Setup setup{model,
                          n,
                          (variant & 1) != 0,
                          (variant & 2) != 0,
                          (variant & 4) != 0,
                          (variant & 8) != 0};
        CAPTURE(std::string(models()[model].name));
        CAPTURE(n);
        CAPTURE(variant);
        const auto expected = run<R>(setup, kernels(SimdLevel::baseline).step<R>(model), true);
        CHECK(expected.spikes.size() > n / 8);
        for (const SimdLevel level : available_simd_levels()) {
          CAPTURE(std::string(to_string(level)));
          CHECK(run<R>(setup, kernels(level).step<R>(model), true).same(expected));
          if (!setup.each && !setup.external) {
            CHECK(run<R>(setup, kernels(level).step<R>(model), false).same(expected));
          }
        }
      }
    }
  }
}

TEST_CASE_TEMPLATE("a step takes in sums and Poisson events as kernels do before and after it", R,
                   float, double) {
  constexpr std::size_t n = 1100, padded = 1152;  // more than is drawn at once
  const Stream one(3, Purpose::injector, 1), two(3, Purpose::injector, 2),
      tie(3, Purpose::injector_tie, 1);
  const PoissonTable some(1.3), few(0.05), many(30), none(0);
  Buffer<R> weight(padded, R(7));
  for (std::size_t i = 0; i < n; ++i) {
    weight[i] = static_cast<R>(20 * draw(i, 0, 7) - 5);
  }
  const std::size_t each = ~std::size_t{0};
  for (std::size_t model = 0; model < models().size(); ++model) {
    const auto inputs = models()[model].input_states;
    if (inputs.empty()) {
      continue;
    }
    const int last = inputs[0] == inputs[1] ? 0 : 1;  // channel: states that are shared share one
    const std::vector<std::vector<PoissonDrive<R>>> cases{
        {},
        {{&some, &one, &tie, weight.data(), 0, 0}},
        {{&some, &one, &tie, weight.data(), each, 0}, {&few, &two, &tie, weight.data(), 0, last}},
        {{&few, &one, &tie, weight.data(), 0, 0}, {&some, &two, &tie, weight.data(), each, 0}},
        {{&many, &one, &tie, weight.data(), 0, 0}, {&some, &two, &tie, weight.data(), each, 0}},
        {{&none, &one, &tie, weight.data(), 0, last}, {&many, &two, &tie, weight.data(), 0, 0}}};
    for (const SimdLevel level : available_simd_levels()) {
      for (std::size_t k = 0; k < cases.size(); ++k) {
        for (const bool summed : {false, true}) {
          CAPTURE(std::string(models()[model].name));
          CAPTURE(std::string(to_string(level)));
          CAPTURE(k);
          CAPTURE(summed);
          const Setup setup{model, n, false, false, false, false};
          const auto neurons = [&] {
            Population<R> made(model, n, 0, 0.1, parameters(setup), false);
            std::vector<R> v(n);
            for (std::size_t i = 0; i < n; ++i) {
              v[i] = static_cast<R>(-65 + 11 * draw(i, 0, 0));
            }
            made.set_state(0, v);
            return made;
          };
          Population<R> inside = neurons(), outside = neurons();
          const auto& kernel = kernels(level);
          std::vector<Gid> spikes(padded), expected(padded);
          std::size_t fired = 0;
          for (Step step = 0; step < 8; ++step) {
            std::array<Buffer<std::uint32_t>, 2> sums, same;
            for (int c = 0; summed && c <= last; ++c) {
              const auto k_c = static_cast<std::size_t>(c);
              sums[k_c].resize(padded);
              for (std::size_t i = 0; i < n; ++i) {
                sums[k_c][i] = static_cast<std::uint32_t>(
                    static_cast<std::int32_t>(300 * draw(i, step, 8) - 100));
              }
              same[k_c] = Buffer<std::uint32_t>(padded);
              std::ranges::copy(sums[k_c], same[k_c].begin());
            }
            StepArgs<R> args = inside.step_args(step), plain = outside.step_args(step);
            args.drives = cases[k];
            args.step = step;
            std::vector<StateSums<R>> taken_in;
            for (int c = 0; summed && c <= last; ++c) {
              const auto at = static_cast<std::size_t>(c);
              taken_in.push_back({inputs[at], sums[at].data(), R(0.25)});
              kernel.template add_sums<R>()({same[at].data(), nullptr}, 0, padded, R(0.25),
                                            plain.state[static_cast<std::size_t>(inputs[at])]);
            }
            args.sums = taken_in;
            const auto& step_of = kernel.template step<R>(model);
            const bool general = step % 2 == 1;
            Gid* const end =
                (general ? step_of.general : step_of.uniform)(args, 0, padded, spikes.data());
            Gid* const to = step_of.uniform(plain, 0, padded, expected.data());
            for (const PoissonDrive<R>& drive : cases[k]) {
              const auto state =
                  static_cast<std::size_t>(inputs[static_cast<std::size_t>(drive.channel)]);
              kernel.template poisson<R>()(*drive.table, *drive.stream, *drive.tie, step, 0, padded,
                                           drive.weight, drive.weight_mask, plain.state[state]);
            }
            REQUIRE(std::vector(spikes.data(), end) == std::vector(expected.data(), to));
            fired += static_cast<std::size_t>(end - spikes.data());
            for (std::size_t s = 0; s < models()[model].states.size(); ++s) {
              REQUIRE(std::memcmp(args.state[s], plain.state[s], n * sizeof(R)) == 0);
            }
            for (const auto& left : sums) {
              CHECK(std::ranges::all_of(left, [](std::uint32_t sum) { return sum == 0; }));
            }
          }
          CHECK(fired > 20);
        }
      }
    }
  }
}

TEST_CASE("a step of some blocks leaves the others alone") {
  const Setup setup{0, 320, false, false, false, false};
  Population<float> neurons(0, 320, 0, 0.1, parameters(setup), false);
  neurons.set_state(0, std::vector<float>(320, -60.0f));
  std::vector<Gid> spikes(320);
  kernels().step<float>(0).uniform(neurons.step_args(0), 64, 192, spikes.data());
  const auto v = neurons.state(0);
  CHECK(v[63] == -60.0f);
  CHECK(v[64] != -60.0f);
  CHECK(v[191] != -60.0f);
  CHECK(v[192] == -60.0f);
}

TEST_CASE("a model is found by its name, or the names are listed") {
  CHECK(models()[find_model("LIFCond")].name == "LIFCond");
  CHECK_THROWS_WITH_AS(find_model("lif"), doctest::Contains("LIFDelta"), std::invalid_argument);
}

}  // namespace test_core_model
