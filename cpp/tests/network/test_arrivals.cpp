#include <doctest/doctest.h>

#include <vector>

#include "spikelet/network/arrivals.hpp"

namespace test_network_arrivals {

using namespace spikelet;

namespace {

std::vector<int> read(const Arrivals<int>& arrivals, Step step) {
  std::vector<int> all;
  arrivals.for_runs(step,
                    [&](const int* begin, const int* end) { all.insert(all.end(), begin, end); });
  return all;
}

}  // namespace

TEST_CASE("arrivals are kept by step, in order, however many there are") {
  Arrivals<int> arrivals;
  arrivals.resize(5);
  std::vector<std::vector<int>> expected(6);
  for (int k = 0; k < 20000; ++k) {  // more than one pool of blocks
    const auto step = static_cast<std::size_t>(k % 7 % 6);
    arrivals.push(static_cast<Step>(step), k);
    expected[step].push_back(k);
  }
  for (std::size_t step = 0; step < 6; ++step) {
    CAPTURE(step);
    CHECK(!arrivals.empty(static_cast<Step>(step)));
    CHECK(read(arrivals, static_cast<Step>(step)) == expected[step]);
  }
  CHECK(arrivals.empty(6));
  CHECK(read(arrivals, 6).empty());
  arrivals.clear();
  for (Step step = 0; step < 8; ++step) {
    CHECK(arrivals.empty(step));
  }
}

TEST_CASE("a delivered step makes room for a later one") {
  Arrivals<int> arrivals;
  arrivals.resize(3);
  for (Step now = 0; now < 1000; ++now) {
    arrivals.push(now + 3, static_cast<int>(now));
    arrivals.push(now + 1, -static_cast<int>(now));
    CHECK(read(arrivals, now) ==
          (now == 0   ? std::vector<int>{}
           : now <= 2 ? std::vector<int>{-static_cast<int>(now - 1)}
                      : std::vector<int>{static_cast<int>(now - 3), -static_cast<int>(now - 1)}));
    arrivals.clear(now);
    CHECK(arrivals.empty(now));
    CHECK(!arrivals.empty(now + 1));
  }
}

}  // namespace test_network_arrivals
