// SynapseStream: a SynapseTable from blocks of a list that is never in memory as a whole. The list
// is walked twice: its blocks are first counted, then placed where they belong. Only the synapses
// onto the targets that this process owns are kept.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "spikelet/network/ranks.hpp"
#include "spikelet/network/synapses.hpp"

namespace spikelet {

template <class R>
class SynapseStream {
 public:
  // From n_pre sources to n_post targets, of which this process owns some.
  SynapseStream(std::size_t n_pre, std::size_t n_post, Range own);

  // Counts the synapses of a block.
  void count(std::span<const std::uint32_t> pre, std::span<const std::uint32_t> post);

  // Places the synapses of a block, in order of creation; weight and delay have a value for each,
  // or one for all. The blocks may be cut elsewhere than when they were counted.
  void place(std::span<const std::uint32_t> pre, std::span<const std::uint32_t> post,
             std::span<const R> weight, std::span<const std::uint16_t> delay);

  // Ends the walk: the synapses, all of which must have been placed.
  SynapseTable<R> take(int threads);

  // Number of synapses that were counted, those of other processes included.
  std::size_t total() const { return total_; }

 private:
  void check(std::span<const std::uint32_t> pre, std::span<const std::uint32_t> post) const;
  void begin_placing();

  std::size_t n_post_;
  Range own_;
  std::size_t total_ = 0, placed_ = 0;
  std::vector<std::uint64_t> counts_;  // of each source; later where its next synapse goes
  std::vector<std::uint64_t> row_;     // where the rows begin, from when the first one is placed
  SynapseTable<R> table_;
};

extern template class SynapseStream<float>;
extern template class SynapseStream<double>;

}  // namespace spikelet
