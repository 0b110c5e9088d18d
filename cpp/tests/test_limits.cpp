// Networks at the limits: nothing, one of each, very many, very long.
#include <doctest/doctest.h>

#include <limits>
#include <optional>
#include <stdexcept>
#include <vector>

#include "spikelet/network/simulator.hpp"

namespace {

using namespace spikelet;

constexpr double dt = 0.1;

ParameterValues delta(double I_e = 0) {
  return {{0}, {1}, {0}, {0}, {0}, {100}, {15}, {200}, {I_e}};
}
std::size_t model() { return find_model("LIFDelta"); }
Plasticity additive(double w_max) {
  return {find_plasticity("STDP.additive"), {20, 20, 0.01, 0.0105, 0, w_max}};
}

// Synapses (pre, post) of weight 1.5, which fires a LIFDelta at once, after one delay each.
template <class R>
SynapseTable<R> table(std::size_t n_pre, std::vector<std::uint32_t> pre,
                      std::vector<std::uint32_t> post, std::vector<std::uint16_t> delay) {
  const std::vector<R> weight(pre.empty() ? 0 : 1, R(1.5));
  return SynapseTable<R>::from_lists(n_pre, pre, post, weight, delay);
}

using Log = SpikeRecorder::Log;

}  // namespace

TEST_CASE("an empty network runs") {
  for (const int threads : {1, 3}) {
    Simulator<float> sim(dt, 1, threads);
    CHECK(sim.run(0, {}) == 0);
    CHECK(sim.run(1000, {}) == 1000);
    CHECK(sim.now() == 1000);
    sim.reset(true);
    CHECK(sim.now() == 0);
    CHECK(sim.in_flight().stamps.empty());
  }
}

TEST_CASE("populations of 0, of 1, and projections without synapses") {
  for (const int threads : {1, 3}) {
    Simulator<double> sim(dt, 1, threads);
    const std::size_t none = sim.add_neurons(model(), 0, delta(), false);
    const std::size_t one = sim.add_neurons(model(), 1, delta(), false);
    const std::size_t source = sim.add_events(1, {3}, {0}), silent = sim.add_events(0, {}, {});
    const double rate = 10;
    sim.add_poisson(0, {&rate, 1});
    sim.connect(none, one, table<double>(0, {}, {}, {}), Receptor::by_sign, {});
    sim.connect(one, none, table<double>(1, {}, {}, {}), Receptor::by_sign, {});
    sim.connect(silent, one, table<double>(0, {}, {}, {}), Receptor::by_sign, additive(1));
    const std::size_t k =
        sim.connect(source, one, table<double>(1, {0}, {0}, {2}), Receptor::by_sign, {});
    sim.record_spikes(one, {});
    sim.record_spikes(none, {});
    sim.record_state(none, 0, {}, 1);
    sim.inject_poisson(none, {10}, {1}, 0);
    sim.run(20, {});
    CHECK(sim.spike_recorder(0).merged().stamps == std::vector<Step>{5});
    CHECK(sim.spike_recorder(1).merged().stamps.empty());
    CHECK(sim.weights(0).empty());
    CHECK(sim.synapses(k).size() == 1);
    CHECK(sim.plastic_state(2).synapse[0].empty());
  }
}

TEST_CASE("a million neurons without synapses") {
  Simulator<float> sim(dt, 1, 2);
  const std::size_t n = 1000000;
  sim.add_neurons(model(), n, delta(20), false);
  sim.record_spikes(0, {});
  sim.run(3, {});
  CHECK(sim.neurons(0).state(0).back() > 0.02f);
  CHECK(sim.neurons(0).state(0).front() == sim.neurons(0).state(0).back());
}

TEST_CASE("more targets than one partition holds: same spikes for one thread and for four") {
  const std::uint32_t n = 150000;
  std::optional<Log> expected;
  for (const int threads : {1, 4}) {
    Simulator<float> sim(dt, 1, threads);
    sim.add_neurons(model(), n, delta(), false);
    sim.add_events(1, {1}, {0});
    std::vector<std::uint32_t> pre, post;
    std::vector<std::uint16_t> delay;
    for (std::uint32_t i = 0; i < n; ++i) {  // a wave that goes through all of them
      pre.push_back(i);
      post.push_back((i + 7919) % n);
      delay.push_back(static_cast<std::uint16_t>(1 + i % 3));
    }
    sim.connect(0, 0, table<float>(n, pre, post, delay), Receptor::by_sign, {});
    sim.connect(1, 0, table<float>(1, {0, 0}, {0, 149999}, {1, 4}), Receptor::by_sign, {});
    sim.record_spikes(0, {});
    sim.run(200, {});
    const Log log = sim.spike_recorder(0).merged();
    CHECK(log.stamps.size() > 150);
    if (expected) {
      CHECK(log.stamps == expected->stamps);
      CHECK(log.elements == expected->elements);
    }
    expected = log;
  }
}

TEST_CASE("many small populations") {
  for (const int threads : {1, 3}) {
    Simulator<float> sim(dt, 1, threads);
    constexpr std::size_t n = 1500;
    for (std::size_t k = 0; k < n; ++k) {
      sim.add_neurons(model(), 1, delta(), false);
      sim.record_spikes(k, {});
    }
    for (std::size_t k = 0; k + 1 < n; ++k) {
      sim.connect(k, k + 1, table<float>(1, {0}, {0}, {2}), Receptor::by_sign, {});
    }
    const std::size_t source = sim.add_events(1, {1}, {0});
    sim.connect(source, 0, table<float>(1, {0}, {0}, {1}), Receptor::by_sign, {});
    sim.run(100, {});
    for (std::size_t k = 0; k < 49; ++k) {
      CHECK(sim.spike_recorder(k).merged().stamps ==
            std::vector<Step>{static_cast<Step>(2 + 2 * k)});
    }
    CHECK(sim.spike_recorder(60).merged().stamps.empty());
  }
}

TEST_CASE("the longest delay together with the shortest") {
  for (const bool plastic : {false, true}) {
    Simulator<double> sim(dt, 1, 2);
    sim.add_neurons(model(), 2, delta(), false);
    sim.add_events(1, {1, 40}, {0, 0});
    std::optional<Plasticity> rule;
    if (plastic) {
      rule = additive(2);
    }
    sim.connect(1, 0, table<double>(1, {0, 0}, {0, 1}, {65535, 1}), Receptor::by_sign, rule);
    sim.record_spikes(0, {});
    sim.run(65000, {});
    CHECK(sim.in_flight().stamps == std::vector<Step>{1, 2, 40, 41});
    sim.run(600, {});
    const Log log = sim.spike_recorder(0).merged();
    CHECK(log.stamps == std::vector<Step>{2, 41, 65536, 65575});
    CHECK(log.elements == std::vector<std::uint32_t>{1, 1, 0, 0});
  }
}

TEST_CASE("a spike at time 0 is sent, even if it is given twice") {
  Simulator<double> sim(dt, 1, 2);
  sim.add_neurons(model(), 1, delta(), false);
  const std::size_t source = sim.add_events(1, {0, 0, 9}, {0, 0, 0});
  const std::vector<std::uint32_t> zero{0};
  const std::vector<double> weight{0.3};
  const std::vector<std::uint16_t> delay{4};
  sim.connect(source, 0, SynapseTable<double>::from_lists(1, zero, zero, weight, delay),
              Receptor::by_sign, {});
  sim.record_spikes(source, {});
  sim.record_state(0, 0, {0}, 1);
  sim.run(1, {});
  sim.run(3, {});
  CHECK(sim.spike_recorder(0).merged().stamps == std::vector<Step>{0, 0});
  CHECK(sim.state_recorder(0).values == std::vector<double>{0, 0, 0, 0.6});
}

TEST_CASE("bad weights are refused, and leave the network as it was") {
  Simulator<double> sim(dt, 1, 1);
  sim.add_neurons(model(), 1, delta(), false);
  const std::size_t cond = sim.add_neurons(
      find_model("LIFCond"), 1,
      {{0}, {1}, {0}, {0}, {0}, {9}, {200}, {10}, {70}, {-10}, {3}, {3}, {0}}, false);
  const auto connect = [&](std::size_t post, double w, Receptor receptor,
                           const std::optional<Plasticity>& rule) {
    const std::vector<std::uint32_t> zero{0};
    const std::vector<double> weight{w};
    const std::vector<std::uint16_t> delay{1};
    sim.connect(0, post, SynapseTable<double>::from_lists(1, zero, zero, weight, delay), receptor,
                rule);
  };
  const double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK_THROWS_AS(connect(0, nan, Receptor::by_sign, {}), std::invalid_argument);
  CHECK_THROWS_AS(connect(cond, -1, Receptor::inhibitory, {}), std::invalid_argument);
  CHECK_THROWS_AS(connect(0, 3, Receptor::by_sign, additive(1)),
                  std::invalid_argument);  // above w_max
  CHECK(sim.next_projection() == 0);
  CHECK(sim.run(5, {}) == 5);
}

TEST_CASE("a running network refuses to be run, changed or read") {
  Simulator<float> sim(dt, 1, 2);
  sim.add_neurons(model(), 100, delta(), false);
  bool asked = false;
  sim.run(1 << 24, [&](Step) {
    asked = true;
    CHECK(sim.busy());
    CHECK_THROWS_AS(sim.run(1, {}), std::logic_error);
    CHECK_THROWS_AS(sim.add_neurons(model(), 1, delta(), false), std::logic_error);
    CHECK_THROWS_AS(sim.neurons(0), std::logic_error);
    CHECK_THROWS_AS(sim.reset(true), std::logic_error);
    return true;
  });
  CHECK(asked);
  CHECK(!sim.busy());
  CHECK(sim.run(1, {}) == 1);
}
