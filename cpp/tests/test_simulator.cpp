// A run must give the same bits whatever the threads and however it is cut.
#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>
#include <vector>

#include "spikelet/network/simulator.hpp"

namespace {

using namespace spikelet;

constexpr double dt = 0.1;
constexpr Step total = 600;

// E_L, V_th, V_reset, t_ref, theta_plus, tau_theta, then the model's own.
ParameterValues lif(double I_e) {
  return {{-64.3}, {-50}, {-60}, {2}, {0}, {100}, {15}, {200}, {4}, {6}, {I_e}};
}
ParameterValues delta(double I_e) {
  return {{-65}, {-50}, {-60}, {1}, {0.2}, {50}, {15}, {200}, {I_e}};
}

ValueSpec constant(double x) {
  ValueSpec spec;
  spec.values = {x};
  return spec;
}
ValueSpec spread(double low, double high) {
  return {ValueSpec::Kind::uniform, {0.0}, low, high, ValueSpec::Limit::none, 0, 0};
}

template <class R>
struct TestNetwork {
  Simulator<R> sim;
  std::vector<std::size_t> projections, recorders;
  std::size_t excitatory, inhibitory, other;

  explicit TestNetwork(int threads, double shortest = 0.1, Step weights_every = 250)
      : sim(dt, 5, threads) {
    excitatory = sim.add_neurons(find_model("LIF"), 400, lif(150), false);
    inhibitory = sim.add_neurons(find_model("LIF"), 150, lif(120), true);
    other = sim.add_neurons(find_model("LIFDelta"), 100, delta(50), false);
    const double rate = 20;
    const std::size_t noise = sim.add_poisson(130, {&rate, 1});
    const std::size_t events = sim.add_events(3, {0, 5, 5, 40, 300}, {0, 1, 1, 2, 0});
    const auto delays = spread(shortest, shortest + 4);
    connect(excitatory, inhibitory, 0.05, spread(20, 80), delays);
    connect(inhibitory, excitatory, 0.1, spread(-200, -50), delays);
    connect(inhibitory, inhibitory, 0.1, constant(-100), constant(shortest));
    connect(noise, excitatory, 0.1, spread(-50, 300), delays);
    connect(excitatory, other, 0.02, spread(-0.5, 3), delays);
    connect(events, excitatory, 1, constant(400), delays);
    const Plasticity rule{find_plasticity("STDP.additive"), {20, 20, 4, 4.4, 0, 120}};
    connect(excitatory, other, 0.05, spread(0, 1), constant(shortest), rule);  // closed rows
    connect(noise, inhibitory, 1, spread(0, 20), constant(shortest), rule);    // a dense block
    connect(excitatory, excitatory, 0.06, spread(10, 100), delays, rule);      // history
    sim.inject_poisson(inhibitory, {500}, {60}, excitatory_channel);
    sim.inject_noise(excitatory, {20}, {60}, 3, 0);
    for (const std::size_t population : {excitatory, inhibitory, other, events}) {
      recorders.push_back(sim.record_spikes(population, {}));
    }
    sim.record_state(excitatory, 0, {0, 77, 399}, 7);
    sim.record_state(inhibitory, 1, {3, 149}, 1);
    sim.record_weights(projections.back(), weights_every);
  }

  void connect(std::size_t pre, std::size_t post, double p, const ValueSpec& weight,
               const ValueSpec& delay, const std::optional<Plasticity>& plasticity = {}) {
    const ConnectionRule rule{ConnectionRule::Kind::fixed_probability, p, 0, false, true};
    const auto size = [&](std::size_t k) {
      return k == 3 ? std::size_t{130} : k == 4 ? std::size_t{3} : sim.neurons(k).size();
    };
    auto table = connect_by_rule<R>(rule, {size(pre), {}, true}, {size(post), {}, true},
                                    pre == post, weight, delay, dt, 5, sim.next_projection());
    projections.push_back(sim.connect(pre, post, std::move(table), Receptor::by_sign, plasticity));
  }

  // Everything that can be read afterwards, as bytes.
  std::vector<unsigned char> read() {
    std::vector<unsigned char> bytes;
    const auto add = [&](const auto& values) {
      const auto* data = reinterpret_cast<const unsigned char*>(values.data());
      bytes.insert(bytes.end(), data, data + values.size() * sizeof(values[0]));
    };
    for (const std::size_t k : recorders) {
      const auto log = sim.spike_recorder(k).merged();
      add(log.stamps);
      add(log.elements);
    }
    for (const std::size_t k : {excitatory, inhibitory, other}) {
      for (std::size_t s = 0; s < sim.neurons(k).state_count(); ++s) {
        add(sim.neurons(k).state(s));
      }
    }
    for (std::size_t k = 0; k < 2; ++k) {
      add(sim.state_recorder(k).stamps);
      add(sim.state_recorder(k).values);
    }
    for (const std::size_t k : projections) {
      add(sim.weights(k));
    }
    add(sim.weight_recorder(0).stamps);
    add(sim.weight_recorder(0).values);
    return bytes;
  }
  std::size_t spikes(std::size_t k) {
    return sim.spike_recorder(recorders[k]).merged().stamps.size();
  }
};

}  // namespace

TEST_CASE_TEMPLATE("threads 1, 2, 3 and 7 give the same bits", R, float, double) {
  for (const double shortest : {0.1, 0.8}) {  // threads meet every step, or every eight
    TestNetwork<R> one(1, shortest);
    one.sim.run(total, {});
    const auto expected = one.read();
    CHECK(one.spikes(0) > 500);
    CHECK(one.spikes(1) > 200);
    CHECK(one.spikes(2) > 50);
    CHECK(one.spikes(3) == 5);
    CHECK(one.sim.weight_recorder(0).stamps == std::vector<Step>{250, 500});
    for (const int threads : {2, 3, 7}) {
      CAPTURE(threads);
      TestNetwork<R> many(threads, shortest);
      CHECK(many.sim.run(total, {}) == total);
      CHECK(many.read() == expected);
    }
  }
}

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

TEST_CASE("another seed gives another run") {
  Simulator<float> a(dt, 1, 1), b(dt, 2, 1);
  for (Simulator<float>* sim : {&a, &b}) {
    const std::size_t n = sim->add_neurons(find_model("LIF"), 50, lif(100), false);
    sim->inject_poisson(n, {2000}, {50}, excitatory_channel);
    sim->record_spikes(n, {});
    sim->run(1000, {});
  }
  CHECK(a.spike_recorder(0).merged().stamps.size() > 20);
  CHECK(a.spike_recorder(0).merged().stamps != b.spike_recorder(0).merged().stamps);
}

TEST_CASE(
    "poll stops a run at a step, after which it goes on with the bits of an undisturbed one") {
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

TEST_CASE("poll is asked also while weights are recorded often") {
  Simulator<float> sim(dt, 1, 1);
  sim.add_neurons(find_model("LIF"), 1, lif(0), false);
  sim.record_weights(
      sim.connect(0, 0, SynapseTable<float>::from_lists(1, {}, {}, {}, {}), Receptor::by_sign, {}),
      10);
  int calls = 0;
  const auto begin = std::chrono::steady_clock::now();
  sim.run(600000, [&](Step) { return ++calls < 0; });
  const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - begin;
  CHECK(calls >=
        static_cast<int>(passed.count() / 0.25));  // fifty times a second, on a free machine
}

TEST_CASE_TEMPLATE("reset goes back to the start, with the weights as they were or as they are", R,
                   float, double) {
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

TEST_CASE_TEMPLATE("recorded states are those of the neurons, in any order of columns", R, float,
                   double) {
  for (const int threads : {1, 3}) {
    Simulator<R> sim(dt, 1, threads);
    const std::size_t n = sim.add_neurons(find_model("LIF"), 400, lif(120), false);
    sim.inject_noise(n, {0}, {300}, 1, 0);
    std::vector<std::uint32_t> columns{399, 0, 64, 64, 63};
    for (std::uint32_t k = 0; k < 400; k += 7) {
      columns.push_back(k);
    }
    const auto check = [&](std::size_t recorder, std::size_t state) {
      const StateRecorder<R>& recorded = sim.state_recorder(recorder);
      const std::vector<R> now = sim.neurons(n).state(state);
      REQUIRE(recorded.values.size() == recorded.stamps.size() * columns.size());
      CHECK(recorded.stamps.back() == sim.now());
      for (std::size_t c = 0; c < columns.size(); ++c) {
        CHECK(recorded.values[recorded.values.size() - columns.size() + c] == now[columns[c]]);
      }
    };
    const std::size_t potential = sim.record_state(n, 0, columns, 1);
    sim.run(30, {});
    check(potential, 0);
    const std::size_t current = sim.record_state(n, 1, columns, 10);  // after the layout was built
    sim.run(30, {});
    check(potential, 0);
    check(current, 1);
    CHECK(sim.state_recorder(current).stamps == std::vector<Step>{40, 50, 60});
    sim.add_neurons(find_model("LIF"), 70, lif(0), false);  // another layout
    sim.run(30, {});
    check(potential, 0);
    check(current, 1);
    CHECK(sim.state_recorder(potential).stamps.size() == 90);
  }
}
