#include <doctest/doctest.h>

#include <numeric>
#include <vector>

#include "spikelet/network/stamped_spikes.hpp"

using namespace spikelet;

TEST_CASE("each spike of an interval gets the stamp of its step") {
  const std::vector<std::vector<std::size_t>> cases{
      {}, {0}, {3}, {0, 0, 9, 0, 1}, {4, 5, 0, 200, 2}};
  RawBuffer<Step> stamps;
  for (const std::vector<std::size_t>& counts : cases) {
    std::vector<std::size_t> ends(counts.size());
    std::partial_sum(counts.begin(), counts.end(), ends.begin());
    std::vector<Step> wanted;
    for (std::size_t k = 0; k < counts.size(); ++k) {
      wanted.insert(wanted.end(), counts[k], 100 + static_cast<Step>(k));
    }
    make_stamps(ends, 100, stamps);
    CHECK(std::vector<Step>(stamps.begin(), stamps.end()) == wanted);
  }
}
