// Gradients of parameters that neurons share. Each neuron sums over the steps; the sums of a group
// are then added in double precision, in the order of the neurons, in chunks that depend only on
// the sizes.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>

#include "spikelet/core/buffer.hpp"
#include "spikelet/core/parallel.hpp"
#include "spikelet/train/neuron.hpp"

namespace spikelet::train {

template <class R>
class GroupSums {
 public:
  GroupSums(const Cell<R>& cell, const ParameterGradients<R>& wanted, std::size_t size)
      : size_(size),
        groups_{cell.leak, cell.threshold, cell.syn_decay, cell.adapt_decay, cell.boost} {
    const auto out = pointers(wanted);
    for (std::size_t k = 0; k < sums_.size(); ++k) {
      sums_[k].resize(out[k] == nullptr ? 0 : size);
    }
  }

  // Where the sums of neurons from `first` on are; null where not wanted.
  ParameterGradients<R> at(std::size_t first) {
    const auto p = [&](std::size_t k) {
      return sums_[k].empty() ? nullptr : sums_[k].data() + first;
    };
    return {p(0), p(1), p(2), p(3), p(4)};
  }

  void reduce(const ParameterGradients<R>& wanted, int threads) const {
    const auto out = pointers(wanted);
    for (std::size_t k = 0; k < sums_.size(); ++k) {
      if (out[k] != nullptr) {
        reduce(groups_[k], sums_[k], out[k], threads);
      }
    }
  }

 private:
  static constexpr std::size_t chunk = 4096;

  static std::array<R*, 5> pointers(const ParameterGradients<R>& p) {
    return {p.leak, p.threshold, p.syn_decay, p.adapt_decay, p.boost};
  }

  void reduce(const Groups<R>& groups, const Buffer<R>& sums, R* out, int threads) const {
    const std::size_t chunks = (size_ + chunk - 1) / chunk;
    // Many groups: one after the other. Few: partial sums over chunks of neurons.
    if (groups.count >= 64) {
      const std::size_t rows = size_ / (groups.count * groups.inner);
      parallel_for(threads, (groups.count + 63) / 64, [&](std::size_t part) {
        for (std::size_t g = 64 * part; g < std::min(64 * (part + 1), groups.count); ++g) {
          double sum = 0;
          for (std::size_t row = 0; row < rows; ++row) {
            const std::size_t begin = (row * groups.count + g) * groups.inner;
            for (std::size_t m = begin; m < begin + groups.inner; ++m) {
              sum += static_cast<double>(sums[m]);
            }
          }
          out[g] = static_cast<R>(sum);
        }
      });
      return;
    }
    Buffer<double> partial(chunks * groups.count);
    parallel_for(threads, chunks, [&](std::size_t part) {
      double* own = partial.data() + part * groups.count;
      for (std::size_t m = part * chunk; m < std::min((part + 1) * chunk, size_); ++m) {
        own[groups.count == 1 ? 0 : groups.of(m)] += static_cast<double>(sums[m]);
      }
    });
    for (std::size_t g = 0; g < groups.count; ++g) {
      double sum = 0;
      for (std::size_t part = 0; part < chunks; ++part) {
        sum += partial[part * groups.count + g];
      }
      out[g] = static_cast<R>(sum);
    }
  }

  std::size_t size_;
  std::array<Groups<R>, 5> groups_;
  std::array<Buffer<R>, 5> sums_;
};

}  // namespace spikelet::train
