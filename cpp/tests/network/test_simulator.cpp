// What a user of a simulator sees: cut runs, resets, seeds, changes between runs.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <new>
#include <optional>
#include <stdexcept>
#include <vector>

#include "spikelet/core/fetch.hpp"
#include "spikelet/network/simulator.hpp"
#include "support/failing_memory.hpp"
#include "support/inputs.hpp"
#include "support/mixed_network.hpp"
#include "support/recurrent_network.hpp"
#include "support/small_network.hpp"

namespace test_network_simulator {

using namespace spikelet;
using mixed_network::lif;
using mixed_network::TestNetwork;
using mixed_network::total;
using recurrent_network::table;
using small_network::delta;
using small_network::dt;
using small_network::model;

TEST_CASE_TEMPLATE(
    "a run cut into pieces gives the bits of the whole, also when weights are read in between", R,
    float, double) {
  for (const double shortest : {0.1, 0.8}) {
    TestNetwork<R> whole(2, shortest), cut(3, shortest);
    whole.sim.run(total, {});
    for (const Step piece : {1, 1, 7, 0, 64, 13, 250, 100, 164}) {
      CHECK(cut.sim.run(piece, {}) == piece);
      cut.sim.weights(cut.projections.back());
      cut.sim.synapses(cut.projections[0]);
    }
    CHECK(cut.sim.now() == total);
    CHECK(cut.read() == whole.read());
  }
}

TEST_CASE_TEMPLATE("fetching what a run needs changes nothing, whatever has happened before", R,
                   float, double) {
  TestNetwork<R> fetched(2), plain(2);
  const auto fetch = [&] {
    for (int stage = 0; stage < fetch_stages; ++stage) {
      fetched.sim.fetch(stage);
    }
  };
  fetch();  // nothing is laid out yet
  for (const Step piece : {1, 30, 269}) {
    for (TestNetwork<R>* network : {&fetched, &plain}) {
      network->sim.run(piece, {});
      network->sim.set_weights(network->projections.back(),
                               network->sim.weights(network->projections.back()));
      network->sim.brief()->network.add_neurons(find_model("LIF"), 70, lif(100),
                                                false);  // a new layout follows
    }
    fetch();
  }
  CHECK(fetched.read() == plain.read());
  fetched.sim.reset(false);
  fetch();
  bool asked = false;
  fetched.sim.run(1 << 24, [&](Step) {
    fetch();  // it is in use: nothing is fetched
    return asked = true;
  });
  CHECK(asked);
}

TEST_CASE("another seed gives another run") {
  Simulator<float> a(dt, 1, 1), b(dt, 2, 1);
  for (Simulator<float>* sim : {&a, &b}) {
    const std::size_t n = sim->brief()->network.add_neurons(find_model("LIF"), 50, lif(100), false);
    inputs::poisson(*sim, n, 2000, 50);
    sim->brief()->record_spikes(n, {});
    sim->run(1000, {});
  }
  CHECK(a.look()->recorders.spikes[0].share()->stamps.size() > 20);
  CHECK(a.look()->recorders.spikes[0].share()->stamps !=
        b.look()->recorders.spikes[0].share()->stamps);
}

TEST_CASE_TEMPLATE("reset returns to the start, with the initial or the current weights", R, float,
                   double) {
  TestNetwork<R> first(2), again(2);
  first.sim.run(300, {});
  const auto expected = first.read();
  again.sim.run(500, {});
  again.sim.reset(false);
  CHECK(again.sim.now() == 0);
  again.sim.run(300, {});
  CHECK(again.read() == expected);
  const auto learned = again.sim.weights(again.projections.back());
  again.sim.reset(true);
  CHECK(again.sim.weights(again.projections.back()) == learned);
  CHECK(again.spikes(0) == 0);
}

TEST_CASE("a running network refuses to be run, changed or read") {
  Simulator<float> sim(dt, 1, 2);
  sim.brief()->network.add_neurons(model(), 100, delta(), false);
  sim.brief()->record_spikes(0, {});
  sim.brief()->record_state(0, 0, {0}, 1 << 20);
  bool asked = false;
  sim.run(1 << 24, [&](Step) {
    asked = true;
    CHECK(sim.busy());
    CHECK_THROWS_AS(sim.run(1, {}), std::logic_error);
    CHECK_THROWS_AS(sim.brief()->network.add_neurons(model(), 1, delta(), false), std::logic_error);
    CHECK_THROWS_AS(sim.look()->network.neurons(0).state(0), std::logic_error);
    CHECK_THROWS_AS(sim.look()->recorders.spikes[0].share(), std::logic_error);
    CHECK_THROWS_AS(sim.look()->recorded_states(0), std::logic_error);
    CHECK_THROWS_AS(sim.reset(true), std::logic_error);
    return true;
  });
  CHECK(asked);
  CHECK(!sim.busy());
  CHECK(sim.run(1, {}) == 1);
}

TEST_CASE(
    "a later connection does not carry earlier spikes, and earlier ones keep theirs in flight") {
  Simulator<double> sim(dt, 1, 2);
  const std::size_t n = sim.brief()->network.add_neurons(find_model("LIF"), 1, lif(0), false);
  const std::size_t source = sim.brief()->network.add_events(1, {5}, {0});
  sim.brief()->network.connect(source, n, table<double>({0}, {0}, {10}, {10}, 1), Receptor::by_sign,
                               {});
  sim.run(8, {});
  sim.brief()->network.connect(source, n, table<double>({0}, {0}, {-20}, {10}, 1),
                               Receptor::by_sign, {});
  sim.brief()->network.add_neurons(find_model("LIF"), 100, lif(10), false);
  sim.run(7, {});
  CHECK(sim.look()->network.neurons(n).state(1)[0] == 10);
  CHECK(sim.look()->network.neurons(n).state(2)[0] == 0);
}

TEST_CASE("set_rates acts from the next step on") {
  Simulator<float> sim(dt, 1, 1);
  const double off = 0, on = 1000;
  const std::size_t k = sim.brief()->network.add_poisson(10, {&off, 1});
  sim.brief()->record_spikes(k, {});
  sim.run(100, {});
  CHECK(sim.look()->recorders.spikes[0].share()->stamps.empty());
  sim.brief()->network.nodes[k].poisson->set_rates({&on, 1}, sim.dt());
  sim.run(100, {});
  CHECK(sim.look()->recorders.spikes[0].share()->stamps.size() > 50);
  CHECK(sim.look()->recorders.spikes[0].share()->stamps.front() > 100);
}

namespace {

// A plastic network with every kind of recorder, which grows between two runs. Each step is one
// call, so that it can be made again.
struct GrowingNetwork {
  Simulator<double> sim;
  std::size_t plastic = 0;
  std::vector<std::function<void()>> steps;

  explicit GrowingNetwork(int threads) : sim(dt, 4, threads) {
    const Plasticity rule{find_plasticity("STDP.additive"), {20, 20, 4, 4.4, 0, 120}};
    const auto connect = [this](const std::optional<Plasticity>& how) {
      const ConnectionRule some{ConnectionRule::Kind::fixed_indegree, 1, 6, true, true};
      const auto parts = sim.brief();
      Network<double>& network = parts->network;
      const auto number = static_cast<std::uint32_t>(network.projections.size());
      return network.connect(
          0, 0,
          Drawing<double>(some, {90, {}, true}, {90, {}, true}, false,
                          mixed_network::spread(20, 90), mixed_network::spread(0.2, 2), dt, 4,
                          number, network.threads, network.own(0)),
          Receptor::by_sign, how);
    };
    steps = {
        [this] { sim.brief()->network.add_neurons(find_model("LIF"), 90, lif(400), false); },
        [this] { sim.brief()->network.add_events(3, {0, 5, 40}, {0, 1, 2}); },
        [connect] { connect({}); },
        [this, connect, rule] { plastic = connect(rule); },
        [this] {
          sim.brief()->network.connect(
              1, 0, table<double>({0, 1, 2}, {3, 70, 80}, {90, 90, 90}, {7, 7, 7}, 3),
              Receptor::by_sign, {});
        },
        [this] { sim.brief()->record_spikes(0, {}); },
        [this] { sim.brief()->record_spikes(1, {}); },
        [this] { sim.brief()->record_state(0, 0, {1, 64, 89}, 2); },
        [this] { sim.brief()->record_weights(plastic, 40); },
        [this] { sim.run(70 - sim.now(), {}); },
        [this] { sim.set_weights(0, sim.weights(0)); },
        [this] { sim.set_amplitudes(plastic, {20, 20, 5, 4.4, 0, 120}); },
        [this] { sim.normalise(plastic, 300); },
        [connect, rule] { connect(rule); },
        [this] { sim.brief()->record_state(0, 1, {5, 6}, 1); },
        [this] { sim.run(130 - sim.now(), {}); },
    };
  }

  std::vector<double> read() {
    std::vector<double> all;
    const auto add = [&](const auto& values) {
      all.insert(all.end(), values.begin(), values.end());
    };
    for (const std::size_t k : {0u, 1u}) {
      add(sim.look()->recorders.spikes[k].share()->stamps);
      add(sim.look()->recorders.spikes[k].share()->elements);
      add(sim.look()->recorded_states(k).values);
    }
    add(sim.look()->recorded_weights(0).values);
    for (std::size_t s = 0; s < sim.look()->network.neurons(0).state_count(); ++s) {
      add(sim.look()->network.neurons(0).state(s));
    }
    for (std::size_t k = 0; k < 4; ++k) {
      add(sim.weights(k));
    }
    return all;
  }
};

}  // namespace

// SPIKELET_FAIL_EVERY=1 tries all of some 8000 allocations, for as long as two minutes.
TEST_CASE(
    "memory that runs out at any allocation leaves the network as it was, or marks it failed") {
  const char* given = std::getenv("SPIKELET_FAIL_EVERY");
  const long every = given == nullptr ? 53 : std::atol(given);
  for (const int threads : {1, 2}) {
    CAPTURE(threads);
    GrowingNetwork reference(threads);
    for (const auto& step : reference.steps) {
      step();
    }
    const std::vector<double> expected = reference.read();
    REQUIRE(reference.sim.look()->recorders.count(RecorderKind::spikes, 0) > 50);
    int went_on = 0, failed = 0;
    for (long k = 3 * threads;; k += every) {
      CAPTURE(k);
      GrowingNetwork net(threads);
      bool broken = false;
      long seen = 0;
      {
        const failing_memory::Failing failing(k);
        for (const auto& step : net.steps) {
          try {
            step();
          } catch (const std::bad_alloc&) {
            broken = net.sim.broken();
            if (broken) {
              break;
            }
            step();
          }
        }
        seen = failing_memory::failures;
      }
      if (seen == 0) {
        break;
      }
      if (!broken) {
        ++went_on;
        REQUIRE(net.read() == expected);
        continue;
      }
      ++failed;
      REQUIRE(!net.sim.busy());
      REQUIRE_THROWS_AS(net.sim.run(1, {}), Broken);
      REQUIRE_THROWS_AS(net.sim.look()->network.neurons(0).state(0), Broken);
      REQUIRE_THROWS_AS(net.sim.weights(0), Broken);
      REQUIRE_THROWS_AS(net.sim.reset(true), Broken);
      // What was recorded before can be read, and ends with the clock.
      const auto spikes = net.sim.look_even_if_broken()->recorders.spikes[0].share();
      REQUIRE(spikes->stamps.size() == spikes->elements.size());
      REQUIRE((spikes->stamps.empty() || spikes->stamps.back() <= net.sim.now()));
      const auto all = reference.sim.look()->recorders.spikes[0].share();
      REQUIRE(std::equal(spikes->stamps.begin(), spikes->stamps.end(), all->stamps.begin()));
      REQUIRE(std::equal(spikes->elements.begin(), spikes->elements.end(), all->elements.begin()));
      const auto samples = net.sim.look_even_if_broken()->recorded_states(0);
      const auto whole = reference.sim.look()->recorded_states(0);
      REQUIRE(samples.values.size() == samples.stamps.size() * samples.columns);
      REQUIRE(std::equal(samples.values.begin(), samples.values.end(), whole.values.begin()));
    }
    CHECK(went_on > 20);
    CHECK(failed > 2);
  }
}

TEST_CASE("an error of poll stops a run and leaves the network intact") {
  for (const int threads : {1, 2}) {
    Simulator<float> sim(dt, 1, threads);
    sim.brief()->network.add_neurons(model(), 100, delta(), false);
    const auto poll = [](Step) -> bool { throw std::runtime_error("enough"); };
    CHECK_THROWS_WITH_AS(sim.run(1 << 24, poll), "enough", std::runtime_error);
    CHECK(!sim.broken());
    CHECK(sim.run(1, {}) == 1);
  }
}

}  // namespace test_network_simulator
