#include "spikelet/network/synapses.hpp"

#include <algorithm>
#include <numeric>

namespace spikelet {

template <class R>
SynapseTable<R> SynapseTable<R>::from_lists(std::size_t n_pre, std::span<const std::uint32_t> pre,
                                            std::span<const std::uint32_t> post, std::span<const R> weight,
                                            std::span<const std::uint16_t> delay) {
  const std::size_t n = pre.size();
  SynapseTable table;
  table.row.assign(n_pre + 1, 0);
  table.post.resize(n);
  const bool weights = weight.size() != 1 || n == 1, delays = delay.size() != 1 || n == 1;
  table.weight.resize(weights ? n : 1);
  table.delay.resize(delays ? n : 1);
  if (!weights) {
    table.weight[0] = weight[0];
  }
  if (!delays) {
    table.delay[0] = delay[0];
  }
  for (const std::uint32_t i : pre) {
    ++table.row[i + 1];
  }
  std::partial_sum(table.row.begin(), table.row.end(), table.row.begin());

  // Counting sort by source; the order of creation is kept within a row.
  std::vector<std::uint64_t> cursor(table.row.begin(), table.row.end() - 1);
  for (std::size_t k = 0; k < n; ++k) {
    const std::uint64_t at = cursor[pre[k]]++;
    table.post[at] = post[k];
    if (weights) {
      table.weight[at] = weight[k];
    }
    if (delays) {
      table.delay[at] = delay[k];
    }
  }
  std::vector<std::uint32_t> order, posts;
  std::vector<R> row_weight;
  std::vector<std::uint16_t> row_delay;
  for (std::size_t i = 0; i < n_pre; ++i) {
    const std::size_t begin = table.row[i], end = table.row[i + 1], length = end - begin;
    if (std::is_sorted(table.post.begin() + begin, table.post.begin() + end)) {
      continue;
    }
    order.resize(length);
    std::iota(order.begin(), order.end(), 0u);
    std::stable_sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
      return table.post[begin + a] < table.post[begin + b];
    });
    const auto permute = [&](auto& values, auto& scratch) {
      scratch.assign(values.begin() + begin, values.begin() + end);
      for (std::size_t k = 0; k < length; ++k) {
        values[begin + k] = scratch[order[k]];
      }
    };
    permute(table.post, posts);
    if (weights) {
      permute(table.weight, row_weight);
    }
    if (delays) {
      permute(table.delay, row_delay);
    }
  }
  return table;
}

template struct SynapseTable<float>;
template struct SynapseTable<double>;

}  // namespace spikelet
