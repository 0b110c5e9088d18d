#include <doctest/doctest.h>

#include <cstring>
#include <tuple>
#include <type_traits>
#include <vector>

#include "network/event_lists.hpp"
#include "network/row_packing.hpp"

namespace test_network_row_packing {

using namespace spikelet;

TEST_CASE("a packing says what it has room for") {
  CHECK(PackedApart<FloatEvent<float>>::fits(3, 29));
  CHECK_FALSE(PackedApart<FloatEvent<float>>::fits(16, 17));
  CHECK(PackedEvents<IntegerEvent>::fits(16, 16));
  CHECK_FALSE(PackedEvents<IntegerEvent>::fits(3, 17));
}

TEST_CASE_TEMPLATE("a row has the synapses that were written, in as many bytes as they need",
                   Packing, PackedApart<FloatEvent<float>>, PackedApart<FloatEvent<double>>,
                   PackedEvents<IntegerEvent>) {
  using Weight = typename Packing::Weight;
  for (const auto& [target_bits, list_bits] :
       {std::pair{16, 8}, {16, 16}, {9, 15}, {3, 1}, {16, 0}, {12, 9}}) {
    CAPTURE(target_bits);
    CAPTURE(list_bits);
    const Packing packing(target_bits, list_bits);
    constexpr std::size_t n = 101;
    const std::size_t number = std::is_integral_v<Weight> ? (list_bits > 8 ? 4 : 3)
                                                          : (target_bits + list_bits > 24 ? 4 : 3);
    REQUIRE(packing.bytes_of(n) == n * (sizeof(Weight) + number));
    std::vector<unsigned char> row(packing.bytes_of(n) + 8);
    std::vector<std::tuple<std::uint32_t, Weight, std::uint32_t>> expected, found;
    for (std::uint32_t k = 0; k < n; ++k) {
      const std::uint32_t list = (k * 40'503) & ((1u << list_bits) - 1),
                          target = (~k * 7'919) & ((1u << target_bits) - 1);
      expected.emplace_back(list, static_cast<Weight>(65'535 - k), target);
      packing.write(row.data(), n, k, list, std::get<1>(expected.back()), target);
    }
    packing.for_all(row.data(), n, [&](std::uint32_t list, Weight weight, std::uint32_t target) {
      found.emplace_back(list, weight, target);
    });
    CHECK(found == expected);
    for (std::size_t k = 0; k < n; ++k) {
      const PackedSynapse synapse = packing.at(row.data(), n, k);
      Weight weight;
      std::memcpy(&weight, synapse.weight, sizeof weight);
      CHECK(std::tuple(synapse.list, weight, synapse.target) == expected[k]);
    }
  }
}

}  // namespace test_network_row_packing
