// The hot loops of a convolutional layer with STDP; all SIMD levels give the same bits, because
// each map adds its weights in the order of time.
#pragma once

#include <cstddef>
#include <cstdint>

namespace spikelet::layers {

// An entry of a position's input list: the row of the weights, and in the high byte the time bin.
inline constexpr std::uint32_t row_mask = 0xFFFFFF;
inline constexpr int bin_shift = 24;

// Maps are padded to a multiple of this.
inline constexpr std::size_t map_block = 16;

// Entries up to `end` arrive together; the next ones, or the end of the wave, `gap` bins later.
struct Volley {
  std::uint32_t end;
  std::int32_t gap;
};

struct WaveKernels {
  // v[c] += weights[row][c] for each of `count` rows in turn, c < n; returns whether any v[c] has
  // reached threshold[c].
  bool (*integrate)(float* v, std::size_t n, const float* weights, const std::uint32_t* rows,
                    std::size_t count, const float* threshold);

  // The whole wave at once: lead[c] = how many bins before the end of the wave map c fires, 0 if it
  // does not. With weights >= 0 the potential never falls, so these are the bins above threshold.
  void (*respond)(std::size_t n, const float* weights, const std::uint32_t* rows,
                  const Volley* volleys, std::size_t count, const float* threshold,
                  std::int32_t* lead);

  // sums[c] += lead[c], c < n, which may be any number.
  void (*add_leads)(const std::int32_t* lead, std::size_t n, float* sums);
};

}  // namespace spikelet::layers
