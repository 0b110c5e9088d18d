// An input pixel p belongs to phase q and place u with p + padding = stride u + q, and its gradient
// is the sum over l of grad_y[u - l] weight[stride l + q]: for each phase a correlation of stride
// 1, and all phases see the same tiles of grad_y. Minimal filtering turns the correlations into one
// product of matrices for each of the 36 points of a tile.
#include "spikelet/train/conv_input.hpp"

#include <algorithm>
#include <array>
#include <tuple>
#include <utility>
#include <vector>

#include "spikelet/core/buffer.hpp"
#include "spikelet/core/parallel.hpp"
#include "train/kernels.hpp"
#include "train/sparse_lists.hpp"

namespace spikelet::train {

namespace {

constexpr std::size_t points = tile_side * tile_side;
constexpr std::size_t block_bytes = std::size_t{3} << 18;  // of points of tiles: in L2

// Where the tiles of an image lie.
struct Tiling {
  explicit Tiling(const ConvShape& s)
      : stride(s.stride.height),
        places(parts_of(s.kernel.height, stride)),
        side(tile_side + 1 - places),
        width(stride * stride * s.channels),
        lines(parts_of(width, line<float>)) {
    const auto axis = [&](std::size_t size, std::size_t margin) {
      const std::size_t first = margin / stride;
      return std::pair{first, parts_of((size - 1 + margin) / stride + 1 - first, side)};
    };
    std::tie(top, rows) = axis(s.input.height, s.padding.height);
    std::tie(left, columns) = axis(s.input.width, s.padding.width);
  }
  std::size_t stride;
  std::size_t places;  // of the filter of a phase
  std::size_t side;    // of the square that a tile results in
  std::size_t width;   // phases and channels
  std::size_t lines;   // of the width
  std::size_t top, left;
  std::size_t rows, columns;  // tiles of an image
};

// What a filter contributes to the points, G of Lavin & Gray: a point's powers over the product of
// its distances to the others.
std::array<double, points> filter_matrix(std::size_t places) {
  constexpr std::array<double, tile_side - 1> at{0, tile_a, -tile_a, tile_b, -tile_b};
  std::array<double, points> matrix{};
  for (std::size_t i = 0; i < at.size(); ++i) {
    double value = 1;
    for (std::size_t j = 0; j < at.size(); ++j) {
      value /= i == j ? 1 : at[i] - at[j];
    }
    for (std::size_t l = 0; l < places; ++l, value *= at[i]) {
      matrix[i * tile_side + l] = value;
    }
  }
  matrix[points - tile_side + places - 1] = 1;
  return matrix;
}

// The lines of phases and channels that are summed in registers together.
struct Panel {
  std::size_t first;  // line
  std::size_t lines;
};

std::vector<Panel> panels_of(std::size_t lines) {
  const std::size_t n = parts_of(lines, tile_kernels().most_lines);
  std::vector<Panel> panels;
  for (std::size_t k = 0; k < n; ++k) {
    panels.push_back({k * lines / n, (k + 1) * lines / n - k * lines / n});
  }
  return panels;
}

// The filters at the points, [point][panel][output][line of the panel].
RawBuffer<float> filters(const ConvShape& s, const Tiling& tiling, const std::vector<Panel>& panels,
                         const float* weight, int threads) {
  const std::size_t width = tiling.lines * line<float>;
  const std::size_t places = tiling.places;
  const auto matrix = filter_matrix(places);
  RawBuffer<float> result(points * s.outputs * width);
  const std::size_t kernel = s.kernel.height * s.kernel.width;
  parallel_for(threads, s.outputs, [&](std::size_t o) {
    Buffer<double> flipped(places * places * width);
    for (std::size_t ky = 0; ky < s.kernel.height; ++ky) {
      for (std::size_t kx = 0; kx < s.kernel.width; ++kx) {
        const std::size_t phase = ky % tiling.stride * tiling.stride + kx % tiling.stride;
        const std::size_t y = places - 1 - ky / tiling.stride;
        const std::size_t x = places - 1 - kx / tiling.stride;
        double* to = flipped.data() + (y * places + x) * width + phase * s.channels;
        const float* from = weight + o * s.channels * kernel + ky * s.kernel.width + kx;
        for (std::size_t c = 0; c < s.channels; ++c) {
          to[c] = static_cast<double>(from[c * kernel]);
        }
      }
    }
    for (const Panel& panel : panels) {
      const std::size_t n = panel.lines * line<float>;
      const std::size_t first = panel.first * line<float>;
      tile_kernels().filters(flipped.data() + first, places, width, n, matrix.data(),
                             result.data() + first * s.outputs + o * n, s.outputs * width);
    }
  });
  return result;
}

// Runs tiles through filters; one for each thread.
class TileRun {
 public:
  TileRun(const ConvShape& shape, const Tiling& tiling, std::size_t most)
      : shape_(shape),
        tiling_(tiling),
        most_(most),
        terms_(padded<float>(shape.outputs)),
        width_(tiling.lines * line<float>),
        zeros_(terms_),
        points_(points * most * terms_),
        products_(points * most * width_),
        values_(tiling.side * tiling.side * width_) {}

  void run(std::size_t first, std::size_t n, const std::vector<Panel>& panels, const float* filters,
           const float* grad_y, float* grad_x) {
    const TileKernels& kernels = tile_kernels();
    for (std::size_t t = 0; t < n; ++t) {
      read(first + t, grad_y);
      kernels.points(pixels_.data(), shape_.outputs, points_.data() + t * terms_, most_ * terms_);
    }
    const std::size_t tiles = parts_of(n, tile_group) * tile_group;
    for (std::size_t p = 0; p < points; ++p) {
      std::fill(points_.begin() + static_cast<std::ptrdiff_t>((p * most_ + n) * terms_),
                points_.begin() + static_cast<std::ptrdiff_t>((p * most_ + tiles) * terms_), 0.0f);
    }
    for (std::size_t p = 0; p < points; ++p) {
      for (const Panel& panel : panels) {
        const std::size_t at = panel.first * line<float>;
        kernels.multiply(points_.data() + p * most_ * terms_, terms_,
                         filters + p * shape_.outputs * width_ + at * shape_.outputs,
                         shape_.outputs, panel.lines, products_.data() + p * most_ * width_ + at,
                         width_, tiles);
      }
    }
    for (std::size_t t = 0; t < n; ++t) {
      kernels.values(products_.data() + t * width_, most_ * width_, width_, tiling_.side,
                     values_.data());
      write(first + t, grad_x);
    }
  }

 private:
  struct Place {
    std::size_t image, row, column;  // of the first place
  };
  Place place(std::size_t tile) const {
    const std::size_t per_image = tiling_.rows * tiling_.columns;
    const std::size_t within = tile % per_image;
    return {tile / per_image, tiling_.top + within / tiling_.columns * tiling_.side,
            tiling_.left + within % tiling_.columns * tiling_.side};
  }

  // Finds the pixels of grad_y that a tile covers; beyond the image, they are 0.
  void read(std::size_t tile, const float* grad_y) {
    const auto [image, row, column] = place(tile);
    const auto [height, width] = shape_.output;
    for (std::size_t y = 0; y < tile_side; ++y) {
      for (std::size_t x = 0; x < tile_side; ++x) {
        const std::size_t below = row + y + 1;
        const std::size_t right = column + x + 1;
        const bool inside = below >= tiling_.places && below - tiling_.places < height &&
                            right >= tiling_.places && right - tiling_.places < width;
        pixels_[y * tile_side + x] =
            inside ? grad_y + ((image * height + below - tiling_.places) * width + right -
                               tiling_.places) *
                                  shape_.outputs
                   : zeros_.data();
      }
    }
  }

  void write(std::size_t tile, float* grad_x) const {
    const auto [image, row, column] = place(tile);
    const auto [height, width] = shape_.input;
    const std::size_t stride = tiling_.stride;
    for (std::size_t y = 0; y < tiling_.side * stride; ++y) {
      const std::size_t py = row * stride + y - shape_.padding.height;  // wraps if above
      for (std::size_t x = 0; py < height && x < tiling_.side * stride; ++x) {
        const std::size_t px = column * stride + x - shape_.padding.width;
        if (px < width) {
          const std::size_t phase = y % stride * stride + x % stride;
          std::copy_n(values_.data() + (y / stride * tiling_.side + x / stride) * width_ +
                          phase * shape_.channels,
                      shape_.channels,
                      grad_x + ((image * height + py) * width + px) * shape_.channels);
        }
      }
    }
  }

  const ConvShape& shape_;
  const Tiling& tiling_;
  std::size_t most_;   // tiles
  std::size_t terms_;  // outputs, padded
  std::size_t width_;  // phases and channels, padded
  Buffer<float> zeros_;
  RawBuffer<float> points_;    // [point][tile][output]
  RawBuffer<float> products_;  // [point][tile][width]
  RawBuffer<float> values_;
  std::array<const float*, points> pixels_;
};

}  // namespace

bool suits_conv_input(const ConvShape& s) {
  const std::size_t stride = s.stride.height;
  if (s.groups != 1 || s.dilation.height != 1 || s.dilation.width != 1 ||
      stride != s.stride.width || s.kernel.height != s.kernel.width || stride > 2 ||
      s.kernel.height <= stride || s.kernel.height > 5 * stride || s.images == 0 ||
      s.output.height == 0 || s.output.width == 0) {
    return false;
  }
  // Vector operations, and what fresh memory of filters costs; those of a direct product fill
  // vectors with channels.
  const Tiling tiling(s);
  constexpr double lanes = line<float>;
  const auto of = [](std::size_t n) { return static_cast<double>(n); };
  const double tiles = of(s.images) * of(tiling.rows) * of(tiling.columns);
  const double width = of(tiling.lines);
  const double terms = of(padded<float>(s.outputs)) / lanes;
  const double filtering = 80 * of(s.outputs) * width * of(points);
  const double tiled = tiles * (of(points) * of(s.outputs) * width + 250 * (terms + width));
  const double direct = of(s.images) * of(s.output.height) * of(s.output.width) * of(s.outputs) *
                        of(s.kernel.height * s.kernel.width) *
                        of(parts_of(s.channels, line<float>));
  return filtering + tiled < 0.8 * direct;
}

void conv_input(const ConvShape& shape, const float* grad_y, const float* weight, float* grad_x,
                int threads) {
  const Tiling tiling(shape);
  const std::vector<Panel> panels = panels_of(tiling.lines);
  const RawBuffer<float> at_points = filters(shape, tiling, panels, weight, threads);
  const std::size_t tiles = shape.images * tiling.rows * tiling.columns;
  const std::size_t bytes = tile_group * points * sizeof(float) *
                            (padded<float>(shape.outputs) + tiling.lines * line<float>);
  const std::size_t most = tile_group * std::clamp<std::size_t>(block_bytes / bytes, 1, 8);
  const std::size_t blocks = parts_of(tiles, most);
  // Consecutive blocks share their buffers.
  const std::size_t each = parts_of(blocks, 8 * static_cast<std::size_t>(std::max(threads, 1)));
  parallel_for(threads, parts_of(blocks, each), [&](std::size_t part) {
    TileRun run(shape, tiling, most);
    for (std::size_t b = part * each; b < std::min(blocks, (part + 1) * each); ++b) {
      run.run(b * most, std::min(most, tiles - b * most), panels, at_points.data(), grad_y, grad_x);
    }
  });
}

}  // namespace spikelet::train
