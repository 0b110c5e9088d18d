#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "spikelet/core/kernels.hpp"
#include "spikelet/network/population.hpp"

namespace test_network_population {

namespace {

using namespace spikelet;

const std::size_t lif = find_model("LIF");

ParameterValues usual() {
  // E_L, V_th, V_reset, t_ref, theta_plus, tau_theta; tau_m, C_m, tau_syn_ex, tau_syn_in, I_e
  return {{-70}, {-55}, {-68}, {2}, {0}, {100}, {10}, {250}, {2}, {3}, {0}};
}

template <class R = double>
Population<R> population(std::size_t n, const ParameterValues& parameters = usual()) {
  return {lif, n, 1000, 0.1, parameters, false};
}

}  // namespace

TEST_CASE("refractory_steps is ceil(t_ref / dt) in tics of 0.001 ms") {
  CHECK(refractory_steps(2.04, 0.1) == 21);
  CHECK(refractory_steps(2.0, 0.1) == 20);
  CHECK(refractory_steps(0.3, 0.1) == 3);  // 0.3 / 0.1 > 3 in binary
  CHECK(refractory_steps(0.7, 0.1) == 7);
  CHECK(refractory_steps(0, 0.1) == 0);
  CHECK(refractory_steps(0.0004, 0.1) == 0);  // rounds to 0 tics
  CHECK(refractory_steps(0.001, 0.1) == 1);
  CHECK(refractory_steps(5, 1.0) == 5);
  CHECK(refractory_steps(1, 0.05) == 20);
  CHECK(refractory_steps(1, 0.125) == 8);
  CHECK(refractory_steps(1, 0.0625) == 16);  // dt is no whole number of tics
  CHECK(refractory_steps(1e12, 0.1) == 1 << 30);
}

TEST_CASE("potentials are absolute outside, and rest at E_L") {
  auto neurons = population(5);
  CHECK(neurons.state(0) == std::vector<double>(5, -70));
  neurons.set_state(0, {-60, -61, -62, -63, -64});
  std::vector<double> some(2);
  neurons.sample(0, 2, 2, neurons.step_args(0).state[0], some.data());
  CHECK(some == std::vector<double>{-62, -63});
  CHECK(neurons.step_args(0).state[0][3] == 7);  // relative inside
  auto changed = usual();
  changed[p_E_L] = {-65, -66, -67, -68, -69};
  neurons.set_parameters(changed, false);
  CHECK(neurons.state(0) == std::vector<double>{-60, -61, -62, -63, -64});
  CHECK(neurons.step_args(0).state[0][3] == 5);
}

TEST_CASE("parameters become coefficients: one value in 64 copies, or one for each") {
  auto parameters = usual();
  parameters[p_V_th] = {-50, -51, -52};
  parameters[p_first] = {12, 12, 12};  // the same for each is one for all
  auto neurons = population(3, parameters);
  const auto args = neurons.step_args(0);
  CHECK(args.index_mask[k_threshold] == ~std::size_t{0});
  CHECK(args.coefficient[k_threshold][2] == 18);
  CHECK(args.coefficient[k_reset][0] == 2);
  CHECK(args.coefficient[k_reset][63] == 2);
  CHECK(neurons.step_function(false) == kernels().step<double>(lif).general);
  CHECK(population(3).step_function(false) == kernels().step<double>(lif).uniform);
  CHECK(population(3).step_function(true) == kernels().step<double>(lif).general);
}

TEST_CASE_TEMPLATE("what has changed gives the coefficients that all parameters would", R, float,
                   double) {
  constexpr std::size_t n = 150;
  std::mt19937 random(11);
  std::uniform_real_distribution<double> uniform(0.1, 20);
  const auto below = [&](unsigned most) { return static_cast<std::size_t>(random() % most); };
  for (std::size_t model = 0; model < models().size(); ++model) {
    CAPTURE(models()[model].name);
    const std::size_t count = p_first + models()[model].parameters.size();
    const auto draw = [&] {
      std::vector<double> values(below(2) == 0 ? 1 : n);
      const double one = uniform(random);
      const bool same = below(4) == 0;  // a value for each, all of them the same
      std::ranges::generate(values, [&] { return same ? one : uniform(random); });
      return values;
    };
    ParameterValues parameters(count, {5.0});
    Population<R> neurons(model, n, 0, 0.1, parameters, false);
    for (int round = 0; round < 200; ++round) {
      ParameterSet changed = 0;
      for (std::size_t changes = below(3) + 1; changes > 0; --changes) {
        const std::size_t k = below(static_cast<unsigned>(count));
        parameters[k] = draw();
        changed |= bit_of(static_cast<int>(k));
      }
      const auto v = neurons.state(0);
      neurons.set_parameters(parameters, round % 2 == 1, {}, changed);
      const Population<R> expected(model, n, 0, 0.1, parameters, round % 2 == 1);
      const auto got = neurons.step_args(0), all = expected.step_args(0);
      CHECK(got.subtract == all.subtract);
      CHECK(neurons.step_function(false) == expected.step_function(false));
      for (int k = 0; k < models()[model].coefficients; ++k) {
        CAPTURE(k);
        CHECK(got.index_mask[k] == all.index_mask[k]);
        bool same = true;
        for (std::size_t i = 0; i < neurons.padded(); ++i) {  // what pads them, too
          const std::size_t at = i & (all.index_mask[k] | 63);
          same &= got.coefficient[k][at] == all.coefficient[k][at];
        }
        REQUIRE(same);
      }
      CHECK(got.t_ref_mask == all.t_ref_mask);
      for (std::size_t i = 0; i < n; ++i) {
        REQUIRE(got.t_ref[i & (all.t_ref_mask | 63)] == all.t_ref[i & (all.t_ref_mask | 63)]);
        REQUIRE(neurons.state(0)[i] == doctest::Approx(v[i]).epsilon(1e-4));
      }
      CHECK((got.theta != nullptr || all.theta == nullptr));
    }
  }
}

TEST_CASE("theta is a state after the model's own, kept once it is in use") {
  auto neurons = population(2);
  const std::size_t theta = neurons.state_count() - 1;
  CHECK(neurons.state(theta) == std::vector<double>{0, 0});
  CHECK(neurons.step_args(0).theta == nullptr);
  neurons.set_state(theta, {1.5, 2.5});
  CHECK(neurons.state(theta) == std::vector<double>{1.5, 2.5});
  CHECK(neurons.step_args(0).theta != nullptr);
  CHECK(neurons.step_function(false) == kernels().step<double>(lif).uniform);
}

TEST_CASE("refractory times survive a change of their base") {
  auto neurons = population(3);
  neurons.set_held({0, 4, 10}, 100);
  CHECK(neurons.held(100) == std::vector<std::int32_t>{0, 4, 10});
  CHECK(neurons.held(104) == std::vector<std::int32_t>{0, 0, 6});
  neurons.rebase(103);
  CHECK(neurons.held(103) == std::vector<std::int32_t>{0, 1, 7});
  CHECK(neurons.step_args(103).now == 0);
  neurons.leave(107);
  neurons.rebase(107);  // goes on where the last run left: nothing moves
  CHECK(neurons.step_args(107).now == 4);
  CHECK(neurons.held(107) == std::vector<std::int32_t>{0, 0, 3});
  neurons.rebase(109);
  CHECK(neurons.step_args(109).now == 0);
  CHECK(neurons.held(109) == std::vector<std::int32_t>{0, 0, 1});
  neurons.rebase(Step{1} << 40);
  CHECK(neurons.held(Step{1} << 40) == std::vector<std::int32_t>{0, 0, 0});
}

TEST_CASE("no neurons") {
  auto none = population(0);
  CHECK(none.padded() == 0);
  CHECK(none.state(0).empty());
  auto each = usual();
  each[p_V_th] = {};
  CHECK(population(0, each).size() == 0);
}

TEST_CASE_TEMPLATE("the potential before the reset is kept where it is wanted", R, float, double) {
  ParameterValues parameters = usual();
  parameters[10].assign(1, 1e5);  // reaches the threshold in a step
  auto neurons = population<R>(70, parameters);
  CHECK(neurons.step_args(0).peak == nullptr);
  neurons.keep_peaks();
  StepArgs<R> args = neurons.step_args(0);
  std::vector<Gid> out(128);
  const Gid* end = neurons.step_function(false)(args, 0, 128, out.data());
  CHECK(end - out.data() == 70);
  std::vector<R> v(3);
  neurons.sample_before_reset(5, 3, args.state[0], v.data());
  CHECK(neurons.state(0)[5] == doctest::Approx(-68));
  CHECK(v[0] > -55);
  std::fill(args.peak, args.peak + 128, Population<R>::no_peak);
  neurons.sample_before_reset(5, 3, args.state[0], v.data());
  CHECK(v[0] == neurons.state(0)[5]);
}

}  // namespace test_network_population
