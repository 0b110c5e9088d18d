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

TEST_CASE_TEMPLATE("many short lists take little memory", R, float, double) {
  constexpr int bits = 5;  // blocks of targets, and 1024 steps
  EventLists<R> lists;
  lists.resize(block_target_bits + bits, 1000);
  typename EventLists<R>::Writer writer(lists, 0);
  constexpr std::uint32_t n = 1024u << bits;
  for (std::uint32_t k = 0; k < 2 * n; ++k) {
    writer.push(k % n, R(k), k % 65'536);
  }
  CHECK(lists.bytes() < n * (64 + 48) + (std::size_t{1} << 20));
  for (std::uint32_t k = 0; k < 20 * n; ++k) {  // memory as there are events, however many
    writer.push(k % n, R(k), k % 65'536);
  }
  CHECK(lists.bytes() < n * (64 + 512 + 48) + (std::size_t{8} << 20));
  const auto all = taken(lists, 3, 1u << bits);
  for (const Events<R>& events : all) {
    CHECK(events.size() == 22);
  }
}
