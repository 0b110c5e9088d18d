// What is added last takes the place, and the number, of something earlier.
#include <doctest/doctest.h>

#include <optional>
#include <stdexcept>
#include <string_view>
#include <utility>
#include <vector>

#include "spikelet/network/replacement.hpp"
#include "support/small_network.hpp"

namespace test_network_replacement {

using namespace small_network;

TEST_CASE("a projection takes the place of another one") {
  Simulator<double> sim(dt, 1, 2);
  const std::size_t cells = sim.brief()->network.add_neurons(model(), 3, delta(), false);
  const std::size_t source = sim.brief()->network.add_events(2, {3, 30}, {0, 1});
  const auto connect = [&](auto table, const std::optional<Plasticity>& rule) {
    return sim.brief()->network.connect(source, cells, std::move(table), Receptor::by_sign, rule);
  };
  connect(table<double>(2, {0, 1}, {0, 2}, {2, 3}), {});
  connect(table<double>(2, {0}, {1}, {1}), {});
  sim.run(20, {});
  connect(table<double>(2, {1}, {1}, {5}), {});
  replace_projection(sim.brief()->network, 0, "");
  CHECK(sim.look()->network.projections.size() == 2);
  CHECK(sim.weights(0).size() == 1);
  CHECK(sim.weights(1).size() == 1);
  sim.run(20, {});
  CHECK(sim.synapses(0).post[0] == 1);
  CHECK_THROWS_AS(replace_projection(sim.brief()->network, 1, ""), std::invalid_argument);
}

TEST_CASE("a state goes on in the layout that it has") {
  Simulator<double> sim(dt, 1, 1);
  const std::size_t cells = sim.brief()->network.add_neurons(model(), 2, delta(), false);
  const std::size_t source = sim.brief()->network.add_events(2, {3, 5}, {0, 1});
  const auto connect = [&](auto table) {
    return sim.brief()->network.connect(source, cells, std::move(table), Receptor::by_sign,
                                        additive(10));
  };
  connect(table<double>(2, {0, 0, 1, 1}, {0, 1, 0, 1}, {2, 2, 2, 2}));
  CHECK(sim.look()->network.projections[0].layout == PlasticLayout::dense_block);
  const std::string_view history = layout_name(PlasticLayout::history),
                         closed = layout_name(PlasticLayout::closed_rows);
  const auto replace = [&](std::string_view storage, PlasticLayout expected) {
    connect(table<double>(2, {0, 0, 1, 1}, {0, 1, 0, 1}, {2, 2, 2, 2}));
    replace_projection(sim.brief()->network, 0, storage);
    CHECK(sim.look()->network.projections[0].layout == expected);
  };
  replace(history, PlasticLayout::history);
  replace(layout_name(PlasticLayout::queued), PlasticLayout::history);
  replace(closed, PlasticLayout::closed_rows);
  replace("", PlasticLayout::dense_block);
  connect(table<double>(2, {0, 1}, {0, 1}, {2, 5}));
  CHECK_THROWS_AS(replace_projection(sim.brief()->network, 0, "dense block"),
                  std::invalid_argument);
  CHECK(sim.look()->network.projections.size() == 1);
}

TEST_CASE("a population without elements takes the place of another one") {
  Simulator<float> sim(dt, 1, 1);
  for (const std::size_t n : {3, 4, 5}) {
    sim.brief()->network.add_neurons(model(), n, delta(), false);
  }
  CHECK_THROWS_AS(replace_population(sim.brief()->network, 1), std::invalid_argument);
  sim.brief()->network.add_neurons(model(), 0, delta(), false);
  replace_population(sim.brief()->network, 1);
  CHECK(sim.look()->network.nodes.size() == 3);
  CHECK(sim.look()->network.nodes[1].size == 0);
  CHECK(sim.look()->network.nodes[1].first_gid == 3);
  CHECK(sim.look()->network.nodes[2].first_gid == 7);
  CHECK(sim.run(10, {}) == 10);
}

}  // namespace test_network_replacement
