// What the sparse layers share: lists of active inputs, padded rows, and rows and parts of images.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "spikelet/core/buffer.hpp"
#include "spikelet/core/parallel.hpp"
#include "spikelet/train/sparse.hpp"
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

// One bit for each of 8 bytes, set where the byte is not 0.
inline unsigned nonzero_bytes(const std::uint8_t* x) {
  std::uint64_t bytes = 0;
  std::memcpy(&bytes, x, 8);
  if constexpr (std::endian::native == std::endian::big) {
    bytes = __builtin_bswap64(bytes);
  }
  constexpr std::uint64_t low = 0x7f7f7f7f7f7f7f7fu;
  const std::uint64_t set = (((bytes & low) + low) | bytes) & ~low;
  return static_cast<unsigned>(((set >> 7) * 0x0102040810204080u) >> 56);
}

inline std::size_t count_active(const std::uint8_t* x, std::size_t n) {
  std::size_t number = 0;
  std::size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    number += static_cast<std::size_t>(std::popcount(nonzero_bytes(x + i)));
  }
  for (; i < n; ++i) {
    number += x[i] != 0;
  }
  return number;
}

// Writes the indices of the active inputs and returns their number; `index` has room for n + 64.
template <class R>
std::size_t find_active(const R* x, std::size_t n, std::uint32_t* index) {
  return sparse_kernels<R>().find(x, n, index);
}
inline std::size_t find_active(const std::uint8_t* x, std::size_t n, std::uint32_t* index) {
  std::uint32_t* next = index;
  std::size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    for (unsigned which = nonzero_bytes(x + i); which != 0; which &= which - 1) {
      *next++ = static_cast<std::uint32_t>(i) + static_cast<std::uint32_t>(std::countr_zero(which));
    }
  }
  for (; i < n; ++i) {
    *next = static_cast<std::uint32_t>(i);
    next += x[i] != 0;
  }
  return static_cast<std::size_t>(next - index);
}

// Finds the indices of active inputs.
template <class X>
class Finder {
 public:
  explicit Finder(std::size_t most) : index_(most + 64) {}
  std::span<const std::uint32_t> operator()(const X* x, std::size_t n) {
    return {index_.data(), find_active(x, n, index_.data())};
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

// [rows][n] -> [n][pitch]: the first `rows` of each pitch. A block is read and written in whole
// lines: rows that are a power of two apart share few places of the cache.
template <class R>
void transpose(const R* x, std::size_t rows, std::size_t n, std::size_t x_pitch, R* y,
               std::size_t y_pitch) {
  constexpr std::size_t block = 16;
  R here[block * block];
  for (std::size_t r0 = 0; r0 < rows; r0 += block) {
    const std::size_t height = std::min(block, rows - r0);
    for (std::size_t i0 = 0; i0 < n; i0 += block) {
      const std::size_t width = std::min(block, n - i0);
      const R* from = x + r0 * x_pitch + i0;
      R* to = y + i0 * y_pitch + r0;
      if (height == block && width == block) {
        for (std::size_t r = 0; r < block; ++r) {
          std::memcpy(here + r * block, from + r * x_pitch, block * sizeof(R));
        }
        for (std::size_t i = 0; i < block; ++i) {
          for (std::size_t r = 0; r < block; ++r) {
            to[i * y_pitch + r] = here[r * block + i];
          }
        }
        continue;
      }
      for (std::size_t i = 0; i < width; ++i) {
        for (std::size_t r = 0; r < height; ++r) {
          to[i * y_pitch + r] = from[r * x_pitch + i];
        }
      }
    }
  }
}

// A row of an image with channels last; `row` is scratch for one.
template <class X>
const X* image_row(const ConvShape& shape, const X* x, std::size_t image, std::size_t y,
                   RawBuffer<X>& row) {
  const auto [height, width] = shape.input;
  if (shape.channels_last) {
    return x + (image * height + y) * width * shape.channels;
  }
  transpose(x + (image * shape.channels * height + y) * width, shape.channels, width,
            height * width, row.data(), shape.channels);
  return row.data();
}

// Calls body(part, begin, end) for at most `limit` parts of the images, in parallel.
template <class Part>
void in_parts(std::size_t images, std::size_t limit, int threads, Part&& body) {
  const std::size_t per_part = std::max<std::size_t>(parts_of(images, limit), 1);
  parallel_for(threads, parts_of(images, per_part), [&](std::size_t part) {
    const std::size_t first = part * per_part;
    body(part, first, std::min(images, first + per_part));
  });
}

}  // namespace spikelet::train
