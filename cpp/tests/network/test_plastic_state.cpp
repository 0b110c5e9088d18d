#include <doctest/doctest.h>

#include <algorithm>
#include <span>
#include <vector>

#include "spikelet/network/plastic_state.hpp"
#include "support/recurrent_network.hpp"

namespace test_network_plastic_state {

using namespace recurrent_network;

TEST_CASE_TEMPLATE("a copy of all state goes on with the same bits", R, float, double) {
  for (const Step cut : {0, 1, 77, 400}) {
    CAPTURE(cut);
    TestNetwork<R> original, loaded;
    original.sim.run(cut, {});
    copy(original, loaded);
    CHECK(loaded.sim.weights(loaded.plastic) == original.sim.weights(original.plastic));
    const std::size_t before = original.spikes().stamps.size();
    const auto same_states = [&] {
      for (std::size_t s = 0; s < original.sim.look()->network.neurons(0).state_count(); ++s) {
        CAPTURE(s);
        CHECK(loaded.sim.look()->network.neurons(0).state(s) ==
              original.sim.look()->network.neurons(0).state(s));
      }
      // As the kernels see it: without the rounding that adding E_L brings.
      CHECK(loaded.sim.look()->network.neurons(0).raw_state(0) ==
            original.sim.look()->network.neurons(0).raw_state(0));
    };
    same_states();
    original.sim.run(1, {});
    loaded.sim.run(1, {});
    same_states();
    original.sim.run(600, {});
    loaded.sim.run(600, {});
    same_states();
    const auto all = original.spikes();
    const auto expected = std::span(all.stamps).subspan(before);
    CHECK(expected.size() > 300);
    CHECK(loaded.spikes().stamps == expected);
    CHECK(loaded.sim.weights(loaded.plastic) == original.sim.weights(original.plastic));
  }
}

}  // namespace test_network_plastic_state
