// Maxima over windows that do not overlap. Threads divide the images.
#include "spikelet/train/pool.hpp"

#include <algorithm>

#include "spikelet/core/parallel.hpp"
#include "train/kernels.hpp"

namespace spikelet::train {

namespace {

// Calls row(row, place of the row's first input, that of its first output) for rows of windows.
template <class Row>
void over_rows(const PoolShape& shape, int threads, Row&& row) {
  const std::size_t pitch = shape.width * shape.channels;
  const PoolRow here{shape.out_width(), shape.channels, shape.window_height, shape.window_width,
                     pitch};
  constexpr std::size_t together = 16;
  parallel_for(threads, (shape.images + together - 1) / together, [&](std::size_t part) {
    const std::size_t end = std::min(shape.images, (part + 1) * together);
    for (std::size_t image = part * together; image < end; ++image) {
      for (std::size_t y = 0; y < shape.out_height(); ++y) {
        row(here, (image * shape.height + y * shape.window_height) * pitch,
            (image * shape.out_height() + y) * here.windows * shape.channels);
      }
    }
  });
}

}  // namespace

template <class R>
void max_pool(const PoolShape& shape, const R* x, R* y, std::uint8_t* place, int threads) {
  const auto max_row = kernels_of<PoolKernels<R>>().max_row;
  over_rows(shape, threads, [&](const PoolRow& row, std::size_t from, std::size_t to) {
    max_row(row, x + from, y + to, place + to);
  });
}

template <class R>
void max_pool_spread(const PoolShape& shape, const R* by_y, const std::uint8_t* place, R* by_x,
                     int threads) {
  const auto spread_row = kernels_of<PoolKernels<R>>().spread_row;
  const std::size_t pitch = shape.width * shape.channels;
  if (pitch == 0) {
    return;
  }
  const std::size_t used = shape.out_width() * shape.window_width * shape.channels;
  const std::size_t rows_left = shape.height % shape.window_height;
  over_rows(shape, threads, [&](const PoolRow& row, std::size_t from, std::size_t to) {
    spread_row(row, by_y + to, place + to, by_x + from);
    for (std::size_t y = 0; used < pitch && y < shape.window_height; ++y) {
      std::fill_n(by_x + from + y * pitch + used, pitch - used, R(0));
    }
    const std::size_t done = from / pitch % shape.height + shape.window_height;
    if (done + rows_left == shape.height) {  // the last row of windows
      std::fill_n(by_x + from + shape.window_height * pitch, rows_left * pitch, R(0));
    }
  });
  if (shape.out_height() == 0) {
    std::fill_n(by_x, shape.images * shape.height * pitch, R(0));
  }
}

#define SPIKELET_POOL(R)                                                      \
  template void max_pool(const PoolShape&, const R*, R*, std::uint8_t*, int); \
  template void max_pool_spread(const PoolShape&, const R*, const std::uint8_t*, R*, int);
SPIKELET_POOL(float)
SPIKELET_POOL(double)
#undef SPIKELET_POOL

}  // namespace spikelet::train
