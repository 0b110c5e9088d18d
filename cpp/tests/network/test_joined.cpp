// Networks that run as one are what they would be by themselves.
#include <doctest/doctest.h>

#include <cstdint>
#include <exception>
#include <memory>
#include <vector>

#include "spikelet/network/joined.hpp"
#include "spikelet/network/simulator.hpp"
#include "support/failing_memory.hpp"
#include "support/inputs.hpp"
#include "support/small_network.hpp"

namespace test_network_joined {

namespace {

using namespace spikelet;
using small_network::delta;
using small_network::dt;
using small_network::model;
using small_network::table;

// A ring of n neurons, noisy, each of which excites the next but two.
template <class R>
struct Ring {
  Ring(std::size_t n, std::uint64_t seed) : sim(dt, seed, 1) {
    sim.brief()->network.add_neurons(model(), n, delta(20.0 * static_cast<double>(seed)), false);
    std::vector<std::uint32_t> pre, post;
    std::vector<std::uint16_t> delays;
    for (std::uint32_t i = 0; i < n; ++i) {
      pre.push_back(i);
      post.push_back((i + 2) % static_cast<std::uint32_t>(n));
      delays.push_back(static_cast<std::uint16_t>(1 + i % 7));
    }
    sim.brief()->network.connect(0, 0, table<R>(n, pre, post, delays), Receptor::by_sign, {});
    inputs::poisson(sim, 0, 300.0, 0.3);
    inputs::noise(sim, 0, 10.0, 50.0, 3);
    sim.brief()->record_spikes(0, {});
    sim.brief()->record_state(0, 0, {0}, 5);
  }
  struct Read {
    std::vector<Step> stamps, samples;
    std::vector<std::uint32_t> elements;
    std::vector<R> V, values;
    bool operator==(const Read&) const = default;
  };
  Read read() {
    const auto log = sim.look()->recorders.spikes[0].share();
    const Samples<R> states = sim.look()->recorded_states(0);
    return {log->stamps.to_vector(), states.stamps, log->elements.to_vector(),
            sim.look()->network.neurons(0).raw_state(0), states.values};
  }
  Simulator<R> sim;
};

template <class R>
using Rings = std::vector<std::unique_ptr<Ring<R>>>;

template <class R>
Rings<R> rings() {
  Rings<R> all;
  for (const std::size_t n : {1, 64, 100, 65, 3}) {
    all.push_back(std::make_unique<Ring<R>>(n, all.size() + 1));
  }
  return all;
}

const Poll go_on = [](Step) { return false; };

template <class R>
std::vector<std::exception_ptr> run_together(Rings<R>& all, Step steps, const Poll& poll = go_on) {
  std::vector<Simulator<R>*> simulators;
  for (const auto& ring : all) {
    simulators.push_back(&ring->sim);
  }
  std::vector<std::exception_ptr> errors(all.size());
  Simulator<R>::run_together(simulators, steps, poll, errors);
  return errors;
}

template <class R>
void check_equal(Rings<R>& found, Rings<R>& expected) {
  for (std::size_t k = 0; k < found.size(); ++k) {
    CHECK(found[k]->sim.now() == expected[k]->sim.now());
    CHECK(found[k]->read() == expected[k]->read());
  }
}

// After a joined run of `before` steps, if that is not 0.
void check_without_memory(Step before) {
  auto apart = rings<float>();
  for (const auto& ring : apart) {
    ring->sim.run(before + 60, {});
  }
  bool whole = false;
  for (long k = 0; !whole && k < 4000; k += 1 + k / 8) {
    auto together = rings<float>();
    if (before > 0) {
      run_together(together, before);
    }
    std::vector<std::exception_ptr> errors;
    std::vector<Simulator<float>*> simulators;
    for (const auto& ring : together) {
      simulators.push_back(&ring->sim);
    }
    errors.resize(together.size());
    bool thrown = false;
    {
      const failing_memory::Failing failing(k);
      try {
        Simulator<float>::run_together(simulators, 60, go_on, errors);
      } catch (const std::bad_alloc&) {
        thrown = true;
      }
      whole = failing_memory::failures == 0;
    }
    for (std::size_t n = 0; n < together.size(); ++n) {
      Simulator<float>& sim = together[n]->sim;
      if (sim.broken()) {
        CHECK(errors[n] != nullptr);
      } else if ((errors[n] == nullptr && !thrown) || before > 0) {
        sim.run(before + 60 - sim.now(), go_on);  // it may not have begun
        CHECK(together[n]->read() == apart[n]->read());
      }
    }
  }
  CHECK(whole);
}

}  // namespace

TEST_CASE_TEMPLATE("joined networks have the bits of single ones, however they are cut", R, float,
                   double) {
  auto together = rings<R>(), apart = rings<R>();
  for (const Step steps : {200, 1, 130}) {
    for (const auto& error : run_together(together, steps)) {
      CHECK(error == nullptr);
    }
    for (const auto& ring : apart) {
      ring->sim.run(steps, {});
    }
  }
  CHECK(together[0]->sim.look()->layouts == 0);  // they were joined
  for (Rings<R>* all : {&together, &apart}) {
    (*all)[2]->sim.run(9, {});
  }
  CHECK(together[2]->read().stamps.size() > 20);
  check_equal(together, apart);
}

TEST_CASE("a poll stops all of them at the end of a step, and those that did not begin stay") {
  auto together = rings<float>(), apart = rings<float>();
  CHECK(run_together(together, 50, [](Step) { return true; })[0] == nullptr);
  CHECK(together[0]->sim.now() == 0);
  int asked = 0;
  run_together(together, Step{1} << 28, [&](Step) { return ++asked == 3; });
  const Step now = together[0]->sim.now();
  CHECK(now > 0);
  CHECK(now < Step{1} << 28);
  for (const auto& ring : apart) {
    ring->sim.run(now, {});
  }
  check_equal(together, apart);
}

TEST_CASE("what has changed is joined anew, and one that has taken another's place is not it") {
  auto together = rings<double>(), apart = rings<double>();
  const auto run = [&] {
    run_together(together, 100);
    for (const auto& ring : apart) {
      ring->sim.run(100, {});
    }
    check_equal(together, apart);
  };
  run();
  for (auto* all : {&together, &apart}) {
    std::vector<double> weights = (*all)[1]->sim.weights(0);
    weights[5] = 0.25;
    (*all)[1]->sim.set_weights(0, weights);
    (*all)[2]->sim.set_parameters(0, delta(500), false);
    (*all)[3]->sim.brief()->record_spikes(0, std::vector<bool>(65, true));
  }
  run();
  for (auto* all : {&together, &apart}) {
    (*all)[4]->sim.reset(true);
    (*all)[4] = std::make_unique<Ring<double>>(3, 9);
    (*all)[4]->sim.set_clock(200, {});
    inputs::poisson((*all)[0]->sim, 0, 900.0, 0.4);
  }
  run();
}

TEST_CASE_TEMPLATE("runs that go on where the last one ended see what has changed since", R, float,
                   double) {
  auto together = rings<R>(), apart = rings<R>();
  const auto run = [&](Step steps) {
    run_together(together, steps);
    for (const auto& ring : apart) {
      ring->sim.run(steps, {});
    }
  };
  const auto both = [&](auto&& change, Step steps = 7) {
    change(together[2]->sim);
    change(apart[2]->sim);
    run(steps);
    run(1);
    check_equal(together, apart);
  };
  using Sim = Simulator<R>;
  run(100);
  for (const Step steps : {1, 3, 20, 1}) {  // nobody reads in between
    run(steps);
  }
  check_equal(together, apart);
  both([](Sim& sim) { sim.brief()->network.neurons(0).set_state(0, std::vector<R>(100, R(3))); });
  both([](Sim& sim) {
    sim.brief()->network.neurons(0).set_raw_state(0, std::vector<R>(100, R(4)));
  });
  both([](Sim& sim) {
    sim.brief()->network.neurons(0).set_held(std::vector<std::int32_t>(100, 5), sim.now());
  });
  // Some of these leave the group for a run, so that others are joined: that needs many steps.
  constexpr Step enough = 400;
  both([](Sim& sim) { sim.set_parameters(0, delta(700), true); }, enough);
  both([](Sim& sim) { sim.brief()->network.remove_input(0); }, enough);
  both([](Sim& sim) { inputs::poisson(sim, 0, 700.0, 0.6); }, enough);
  both(
      [](Sim& sim) {
        sim.brief()->recorders.set_window(RecorderKind::spikes, 0, {.paused = true});
      },
      enough);
  both([](Sim& sim) { sim.brief()->recorders.set_window(RecorderKind::spikes, 0, {}); }, enough);
  both([](Sim& sim) { sim.even_if_broken()->recorders.clear(RecorderKind::state, 0); }, enough);
  both(
      [](Sim& sim) {
        const SpikesInFlight spikes = sim.look()->in_flight();
        sim.set_clock(sim.now(), spikes);
      },
      enough);
  both([](Sim& sim) { sim.run(0, {}); }, enough);
  CHECK(together[0]->sim.look()->layouts == 0);
  CHECK(together[2]->read().stamps.size() > 20);
}

TEST_CASE("only networks that are alike run as one") {
  auto together = rings<float>(), apart = rings<float>();
  for (auto* all : {&together, &apart}) {
    (*all)[3]->sim.run(1, {});  // it is ahead
    (*all)[1]->sim.brief()->record_weights(0, 10);
  }
  run_together(together, 40);
  for (const auto& ring : apart) {
    ring->sim.run(40, {});
  }
  check_equal(together, apart);
  CHECK(together[0]->sim.look()->layouts == 0);
  CHECK(together[1]->sim.look()->layouts == 1);
  CHECK(together[3]->sim.look()->layouts == 1);
  CHECK(together[1]->sim.look()->recorded_weights(0).stamps == std::vector<Step>{10, 20, 30, 40});
}

TEST_CASE("without memory, a network fails by itself or runs by itself") {
  check_without_memory(0);
}

TEST_CASE("without memory in a run that goes on, a network fails or can go on by itself") {
  check_without_memory(60);
}

}  // namespace test_network_joined
