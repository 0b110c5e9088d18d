// Builds a synapse table from a walk over pairs in two passes: count, then place. No list of pairs
// is kept, and threads share both passes.
#pragma once

#include <algorithm>
#include <numeric>
#include <tuple>
#include <utility>

#include "spikelet/core/parallel.hpp"
#include "spikelet/network/synapses.hpp"

namespace spikelet {

// Sorts the synapses of rows [first_row, last_row) by target; with ties_by_delay, those of one pair
// by delay, then sign.
template <class R>
void sort_rows(SynapseTable<R>& table, std::size_t first_row, std::size_t last_row,
               bool ties_by_delay) {
  const bool weights = table.weight.size() == table.size(),
             delays = table.delay.size() == table.size();
  const auto key = [&](std::uint64_t k) {
    return std::tuple(table.post[k], ties_by_delay && delays ? table.delay[k] : 0,
                      ties_by_delay && weights && table.weight[k] < 0);
  };
  const auto before = [&](std::uint64_t a, std::uint64_t b) { return key(a) < key(b); };
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
  for (std::size_t i = first_row; i < last_row; ++i) {
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

// walk(part, parts, add) calls add(pre, post, values) for each synapse of one part, in the same
// order each time; the parts in sequence give the order of creation. values(&weight, &delay) sets
// what each synapse has a value for; the other pointer is null.
template <class R, class Walk>
SynapseTable<R> build_table(std::size_t n_pre, bool weights, bool delays, int threads, Walk&& walk,
                            bool ties_by_delay) {
  const auto parts = static_cast<std::size_t>(std::max(threads, 1));
  SynapseTable<R> table;
  // First the number of synapses of each source in each part, then where they begin.
  std::vector<std::vector<std::uint64_t>> cursor(parts);
  parallel_for(threads, parts, [&](std::size_t part) {
    cursor[part].assign(n_pre, 0);
    walk(part, parts, [&](std::uint32_t pre, std::uint32_t, auto&&) { ++cursor[part][pre]; });
  });
  table.row.resize(n_pre + 1);
  std::uint64_t n = 0;
  for (std::size_t i = 0; i < n_pre; ++i) {
    table.row[i] = n;
    for (std::vector<std::uint64_t>& counts : cursor) {
      n += std::exchange(counts[i], n);
    }
  }
  table.row[n_pre] = n;
  table.post.resize(n);
  table.weight.resize(weights ? n : 1);
  table.delay.resize(delays ? n : 1);
  parallel_for(threads, parts, [&](std::size_t part) {
    walk(part, parts, [&](std::uint32_t pre, std::uint32_t post, auto&& values) {
      const std::uint64_t at = cursor[part][pre]++;
      table.post[at] = post;
      values(weights ? &table.weight[at] : nullptr, delays ? &table.delay[at] : nullptr);
    });
  });
  parallel_for(threads, parts, [&](std::size_t part) {
    sort_rows(table, n_pre * part / parts, n_pre * (part + 1) / parts, ties_by_delay);
  });
  return table;
}

}  // namespace spikelet
