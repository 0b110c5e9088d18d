#include <doctest/doctest.h>

#include <utility>
#include <vector>

#include "network/event_lists.hpp"

using namespace spikelet;

namespace {

template <class R>
using Events = std::vector<std::pair<R, std::uint32_t>>;

template <class R>
std::vector<Events<R>> taken(EventLists<R>& lists, Step step, std::size_t blocks) {
  std::vector<Events<R>> all(blocks);
  lists.take(step, [&](std::size_t block, R weight, std::uint32_t target) {
    all.at(block).emplace_back(weight, target);
  });
  return all;
}

}  // namespace

TEST_CASE_TEMPLATE("events are kept by step and block of targets, in order, however many", R, float,
                   double) {
  constexpr std::size_t blocks = 4, steps = 6;
  EventLists<R> lists;
  lists.resize(block_target_bits + 2, steps - 1);
  std::vector<std::vector<Events<R>>> expected(steps, std::vector<Events<R>>(blocks));
  constexpr Step first = 5;  // lists of later steps go on at the ring's beginning
  typename EventLists<R>::Writer writer(lists, first);
  for (std::uint32_t k = 0; k < 200'000; ++k) {  // several pieces of memory
    const std::uint32_t list = k * 7 % 23, target = k * 40'503 % 65'536;
    writer.push(list, R(0.1) * R(k), target);
    expected[list / blocks][list % blocks].emplace_back(R(0.1) * R(k), target);
  }
  for (std::size_t step = 0; step < steps; ++step) {
    CAPTURE(step);
    CHECK(taken(lists, first + static_cast<Step>(step), blocks) == expected[step]);
  }
  for (Step step = 0; step < 8; ++step) {
    CHECK(taken(lists, step, blocks) == std::vector<Events<R>>(blocks));
  }
}

TEST_CASE("memory of events that arrived is used again, and none survives clear()") {
  EventLists<float> lists;
  lists.resize(3, 3);
  for (Step now = 0; now < 1000; ++now) {
    CAPTURE(now);
    typename EventLists<float>::Writer writer(lists, now);
    writer.push(2, static_cast<float>(now), 1);
    writer.push(0, -static_cast<float>(now), 5);
    Events<float> expected;
    if (now >= 2) {
      expected.emplace_back(static_cast<float>(now - 2), 1);
    }
    expected.emplace_back(-static_cast<float>(now), 5);
    CHECK(taken(lists, now, 1)[0] == expected);
  }
  lists.clear();
  for (Step step = 0; step < 4; ++step) {
    CHECK(taken(lists, step, 1)[0].empty());
  }
}
