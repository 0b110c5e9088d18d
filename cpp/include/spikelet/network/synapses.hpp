// SynapseTable: the synapses of one projection in canonical order (pre, then post, then creation),
// as compressed rows. Connection rules produce it, and stores are built from it and read back into
// it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "spikelet/core/buffer.hpp"
#include "spikelet/core/types.hpp"
#include "spikelet/network/ranks.hpp"
#include "spikelet/network/row_starts.hpp"

namespace spikelet {

template <class R>
struct SynapseTable {
  RowStarts row;  // row[i] .. row[i + 1]: the synapses of element i of the source population
  RawBuffer<std::uint32_t> post;   // element of the target population
  RawBuffer<R> weight;             // one for each synapse, or one for all
  RawBuffer<std::uint16_t> delay;  // [steps]; one for each synapse, or one for all

  std::size_t size() const { return post.size(); }
  R weight_of(std::size_t k) const { return weight[weight.size() == 1 ? 0 : k]; }
  std::uint16_t delay_of(std::size_t k) const { return delay[delay.size() == 1 ? 0 : k]; }

  // Keeps a single weight if all are equal.
  void compact() {
    if (!weight.empty() &&
        std::adjacent_find(weight.begin(), weight.end(), std::not_equal_to<>()) == weight.end()) {
      weight.resize(1);
    }
  }

  // Keeps only the synapses onto these targets.
  void restrict_to(Range own);

  // From lists in order of creation; weight and delay have a value for each synapse, or one for
  // all.
  static SynapseTable from_lists(std::size_t n_pre, std::span<const std::uint32_t> pre,
                                 std::span<const std::uint32_t> post, std::span<const R> weight,
                                 std::span<const std::uint16_t> delay, int threads = 1);
};

// Walks the synapses of the table whose targets lie in [post_begin, post_end), row by row, in order
// of delay and then as created; calls visit(source, synapse, whether a new (source, delay) begins).
template <class R, class Visit>
void for_each_by_delay(const SynapseTable<R>& table, std::uint32_t post_begin,
                       std::uint32_t post_end, Visit&& visit) {
  std::vector<std::uint64_t> order;
  table.row.for_each([&](std::uint32_t i, std::uint64_t begin, std::uint64_t end) {
    order.clear();
    for (std::uint64_t k = begin; k < end; ++k) {
      if (table.post[k] >= post_begin && table.post[k] < post_end) {
        order.push_back(k);
      }
    }
    std::stable_sort(order.begin(), order.end(),
                     [&](auto a, auto b) { return table.delay_of(a) < table.delay_of(b); });
    for (std::size_t n = 0; n < order.size(); ++n) {
      visit(i, order[n], n == 0 || table.delay_of(order[n]) != table.delay_of(order[n - 1]));
    }
  });
}

extern template struct SynapseTable<float>;
extern template struct SynapseTable<double>;

}  // namespace spikelet
