#include <doctest/doctest.h>

#include <type_traits>
#include <utility>
#include <vector>

#include "network/event_lists.hpp"

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
