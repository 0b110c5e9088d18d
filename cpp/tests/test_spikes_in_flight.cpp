#include <doctest/doctest.h>

#include <vector>

#include "spikelet/network/spikes_in_flight.hpp"

using namespace spikelet;

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
}
