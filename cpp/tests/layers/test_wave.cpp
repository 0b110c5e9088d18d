#include <doctest/doctest.h>

#include <limits>
#include <vector>

#include "spikelet/layers/conv_stdp.hpp"
#include "spikelet/layers/wave.hpp"

namespace test_layers_wave {

using namespace spikelet::layers;

TEST_CASE("a silent cell is later than any bin and sends no spike") {
  CHECK(silent == std::numeric_limits<Bin>::max());
  const std::vector<float> weights{1}, thresholds{0.5f};
  const ConvStdp layer({1, 1, 1, 1, 1}, 254, weights, thresholds);
  for (const Bin bin : {Bin{0}, Bin{253}, silent}) {
    std::vector<Bin> out(1, 7);
    layer.respond(std::vector<Bin>{bin}, {1, 1}, 1, out);
    CHECK(out[0] == bin);
  }
}

}  // namespace test_layers_wave
