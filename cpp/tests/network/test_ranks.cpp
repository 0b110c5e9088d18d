// Processes that share a network must give the bits of one process alone.
#include <doctest/doctest.h>

#include <map>
#include <memory>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include "spikelet/network/simulator.hpp"
#include "support/ranks_in_threads.hpp"

namespace test_network_ranks {

namespace {

using namespace spikelet;
using test::on_ranks;
using test::Rank;
using test::Room;

constexpr double dt = 0.1;

ValueSpec constant(double x) {
  ValueSpec spec;
  spec.values = std::vector<double>(1, x);
  return spec;
}
ValueSpec spread(double low, double high) {
  return {ValueSpec::Kind::uniform, {0.0}, low, high, ValueSpec::Limit::none, 0, 0};
}

template <class R>
struct Outcome {
  std::map<std::pair<Step, Gid>, int> spikes;
  std::vector<std::map<std::uint32_t, R>> states;
  // By projection: (source, target, delay) and weight.
  std::vector<std::map<std::tuple<std::size_t, std::uint32_t, int>, R>> weights;
  bool operator==(const Outcome&) const = default;
};

template <class R>
void simulate(std::unique_ptr<Communicator> ranks, int threads, Outcome<R>& out,
              bool stop = false) {
  const bool first = !ranks || ranks->rank() == 0;
  Simulator<R> sim(dt, 5, threads, false, std::move(ranks));
  const ParameterValues lif{{-64.3}, {-50}, {-60}, {2}, {0}, {100}, {15}, {200}, {4}, {6}, {140}};
  const double rate = 30;
  const std::vector<std::size_t> sizes{400, 150, 130, 3, 3000};
  const auto E = sim.brief()->network.add_neurons(find_model("LIF"), 400, lif, false);
  const auto I = sim.brief()->network.add_neurons(find_model("LIF"), 150, lif, false);
  const auto noise = sim.brief()->network.add_poisson(130, {&rate, 1});
  const auto events = sim.brief()->network.add_events(3, {0, 5, 5, 40, 300}, {0, 1, 1, 2, 0});
  const auto many = sim.brief()->network.add_poisson(3000, {&rate, 1});
  const Plasticity rule{find_plasticity("STDP.additive"), {20, 20, 4, 4.4, 0, 120}};
  const auto connect = [&](std::size_t pre, std::size_t post, const ConnectionRule& how,
                           const ValueSpec& w, const ValueSpec& d,
                           const std::optional<Plasticity>& plastic = {}) {
    const auto parts = sim.brief();
    Network<R>& network = parts->network;
    const auto number = static_cast<std::uint32_t>(network.projections.size());
    network.connect(pre, post,
                    Drawing<R>(how, {sizes[pre], {}, true}, {sizes[post], {}, true}, pre == post, w,
                               d, dt, 5, number, threads, network.own(post)),
                    Receptor::by_sign, plastic);
  };
  const ConnectionRule tenth{ConnectionRule::Kind::fixed_probability, 0.1, 0, false, true};
  connect(E, I, tenth, spread(20, 60), spread(0.8, 4));
  connect(I, E, {ConnectionRule::Kind::fixed_indegree, 1, 20, true, true}, spread(-200, -50),
          constant(0.8));
  connect(noise, E, {ConnectionRule::Kind::fixed_total_number, 1, 5000, true, true}, constant(200),
          constant(2));
  connect(events, E, {}, constant(400), spread(0.9, 3));
  // Few of many sources have synapses.
  connect(many, I, {ConnectionRule::Kind::fixed_total_number, 1, 200, true, true}, constant(500),
          constant(1));
  connect(E, E, tenth, spread(10, 60), constant(0.8), rule);   // closed rows
  connect(noise, I, {}, spread(0, 20), constant(1.2), rule);   // a dense block
  connect(E, I, tenth, spread(10, 50), spread(0.8, 2), rule);  // history
  std::vector<std::size_t> recorders;
  for (const auto k : {E, I, noise, events}) {
    recorders.push_back(sim.brief()->record_spikes(k, {}));
  }
  const Step steps = stop ? 10'000'000 : 700;  // the clock decides when it is asked to stop
  using Poll = typename Simulator<R>::Poll;
  const Step reached = sim.run(steps, stop && first ? Poll([](Step) { return true; }) : Poll());
  CHECK((reached == steps) == !stop);
  if (stop) {
    out.states.resize(1);
    out.states[0][0] = static_cast<R>(reached);
    return;
  }
  for (std::size_t k = 0; k < recorders.size(); ++k) {
    const auto log = *sim.look()->recorders.spikes[recorders[k]].share();
    for (std::size_t s = 0; s < log.stamps.size(); ++s) {
      ++out.spikes[{log.stamps[s], static_cast<Gid>(k << 20) + log.elements[s]}];
    }
  }
  for (const auto k : {E, I}) {
    for (std::size_t s = 0; s < sim.look()->network.neurons(k).state_count(); ++s) {
      const auto values = sim.look()->network.neurons(k).state(s);
      auto& to = out.states.emplace_back();
      for (std::size_t i = 0; i < values.size(); ++i) {
        to[sim.look()->network.own(k).begin + static_cast<std::uint32_t>(i)] = values[i];
      }
    }
  }
  for (std::size_t k = 0; k < sim.look()->network.projections.size(); ++k) {
    const auto table = sim.synapses(k);
    auto& to = out.weights.emplace_back();
    for (std::size_t i = 0; i + 1 < table.row.size(); ++i) {
      for (auto s = table.row[i]; s < table.row[i + 1]; ++s) {
        to[{i, table.post[s], table.delay_of(s)}] += table.weight_of(s);
      }
    }
  }
}

template <class R>
Outcome<R> shared(int ranks, int threads, bool stop = false) {
  std::vector<Outcome<R>> parts(static_cast<std::size_t>(ranks));
  on_ranks(ranks, [&](int r, Room& room) {
    simulate(std::make_unique<Rank>(room, r), threads, parts[static_cast<std::size_t>(r)], stop);
  });
  Outcome<R> all = std::move(parts[0]);
  for (std::size_t r = 1; r < parts.size(); ++r) {
    for (const auto& [spike, count] : parts[r].spikes) {
      all.spikes[spike] += count;
    }
    for (std::size_t k = 0; k < all.states.size(); ++k) {
      all.states[k].merge(parts[r].states[k]);
    }
    for (std::size_t k = 0; k < all.weights.size(); ++k) {
      all.weights[k].merge(parts[r].weights[k]);
    }
  }
  return all;
}

}  // namespace

TEST_CASE_TEMPLATE("1, 2, 3, 4 and 9 ranks give the bits of one process", R, float, double) {
  Outcome<R> alone;
  simulate(nullptr, 2, alone);
  CHECK(alone.spikes.size() > 1500);
  CHECK(alone.states[0].size() == 400);
  for (const int ranks : {1, 2, 3, 4, 9}) {  // some of nine own no block of the smaller population
    CAPTURE(ranks);
    CHECK(shared<R>(ranks, ranks == 3 ? 2 : 1) == alone);
  }
}

TEST_CASE("when one rank stops, all stop") {
  on_ranks(3, [](int r, Room& room) {
    Outcome<float> out;
    simulate<float>(std::make_unique<Rank>(room, r), 1, out, true);
    room.values[static_cast<std::size_t>(r)].assign(1, static_cast<std::int64_t>(out.states[0][0]));
    room.barrier.arrive_and_wait();
    CHECK(room.values[0] == room.values[1]);
    CHECK(room.values[0] == room.values[2]);
  });
}

TEST_CASE("every element belongs to one rank, in whole blocks") {
  for (const std::size_t n : {0u, 1u, 64u, 65u, 1000u}) {
    for (const int ranks : {1, 2, 3, 7, 40}) {
      for (std::size_t population = 0; population < 3; ++population) {
        std::vector<int> owners(round_up(n, block_size), 0);
        for (int r = 0; r < ranks; ++r) {
          const Range own = own_range(population, n, r, ranks);
          CHECK(own.begin % block_size == 0);
          CHECK(own.end % block_size == 0);
          for (std::uint32_t i = own.begin; i < own.end; ++i) {
            ++owners[i];
            CHECK(own.contains(i));
          }
          CHECK(!own.contains(own.end));
        }
        CHECK(owners == std::vector<int>(owners.size(), 1));
      }
    }
  }
}

TEST_CASE("ranks that are asked for different things are refused, all of them, and can go on") {
  test::on_ranks(3, [](int r, test::Room& room) {
    Simulator<float> sim(dt, 5, 1, false, std::make_unique<test::Rank>(room, r));
    sim.brief()->network.add_neurons(
        find_model("LIF"), 200,
        {{-65}, {-50}, {-60}, {2}, {0}, {100}, {15}, {200}, {4}, {6}, {400}}, false);
    CHECK_THROWS_WITH_AS(sim.run(r == 1 ? 100 : 200, {}),
                         doctest::Contains("number of steps to run: from 100 to 200"),
                         std::logic_error);
    if (r == 2) {
      CHECK_THROWS_WITH_AS(sim.prepare(), doctest::Contains("the method"), std::logic_error);
    } else {
      CHECK_THROWS_WITH_AS(sim.run(10, {}), doctest::Contains("the method"), std::logic_error);
    }
    CHECK_THROWS_WITH_AS(sim.meet(10, r), doctest::Contains("recorders or checkpoints"),
                         std::logic_error);
    CHECK(sim.now() == 0);
    CHECK(sim.run(100, {}) == 100);
  });
}

}  // namespace test_network_ranks
