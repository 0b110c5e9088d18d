// Maxima of images whose channels come last, over windows that do not overlap, and their gradients.
// The place of the maximum in its window is a byte, where PyTorch keeps eight.
#pragma once

#include <cstddef>
#include <cstdint>

namespace spikelet::train {

// Windows of height x width places, a stride apart that is their size; what is left at the lower
// and right margins belongs to none.
struct PoolShape {
  std::size_t images, channels;
  std::size_t height, width;                // of the input
  std::size_t window_height, window_width;  // at most most_places together

  std::size_t out_height() const { return height / window_height; }
  std::size_t out_width() const { return width / window_width; }
};
inline constexpr std::size_t most_places = 127;

// y, place [image][row][column][channel] of x [image][row][column][channel]: the first of the
// greatest, or the last NaN.
template <class R>
void max_pool(const PoolShape& shape, const R* x, R* y, std::uint8_t* place, int threads);

// by_x: by_y at the places, 0 elsewhere.
template <class R>
void max_pool_spread(const PoolShape& shape, const R* by_y, const std::uint8_t* place, R* by_x,
                     int threads);

}  // namespace spikelet::train
