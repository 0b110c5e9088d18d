#include "spikelet/network/synapses.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "network/build_table.hpp"
#include "spikelet/core/parallel.hpp"

namespace spikelet {
namespace {

// Lists whose sources ascend are rows already: they are copied, without a second copy by groups.
template <class R>
SynapseTable<R> from_rows(std::size_t n_pre, std::span<const std::uint32_t> pre,
                          std::span<const std::uint32_t> post, std::span<const R> weight,
                          std::span<const std::uint16_t> delay, int threads) {
  SynapseTable<R> table;
  table.row = RowStarts(n_pre);
  for (const std::uint32_t i : pre) {
    table.row.add(i);
  }
  table.post.assign(post.begin(), post.end());
  table.weight.assign(weight.begin(), weight.end());
  table.delay.assign(delay.begin(), delay.end());
  sort_all_rows(table, threads);
  return table;
}

}  // namespace

template <class R>
SynapseTable<R> SynapseTable<R>::from_lists(std::size_t n_pre, std::span<const std::uint32_t> pre,
                                            std::span<const std::uint32_t> post,
                                            std::span<const R> weight,
                                            std::span<const std::uint16_t> delay, int threads) {
  const auto fits = [&](std::size_t size) { return size == 1 || size == pre.size(); };
  if (post.size() != pre.size() || !fits(weight.size()) || !fits(delay.size())) {
    throw std::invalid_argument("lists of synapses must be equally long");
  }
  if (std::any_of(pre.begin(), pre.end(), [&](std::uint32_t i) { return i >= n_pre; })) {
    throw std::invalid_argument("sources must be elements of the source population");
  }
  if (std::is_sorted(pre.begin(), pre.end())) {
    return from_rows(n_pre, pre, post, weight, delay, threads);
  }
  const bool weights = weight.size() != 1, delays = delay.size() != 1;
  auto table = build_table<R>(
      n_pre, weights, delays, team_for(threads, pre.size()),
      [&](std::size_t part, std::size_t parts, auto&& add) {
        const std::size_t end = pre.size() * (part + 1) / parts;
        for (std::size_t k = pre.size() * part / parts; k < end; ++k) {
          add(pre[k], post[k], [&](R* w, std::uint16_t* d) {
            if (w != nullptr) {
              *w = weight[k];
            }
            if (d != nullptr) {
              *d = delay[k];
            }
          });
        }
      },
      false, pre.size());
  if (!weights) {
    table.weight[0] = weight[0];
  }
  if (!delays) {
    table.delay[0] = delay[0];
  }
  return table;
}

template <class R>
void SynapseTable<R>::restrict_to(Range own) {
  if (std::all_of(post.begin(), post.end(), [&](std::uint32_t j) { return own.contains(j); })) {
    return;
  }
  const bool weights = weight.size() == size(), delays = delay.size() == size();
  std::uint64_t kept = 0;
  RowStarts kept_row(row.size() - 1);
  row.for_each([&](std::uint32_t i, std::uint64_t begin, std::uint64_t end) {
    for (std::uint64_t k = begin; k < end; ++k) {
      if (own.contains(post[k])) {
        post[kept] = post[k];
        weight[weights ? kept : 0] = weight[weights ? k : 0];
        delay[delays ? kept : 0] = delay[delays ? k : 0];
        ++kept;
        kept_row.add(i);
      }
    }
  });
  row = std::move(kept_row);
  post.resize(kept);
  post.shrink_to_fit();
  if (weights) {
    weight.resize(kept);
    weight.shrink_to_fit();
  }
  if (delays) {
    delay.resize(kept);
    delay.shrink_to_fit();
  }
}

template struct SynapseTable<float>;
template struct SynapseTable<double>;

}  // namespace spikelet
