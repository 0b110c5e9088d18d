#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "network/stepper.hpp"
#include "support/mixed_network.hpp"

namespace test_network_stepper {

using namespace mixed_network;

TEST_CASE_TEMPLATE("recorded states are those of the neurons, in any order of columns", R, float,
                   double) {
  for (const int threads : {1, 3}) {
    Simulator<R> sim(dt, 1, threads);
    const std::size_t n = sim.brief()->network.add_neurons(find_model("LIF"), 400, lif(120), false);
    inputs::noise(sim, n, 0, 300, 1);
    std::vector<std::uint32_t> columns{399, 0, 64, 64, 63};
    for (std::uint32_t k = 0; k < 400; k += 7) {
      columns.push_back(k);
    }
    const auto check = [&](std::size_t recorder, std::size_t state) {
      const Samples<R> recorded = sim.look()->recorded_states(recorder);
      const std::vector<R> now = sim.look()->network.neurons(n).state(state);
      REQUIRE(recorded.values.size() == recorded.stamps.size() * columns.size());
      CHECK(recorded.stamps.back() == sim.now());
      for (std::size_t c = 0; c < columns.size(); ++c) {
        CHECK(recorded.values[recorded.values.size() - columns.size() + c] == now[columns[c]]);
      }
    };
    const std::size_t potential = sim.brief()->record_state(n, 0, columns, 1);
    sim.run(30, {});
    check(potential, 0);
    const std::size_t current =
        sim.brief()->record_state(n, 1, columns, 10);  // after the layout was built
    sim.run(30, {});
    check(potential, 0);
    check(current, 1);
    const Samples<R> all = sim.look()->recorded_states(current),
                     last = sim.look()->recorded_states(current, {40, 90});
    CHECK(all.stamps == std::vector<Step>{40, 50, 60});
    CHECK(last.stamps == std::vector<Step>{50, 60});
    CHECK(std::equal(last.values.begin(), last.values.end(),
                     all.values.end() - static_cast<std::ptrdiff_t>(2 * columns.size()),
                     all.values.end()));
    CHECK(sim.look()->recorded_states(current, {60, 40}).stamps.empty());
    sim.brief()->network.add_neurons(find_model("LIF"), 70, lif(0), false);  // another layout
    sim.run(30, {});
    check(potential, 0);
    check(current, 1);
    CHECK(sim.look()->recorded_states(potential).stamps.size() == 90);
  }
}

// Blocks that do not fill a vector loop have their counts drawn for some steps at once.
TEST_CASE_TEMPLATE("the Poisson events of a neuron do not depend on how many others there are", R,
                   float, double) {
  const auto current_of = [](std::size_t size, double rate, const std::vector<Step>& pieces) {
    Simulator<R> sim(dt, 1, 1);
    const std::size_t n = sim.brief()->network.add_neurons(find_model("LIF"), size, lif(0), false);
    inputs::poisson(sim, n, rate, 30);
    inputs::poisson(sim, n, 2 * rate, 7);
    std::vector<std::vector<R>> found;
    Step done = 0;
    for (const Step steps : pieces) {
      sim.run(steps, {});
      done += steps;
      std::vector<R> now = sim.look()->network.neurons(n).state(1);
      now.resize(64);
      found.push_back(std::move(now));
    }
    CHECK(done == 23);
    return found;
  };
  for (const double rate : {8000.0, 300'000.0}) {  // one draw a step, and several
    const auto expected = current_of(256, rate, {1, 1, 1, 2, 3, 4, 5, 6});
    CHECK(expected.back() != std::vector<R>(64));
    for (const std::size_t size : {64u, 128u, 192u, 300u, 450u}) {
      CAPTURE(size);
      CHECK(current_of(size, rate, {1, 1, 1, 2, 3, 4, 5, 6}) == expected);
      CHECK(current_of(size, rate, {23}).back() == expected.back());
    }
  }
}

}  // namespace test_network_stepper
