// SynapseTable: the synapses of one projection in canonical order (pre, then post, then creation),
// as compressed rows. It is what connection rules produce and what stores are built from and read
// back into.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "spikelet/core/buffer.hpp"
#include "spikelet/core/types.hpp"

namespace spikelet {

inline constexpr Step max_delay = 65535;  // in steps

template <class R>
struct SynapseTable {
  std::vector<std::uint64_t>
      row;  // row[i] .. row[i + 1]: the synapses of element i of the source population
  RawBuffer<std::uint32_t> post;   // element of the target population
  RawBuffer<R> weight;             // one a synapse, or one for all
  RawBuffer<std::uint16_t> delay;  // in steps; one a synapse, or one for all

  std::size_t size() const { return post.size(); }
  R weight_of(std::size_t k) const { return weight[weight.size() == 1 ? 0 : k]; }
  std::uint16_t delay_of(std::size_t k) const { return delay[delay.size() == 1 ? 0 : k]; }

  // From lists in order of creation; weight and delay have one value a synapse or one for all.
  static SynapseTable from_lists(std::size_t n_pre, std::span<const std::uint32_t> pre,
                                 std::span<const std::uint32_t> post, std::span<const R> weight,
                                 std::span<const std::uint16_t> delay);
};

extern template struct SynapseTable<float>;
extern template struct SynapseTable<double>;

}  // namespace spikelet
