// Pair STDP as programs against sums over pairs of spikes; what is sent, and random numbers, are
// tested through Python.
#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <vector>

#include "network/event_rows.hpp"
#include "support/event_rules.hpp"

namespace test_network_event_rows {

using namespace spikelet;

TEST_CASE_TEMPLATE("weights follow from pairs of spikes, also where old ones are settled", R, float,
                   double) {
  constexpr double dt = 0.1, tau = 20, up = 0.25, down = 0.5;
  const std::vector<std::uint32_t> pre{0, 0, 1, 1}, post{0, 1, 1, 70};
  const std::vector<R> weight{R(2), R(3), R(5), R(7)};
  const std::vector<std::uint16_t> delay{1, 4, 4, 2};
  const auto table = SynapseTable<R>::from_lists(2, pre, post, weight, delay);
  Feed<R> feed;
  feed.table = &table;
  feed.post_end = 128;
  Plasticity plasticity{find_plasticity(EventRule::name), {down, up}};
  plasticity.events = std::make_shared<EventRule>(event_rules::pair_parts(tau));
  const auto store =
      make_plastic_store<R>(PlasticLayout::programs, feed, plasticity, dt, 8, -1, nullptr);
  const std::vector<std::vector<Step>> pres{{1, 2, 30, 30, 80}, {3, 50, 51, 90}};
  const auto posts = [](std::uint32_t j) {
    return j == 0 ? std::vector<Step>{5, 29, 60} : std::vector<Step>{2, 47, 49, 85};
  };
  constexpr Step end = 100;
  // The weight after all pairs up to `now`.
  const auto exact = [&](std::size_t k, Step now) {
    double w = static_cast<double>(weight[k]);
    for (const Step spike : pres[pre[k]]) {
      for (const Step stamp : posts(post[k])) {
        const Step at = stamp + delay[k];
        const double lag = static_cast<double>(std::abs(at - spike)) * dt;
        if (at <= now && spike <= now) {
          w += at >= spike ? up * std::exp(-lag / tau) : -down * std::exp(-lag / tau);
        }
      }
    }
    return w;
  };
  double error = 0;
  for (Step now = 0; now < end; ++now) {
    std::vector<R> input(128);
    const std::array<R*, 2> to{input.data(), input.data()};
    store->deliver(now, to, false);
    for (std::uint32_t j = 0; j < 128; ++j) {
      for (const Step stamp : posts(j)) {
        if (stamp == now + 1) {
          const Gid gid = j;
          store->note_posts({&gid, 1}, 0, stamp);
        }
      }
    }
    for (Gid i = 0; i < 2; ++i) {
      for (const Step stamp : pres[i]) {
        if (stamp == now + 1) {
          store->enqueue(i, stamp, stamp);
        }
      }
    }
    if (now % 7 == 0) {
      const auto copy = store->clone();
      copy->finish(now + 1);
      for (Gid i = 0; i < 2; ++i) {
        copy->visit(i, [&](const SynapseRef<R>& synapse) {
          for (std::size_t k = 0; k < 4; ++k) {
            if (pre[k] == i && post[k] == synapse.target) {
              const double w = exact(k, now + 1);
              error = std::max(error, std::abs(static_cast<double>(*synapse.weight) - w));
            }
          }
        });
      }
      if (now % 2 == 0) {
        store->settle(now + 1);
      }
    }
  }
  CHECK(error < (sizeof(R) == 4 ? 1e-5 : 1e-13));
}

}  // namespace test_network_event_rows
