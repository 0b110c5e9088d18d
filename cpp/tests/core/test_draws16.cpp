#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "spikelet/core/draws16.hpp"

namespace test_core_draws16 {

using namespace spikelet;

TEST_CASE("ars gives the known answers of Random123, which has those of ten rounds") {
  constexpr std::uint32_t all = 0xffffffff;
  CHECK(ars({0, 0, 0, 0}, {0, 0, 0, 0}, 10) ==
        Words{0x8d73ee19, 0x506401ef, 0x13c2dbe4, 0x0cbe9c0d});
  CHECK(ars({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
            {0xa4093822, 0x299f31d0, 0x082efa98, 0xec4e6c89},
            10) == Words{0xa516e7d6, 0x8357ad74, 0x5b59b3ec, 0x8763fff3});
  CHECK(ars({all, all, all, all}, {all, all, 0, 0}, 10) ==
        Words{0xbb3743b1, 0x9f635551, 0xecbc87fc, 0xa19478a9});
}

TEST_CASE("every implementation puts seed, element, step and stream where documented") {
  const Stream stream(0xfedcba9876543210u, Purpose::injector, 77);
  constexpr Step late = (Step{1} << 40) + 12345, carry = (Step{1} << 32) - 2;
  for (const Step step : {Step{0}, Step{1}, late, carry}) {
    for (const std::uint32_t block : {0u, 1u, 12345u, 0x1ffffff0u}) {
      for (const int blocks : {0, 1, 2, 3, 4, 7, 11}) {
        std::vector<std::uint16_t> expected;
        for (std::uint32_t b = block; b < block + static_cast<std::uint32_t>(blocks); ++b) {
          for (std::uint32_t n = 0; n < 64; ++n) {
            const Words words = ars({8 * b + n / 8, static_cast<std::uint32_t>(step),
                                     static_cast<std::uint32_t>(step >> 32), stream.word()},
                                    {stream.key0(), stream.key1(), 0, 0});
            expected.push_back(static_cast<std::uint16_t>(words[n % 8 / 2] >> (16 * (n % 2))));
          }
        }
        const auto draws = available_draw16();
        CHECK(draws.back() == draw16);
        for (std::size_t k = 0; k < draws.size(); ++k) {
          CAPTURE(k);
          std::vector<std::uint16_t> found(expected.size() + 1, 7);
          draws[k](stream, block, step, blocks, found.data());
          CHECK(found.back() == 7);
          found.pop_back();
          CHECK(found == expected);
        }
      }
    }
  }
}

}  // namespace test_core_draws16
