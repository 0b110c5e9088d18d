#include <doctest/doctest.h>

#include <optional>
#include <vector>

#include "spikelet/network/spikes_in_flight.hpp"
#include "support/small_network.hpp"

namespace test_network_spikes_in_flight {

using namespace small_network;

TEST_CASE("spikes in flight are kept by stamp until they are old") {
  SpikesInFlight spikes;
  const std::vector<Gid> a{4, 9}, b{1};
  spikes.add(a, 3);
  spikes.add({}, 4);
  spikes.add(b, 5);
  CHECK(spikes.stamps == std::vector<Step>{3, 3, 5});
  CHECK(spikes.gids == std::vector<Gid>{4, 9, 1});
  CHECK(spikes.after(2).gids == spikes.gids);
  CHECK(spikes.after(3).gids == b);
  CHECK(spikes.after(4).stamps == std::vector<Step>{5});
  CHECK(spikes.after(5).gids.empty());
  spikes.forget(3);
  CHECK(spikes.stamps == std::vector<Step>{5});
  CHECK(spikes.gids == b);
  spikes.forget(5);
  CHECK(spikes.gids.empty());
}

TEST_CASE("the longest and the shortest delay together") {
  for (const bool plastic : {false, true}) {
    Simulator<double> sim(dt, 1, 2);
    sim.brief()->network.add_neurons(model(), 2, delta(), false);
    sim.brief()->network.add_events(1, {1, 40}, {0, 0});
    std::optional<Plasticity> rule;
    if (plastic) {
      rule = additive(2);
    }
    sim.brief()->network.connect(1, 0, table<double>(1, {0, 0}, {0, 1}, {65535, 1}),
                                 Receptor::by_sign, rule);
    sim.brief()->record_spikes(0, {});
    sim.run(65000, {});
    CHECK(sim.look()->in_flight().stamps == std::vector<Step>{1, 2, 40, 41});
    sim.run(600, {});
    const Log log = *sim.look()->recorders.spikes[0].share();
    CHECK(log.stamps == std::vector<Step>{2, 41, 65536, 65575});
    CHECK(log.elements == std::vector<std::uint32_t>{1, 1, 0, 0});
  }
}

TEST_CASE("spikes of a step are put in order") {
  SpikesInFlight spikes, expected;
  for (Step stamp = 0; stamp < 20; ++stamp) {
    std::vector<Gid> gids;
    for (Step k = 0; k < stamp % 7; ++k) {
      gids.push_back(static_cast<Gid>(k * k * 5 % 11));
    }
    spikes.add(gids, stamp);
    std::ranges::sort(gids);
    expected.add(gids, stamp);
  }
  spikes.sort();
  CHECK(spikes.stamps == expected.stamps);
  CHECK(spikes.gids == expected.gids);
}

}  // namespace test_network_spikes_in_flight
