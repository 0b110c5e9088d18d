#include <doctest/doctest.h>

#include <vector>

#include "spikelet/network/arrivals.hpp"

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

TEST_CASE("few entries are taken at once, many are left") {
  Arrivals<int> arrivals;
  arrivals.resize(3);
  std::vector<int> to(8);
  CHECK(arrivals.take_few(1, 8, to.data()) == 0);
  for (int k = 0; k < 8; ++k) {
    arrivals.push(1, k);
    arrivals.push(2, k);
  }
  arrivals.push(2, 8);
  for (int k = 0; k < 200; ++k) {  // several blocks, with few entries in the last one
    arrivals.push(3, k);
  }
  CHECK(arrivals.take_few(1, 8, to.data()) == 8);
  CHECK(to == std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7});
  CHECK(arrivals.empty(1));
  CHECK(arrivals.take_few(2, 8, to.data()) > 8);
  CHECK(read(arrivals, 2).size() == 9);
  CHECK(arrivals.take_few(3, 8, to.data()) > 8);
  CHECK(read(arrivals, 3).size() == 200);
  arrivals.push(1, 7);
  CHECK(read(arrivals, 1) == std::vector<int>{7});
}
