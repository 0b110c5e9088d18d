#include <doctest/doctest.h>

#include <cstdint>
#include <vector>

#include "spikelet/coding/spike_list.hpp"

namespace test_coding_spike_list {

using namespace spikelet;
using Bytes = std::vector<std::uint8_t>;

TEST_CASE("to_spike_list finds every spike, in order") {
  for (const std::size_t n : {1u, 7u, 8u, 13u}) {
    Bytes bytes(n * 5);
    bytes.front() = bytes.back() = 1;
    bytes[n] = 2;  // any non-zero byte is one spike
    const auto list = coding::to_spike_list(bytes, n);
    CHECK(list.stamps == std::vector<Step>{1, 2, 5});
    CHECK(list.ids == std::vector<std::int64_t>{0, 0, static_cast<std::int64_t>(n - 1)});
  }
}

}  // namespace test_coding_spike_list
