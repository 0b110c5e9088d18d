// An input pixel p belongs to phase q and place u with p + padding = stride u + q, and its gradient
// is the sum over l of grad_y[u - l] weight[stride l + q]: for each phase a convolution of stride
// 1, and all phases see the same tiles of grad_y. Minimal filtering turns the convolutions into one
// product of matrices for each of the 36 points of a tile. Tiles lie side by side in the image that
// has fewer of them: tiles of grad_x read 6 x 6 pixels, as correlations; tiles of grad_y, as
// products of polynomials, add to 6 x 6 places.
#include "spikelet/train/conv_input.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <functional>
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
        lines(parts_of(width, line<float>)),
        top(s.padding.height / stride),
        left(s.padding.width / stride),
        rows(parts_of((s.input.height - 1 + s.padding.height) / stride + 1 - top, side)),
        columns(parts_of((s.input.width - 1 + s.padding.width) / stride + 1 - left, side)) {
    const std::size_t rows_of_y = parts_of(s.output.height, side);
    const std::size_t columns_of_y = parts_of(s.output.width, side);
    adds = rows_of_y * columns_of_y < rows * columns;
    if (adds) {
      top = left = 0;
      rows = rows_of_y;
      columns = columns_of_y;
    }
  }
  std::size_t reads() const { return adds ? side : tile_side; }
  std::size_t writes() const { return adds ? tile_side : side; }
  std::size_t tiles() const { return rows * columns; }

  std::size_t stride;
  std::size_t places;         // of the filter of a phase
  std::size_t side;           // of a tile
  std::size_t width;          // phases and channels
  std::size_t lines;          // of the width
  std::size_t top, left;      // the first place
  std::size_t rows, columns;  // tiles of an image
  bool adds;                  // tiles of grad_y
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
  const std::size_t n = parts_of(lines, kernels_of<TileKernels>().most_lines);
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
    Buffer<double> filter(places * places * width);
    for (std::size_t ky = 0; ky < s.kernel.height; ++ky) {
      for (std::size_t kx = 0; kx < s.kernel.width; ++kx) {
        const std::size_t phase = ky % tiling.stride * tiling.stride + kx % tiling.stride;
        // Correlations see the filter reversed.
        const auto place = [&](std::size_t k) {
          return tiling.adds ? k / tiling.stride : places - 1 - k / tiling.stride;
        };
        double* to = filter.data() + (place(ky) * places + place(kx)) * width + phase * s.channels;
        const float* from = weight + o * s.channels * kernel + ky * s.kernel.width + kx;
        for (std::size_t c = 0; c < s.channels; ++c) {
          to[c] = static_cast<double>(from[c * kernel]);
        }
      }
    }
    for (const Panel& panel : panels) {
      const std::size_t n = panel.lines * line<float>;
      const std::size_t first = panel.first * line<float>;
      kernels_of<TileKernels>().filters(filter.data() + first, places, width, n, matrix.data(),
                                        result.data() + first * s.outputs + o * n,
                                        s.outputs * width);
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
        terms_(padded<float>(shape.outputs)),
        width_(tiling.lines * line<float>),
        read_step_(most * terms_ + line<float>),
        write_step_(most * width_ + line<float>),
        zeros_(terms_),
        points_(points * read_step_),
        products_(points * write_step_),
        values_(tiling.writes() * tiling.writes() * width_) {}

  void run(std::size_t first, std::size_t n, const std::vector<Panel>& panels, const float* filters,
           const float* grad_y, float* grad_x) {
    const TileKernels& kernels = kernels_of<TileKernels>();
    for (std::size_t t = 0; t < n; ++t) {
      read(first + t, grad_y);
      kernels.points(pixels_.data(), tiling_.reads(), shape_.outputs, points_.data() + t * terms_,
                     read_step_);
    }
    const std::size_t tiles = parts_of(n, tile_group) * tile_group;
    for (std::size_t p = 0; p < points; ++p) {
      std::fill_n(points_.data() + p * read_step_ + n * terms_, (tiles - n) * terms_, 0.0f);
    }
    for (std::size_t p = 0; p < points; ++p) {
      for (const Panel& panel : panels) {
        const std::size_t at = panel.first * line<float>;
        kernels.multiply(points_.data() + p * read_step_, terms_,
                         filters + p * shape_.outputs * width_ + at * shape_.outputs,
                         shape_.outputs, panel.lines, products_.data() + p * write_step_ + at,
                         width_, tiles);
      }
    }
    for (std::size_t t = 0; t < n; ++t) {
      kernels.values(products_.data() + t * width_, write_step_, width_, tiling_.writes(),
                     values_.data());
      write(first + t, grad_x);
    }
  }

 private:
  struct Place {
    std::size_t image, row, column;  // of the first place
  };
  Place place(std::size_t tile) const {
    const std::size_t within = tile % tiling_.tiles();
    return {tile / tiling_.tiles(), tiling_.top + within / tiling_.columns * tiling_.side,
            tiling_.left + within % tiling_.columns * tiling_.side};
  }

  // Finds the pixels of grad_y that a tile reads; beyond the image, they are 0.
  void read(std::size_t tile, const float* grad_y) {
    const auto [image, row, column] = place(tile);
    const auto [height, width] = shape_.output;
    const std::size_t before = tiling_.adds ? 0 : tiling_.places - 1;
    for (std::size_t y = 0; y < tiling_.reads(); ++y) {
      for (std::size_t x = 0; x < tiling_.reads(); ++x) {
        const std::size_t oy = row + y - before;  // wraps if above
        const std::size_t ox = column + x - before;
        pixels_[y * tiling_.reads() + x] =
            oy < height && ox < width
                ? grad_y + ((image * height + oy) * width + ox) * shape_.outputs
                : zeros_.data();
      }
    }
  }

  void write(std::size_t tile, float* grad_x) const {
    const auto [image, row, column] = place(tile);
    const auto [height, width] = shape_.input;
    const std::size_t stride = tiling_.stride;
    const std::size_t n = shape_.channels;
    if (tiling_.adds && tile % tiling_.tiles() == 0) {
      std::fill_n(grad_x + image * height * width * n, height * width * n, 0.0f);
    }
    for (std::size_t y = 0; y < tiling_.writes() * stride; ++y) {
      const std::size_t py = row * stride + y - shape_.padding.height;  // wraps if above
      for (std::size_t x = 0; py < height && x < tiling_.writes() * stride; ++x) {
        const std::size_t px = column * stride + x - shape_.padding.width;
        if (px >= width) {
          continue;
        }
        const std::size_t phase = y % stride * stride + x % stride;
        const float* from =
            values_.data() + phase * n + (y / stride * tiling_.writes() + x / stride) * width_;
        float* to = grad_x + ((image * height + py) * width + px) * n;
        if (tiling_.adds) {
          std::transform(from, from + n, to, to, std::plus<>{});
        } else {
          std::copy_n(from, n, to);
        }
      }
    }
  }

  const ConvShape& shape_;
  const Tiling& tiling_;
  std::size_t terms_;  // outputs, padded
  std::size_t width_;  // phases and channels, padded
  // Between points; not a multiple of 4096 bytes, which share few places of the cache.
  std::size_t read_step_, write_step_;
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
  const double tiles = of(s.images) * of(tiling.tiles());
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
  const std::size_t tiles = shape.images * tiling.tiles();
  const std::size_t bytes = tile_group * points * sizeof(float) *
                            (padded<float>(shape.outputs) + tiling.lines * line<float>);
  const std::size_t most = tile_group * std::clamp<std::size_t>(block_bytes / bytes, 1, 8);
  // Parts for the threads: whole blocks or, as tiles may add to the same pixels, whole images.
  const std::size_t unit = tiling.adds ? tiling.tiles() : most;
  const std::size_t share = parts_of(tiles, 8 * static_cast<std::size_t>(std::max(threads, 1)));
  const std::size_t each = parts_of(std::max(share, 4 * most), unit) * unit;
  std::atomic<std::size_t> next{0};
  const std::size_t parts = parts_of(tiles, each);
  const std::size_t members = std::min(parts, static_cast<std::size_t>(std::max(threads, 1)));
  parallel_for(threads, members, [&](std::size_t) {
    TileRun run(shape, tiling, most);
    for (std::size_t part = next++; part < parts; part = next++) {
      const std::size_t end = std::min(tiles, (part + 1) * each);
      for (std::size_t first = part * each; first < end; first += most) {
        run.run(first, std::min(most, end - first), panels, at_points.data(), grad_y, grad_x);
      }
    }
  });
}

}  // namespace spikelet::train
