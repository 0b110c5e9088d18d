// A run must give the same bits whatever the threads; it can be stopped at any step.
#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <vector>

#include "spikelet/network/step_loop.hpp"
#include "support/mixed_network.hpp"
#include "support/small_network.hpp"

namespace test_network_step_loop {

using namespace spikelet;
using mixed_network::lif;
using mixed_network::TestNetwork;
using mixed_network::total;
using small_network::delta;
using small_network::dt;
using small_network::model;

TEST_CASE_TEMPLATE("threads 1, 2, 3 and 7 give the same bits", R, float, double) {
  for (const double shortest : {0.1, 0.8}) {  // threads synchronise every step, or every eight
    TestNetwork<R> one(1, shortest);
    one.sim.run(total, {});
    const auto expected = one.read();
    CHECK(one.spikes(0) > 500);
    CHECK(one.spikes(1) > 200);
    CHECK(one.spikes(2) > 50);
    CHECK(one.spikes(3) == 5);
    CHECK(one.sim.look()->recorded_weights(0).stamps == std::vector<Step>{250, 500});
    for (const int threads : {2, 3, 7}) {
      CAPTURE(threads);
      TestNetwork<R> many(threads, shortest);
      CHECK(many.sim.run(total, {}) == total);
      CHECK(many.read() == expected);
    }
  }
}

TEST_CASE("a run stopped by poll continues with the bits of an uninterrupted one") {
  for (const int threads : {1, 3}) {
    TestNetwork<float> whole(threads, 0.1, 1 << 30), stopped(threads, 0.1, 1 << 30);
    Step asked = -1;
    int calls = 0;
    const auto poll = [&](Step step) {
      asked = step;
      return ++calls == 2;
    };
    Step done = 0;
    while (calls < 2) {  // as long as it takes until the clock has called twice
      done += stopped.sim.run(20000, poll);
    }
    CHECK(done == asked);
    CHECK(stopped.sim.now() == done);
    CHECK(!stopped.sim.busy());
    stopped.sim.run(50, {});
    for (Step left = done + 50; left > 0; left -= std::min<Step>(left, 10000)) {
      whole.sim.run(std::min<Step>(left, 10000), {});
    }
    CHECK(whole.sim.now() == stopped.sim.now());
    CHECK(whole.read() == stopped.read());
  }
}

TEST_CASE("poll is also called while weights are recorded often") {
  Simulator<float> sim(dt, 1, 1);
  sim.brief()->network.add_neurons(find_model("LIF"), 1, lif(0), false);
  const std::size_t k = sim.brief()->network.connect(
      0, 0, SynapseTable<float>::from_lists(1, {}, {}, {}, {}), Receptor::by_sign, {});
  sim.brief()->record_weights(k, 10);
  int calls = 0;
  const auto begin = std::chrono::steady_clock::now();
  sim.run(600000, [&](Step) { return ++calls < 0; });
  const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - begin;
  CHECK(calls >=
        static_cast<int>(passed.count() / 0.25));  // fifty times a second, on a free machine
}

TEST_CASE("a spike at time 0 is sent, even if it is given twice") {
  Simulator<double> sim(dt, 1, 2);
  sim.brief()->network.add_neurons(model(), 1, delta(), false);
  const std::size_t source = sim.brief()->network.add_events(1, {0, 0, 9}, {0, 0, 0});
  const std::vector<std::uint32_t> zero{0};
  const std::vector<double> weight{0.3};
  const std::vector<std::uint16_t> delay{4};
  sim.brief()->network.connect(source, 0,
                               SynapseTable<double>::from_lists(1, zero, zero, weight, delay),
                               Receptor::by_sign, {});
  sim.brief()->record_spikes(source, {});
  sim.brief()->record_state(0, 0, {0}, 1);
  sim.run(1, {});
  sim.run(3, {});
  CHECK(sim.look()->recorders.spikes[0].share()->stamps == std::vector<Step>{0, 0});
  CHECK(sim.look()->recorded_states(0).values == std::vector<double>{0, 0, 0, 0.6});
}

}  // namespace test_network_step_loop
