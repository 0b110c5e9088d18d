#include <doctest/doctest.h>

#include <functional>
#include <limits>
#include <stdexcept>
#include <vector>

#include "spikelet/network/closed_rows.hpp"
#include "spikelet/network/plastic_check.hpp"
#include "support/recurrent_network.hpp"

namespace test_network_plastic_check {

using namespace recurrent_network;

TEST_CASE_TEMPLATE("a state that cannot be that of the projection is refused", R, float, double) {
  TestNetwork<R> network, other;
  network.sim.run(700, {});
  copy(network, other);
  const PlasticState<R> state = network.sim.brief()->access.plastic_state(network.plastic);
  REQUIRE(!state.post_stamp.empty());
  CHECK_NOTHROW(other.sim.set_plastic_state(other.plastic, state));
  const R nan = std::numeric_limits<R>::quiet_NaN();
  using State = PlasticState<R>;
  const std::vector<std::function<void(State&)>> changes{
      [](State& s) { s.clock = 701; },
      [](State& s) { s.clock = -2; },
      [](State& s) { s.row_step[0][0] = 701; },
      [](State& s) { s.row_step[1][3] = -9; },
      [](State& s) { s.row_step.pop_back(); },
      [](State& s) { s.row_source[0] = 130; },
      [](State& s) { s.row_source[1] = s.row_source[0], s.row_delay[1] = s.row_delay[0]; },
      [](State& s) { s.row_delay.pop_back(); },
      [](State& s) { s.row[0].pop_back(); },
      [=](State& s) { s.row[1][0] = nan; },
      [](State& s) { s.synapse[0].pop_back(); },
      [](State& s) { s.synapse.clear(); },
      [=](State& s) { s.synapse[0][0] = nan; },
      [](State& s) { s.synapse[0][0] = 151; },
      [](State& s) { s.counts.resize(129); },
      [](State& s) { s.post_target[0] = 130; },
      [](State& s) { s.post_stamp.back() = 701; },
      [](State& s) { s.post_stamp[0] = -1; },
      [](State& s) { s.post_stamp[0] = s.post_stamp.back(), s.post_stamp.back() = 0; },
      [](State& s) { s.post_value[2].pop_back(); },
      [](State& s) { s.reward_step.push_back(1); },
      [](State& s) {
        s.sent_step.assign(1, 700), s.sent_post.assign(1, 0), s.sent_channel.assign(1, 32768),
            s.sent_value.assign(1, 1);
      },
      [](State& s) {
        s.sent_step.assign(1, 699), s.sent_post.assign(1, 0), s.sent_channel.assign(1, 0),
            s.sent_value.assign(1, 1);
      },
      [](State& s) {
        s.sent_step.assign(1, 700), s.sent_post.assign(1, 130), s.sent_channel.assign(1, 0),
            s.sent_value.assign(1, 1);
      },
  };
  for (std::size_t k = 0; k < changes.size(); ++k) {
    CAPTURE(k);
    PlasticState<R> changed = state;
    changes[k](changed);
    CHECK_THROWS_AS(other.sim.set_plastic_state(other.plastic, changed), std::invalid_argument);
  }
  CHECK_THROWS_AS(other.sim.set_plastic_state(other.fixed, state), std::invalid_argument);
  other.sim.run(100, {});  // none of them has changed anything
  network.sim.run(100, {});
  CHECK(other.sim.weights(other.plastic) == network.sim.weights(network.plastic));
}

TEST_CASE("epochs of rows in closed form lie among those whose sums are kept") {
  Simulator<double> sim(dt, 1, 1);
  const std::size_t n = sim.brief()->network.add_neurons(find_model("LIF"), 70, lif(400), false);
  const Plasticity rule{find_plasticity("STDP.additive"), {2, 2, 6, 5, 0, 150}};
  std::vector<std::uint32_t> pre, post;
  for (std::uint32_t i = 0; i < 70; i += 2) {
    pre.push_back(i), post.push_back((i * 7 + 1) % 70);
  }
  const std::size_t plastic = sim.brief()->network.connect(
      n, n, table<double>(pre, post, {20}, {15}, 70), Receptor::by_sign, rule, -1);
  sim.run(2000, {});
  REQUIRE(sim.brief()->access.describe(plastic) == "rows in closed form");
  const PlasticState<double> state = sim.brief()->access.plastic_state(plastic);
  const Step steps = epoch_steps(rule, dt);
  CHECK(steps == 100);
  for (const Step epoch : {Step{-1}, Step{0}, state.clock / steps - closed_epochs,
                           state.clock / steps + 1, Step{1} << 40}) {
    PlasticState<double> changed = state;
    changed.row_step[0][5] = epoch;
    CHECK_THROWS_AS(sim.set_plastic_state(plastic, changed), std::invalid_argument);
  }
  for (const Step clock : {Step{-1}, Step{1900}, Step{2001}}) {
    PlasticState<double> changed = state;
    changed.clock = clock;
    CHECK_THROWS_AS(sim.set_plastic_state(plastic, changed), std::invalid_argument);
  }
  CHECK_NOTHROW(sim.set_plastic_state(plastic, state));
}

TEST_CASE("a state has the shape of its layout") {
  const std::size_t additive = find_plasticity("STDP.additive"),
                    triplet = find_plasticity("TripletSTDP"),
                    reward = find_plasticity("RewardSTDP");
  const Plasticity pairs{additive, {20, 20, 6, 5, 0, 150}};
  CHECK(plastic_shape(PlasticLayout::dense_block, pairs, dt).row == 1);
  CHECK(plastic_shape(PlasticLayout::closed_rows, pairs, dt).target == 10);
  CHECK(plastic_shape(PlasticLayout::history, pairs, dt).synapse == 1);
  const Plasticity triplets{triplet, {16.8, 33.7, 101, 125, 1, 1, 1, 1, 0, 150}};
  CHECK(plastic_shape(PlasticLayout::dense_block, triplets, dt).row == 2);
  const Plasticity rewarded{reward, {20, 20, 1, 1, 0, 150, 1000, 200, 0}};
  CHECK(plastic_shape(PlasticLayout::history, rewarded, dt).synapse_step == 1);
}

}  // namespace test_network_plastic_check
