#include <doctest/doctest.h>

#include <functional>
#include <stdexcept>

#include "spikelet/core/event_rule.hpp"
#include "support/event_rules.hpp"

namespace test_core_event_rule {

using namespace spikelet;
using event_rules::pair_parts;
using Keeper = EventRule::Keeper;

TEST_CASE("coefficients of the programs follow each other") {
  const EventRule rule(pair_parts(20));
  CHECK(rule.first(EventRule::on_pre) == 0);
  CHECK(rule.first(EventRule::on_post) == 1);
  CHECK(rule.first(EventRule::on_source) == 2);
  CHECK(rule.parameters() == 2);
  CHECK(rule.kept_by(Keeper::source) == std::vector<int>{1});
  CHECK(rule.moves(Keeper::target));
  CHECK_FALSE(rule.moves(Keeper::synapse));
  CHECK(find_plasticity(EventRule::name) + 1 == plasticity_rules().size());
}

TEST_CASE("what no store could run is refused") {
  const auto refuses = [](const std::function<void(EventRule::Parts&)>& change) {
    EventRule::Parts parts = pair_parts(20);
    change(parts);
    CHECK_THROWS_AS(EventRule(std::move(parts)), std::invalid_argument);
  };
  refuses([](auto& p) { p.variables[0].keeper = Keeper::source; });
  refuses([](auto& p) { p.variables[2].initial = 1; });
  refuses([](auto& p) { p.variables[1].keeper = static_cast<Keeper>(4); });
  refuses([](auto& p) { p.variables.push_back({"z"}); });
  refuses([](auto& p) { p.transmit = 3; });
  refuses([](auto& p) { p.signal = 3; });
  refuses([](auto& p) { p.signal = 0; });  // synapses keep it
  refuses([](auto& p) { p.reads = {{1, 0}}; });
  refuses([](auto& p) { p.order = {0, 1, 1}; });
  refuses([](auto& p) { p.rates[0].rate = 0.1; });
  refuses([](auto& p) { p.rates.push_back({1, 2, 0.1}); });
  refuses([](auto& p) { p.rates.push_back({2, -1, 0.1}); });
  refuses([](auto& p) { p.rates.push_back({3, -1, 0.1}); });
  refuses([](auto& p) { p.programs[2] = nullptr; });
}

}  // namespace test_core_event_rule
