#include <doctest/doctest.h>

#include <cstdint>
#include <stdexcept>
#include <vector>

#include "spikelet/network/simulator_parts.hpp"
#include "support/small_network.hpp"

namespace test_network_simulator_parts {

namespace {

using namespace spikelet;
using namespace small_network;
using Parts = SimulatorParts<double>;

// Two neurons, of which the first excites the second through a plastic synapse.
struct Pair {
  Pair() {
    parts.network.add_neurons(model(), 2, delta(), false);
    parts.network.connect(0, 0, table<double>(2, {0}, {1}, {1}), Receptor::by_sign, additive(2), {},
                          {});
  }
  Regulation every(Step steps, Regulation::Kind kind = Regulation::Kind::normalise) const {
    Regulation how;
    how.kind = kind;
    how.every = steps;
    how.projection = 0;
    return how;
  }

  Parts parts{dt, 1, 1, false, false, nullptr};
};

}  // namespace

TEST_CASE("a run is cut at the next multiple of any interval, and before 2^29 steps") {
  Pair pair;
  Parts& parts = pair.parts;
  CHECK(parts.next_stop(7) == 7);
  CHECK(parts.next_stop(Step{1} << 40) == Step{1} << 29);
  parts.regulate(pair.every(50));
  parts.recorders.weights.push_back({0, 30, {}, {}});
  CHECK(parts.next_stop(1000) == 30);
  CHECK(parts.next_stop(20) == 20);
  parts.network.now = 30;
  CHECK(parts.next_stop(1000) == 50);
  parts.network.now = 50;
  CHECK(parts.next_stop(1000) == 60);
}

TEST_CASE("what processes record and regulate has one digest") {
  Pair a, b, c;
  CHECK(a.parts.digest() == b.parts.digest());
  a.parts.regulate(a.every(50));
  CHECK(a.parts.digest() != b.parts.digest());
  b.parts.regulate(b.every(50));
  CHECK(a.parts.digest() == b.parts.digest());
  c.parts.recorders.weights.push_back({0, 50, {}, {}});
  CHECK(a.parts.digest() != c.parts.digest());
}

TEST_CASE("the interval of a scaling is as it was set, and begins anew at a reset") {
  Pair pair;
  Parts& parts = pair.parts;
  parts.lay_out();
  parts.regulate(pair.every(50, Regulation::Kind::scale));
  CHECK(parts.interval_spikes(0) == std::vector<std::uint32_t>{0, 0});
  const std::vector<std::uint32_t> spikes{3, 0xffffffff};
  parts.network.now = 20;
  parts.set_interval(0, 10, spikes);
  CHECK(parts.intervals[0].begin == 10);
  CHECK(parts.interval_spikes(0) == spikes);
  parts.reset({{}}, 40);
  CHECK(parts.network.now == 40);
  CHECK(parts.intervals[0].begin == 40);
  CHECK(parts.interval_spikes(0) == std::vector<std::uint32_t>{0, 0});
}

TEST_CASE("a layout is counted, and inputs alone need none") {
  Pair pair;
  Parts& parts = pair.parts;
  CHECK(parts.layouts == 0);
  parts.lay_out();
  CHECK(parts.layouts == 1);
  CHECK_FALSE(parts.network.changed);
  parts.network.inputs_changed = true;
  parts.bind_inputs();
  CHECK_FALSE(parts.network.inputs_changed);
  CHECK(parts.layouts == 1);
}

TEST_CASE("a clock that cannot be is refused, and changes nothing") {
  Pair pair;
  Parts& parts = pair.parts;
  parts.set_clock(7, {{6}, {1}});
  for (const auto& [now, spikes] :
       std::vector<std::pair<Step, SpikesInFlight>>{{-1, {}},
                                                    {(Step{1} << 53) + 1, {}},
                                                    {9, {{10}, {0}}},
                                                    {9, {{5, 4}, {0, 0}}},
                                                    {9, {{5}, {2}}},
                                                    {9, {{5}, {}}},
                                                    {9, {{-1}, {0}}}}) {
    CAPTURE(now);
    CHECK_THROWS_AS(parts.set_clock(now, spikes), std::invalid_argument);
    CHECK(parts.network.now == 7);
    CHECK(parts.flight.stamps == std::vector<Step>{6});
  }
}

}  // namespace test_network_simulator_parts
