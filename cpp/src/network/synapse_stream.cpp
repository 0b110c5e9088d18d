#include "spikelet/network/synapse_stream.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "network/build_table.hpp"

namespace spikelet {
namespace {

// An array of n equal values is one value, until another comes.
template <class T>
void spread(RawBuffer<T>& values, std::size_t n, std::span<const T> block) {
  if (n == 0 || (values.size() == n && n != 1)) {
    return;
  }
  if (std::any_of(block.begin(), block.end(), [&](T v) { return v != values[0]; })) {
    const T first = values[0];
    values.resize(n);
    std::fill(values.begin(), values.end(), first);
  }
}

}  // namespace

template <class R>
SynapseStream<R>::SynapseStream(std::size_t n_pre, std::size_t n_post, Range own)
    : n_post_(n_post), own_(own), counts_(n_pre, 0) {}

template <class R>
void SynapseStream<R>::check(std::span<const std::uint32_t> pre,
                             std::span<const std::uint32_t> post) const {
  if (pre.size() != post.size()) {
    throw std::invalid_argument("lists of synapses must be equally long");
  }
  const auto below = [](std::span<const std::uint32_t> ids, std::size_t n) {
    return ids.empty() || *std::max_element(ids.begin(), ids.end()) < n;
  };
  if (!below(pre, counts_.size()) || !below(post, n_post_)) {
    throw std::invalid_argument("sources and targets must be elements of their populations");
  }
}

template <class R>
void SynapseStream<R>::count(std::span<const std::uint32_t> pre,
                             std::span<const std::uint32_t> post) {
  if (!row_.empty()) {
    throw std::logic_error("all synapses must be counted before any is placed");
  }
  check(pre, post);
  for (std::size_t k = 0; k < pre.size(); ++k) {
    counts_[pre[k]] += own_.contains(post[k]) ? 1 : 0;
  }
  total_ += pre.size();
}

template <class R>
void SynapseStream<R>::begin_placing() {
  if (!row_.empty()) {
    return;
  }
  row_.resize(counts_.size() + 1);
  std::uint64_t n = 0;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    row_[i] = n;
    n += std::exchange(counts_[i], n);
  }
  row_.back() = n;
  table_.post.resize(n);
}

template <class R>
void SynapseStream<R>::place(std::span<const std::uint32_t> pre,
                             std::span<const std::uint32_t> post, std::span<const R> weight,
                             std::span<const std::uint16_t> delay) {
  check(pre, post);
  const auto fits = [&](std::size_t size) { return size == 1 || size == pre.size(); };
  if (!fits(weight.size()) || !fits(delay.size())) {
    throw std::invalid_argument("lists of synapses must be equally long");
  }
  if (pre.empty()) {
    return;
  }
  begin_placing();
  if (table_.weight.empty()) {
    table_.weight.push_back(weight[0]);
    table_.delay.push_back(delay[0]);
  }
  spread(table_.weight, table_.size(), weight);
  spread(table_.delay, table_.size(), delay);
  const bool weights = table_.weight.size() == table_.size(),
             delays = table_.delay.size() == table_.size();
  for (std::size_t k = 0; k < pre.size(); ++k) {
    if (!own_.contains(post[k])) {
      continue;
    }
    const std::uint64_t at = counts_[pre[k]];
    if (at >= row_[pre[k] + 1]) {
      throw std::invalid_argument(
          "a source must have as many synapses placed as counted, and has more");
    }
    ++counts_[pre[k]];
    table_.post[at] = post[k];
    if (weights) {
      table_.weight[at] = weight[weight.size() == 1 ? 0 : k];
    }
    if (delays) {
      table_.delay[at] = delay[delay.size() == 1 ? 0 : k];
    }
  }
  placed_ += pre.size();
}

template <class R>
SynapseTable<R> SynapseStream<R>::take(int threads) {
  begin_placing();
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    if (counts_[i] != row_[i + 1]) {
      throw std::invalid_argument(
          "a source must have as many synapses placed as counted, and has fewer");
    }
  }
  if (placed_ != total_) {
    throw std::invalid_argument("the number of synapses placed must equal the number counted");
  }
  if (table_.weight.empty()) {
    table_.weight.push_back(R{});
    table_.delay.push_back(1);
  }
  table_.row = std::exchange(row_, {});
  sort_all_rows(table_, threads);
  counts_ = {};
  return std::exchange(table_, {});
}

template class SynapseStream<float>;
template class SynapseStream<double>;

}  // namespace spikelet
