#include <doctest/doctest.h>

#include "network/history_store.hpp"
#include "network/reward_rows.hpp"
#include "support/plastic_cases.hpp"

namespace test_network_reward_rows {

using namespace plastic_test;

// The reward may have been set before the source's last spike, since then, or not at all.
TEST_CASE_TEMPLATE("a reward that is set between the spikes of a source", R, float, double) {
  const Trains trains = random_trains(0.03, 0.03);
  Case what{PlasticLayout::history};
  what.rule = "RewardSTDP";
  what.parameters = {1.7, 3.4, 0.02, 0.012, -1000, 1000, infinity, 20, 0.2};
  for (const bool often : {false, true}) {
    RewardSignal once(dt, infinity, 20, 0.2), same(dt, infinity, 20, 0.2);
    once.set(0, 0.9);
    for (Step step = 0; step < steps; step += often ? 3 : 400) {
      same.set(step, 0.9);  // the same level again: only the way to sum it differs
    }
    Driver<R> a(what, trains, &once), b(what, trains, &same);
    for (const Step now : {41, 680, 1400}) {
      a.run(now);
      b.run(now);
      const std::vector<R> x = a.weights(), y = b.weights();
      double largest = 0, moved = 0;
      for (std::size_t k = 0; k < x.size(); ++k) {
        largest = std::max(largest, std::abs(static_cast<double>(x[k] - y[k])));
        moved = std::max(moved, std::abs(static_cast<double>(x[k])));
      }
      CHECK(moved > 0.01);
      CHECK(largest < (sizeof(R) == 4 ? 1e-5 : 1e-12));
    }
  }
}

TEST_CASE_TEMPLATE("bytes() counts what each synapse remembers of rewards", R, float, double) {
  const Trains trains = random_trains(0.03, 0.03);
  Case plain{PlasticLayout::history}, rewarded{PlasticLayout::history};
  rewarded.rule = "RewardSTDP";
  rewarded.parameters = {1.7, 3.4, 0.02, 0.012, -1000, 1000, infinity, 20, 0.2};
  const RewardSignal reward(dt, infinity, 20, 0.2);
  Driver<R> a(plain, trains);
  a.feed.table = &a.table;
  a.store = std::make_unique<HistoryStore<R>>(a.feed, plain.plasticity(), dt, longest + 32);
  const Driver<R> b(rewarded, trains, &reward);
  const std::size_t synapses = b.weights().size();
  REQUIRE(synapses > 0);
  CHECK(b.store->bytes() == a.store->bytes() + synapses * (sizeof(R) + sizeof(Step)));
}

}  // namespace test_network_reward_rows
