#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

#include "spikelet/network/target_numbers.hpp"

namespace test_network_target_numbers {

using namespace spikelet;

TEST_CASE("targets with synapses have numbers, of which few are left out") {
  std::vector<std::uint32_t> most, few;
  for (std::uint32_t j = 100; j < 900; ++j) {
    if (j % 3 > 0) {
      most.push_back(j);
    }
    if (j % 50 == 7) {
      few.push_back(j);
    }
  }
  for (const std::vector<std::uint32_t>& elements : {most, few, {5}, {0, 1}, {3, 900'000}, {}}) {
    const TargetNumbers targets(elements);
    CHECK(targets.scattered() ==
          (elements.size() > 1 && 8 * elements.size() < elements.back() - elements.front()));
    CHECK(targets.size() == (targets.scattered() || elements.empty()
                                 ? elements.size()
                                 : elements.back() - elements.front() + 1));
    std::vector<std::uint32_t> found;
    for (std::uint32_t j = 0; j < 1000; ++j) {
      const bool has = std::ranges::find(elements, j) != elements.end();
      CHECK((targets.of(j) != targets.none) == has);
      if (has) {
        CHECK(targets.of(j) < targets.size());
        CHECK(targets.element(targets.of(j)) == j);
        CHECK(targets.of_known(j) == targets.of(j));
      }
    }
    targets.for_each([&](std::uint32_t element) { found.push_back(element); });
    CHECK(found == elements);
  }
}

}  // namespace test_network_target_numbers
