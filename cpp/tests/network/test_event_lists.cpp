#include <doctest/doctest.h>

#include <type_traits>
#include <utility>
#include <vector>

#include "network/event_lists.hpp"

namespace test_network_event_lists {

using namespace spikelet;

namespace {

template <class Event>
using Events = std::vector<std::pair<typename Event::Weight, std::uint32_t>>;

template <class Event>
std::vector<Events<Event>> taken(EventLists<Event>& lists, Step step, std::size_t blocks) {
  std::vector<Events<Event>> all(blocks);
  lists.take(step, [&](std::size_t block) {
    return [&of = all.at(block)](auto weight, std::uint32_t target) {
      of.emplace_back(weight, target);
    };
  });
  return all;
}

}  // namespace

TEST_CASE_TEMPLATE("events are kept by step and block of targets, in order, however many", Event,
                   FloatEvent<float>, FloatEvent<double>, IntegerEvent) {
  using Weight = typename Event::Weight;
  const Weight unit = std::is_integral_v<Weight> ? Weight(1) : Weight(0.1);
  constexpr std::size_t blocks = 4, steps = 6;
  EventLists<Event> lists;
  lists.resize(2, steps - 1);
  std::vector<std::vector<Events<Event>>> expected(steps, std::vector<Events<Event>>(blocks));
  constexpr Step first = 5;  // lists of later steps go on at the ring's beginning
  typename EventLists<Event>::Writer writer(lists, first);
  for (std::uint32_t k = 0; k < 200'000; ++k) {  // several pieces of memory
    const std::uint32_t list = k * 7 % 23, target = k * 40'503 % 65'536;
    const auto weight = static_cast<Weight>(unit * static_cast<Weight>(k));
    writer.push(list, weight, target);
    expected[list / blocks][list % blocks].emplace_back(weight, target);
  }
  for (std::size_t step = 0; step < steps; ++step) {
    CAPTURE(step);
    CHECK(taken(lists, first + static_cast<Step>(step), blocks) == expected[step]);
  }
  for (Step step = 0; step < 8; ++step) {
    CHECK(taken(lists, step, blocks) == std::vector<Events<Event>>(blocks));
  }
}

TEST_CASE("memory of events that arrived is used again, and none survives clear()") {
  EventLists<FloatEvent<float>> lists;
  lists.resize(0, 3);
  for (Step now = 0; now < 1000; ++now) {
    CAPTURE(now);
    typename EventLists<FloatEvent<float>>::Writer writer(lists, now);
    writer.push(2, static_cast<float>(now), 1);
    writer.push(0, -static_cast<float>(now), 5);
    Events<FloatEvent<float>> expected;
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

TEST_CASE_TEMPLATE("events can be read without taking them, and copies have their own", Event,
                   FloatEvent<float>, IntegerEvent) {
  using Weight = typename Event::Weight;
  EventLists<Event> lists;
  lists.resize(1, 3);
  typename EventLists<Event>::Writer writer(lists, 1);
  std::vector<Events<Event>> expected(2);
  for (std::uint32_t k = 0; k < 5000; ++k) {  // several chunks
    writer.push(2 + k % 2, static_cast<Weight>(k % 1000), k);
    expected[k % 2].emplace_back(static_cast<Weight>(k % 1000), k);
  }
  const auto read = [](const EventLists<Event>& from) {
    std::vector<Events<Event>> all(2);
    from.for_each(2, [&](std::uint32_t list, auto weight, std::uint32_t target) {
      all.at(list).emplace_back(static_cast<Weight>(weight), target);
    });
    return all;
  };
  CHECK(read(lists) == expected);
  EventLists<Event> copy(lists);
  CHECK(taken(lists, 2, 2) == expected);
  CHECK(read(lists) == std::vector<Events<Event>>(2));
  CHECK(read(copy) == expected);
  typename EventLists<Event>::Writer(copy, 2).push(1, Weight(7), 9);
  expected[1].emplace_back(Weight(7), 9);
  CHECK(taken(copy, 2, 2) == expected);
}

}  // namespace test_network_event_lists
