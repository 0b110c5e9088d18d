// Builds a synapse table from a walk over pairs. Pairs come in any order of sources, and placing
// each at once would miss the cache; so they are collected by groups of sources first. Threads
// share the work.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <numeric>
#include <stdexcept>
#include <tuple>
#include <utility>
#include <vector>

#include "spikelet/core/growing_array.hpp"
#include "spikelet/core/parallel.hpp"
#include "spikelet/network/synapses.hpp"

namespace spikelet {

// Sorts the synapses of rows [first_row, last_row) by target; with ties_by_delay, those of one pair
// by delay, then sign. row: where the table's rows begin.
template <class R, class Starts>
void sort_rows(SynapseTable<R>& table, const Starts& row, std::size_t first_row,
               std::size_t last_row, bool ties_by_delay) {
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
  // By the lower half of each entry of `order`, which counts from `begin`.
  const auto permute = [&](auto& values, auto& scratch, std::uint64_t begin) {
    scratch.clear();
    for (const std::uint64_t k : order) {
      scratch.push_back(values[begin + static_cast<std::uint32_t>(k)]);
    }
    std::copy(scratch.begin(), scratch.end(), values.begin() + static_cast<std::ptrdiff_t>(begin));
  };
  const auto permute_all = [&](std::uint64_t begin) {
    permute(table.post, posts, begin);
    if (weights) {
      permute(table.weight, some_weights, begin);
    }
    if (delays) {
      permute(table.delay, some_delays, begin);
    }
  };
  // Those of one pair keep their order.
  const auto sort_by_target = [&](std::uint64_t begin, std::uint64_t end) {
    const auto first = table.post.begin() + static_cast<std::ptrdiff_t>(begin);
    if (!weights && !delays) {
      std::sort(first, first + static_cast<std::ptrdiff_t>(end - begin));
      return;
    }
    order.clear();
    for (std::uint64_t k = begin; k < end; ++k) {
      order.push_back(std::uint64_t{table.post[k]} << 32 | (k - begin));
    }
    std::sort(order.begin(), order.end());
    permute_all(begin);
  };
  // Those of one pair, which lie in a row.
  const auto sort_pair = [&](std::uint64_t begin, std::uint64_t end) {
    order.resize(end - begin);
    std::iota(order.begin(), order.end(), std::uint64_t{0});
    std::stable_sort(order.begin(), order.end(), [&](std::uint64_t a, std::uint64_t b) {
      return before(begin + a, begin + b);
    });
    permute_all(begin);
  };
  for (std::size_t i = first_row; i < last_row; ++i) {
    const std::uint64_t begin = row[i], end = row[i + 1];
    if (end - begin > 0xffffffffu) {  // places in a row have 32 bits
      throw std::length_error("a source must have fewer than 2^32 synapses in a projection");
    }
    if (!std::is_sorted(table.post.begin() + static_cast<std::ptrdiff_t>(begin),
                        table.post.begin() + static_cast<std::ptrdiff_t>(end))) {
      sort_by_target(begin, end);
    }
    const bool ties = ties_by_delay && (weights || delays);
    for (std::uint64_t k = begin + 1; ties && k < end; ++k) {
      if (before(k, k - 1)) {
        std::uint64_t first = k - 1, last = k + 1;
        for (; first > begin && table.post[first - 1] == table.post[k]; --first) {
        }
        for (; last < end && table.post[last] == table.post[k]; ++last) {
        }
        sort_pair(first, last);
      }
    }
  }
}

// Sorts the synapses of all rows by target.
template <class R>
void sort_all_rows(SynapseTable<R>& table, int threads) {
  constexpr std::size_t parts_each = 16;  // rows may differ much in length
  const int team = team_for(threads, table.size());
  const std::size_t rows = table.row.rows().size(),
                    parts = static_cast<std::size_t>(team) * parts_each;
  parallel_for(team, parts, [&](std::size_t part) {
    sort_rows(table, table.row.starts(), rows * part / parts, rows * (part + 1) / parts, false);
  });
}

// A synapse before it has its place.
template <class R, bool values>
struct Created {
  std::uint32_t pre, post;
};
template <class R>
struct Created<R, true> {
  std::uint32_t pre, post;
  R weight;
  std::uint16_t delay;
};

// As build_table(); values: whether entries have room for weight and delay.
template <class R, bool values, class Walk>
SynapseTable<R> build_grouped(std::size_t n_pre, bool weights, bool delays, int threads,
                              Walk&& walk, bool ties_by_delay, std::uint64_t expected) {
  // Synapses of a group of sources are placed together: a group fits the second-level cache, and so
  // do the ends of all groups.
  constexpr std::uint64_t per_group = 32768, most_groups = 1024;
  // So few synapses for a source are sorted: rows of all sources would take longer.
  constexpr std::uint64_t few_rows = 8;
  const auto parts = static_cast<std::size_t>(std::max(threads, 1));
  const std::size_t wanted = std::clamp<std::uint64_t>(expected / per_group, 1, most_groups);
  const int shift = std::bit_width((n_pre + wanted - 1) / wanted);
  const std::size_t groups = (n_pre >> shift) + 1;
  std::vector<std::vector<GrowingArray<Created<R, values>>>> created(parts);
  parallel_for(threads, parts, [&](std::size_t part) {
    auto& own = created[part];
    own.resize(groups);
    for (auto& group : own) {
      group.reserve(expected / (parts * groups) * 9 / 8 + 16);
    }
    walk(part, parts, [&](std::uint32_t pre, std::uint32_t post, auto&& set) {
      Created<R, values> one{};
      one.pre = pre;
      one.post = post;
      if constexpr (values) {
        set(weights ? &one.weight : nullptr, delays ? &one.delay : nullptr);
      }
      own[pre >> shift].push_back(one);
    });
  });

  std::uint64_t n = 0;
  for (const auto& own : created) {
    for (const auto& group : own) {
      n += group.size();
    }
  }
  SynapseTable<R> table;
  table.post.resize(n);
  table.weight.resize(weights ? n : 1);
  table.delay.resize(delays ? n : 1);
  const auto place = [&](std::uint64_t k, const Created<R, values>& one) {
    table.post[k] = one.post;
    if constexpr (values) {
      if (weights) {
        table.weight[k] = one.weight;
      }
      if (delays) {
        table.delay[k] = one.delay;
      }
    }
  };
  if (n * few_rows < n_pre) {
    std::vector<Created<R, values>> all;
    for (std::size_t g = 0; g < groups; ++g) {
      for (const auto& own : created) {
        all.insert(all.end(), own[g].begin(), own[g].end());
      }
    }
    std::ranges::stable_sort(all, {}, &Created<R, values>::pre);
    table.row = RowStarts(n_pre);
    for (std::uint64_t k = 0; k < n; ++k) {
      table.row.add(all[k].pre);
      place(k, all[k]);
    }
    sort_rows(table, table.row.starts(), 0, table.row.rows().size(), ties_by_delay);
    return table;
  }
  std::vector<std::uint64_t> row(n_pre + 1);
  for (std::size_t g = 0, before = 0; g < groups; ++g) {
    row[g << shift] = before;
    for (const auto& own : created) {
      before += own[g].size();
    }
  }
  row[n_pre] = n;
  parallel_for(threads, groups, [&](std::size_t g) {
    const std::size_t begin = g << shift, end = std::min(n_pre, (g + 1) << shift);
    std::vector<std::uint64_t> next(end - begin);
    for (const auto& own : created) {
      for (const Created<R, values>& one : own[g]) {
        ++next[one.pre - begin];
      }
    }
    std::uint64_t at = row[begin];
    for (std::size_t i = begin; i < end; ++i) {
      if (i > begin) {  // others read where a group begins
        row[i] = at;
      }
      at += std::exchange(next[i - begin], at);
    }
    for (auto& own : created) {
      for (const Created<R, values>& one : own[g]) {
        place(next[one.pre - begin]++, one);
      }
      own[g] = {};
    }
    sort_rows(table, row, begin, end, ties_by_delay);
  });
  table.row = std::move(row);
  return table;
}

// walk(part, parts, add) calls add(pre, post, set) for each synapse of one part; the parts in
// sequence give the order of creation. set(&weight, &delay) sets what each synapse has a value for;
// the other pointer is null. expected: about how many synapses there are.
template <class R, class Walk>
SynapseTable<R> build_table(std::size_t n_pre, bool weights, bool delays, int threads, Walk&& walk,
                            bool ties_by_delay, std::uint64_t expected) {
  return weights || delays ? build_grouped<R, true>(n_pre, weights, delays, threads, walk,
                                                    ties_by_delay, expected)
                           : build_grouped<R, false>(n_pre, weights, delays, threads, walk,
                                                     ties_by_delay, expected);
}

}  // namespace spikelet
