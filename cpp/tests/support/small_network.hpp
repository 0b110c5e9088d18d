// What small networks of LIFDelta neurons are built from.
#pragma once

#include <cstdint>
#include <vector>

#include "spikelet/network/simulator.hpp"

namespace small_network {

using namespace spikelet;

inline constexpr double dt = 0.1;

inline ParameterValues delta(double I_e = 0) {
  return {{0}, {1}, {0}, {0}, {0}, {100}, {15}, {200}, {I_e}};
}
inline std::size_t model() { return find_model("LIFDelta"); }
inline Plasticity additive(double w_max) {
  return {find_plasticity("STDP.additive"), {20, 20, 0.01, 0.0105, 0, w_max}};
}

// Synapses (pre, post) of weight 1.5, which fires a LIFDelta at once, after one delay each.
template <class R>
SynapseTable<R> table(std::size_t n_pre, std::vector<std::uint32_t> pre,
                      std::vector<std::uint32_t> post, std::vector<std::uint16_t> delay) {
  const std::vector<R> weight(pre.empty() ? 0 : 1, R(1.5));
  return SynapseTable<R>::from_lists(n_pre, pre, post, weight, delay);
}

using Log = SpikeRecorder::Log;

}  // namespace small_network
