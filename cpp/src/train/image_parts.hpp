// How convolutions over sparse inputs read images.
#pragma once

#include <algorithm>

#include "spikelet/core/parallel.hpp"
#include "spikelet/train/sparse.hpp"
#include "train/sparse_lists.hpp"

namespace spikelet::train {

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
