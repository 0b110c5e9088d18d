#include <doctest/doctest.h>

#include <stdexcept>
#include <utility>
#include <vector>

#include "spikelet/network/targets.hpp"

namespace test_network_targets {

namespace {

using namespace spikelet;
using Elements = std::vector<std::uint32_t>;

// (element, source) of all targets, by place.
std::vector<std::pair<std::size_t, std::size_t>> listed(const Targets& targets) {
  std::vector<std::pair<std::size_t, std::size_t>> found;
  for (const TargetBlock& block : targets.blocks()) {
    for_each_target(block, [&](std::size_t element, std::size_t place) {
      CHECK(place == found.size());
      found.emplace_back(element, targets.source(place));
    });
  }
  return found;
}

}  // namespace

TEST_CASE("all elements, of a process that is alone or not") {
  const Targets all(130, {0, 192});
  CHECK(all.whole());
  CHECK(all.size() == 130);
  CHECK(listed(all).back() == std::pair<std::size_t, std::size_t>{129, 129});
  REQUIRE(all.runs().size() == 1);
  CHECK(all.runs()[0].end == 192);
  const Targets second(130, {64, 192});
  CHECK(second.size() == 66);
  CHECK(second.given() == 130);
  CHECK(listed(second).front() == std::pair<std::size_t, std::size_t>{64, 64});
  CHECK(Targets(130, {192, 192}).size() == 0);
  CHECK(Targets(0, {0, 0}).blocks().empty());
}

TEST_CASE("elements in any order: places ascend, and know where the caller has their values") {
  const Elements elements{500, 7, 64, 3};
  const Targets part(600, {0, 640}, elements);
  CHECK(!part.whole());
  CHECK(listed(part) ==
        std::vector<std::pair<std::size_t, std::size_t>>{{3, 3}, {7, 1}, {64, 2}, {500, 0}});
  const Targets own(600, {64, 320}, elements);
  CHECK(listed(own) == std::vector<std::pair<std::size_t, std::size_t>>{{64, 2}});
  CHECK(own.given() == 4);
}

TEST_CASE("runs leave out long gaps between blocks, and hold short ones") {
  const Elements elements{0, 4 * 64, 9 * 64 + 5, 1000 * 64};
  const Targets part(100000, {0, 100032}, elements);
  REQUIRE(part.runs().size() == 3);
  CHECK(part.runs()[0].end == 5 * 64);
  CHECK(part.runs()[1].begin == 9 * 64);
  CHECK(part.runs()[1].before == 5 * 64);
  CHECK(part.covered() == 7 * 64);
  CHECK(part.blocks().size() == 4);
  CHECK(part.within(64, 10 * 64).size() == 2);
  CHECK(part.within(10 * 64, 1000 * 64).empty());
}

TEST_CASE("what is no target is refused") {
  CHECK_THROWS_AS(Targets(10, {0, 64}, Elements{3, 10}), std::invalid_argument);
  CHECK_THROWS_WITH_AS(Targets(10, {0, 64}, Elements{3, 1, 3}),
                       "targets must be distinct, got element 3 twice", std::invalid_argument);
}

}  // namespace test_network_targets
