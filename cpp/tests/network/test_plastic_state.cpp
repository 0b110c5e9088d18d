#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

#include "spikelet/network/plastic_state.hpp"
#include "support/recurrent_network.hpp"

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
      for (std::size_t s = 0; s < original.sim.neurons(0).state_count(); ++s) {
        CAPTURE(s);
        CHECK(loaded.sim.neurons(0).state(s) == original.sim.neurons(0).state(s));
      }
      // As the kernels see it: without the rounding that adding E_L brings.
      const auto a = loaded.sim.neurons(0).step_args(0), b = original.sim.neurons(0).step_args(0);
      CHECK(std::equal(a.state[0], a.state[0] + 130, b.state[0]));
    };
    same_states();
    original.sim.run(1, {});
    loaded.sim.run(1, {});
    same_states();
    original.sim.run(600, {});
    loaded.sim.run(600, {});
    same_states();
    auto expected = original.spikes();
    expected.stamps.erase(expected.stamps.begin(),
                          expected.stamps.begin() + static_cast<long>(before));
    CHECK(expected.stamps.size() > 300);
    CHECK(loaded.spikes().stamps == expected.stamps);
    CHECK(loaded.sim.weights(loaded.plastic) == original.sim.weights(original.plastic));
  }
}
