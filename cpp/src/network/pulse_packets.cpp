#include "spikelet/network/pulse_packets.hpp"

#include "spikelet/core/random.hpp"

namespace spikelet {

std::vector<double> pulse_jitter(std::uint64_t seed, std::uint32_t object, std::uint32_t elements,
                                 std::uint32_t packets, std::uint32_t spikes) {
  const Stream stream(seed, Purpose::pulse, object);
  std::vector<double> jitter;
  jitter.reserve(std::size_t{elements} * packets * spikes);
  for (std::uint64_t i = 0; i < elements; ++i) {
    for (std::uint64_t packet = 0; packet < packets; ++packet) {
      for (std::uint32_t k = 0; k < spikes; ++k) {
        const Words w = stream.words(packet << 32 | i, k);
        jitter.push_back(normal_quantile(uniform(w[0], w[1])));
      }
    }
  }
  return jitter;
}

}  // namespace spikelet
