// What the sparse layers share: lists of active inputs, padded rows, and rows and parts of images.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <type_traits>
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

// Writes the indices of the active inputs and returns their number; `index` has room for n + 64.
// Clears `ones` if one of them is not 1.
template <class X>
std::size_t find_active(const X* x, std::size_t n, std::uint32_t* index, bool& ones) {
  if constexpr (std::is_same_v<X, std::uint8_t>) {
    return kernels_of<ByteKernels>().find(x, n, index, ones);
  } else {
    return kernels_of<SparseKernels<X>>().find(x, n, index, ones);
  }
}

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
  ActiveInputs<R> operator[](std::size_t list) const {
    return {number_[list], at_.data() + list * capacity_, value_.data() + list * capacity_};
  }
  void clear() { std::fill(number_.begin(), number_.end(), 0u); }

 private:
  std::size_t capacity_;
  std::vector<std::uint32_t> number_;
  RawBuffer<std::uint32_t> at_;
  RawBuffer<R> value_;
};

// The active inputs of some rows, row by row.
template <class R>
struct ActiveRows {
  RawBuffer<std::uint32_t> at;      // input
  RawBuffer<R> value;               // empty if all are 1
  std::vector<std::uint32_t> ends;  // [rows + 1]

  std::size_t rows() const { return ends.size() - 1; }
  std::size_t number() const { return ends.back(); }
  ActiveInputs<R> events(std::size_t first, std::size_t last) const {
    return {last - first, at.data() + first, value.empty() ? nullptr : value.data() + first};
  }
};

// Rows are `pitch` apart.
template <class R, class X>
ActiveRows<R> active_rows(const X* x, std::size_t rows, std::size_t inputs, std::size_t pitch) {
  ActiveRows<R> found;
  found.ends.reserve(rows + 1);
  found.ends.push_back(0);
  std::size_t number = 0;
  bool ones = true;
  for (std::size_t r = 0; r < rows; ++r) {
    if (found.at.size() < number + inputs + 64) {
      found.at.resize(2 * found.at.size() + inputs + 64);
    }
    number += find_active(x + r * pitch, inputs, found.at.data() + number, ones);
    found.ends.push_back(static_cast<std::uint32_t>(number));
  }
  if (!ones) {
    found.value.resize(number);
    for (std::size_t r = 0; r < rows; ++r) {
      for (std::uint32_t e = found.ends[r]; e < found.ends[r + 1]; ++e) {
        found.value[e] = static_cast<R>(x[r * pitch + found.at[e]]);
      }
    }
  }
  return found;
}

// The same, input by input: at is the row.
template <class R>
ActiveRows<R> by_input(const ActiveRows<R>& rows, std::size_t inputs) {
  ActiveRows<R> found;
  found.at.resize(rows.number());
  found.value.resize(rows.value.empty() ? 0 : rows.number());
  // ends[i + 1] is where the next event of input i goes, and at last its end.
  found.ends.assign(inputs + 2, 0);
  for (std::size_t e = 0; e < rows.number(); ++e) {
    ++found.ends[rows.at[e] + 2];
  }
  for (std::size_t i = 2; i < inputs + 2; ++i) {
    found.ends[i] += found.ends[i - 1];
  }
  for (std::size_t r = 0; r < rows.rows(); ++r) {
    for (std::uint32_t e = rows.ends[r]; e < rows.ends[r + 1]; ++e) {
      const std::uint32_t place = found.ends[rows.at[e] + 1]++;
      found.at[place] = static_cast<std::uint32_t>(r);
      if (!rows.value.empty()) {
        found.value[place] = rows.value[e];
      }
    }
  }
  found.ends.pop_back();
  return found;
}

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
