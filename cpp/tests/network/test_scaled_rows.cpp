// Short-term plasticity: the closed form against fine steps, and what the store sends.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <vector>

#include "core/plasticity/tsodyks_markram.hpp"
#include "spikelet/network/plastic_store.hpp"

namespace test_network_scaled_rows {

namespace {

using namespace spikelet;

constexpr double dt = 0.1;

}  // namespace

TEST_CASE_TEMPLATE("each spike sends its fraction of the weight, after each delay", R, float,
                   double) {
  const std::vector<std::uint32_t> pre{0, 0, 1, 1}, post{0, 1, 1, 70};
  const std::vector<R> weight{R(2), R(-3), R(5), R(7)};
  const std::vector<std::uint16_t> delay{1, 4, 4, 2};
  const auto table = SynapseTable<R>::from_lists(2, pre, post, weight, delay);
  Feed<R> feed;
  feed.table = &table;
  feed.post_end = 128;
  const std::vector<double> p{0.4, 15, 8, 1};
  const auto store = make_plastic_store<R>(
      PlasticLayout::scaled_rows, feed, {find_plasticity("TsodyksMarkram"), p}, dt, 8, -1, nullptr);
  // Stamps of both sources, which share nothing.
  const std::vector<std::vector<Step>> stamps{{1, 2, 30, 30, 200}, {3, 100, 101, 203}};
  constexpr Step end = 210;
  std::vector<std::vector<double>> expected(2 * 128, std::vector<double>(end + 8));
  for (std::size_t i = 0; i < 2; ++i) {
    const TsodyksMarkram rule(p.data());
    TsodyksMarkram::State state;
    Step last = 0;
    for (const Step stamp : stamps[i]) {
      rule.pass(state, static_cast<double>(stamp - last) * dt);
      const double share = rule.release(state);
      last = stamp;
      for (std::size_t k = 2 * i; k < 2 * i + 2; ++k) {
        const std::size_t channel = weight[k] < 0 ? 1 : 0;
        expected[channel * 128 + post[k]][static_cast<std::size_t>(stamp + delay[k] - 1)] +=
            share * static_cast<double>(weight[k]);
      }
    }
  }
  double error = 0;
  for (Step now = 0; now < end; ++now) {
    std::vector<R> input(2 * 128);
    const std::array<R*, 2> to{input.data(), input.data() + 128};
    store->deliver(now, to, false);
    for (std::size_t k = 0; k < input.size(); ++k) {
      error = std::max(error, std::abs(static_cast<double>(input[k]) -
                                       expected[k][static_cast<std::size_t>(now)]));
    }
    if (now == 31) {
      store->finish(31 + 1);  // changes when events are made, not what arrives
    }
    for (Gid i = 0; i < 2; ++i) {
      for (const Step stamp : stamps[i]) {
        if (stamp == now + 1) {
          store->enqueue(i, stamp, stamp);
        }
      }
    }
  }
  CHECK(error < (sizeof(R) == 4 ? 1e-6 : 1e-14));
}

TEST_CASE_TEMPLATE("synapses with parameters of their own keep a state of their own", R, float,
                   double) {
  const std::vector<std::uint32_t> pre{0, 0, 0}, post{0, 1, 70};
  const std::vector<R> weight{R(2), R(-3), R(5)};
  const std::vector<std::uint16_t> delay{4, 1, 4};
  const auto table = SynapseTable<R>::from_lists(1, pre, post, weight, delay);
  Feed<R> feed;
  feed.table = &table;
  feed.post_end = 128;
  Plasticity plasticity{find_plasticity("TsodyksMarkram"), {0.4, 15, 8, 0}};
  plasticity.varied = std::make_shared<const SynapseParameters>(
      SynapseParameters{{0.2, 0.5, 0.9}, {}, {8, 0, 3}, {}});
  const auto store =
      make_plastic_store<R>(PlasticLayout::scaled_rows, feed, plasticity, dt, 8, -1, nullptr);
  CHECK(store->parts().synapse.size() == 4);  // weights, x, y, u
  CHECK(store->parts().row_double.empty());
  const std::vector<Step> stamps{1, 2, 30, 31};
  for (std::size_t k = 0; k < 3; ++k) {
    const SynapseParameters& own = *plasticity.varied;
    const std::vector<double> p{own[0][k], 15, own[2][k], 0};
    const TsodyksMarkram rule(p.data());
    TsodyksMarkram::State state;
    store->clear();
    store->start(-1);
    std::size_t next = 0;
    double error = 0, last = 0;
    std::vector<double> expected(64);
    for (Step now = 0; now < 40; ++now) {
      std::vector<R> input(2 * 128);
      const std::array<R*, 3> channels{input.data(), input.data() + 128, nullptr};
      store->deliver(now, channels, false);
      const std::size_t at = (weight[k] < 0 ? 128 : 0) + post[k];
      error = std::max(error, std::abs(static_cast<double>(input[at]) -
                                       expected[static_cast<std::size_t>(now)]));
      if (next < stamps.size() && stamps[next] == now + 1) {
        store->enqueue(0, now + 1, now + 1);
        rule.pass(state, next == 0 ? 0 : (static_cast<double>(now + 1) - last) * dt);
        expected[static_cast<std::size_t>(now + 1 + delay[k] - 1)] +=
            rule.release(state) * static_cast<double>(weight[k]);
        last = static_cast<double>(now + 1);
        ++next;
      }
    }
    CHECK(error < (sizeof(R) == 4 ? 1e-6 : 1e-14));
  }
}

}  // namespace test_network_scaled_rows
