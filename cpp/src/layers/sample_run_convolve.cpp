// Convolutions of values: images, volumes, and channels by themselves.
#include <algorithm>

#include "layers/sample_run.hpp"

namespace spikelet::layers {

template <class R>
void SampleRun<R>::convolve(const DenseConv<R>& dense, const R* in, R* out) {
  const Conv& c = dense.kernel.conv;
  if (dense.is_depthwise()) {
    return convolve_depthwise(dense, in, out);
  }
  if (!c.is_flat()) {
    return convolve_volume(dense, in, out);
  }
  Layout from(dense.kernel.in), to(dense.kernel.out);
  const bool pointwise = c.kernel_height * c.kernel_width * c.stride_y * c.stride_x == 1 &&
                         from.height == to.height && from.width == to.width;
  if (pointwise) {  // rows are one behind the other, so they can be a single one
    from.width = to.width = from.height * from.width;
    from.height = to.height = 1;
  }
  // The input with its border of zeros.
  const std::size_t height =
      (to.height - 1) * c.stride_y + (c.kernel_height - 1) * c.dilation_y + 1;
  const std::size_t width = (to.width - 1) * c.stride_x + (c.kernel_width - 1) * c.dilation_x + 1;
  const R* padded = in;
  if (!pointwise) {
    padded_.assign(height * width * from.pixel, R{});
    for (std::size_t y = c.top; y < std::min(height, c.top + from.height); ++y) {
      if (c.left < width) {
        std::copy_n(
            in + (y - c.top) * from.row(), std::min(from.width, width - c.left) * from.pixel,
            padded_.begin() + static_cast<std::ptrdiff_t>((y * width + c.left) * from.pixel));
      }
    }
    padded = padded_.data();
  }
  const std::size_t group_in = from.channels / c.groups, group_out = to.channels / c.groups;
  const std::size_t blocks = round_up(group_out, 16) / 16;
  const std::size_t block_size = c.kernel_height * c.kernel_width * group_in * 16;
  DenseRow<R> row{nullptr,    nullptr,      width * from.pixel, from.pixel,      group_in,
                  c.stride_x, c.dilation_y, c.dilation_x,       c.kernel_height, c.kernel_width,
                  to.width};
  Buffer<R> group_row(c.groups > 1 ? to.width * 16 : 0);
  for (std::size_t g = 0; g < c.groups; ++g) {
    for (std::size_t b = 0; b < blocks; ++b) {
      row.weights = dense.weights.data() + (g * blocks + b) * block_size;
      for (std::size_t y = 0; y < to.height; ++y) {
        row.rows = padded + y * c.stride_y * row.row_stride + g * group_in;
        if (c.groups == 1) {
          kernels_.dense(row, out + y * to.row() + 16 * b, to.pixel);
          continue;
        }
        // Channels of a group may begin anywhere.
        kernels_.dense(row, group_row.data(), 16);
        const std::size_t first = g * group_out + 16 * b,
                          n = std::min<std::size_t>(16, group_out - 16 * b);
        for (std::size_t x = 0; x < to.width; ++x) {
          std::copy_n(group_row.data() + 16 * x, n, out + y * to.row() + x * to.pixel + first);
        }
      }
    }
  }
}

// For each row of the output, the rows that it sees, with their border of zeros, lie below each
// other.
template <class R>
void SampleRun<R>::convolve_volume(const DenseConv<R>& dense, const R* in, R* out) {
  const Conv& c = dense.kernel.conv;
  const Layout from(dense.kernel.in), to(dense.kernel.out);
  const std::size_t width = (to.width - 1) * c.stride_x + (c.kernel_width - 1) * c.dilation_x + 1;
  const std::size_t columns = c.left < width ? std::min(from.width, width - c.left) : 0;
  const std::size_t group_in = from.channels / c.groups, group_out = to.channels / c.groups;
  const std::size_t blocks = round_up(group_out, 16) / 16;
  const std::size_t block_size = c.kernel_height * c.kernel_width * group_in * 16;
  DenseRow<R> row{nullptr, nullptr,      width * from.pixel, from.pixel,     group_in, c.stride_x,
                  1,       c.dilation_x, c.kernel_height,    c.kernel_width, to.width};
  Buffer<R> group_row(to.width * 16);
  for (std::size_t y = 0; y < to.height; ++y) {
    padded_.assign(c.kernel_height * width * from.pixel, R{});
    for (std::size_t ky = 0; ky < c.kernel_height; ++ky) {
      if (const auto seen = input_row(dense.kernel, y, ky)) {
        std::copy_n(in + *seen * from.row(), columns * from.pixel,
                    padded_.data() + (ky * width + (columns > 0 ? c.left : 0)) * from.pixel);
      }
    }
    for (std::size_t g = 0; g < c.groups; ++g) {
      row.rows = padded_.data() + g * group_in;
      for (std::size_t b = 0; b < blocks; ++b) {
        row.weights = dense.weights.data() + (g * blocks + b) * block_size;
        kernels_.dense(row, group_row.data(), 16);
        const std::size_t first = g * group_out + 16 * b;
        const std::size_t n = std::min<std::size_t>(16, group_out - 16 * b);
        for (std::size_t x = 0; x < to.width; ++x) {
          std::copy_n(group_row.data() + 16 * x, n, out + y * to.row() + x * to.pixel + first);
        }
      }
    }
  }
}

template <class R>
void SampleRun<R>::convolve_depthwise(const DenseConv<R>& dense, const R* in, R* out) {
  const Conv& c = dense.kernel.conv;
  const Layout from(dense.kernel.in), to(dense.kernel.out);
  for (std::size_t y = 0; y < to.height; ++y) {
    R* sums = out + y * to.row();
    std::fill_n(sums, to.row(), R{});
    for (std::size_t ky = 0; ky < c.kernel_height; ++ky) {
      const auto seen = input_row(dense.kernel, y, ky);
      for (std::size_t kx = 0; seen && kx < c.kernel_width; ++kx) {
        const R* weights = dense.weights.data() + (ky * c.kernel_width + kx) * to.pixel;
        for (std::size_t x = 0; x < to.width; ++x) {
          const std::size_t at = x * c.stride_x + kx * c.dilation_x;
          if (at < c.left || at - c.left >= from.width) {
            continue;
          }
          const R* values = in + *seen * from.row() + (at - c.left) * from.pixel;
          for (std::size_t k = 0; k < to.pixel; ++k) {
            sums[x * to.pixel + k] += weights[k] * values[k];
          }
        }
      }
    }
  }
}

#define SPIKELET_SAMPLE_RUN_CONVOLVE(R) \
  template void SampleRun<R>::convolve(const DenseConv<R>&, const R*, R*);
SPIKELET_SAMPLE_RUN_CONVOLVE(float)
SPIKELET_SAMPLE_RUN_CONVOLVE(double)
#undef SPIKELET_SAMPLE_RUN_CONVOLVE

}  // namespace spikelet::layers
