#include <doctest/doctest.h>

#include <algorithm>

#include "network/post_traces.hpp"

namespace test_network_post_traces {

using namespace spikelet;

TEST_CASE("traces of targets are computed once for each arrival and dendritic part, if that pays") {
  constexpr std::size_t targets = 100;
  PostTraces<double> traces(targets);
  for (const Step part : {7, 3, 7}) {
    traces.add_part(part);
  }
  int computed = 0;
  const auto of = [&](Step arrival, Step part) {
    return traces.of(arrival, part, [&](std::span<double> all) {
      CHECK(all.size() == targets);
      std::ranges::fill(all, static_cast<double>(100 * arrival + part));
      ++computed;
    });
  };
  CHECK(of(0, 3) == nullptr);  // not started
  CHECK(!traces.pays(2 * targets * 2 - 1));
  CHECK(traces.pays(2 * targets * 2));
  traces.start(1, 2 * targets * 2 - 1);
  CHECK(of(1, 3) == nullptr);  // too few synapses for two parts
  traces.start(1, 2 * targets * 2);
  REQUIRE(of(1, 3) != nullptr);
  CHECK(of(1, 3)[targets - 1] == 103);
  CHECK(of(1, 7)[0] == 107);
  CHECK(of(1, 3) == of(1, 3));
  CHECK(computed == 2);
  CHECK(of(2, 3) == nullptr);  // another arrival
  traces.start(2, 1000 * targets);
  CHECK(of(2, 3)[0] == 203);  // not those of the last
  CHECK(computed == 3);
  traces.stop();
  CHECK(of(2, 3) == nullptr);
}

}  // namespace test_network_post_traces
