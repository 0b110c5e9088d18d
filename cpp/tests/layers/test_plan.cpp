#include <doctest/doctest.h>

#include <vector>

#include "layers/plan.hpp"
#include "support/convolutions.hpp"

using namespace spikelet;
using namespace spikelet::layers;
using test::Case;
using test::cases;
using test::kernel_of;

TEST_CASE("two output rows at once are the two rows") {
  for (const Case& given : {cases[0], cases[6], cases[10]}) {
    const Kernel one = kernel_of(given), two = paired(one);
    CHECK(two.out.height == (one.out.height + 1) / 2);
    for (std::size_t o = 0; o < one.out.channels; ++o) {
      for (std::size_t y = 0; y < one.out.height; ++y) {
        // Each weight is met at the same input row.
        for (std::size_t ky = 0; ky < one.conv.kernel_height; ++ky) {
          const std::size_t row = y * one.conv.stride_y + ky * one.conv.dilation_y;
          const std::size_t at = row - y / 2 * two.conv.stride_y;
          for (std::size_t i = 0; i < one.in.channels; ++i) {
            for (std::size_t kx = 0; kx < one.conv.kernel_width; ++kx) {
              const std::size_t out = y % 2 * channel_unit + o;
              CHECK(two.conv.weights[((out * one.in.channels + i) * two.conv.kernel_height + at) *
                                         one.conv.kernel_width +
                                     kx] ==
                    one.conv.weights[((o * one.in.channels + i) * one.conv.kernel_height + ky) *
                                         one.conv.kernel_width +
                                     kx]);
            }
          }
        }
      }
    }
  }
}
