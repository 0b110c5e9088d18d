#include <doctest/doctest.h>

#include <cstdint>
#include <vector>

#include "spikelet/network/layout.hpp"
#include "spikelet/network/partition.hpp"
#include "support/small_network.hpp"

namespace test_network_partition {

using namespace small_network;

TEST_CASE("partitions divide every node into whole blocks and share no cache line") {
  const std::vector<std::size_t> sizes{0, 1, 64, 65, 1000, 3};
  for (const int threads : {1, 2, 7}) {
    CAPTURE(threads);
    Network<float> network(dt, 1, threads, nullptr);
    for (const std::size_t n : sizes) {
      network.add_neurons(model(), n, delta(), false);
    }
    network.add_events(130, {}, {});
    Layout<float> layout(network, false);
    layout.build();
    CHECK(layout.partitions.size() == static_cast<std::size_t>(threads));
    CHECK(alignof(Partition<float>) == 128);
    std::vector<std::vector<int>> owners;
    for (const Node<float>& node : network.nodes) {
      owners.emplace_back(round_up(node.size, block_size));
    }
    for (const Partition<float>& partition : layout.partitions) {
      std::vector<int> places(partition.elements);
      for (const Slice<float>& slice : partition.slices) {
        CHECK(slice.begin % block_size == 0);
        CHECK(slice.end % block_size == 0);
        CHECK(slice.begin < slice.end);
        for (std::uint32_t i = slice.begin; i < slice.end; ++i) {
          ++owners[slice.node][i];
          if (network.nodes[slice.node].neurons) {  // a source needs no place for events
            ++places[slice.local + (i - slice.begin)];
          }
        }
      }
      int used = 0;
      for (const int times : places) {
        CHECK(times <= 1);
        used += times;
      }
      // Beyond the neurons lies what padding adds to.
      CHECK(places.size() == static_cast<std::size_t>(used));
      for (const Buffer<float>& input : partition.input) {
        CHECK((input.empty() || input.size() == places.size() + spare));
      }
    }
    for (const std::vector<int>& times : owners) {
      CHECK(times == std::vector<int>(times.size(), 1));
    }
  }
}

}  // namespace test_network_partition
