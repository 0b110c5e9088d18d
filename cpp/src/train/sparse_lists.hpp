// What the sparse layers share: lists of active inputs, and padded rows.
#pragma once

#include <algorithm>
#include <span>
#include <vector>

#include "spikelet/core/buffer.hpp"
#include "train/kernels.hpp"

namespace spikelet::train {

// Rows of weights and of outputs are padded to whole lines of 64 bytes at every SIMD level.
template <class R>
inline constexpr std::size_t line = 64 / sizeof(R);

template <class R>
constexpr std::size_t padded(std::size_t n) {
  return (n + line<R> - 1) / line<R> * line<R>;
}

constexpr std::size_t parts_of(std::size_t n, std::size_t part) { return (n + part - 1) / part; }

// Finds the indices of active inputs.
template <class R>
class Finder {
 public:
  explicit Finder(std::size_t most) : index_(most + 64) {}
  std::span<const std::uint32_t> operator()(const R* x, std::size_t n) {
    return {index_.data(), sparse_kernels<R>().find(x, n, index_.data())};
  }

 private:
  RawBuffer<std::uint32_t> index_;
};

// Lists of events with a fixed capacity; unused memory is never touched.
template <class R>
class Lists {
 public:
  Lists(std::size_t lists, std::size_t capacity)
      : capacity_(capacity), number_(lists), at_(lists * capacity), value_(lists * capacity) {}

  void append(std::size_t list, std::uint32_t at, R value) {
    const std::size_t place = list * capacity_ + number_[list]++;
    at_[place] = at;
    value_[place] = value;
  }
  Events<R> operator[](std::size_t list) const {
    return {number_[list], at_.data() + list * capacity_, value_.data() + list * capacity_};
  }
  void clear() { std::fill(number_.begin(), number_.end(), 0u); }

 private:
  std::size_t capacity_;
  std::vector<std::uint32_t> number_;
  RawBuffer<std::uint32_t> at_;
  RawBuffer<R> value_;
};

// [rows][n] -> [n][pitch]: the first `rows` of each pitch, in blocks that stay in the cache.
template <class R>
void transpose(const R* x, std::size_t rows, std::size_t n, std::size_t x_pitch, R* y,
               std::size_t y_pitch) {
  constexpr std::size_t block = 16;
  for (std::size_t r0 = 0; r0 < rows; r0 += block) {
    const std::size_t r1 = std::min(rows, r0 + block);
    for (std::size_t i0 = 0; i0 < n; i0 += block) {
      const std::size_t i1 = std::min(n, i0 + block);
      for (std::size_t r = r0; r < r1; ++r) {
        for (std::size_t i = i0; i < i1; ++i) {
          y[i * y_pitch + r] = x[r * x_pitch + i];
        }
      }
    }
  }
}

}  // namespace spikelet::train
