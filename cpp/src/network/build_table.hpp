// Builds a synapse table from a walk over pairs, in two rounds: count, then place. No list of pairs
// is kept.
#pragma once

#include <algorithm>
#include <numeric>

#include "spikelet/network/synapses.hpp"

namespace spikelet {

// Puts the synapses of each row in order of target; with ties_by_delay those of one pair in order
// of delay.
template <class R>
void sort_rows(SynapseTable<R>& table, bool ties_by_delay) {
  const bool weights = table.weight.size() == table.size(),
             delays = table.delay.size() == table.size();
  const auto before = [&](std::uint64_t a, std::uint64_t b) {
    return table.post[a] != table.post[b]
               ? table.post[a] < table.post[b]
               : ties_by_delay && delays && table.delay[a] < table.delay[b];
  };
  std::vector<std::uint64_t> order;
  std::vector<std::uint32_t> posts;
  std::vector<R> some_weights;
  std::vector<std::uint16_t> some_delays;
  const auto sort_part = [&](std::uint64_t begin, std::uint64_t end) {
    order.resize(end - begin);
    std::iota(order.begin(), order.end(), begin);
    std::stable_sort(order.begin(), order.end(), before);
    const auto permute = [&](auto& values, auto& scratch) {
      scratch.clear();
      for (const std::uint64_t k : order) {
        scratch.push_back(values[k]);
      }
      std::copy(scratch.begin(), scratch.end(),
                values.begin() + static_cast<std::ptrdiff_t>(begin));
    };
    permute(table.post, posts);
    if (weights) {
      permute(table.weight, some_weights);
    }
    if (delays) {
      permute(table.delay, some_delays);
    }
  };
  for (std::size_t i = 0; i + 1 < table.row.size(); ++i) {
    const std::uint64_t begin = table.row[i], end = table.row[i + 1];
    if (!std::is_sorted(table.post.begin() + static_cast<std::ptrdiff_t>(begin),
                        table.post.begin() + static_cast<std::ptrdiff_t>(end))) {
      sort_part(begin, end);
      continue;
    }
    for (std::uint64_t k = begin + 1; ties_by_delay && k < end; ++k) {
      if (before(k, k - 1)) {
        std::uint64_t first = k - 1, last = k + 1;
        for (; first > begin && table.post[first - 1] == table.post[k]; --first) {
        }
        for (; last < end && table.post[last] == table.post[k]; ++last) {
        }
        sort_part(first, last);
      }
    }
  }
}

// walk(f) calls f(pre, post, key) for each synapse in order of creation, the same way each time it
// is called; value(key, &weight, &delay) gives what is one value a synapse.
template <class R, class Walk, class Value>
SynapseTable<R> build_table(std::size_t n_pre, bool weights, bool delays, Walk&& walk,
                            Value&& value, bool ties_by_delay) {
  SynapseTable<R> table;
  table.row.assign(n_pre + 1, 0);
  walk([&](std::uint32_t pre, std::uint32_t, std::uint64_t) { ++table.row[pre + 1]; });
  std::partial_sum(table.row.begin(), table.row.end(), table.row.begin());
  const std::uint64_t n = table.row.back();
  table.post.resize(n);
  table.weight.resize(weights ? n : 1);
  table.delay.resize(delays ? n : 1);
  std::vector<std::uint64_t> cursor(table.row.begin(), table.row.end() - 1);
  walk([&](std::uint32_t pre, std::uint32_t post, std::uint64_t key) {
    const std::uint64_t at = cursor[pre]++;
    table.post[at] = post;
    value(key, weights ? &table.weight[at] : nullptr, delays ? &table.delay[at] : nullptr);
  });
  sort_rows(table, ties_by_delay);
  return table;
}

}  // namespace spikelet
